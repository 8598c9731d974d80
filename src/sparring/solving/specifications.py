"""Specifications: a precondition and a postcondition, written by a model and run in the sandbox.

A specification decides if an input is allowed, and if an output is right for an input. It runs as a
program of its own, behind a few lines that call its two functions. So it is never in the process of
a program that it judges. An output that a program gave, or that a generated test expects, is its
input; ground truth never is.
"""

from __future__ import annotations

import json
from enum import IntEnum

from sparring.prompts.programs import read_source
from sparring.prompts.rules import ParsedProgram, Reasoning
from sparring.prompts.source import Definition, PythonSource
from sparring.schema import Outcome, ParseFailure, StopReason, Task, Test, TestKind, Verdict
from sparring.solving.inputs import input_only

_NO_REASONING = Reasoning("", "")
_PRE, _POST = "precondition", "postcondition"
_FUNCTION = """

def {head}(given, named, result):
    import copy
    if not {pre}(*copy.deepcopy(given), **copy.deepcopy(named)):
        return 0
    return 2 if {post}(result, *given, **named) else 1
"""
_METHOD = """

class {owner}:
    def {method}(self, given, named, result):
        import copy
        if not {pre}(*copy.deepcopy(given), **copy.deepcopy(named)):
            return 0
        return 2 if {post}(result, *given, **named) else 1
"""
_SCRIPT = """

def __decide():
    import json, sys
    text, output = json.loads(sys.stdin.read())
    held = 0
    if {pre}(text):
        held = 2 if {post}(output, text) else 1
    print()
    print(held)

__decide()
"""


class HeldConditions(IntEnum):
    """Conditions of a specification that hold for an input and an output."""

    FORBIDDEN = 0
    """The precondition does not hold."""
    BROKEN = 1
    """The precondition holds, the postcondition does not."""
    BOTH = 2


def read_specification(
    task: Task, answer: str, stop: StopReason = StopReason.END_TOKEN
) -> ParsedProgram:
    """Return the specification in an ``answer`` without reasoning, or the refusal.

    Its source is the answer's, and the lines that call it as a program of the task.
    """
    parsed = read_source(answer, _POST, stop, _NO_REASONING)
    if parsed.source is None:
        return parsed
    if PythonSource(parsed.source).definition(_PRE) is Definition.NONE:
        return ParsedProgram(None, ParseFailure.NO_FUNCTION, seen=f"defines no {_PRE}")
    names = {"pre": _PRE, "post": _POST}
    if task.entry_point is None:
        caller = _SCRIPT.format(**names)
    else:
        head, _, method = task.entry_point.partition(".")
        caller = (
            _METHOD.format(owner=head, method=method, **names)
            if method
            else _FUNCTION.format(head=head, **names)
        )
    return ParsedProgram(parsed.source + caller, how=parsed.how)


def condition_test(test: Test, output: str) -> Test | None:
    """Return the input on which a specification decides about an ``output`` for a test's input.

    None where the output of a call is no encoded value, or the test is a script.
    """
    if test.kind is TestKind.SCRIPT:
        return None
    if test.kind is TestKind.STDIN:
        text = json.dumps([test.input, output.encode(errors="replace").decode()])
        return input_only(text, TestKind.STDIN)
    try:
        given, named = json.loads(test.input)["tuple"]
        value = json.loads(output)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    call = {"tuple": [[given, named, value], {"dict": []}]}
    return input_only(json.dumps(call), TestKind.CALL)


def held(outcome: Outcome | None) -> HeldConditions | None:
    """Return what a specification decided; None where it raised, did not finish, or printed
    something else."""
    if outcome is None or outcome.verdict not in (Verdict.FINISHED, Verdict.WRONG_ANSWER):
        return None
    lines = outcome.output.strip().splitlines()
    return {
        "0": HeldConditions.FORBIDDEN,
        "1": HeldConditions.BROKEN,
        "2": HeldConditions.BOTH,
    }.get(lines[-1] if lines else "")
