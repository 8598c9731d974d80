"""What a record is made of: tests, responses and outcomes, each as JSON-able data and back.

Records from before there were calls and scripts have inputs and outputs alone, and tests on
standard input under the task's own checker are still written so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import well_formed
from sparring.grading.group import GroupResult
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.schema import (
    Kind,
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Test,
    Verdict,
)
from sparring.tasks.checkers.checker import accepts

OUTPUT_KEPT = 65_536
"""Characters of a run's output that are kept."""
_BY_CHECKER = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


def pairs_of(tests: Sequence[Test]) -> list[list[str | None]]:
    """Input and output of each test; kind and checker where they are not the usual ones."""
    return [
        [t.input, t.output] if _usual(t) else [t.input, t.output, t.kind, t.checker] for t in tests
    ]


def _usual(test: Test) -> bool:
    return test.kind is Kind.STDIN and test.checker is None


def tests_from(pairs: Sequence[Sequence[Any]]) -> tuple[Test, ...]:
    """What `pairs_of` wrote. Raises ValueError for a kind that there is not."""
    return tuple(Test(a, b, *_form(*rest)) for a, b, *rest in pairs)


def _form(kind: str = Kind.STDIN, checker: str | None = None) -> tuple[Kind, str | None]:
    return Kind(kind), checker


def generated_record(parsed: ParsedTest) -> dict[str, Any]:
    """A generated test, or why there is none."""
    test = parsed.test
    if test is None:
        return {"input": None, "output": None, "failure": parsed.failure, **found_record(parsed)}
    more = {} if _usual(test) else {"kind": test.kind, "checker": test.checker}
    return {
        "input": test.input,
        "output": test.output,
        **more,
        "failure": None,
        **found_record(parsed),
    }


def found_record(parsed: ParsedProgram | ParsedTest) -> dict[str, str]:
    """How a program or a test was found and what stood there, as far as there is a word on it."""
    return {name: said for name in ("how", "seen") if (said := getattr(parsed, name))}


def found_in(record: Mapping[str, Any]) -> tuple[str, str]:
    """``how`` and ``seen`` of what `found_record` wrote; empty in a record from before."""
    return record.get("how", ""), record.get("seen", "")


def generated_from(record: Mapping[str, Any]) -> Test:
    """The test that `generated_record` wrote."""
    form = _form(record.get("kind", Kind.STDIN), record.get("checker"))
    return Test(record["input"], record["output"], *form)


def response_record(r: Response) -> dict[str, Any]:
    """A response as JSON-able data; numbers read back exactly."""
    return {
        "prompt_ids": r.prompt_ids,
        "token_ids": r.token_ids,
        "logprobs": r.logprobs,
        "stop": r.stop,
        "text": r.text,
        **({} if r.weights is None else {"weights": r.weights}),
    }


def response_from(record: Mapping[str, Any], task_id: str, role: Role, index: int) -> Response:
    """What `response_record` wrote. Raises ValueError for what no sampler gives. A response with
    ``tokens``, the counts that a server told, has no token ids: it was had as text."""
    if "tokens" not in record and not (record["prompt_ids"] and record["token_ids"]):
        raise ValueError("a prompt or a response without tokens")
    if len(record["token_ids"]) != len(record["logprobs"]):
        raise ValueError("a response whose tokens and log-probs differ in number")
    if not isinstance(record["text"], str):
        raise TypeError("text is no text")
    return Response(
        task_id=task_id,
        role=role,
        index=index,
        prompt_ids=tuple(record["prompt_ids"]),
        token_ids=tuple(record["token_ids"]),
        # JSON has no NaN: it stands there as null
        logprobs=tuple(math.nan if x is None else x for x in record["logprobs"]),
        stop=StopReason(record["stop"]),
        text=record["text"],
        weights=record.get("weights"),
    )


def outcome_record(o: Outcome) -> dict[str, Any]:
    """Verdict and output of a run; of a long output its beginning and its length."""
    kept = o.output[:OUTPUT_KEPT]
    cut = {"output_length": len(o.output)} if len(o.output) > OUTPUT_KEPT else {}
    return {"verdict": o.verdict, "output": kept, **cut}


def outcome_from(
    record: Mapping[str, Any], test: Test | None = None, checker: str | None = None
) -> Outcome:
    """What `outcome_record` wrote; with a ``checker`` compared anew, if it was kept whole."""
    verdict = Verdict(record["verdict"])
    if checker and test and verdict in _BY_CHECKER and "output_length" not in record:
        good = accepts(checker, record["output"], test.output)
        verdict = Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER
    return Outcome(verdict, record["output"])


def pool_records(judged: Sequence[GroupResult]) -> list[dict[str, Any]]:
    """The programs of an evaluation, by task: the fixed pool."""
    return [
        {"task": j.task.id, "programs": [[p.source, p.failure] for p in j.programs]} for j in judged
    ]


def pool_from(records: Sequence[Mapping[str, Any]]) -> list[list[ParsedProgram]]:
    """What `pool_records` wrote. Raises `RunError` for any other record."""
    with well_formed("the pool of programs"):
        return [
            [ParsedProgram(s, ParseFailure(f) if f else None) for s, f in r["programs"]]
            for r in records
        ]
