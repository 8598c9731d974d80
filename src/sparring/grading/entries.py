"""Parts of a record: tests, responses and outcomes, each as JSON-able data and back.

A test on standard input under the task's own checker is written as input and output alone, as all
tests were before calls and scripts existed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import well_formed
from sparring.grading.group import GroupResult
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Test,
    TestKind,
    Verdict,
)
from sparring.tasks.checkers.checker import accepts

OUTPUT_KEPT = 65_536
"""Number of characters of an execution's output that are kept."""
_BY_CHECKER = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


def pairs_of(tests: Sequence[Test]) -> list[list[str | None]]:
    """Return the input and the output of each test; also its kind and checker where they are not
    the usual ones (standard input, the task's checker)."""
    return [
        [t.input, t.output] if _usual(t) else [t.input, t.output, t.kind, t.checker] for t in tests
    ]


def _usual(test: Test) -> bool:
    return test.kind is TestKind.STDIN and test.checker is None


def tests_from(pairs: Sequence[Sequence[Any]]) -> tuple[Test, ...]:
    """Return the tests that `pairs_of` wrote. Raises ValueError for an unknown kind."""
    return tuple(Test(a, b, *_form(*rest)) for a, b, *rest in pairs)


def _form(kind: str = TestKind.STDIN, checker: str | None = None) -> tuple[TestKind, str | None]:
    return TestKind(kind), checker


def generated_record(parsed: ParsedTest) -> dict[str, Any]:
    """Return a generated test, or the refusal in its place, as JSON-able data."""
    test = parsed.test
    if test is None:
        return {"input": None, "output": None, "failure": parsed.failure, **reading_record(parsed)}
    more = {} if _usual(test) else {"kind": test.kind, "checker": test.checker}
    return {
        "input": test.input,
        "output": test.output,
        **more,
        "failure": None,
        **reading_record(parsed),
    }


def reading_record(parsed: ParsedProgram | ParsedTest) -> dict[str, str]:
    """Return how a program or a test was read (``how``) and the text that stood in its place
    (``seen``). Each is left out if it is unknown."""
    return {name: text for name in ("how", "seen") if (text := getattr(parsed, name))}


def reading_from(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return ``how`` and ``seen`` as `reading_record` wrote them; empty in records without them."""
    return record.get("how", ""), record.get("seen", "")


def generated_from(record: Mapping[str, Any]) -> Test:
    """Return the test that `generated_record` wrote."""
    form = _form(record.get("kind", TestKind.STDIN), record.get("checker"))
    return Test(record["input"], record["output"], *form)


def response_record(r: Response) -> dict[str, Any]:
    """Return a response as JSON-able data. Its numbers can be read back exactly."""
    return {
        "prompt_ids": r.prompt_ids,
        "token_ids": r.token_ids,
        "logprobs": r.logprobs,
        "stop": r.stop,
        "text": r.text,
        **({} if r.weights is None else {"weights": r.weights}),
    }


def response_from(record: Mapping[str, Any], task_id: str, role: Role, index: int) -> Response:
    """Return the response that `response_record` wrote.

    Raises ValueError for a response that no sampler can give. A response with ``tokens``, the
    counts that a server reported, has no token ids, because the server sent text alone.
    """
    if "tokens" not in record and not (record["prompt_ids"] and record["token_ids"]):
        raise ValueError("a prompt or a response has no tokens")
    if len(record["token_ids"]) != len(record["logprobs"]):
        raise ValueError("a response has different numbers of tokens and log-probs")
    if not isinstance(record["text"], str):
        raise TypeError("the text of a response is not a string")
    return Response(
        task_id=task_id,
        role=role,
        index=index,
        prompt_ids=tuple(record["prompt_ids"]),
        token_ids=tuple(record["token_ids"]),
        # JSON has no NaN; the record has null instead.
        logprobs=tuple(math.nan if x is None else x for x in record["logprobs"]),
        stop=StopReason(record["stop"]),
        text=record["text"],
        weights=record.get("weights"),
    )


def outcome_record(o: Outcome) -> dict[str, Any]:
    """Return the verdict and the output of an execution; of a long output the beginning and the
    length."""
    kept = o.output[:OUTPUT_KEPT]
    cut = {"output_length": len(o.output)} if len(o.output) > OUTPUT_KEPT else {}
    return {"verdict": o.verdict, "output": kept, **cut}


def outcome_from(
    record: Mapping[str, Any], test: Test | None = None, checker: str | None = None
) -> Outcome:
    """Return the outcome that `outcome_record` wrote. With a ``checker``, an output that was kept
    whole is compared anew."""
    verdict = Verdict(record["verdict"])
    if checker and test and verdict in _BY_CHECKER and "output_length" not in record:
        good = accepts(checker, record["output"], test.output)
        verdict = Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER
    return Outcome(verdict, record["output"])


def pool_records(groups: Sequence[GroupResult]) -> list[dict[str, Any]]:
    """Return the programs of an evaluation by task, as the records of the fixed pool."""
    return [
        {"task": j.task.id, "programs": [[p.source, p.failure] for p in j.programs]} for j in groups
    ]


def pool_from(records: Sequence[Mapping[str, Any]]) -> list[list[ParsedProgram]]:
    """Return the programs that `pool_records` wrote. Raises `RunError` for any other record."""
    with well_formed("the pool of programs"):
        return [
            [ParsedProgram(s, ParseFailure(f) if f else None) for s, f in r["programs"]]
            for r in records
        ]
