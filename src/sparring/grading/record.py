"""What is written down of a bout, and reading it back.

A record holds all that rewards follow from: every response as sampled, every
verdict and output, what reference and validator said. `result_from` makes
the same `GroupResult` of it, so that a step can be learned from again (resume,
replay) or scored anew (rescore) without sampling or running anything. What
differs from run to run, measured times and memory, is kept apart
(`usage_record`), so that records of equal runs are equal to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparring.errors import well_formed
from sparring.grading.foreign import NO_PAIRS, Foreign, foreign_comparisons
from sparring.grading.group import GroupResult, Supervision, label_free
from sparring.grading.testdata import (
    found_in,
    found_record,
    generated_from,
    generated_record,
    pairs_of,
    tests_from,
)
from sparring.matrix import Bools
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.rewards.score import Earned
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    TestRefusal,
    Verdict,
)
from sparring.tasks.checkers.checker import accepts

OUTPUT_KEPT = 65_536
"""Characters of a run's output that are kept."""
_BY_CHECKER = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


@dataclass(frozen=True, slots=True)
class Scored:
    """A judged bout with what both roles earned.

    Rewards follow from ``basis``. Under supervision that is the bout judged by
    those of its tests that ``kept_K`` names, None if there is no test left.
    """

    judged: GroupResult
    earned: Earned
    kept_K: Bools | None = None
    basis: GroupResult | None = None


def rollout_record(step: int, scored: Scored) -> dict[str, Any]:
    """One task of one step as JSON-able data."""
    judged, earned = scored.judged, scored.earned
    task, tester = judged.task, earned.tester_rewards
    return {
        "step": step,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": pairs_of(task.tests),
            "withheld": pairs_of(task.withheld),
            "examples": pairs_of(task.examples),
            "checker": task.checker,
            **({} if task.entry_point is None else {"entry_point": task.entry_point}),
            "source": task.source,
            "has_reference": judged.has_reference,
            "reference": [_outcome(o) for o in judged.reference_G],
            "foreign": [judged.foreign.accepted, judged.foreign.pairs],
        },
        "programs": [
            {
                **response_record(r),
                "source": p.source,
                "failure": p.failure,
                **found_record(p),
                "correct": bool(judged.matrix.correct_P[i]),
                "reward": float(earned.coder_rewards.value[i]),
                "terms": earned.coder_rewards.by_name(i),
                "advantage": float(earned.coder.value[i]),
                "runs": [_outcome(o) for o in judged.outcomes_PT[i]],
                "withheld_runs": [_outcome(o) for o in judged.withheld_PH[i]],
            }
            for i, (r, p) in enumerate(zip(judged.coder, judged.programs, strict=True))
        ],
        "tests": [
            {
                **response_record(r),
                **generated_record(p),
                "valid": bool(judged.valid_U[k]),
                "refused": judged.refused_U[k],
                "right": None if judged.right_U is None else bool(judged.right_U[k]),
                "reference": _outcome(o) if (o := judged.reference_U[k]) is not None else None,
                "accepts_correct": bool(tester.accepts_correct[k]),
                "rightness": float(tester.rightness[k]),
                "caught": float(tester.caught[k]),
                "missed": float(tester.missed[k]),
                "reward": float(tester.value[k]),
                "terms": tester.by_name(k),
                "advantage": float(earned.tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(judged.tester, judged.tests, strict=True))
        ],
        **_opponents_record(judged),
        "dropped": {"coder": earned.coder.dropped, "tester": earned.tester.dropped},
        **_supervision_record(judged.supervision, scored.kept_K),
    }


def _opponents_record(judged: GroupResult) -> dict[str, Any]:
    if not judged.opponents:
        return {}
    return {
        "opponents": [
            {**response_record(r), "runs": [_outcome(o) for o in row]}
            for r, row in zip(judged.opponents, judged.pool_outcomes_PT or (), strict=True)
        ]
    }


def _supervision_record(supervision: Supervision | None, kept_K: Bools | None) -> dict[str, Any]:
    """The supervising tests, and every program's runs on those that could be read and on the
    generated ones: [programs][tests]."""
    if supervision is None or kept_K is None:
        return {}
    right, result = supervision.right_K, supervision.result
    tests = [
        {
            **generated_record(p),
            "right": bool(right[k]) if right is not None else None,
            "kept": bool(kept_K[k]),
        }
        for k, p in enumerate(supervision.tests)
    ]
    runs = others = None
    if result is not None:
        runs = [[_outcome(o) for o in row] for row in result.outcomes_PT]
        others = [[_outcome(o) for o in row] for row in result.pool_outcomes_PT or ()]
    return {"supervision": {"tests": tests, "runs": runs, "opponents_runs": others}}


def usage_record(judged: GroupResult) -> dict[str, Any]:
    """CPU seconds, MiB and a word for people on every run of a bout: [programs][tests], withheld
    tests last."""
    found: dict[str, Any] = {"task": judged.task.id, "runs": _usage(judged)}
    if judged.supervision and judged.supervision.result:
        found["supervision"] = _usage(judged.supervision.result)
    return found


def _usage(judged: GroupResult) -> list[list[list[Any]]]:
    return [
        [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in (*row, *more)]
        for row, more in zip(judged.outcomes_PT, judged.withheld_PH, strict=True)
    ]


def result_from(record: Mapping[str, Any], checker: str | None = None) -> GroupResult:
    """The group of a record. With a ``checker``, printed text is compared anew; a run whose output
    was too long to be kept whole keeps its verdict, and so does all of a function task, whose
    values no such rule compares. Raises `RunError` for any other record."""
    step = record.get("step") if isinstance(record, dict) else None
    with well_formed(f"rollouts of step {step}"):
        if record["task"].get("entry_point") is not None:
            checker = None
        found = _result_from(record, checker)
        if "supervision" in record:
            found = replace(found, supervision=_supervision_from(record, found, checker))
        return found


def _result_from(record: Mapping[str, Any], checker: str | None) -> GroupResult:
    task = _task_from(record["task"], checker)
    programs, tests = record["programs"], record["tests"]
    parsed = _parsed(tests)
    columns = (*task.tests, *(p.test for p in parsed))
    others = record.get("opponents", ())
    told = record["task"].get("reference", ())
    reference = [None if (o := t["reference"]) is None else _read_outcome(o) for t in tests]
    right_U = None
    if record["task"]["has_reference"]:
        right = [_right(t, o, checker) for t, o in zip(tests, reference, strict=True)]
        right_U = np.array(right, dtype=bool)
    return GroupResult(
        task=task,
        coder=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(programs)],
        tester=[response_from(t, task.id, Role.TESTER, k) for k, t in enumerate(tests)],
        programs=[ParsedProgram(p["source"], _failure(p), *found_in(p)) for p in programs],
        tests=parsed,
        outcomes_PT=[_row(p["runs"], columns, checker) for p in programs],
        refused_U=[TestRefusal(r) if (r := t["refused"]) else None for t in tests],
        reference_U=reference,
        right_U=right_U,
        withheld_PH=[_row(p.get("withheld_runs", ()), task.withheld, checker) for p in programs],
        reference_G=_row(told, task.ground_truth if told else (), checker),
        foreign=_foreign(record["task"], task, checker),
        pool_outcomes_PT=[_row(p["runs"], columns, checker) for p in others] or None,
        opponents=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(others)],
    )


def _task_from(given: Mapping[str, Any], checker: str | None) -> Task:
    return Task(
        id=given["id"],
        statement=given["statement"],
        tests=tests_from(given["tests"]),
        examples=tests_from(given.get("examples", ())),
        checker=checker or given["checker"],
        source=given["source"],
        withheld=tests_from(given.get("withheld", ())),
        entry_point=given.get("entry_point"),
    )


def _right(test: Mapping[str, Any], reference: Outcome | None, checker: str | None) -> bool:
    """Whether a recorded test is right; by what the reference gave, if it is compared anew."""
    if checker is None:
        return bool(test["right"])
    if not test["valid"] or reference is None or reference.verdict is not Verdict.FINISHED:
        return False
    return accepts(checker, test["output"], reference.output)


def _foreign(given: Mapping[str, Any], task: Task, checker: str | None) -> Foreign:
    """As recorded, or anew by a rule that compares texts."""
    if checker is None:
        return Foreign(*given.get("foreign", (0, 0)))
    pairs = foreign_comparisons(task)
    return Foreign(sum(accepts(p.checker, p.output, p.expected) for p in pairs), len(pairs))


def _failure(entry: Mapping[str, Any]) -> ParseFailure | None:
    return ParseFailure(entry["failure"]) if entry["failure"] else None


def _parsed(tests: Sequence[Mapping[str, Any]]) -> list[ParsedTest]:
    return [
        ParsedTest(None if t["input"] is None else generated_from(t), _failure(t), *found_in(t))
        for t in tests
    ]


def _supervision_from(
    record: Mapping[str, Any], group: GroupResult, checker: str | None
) -> Supervision:
    """What `_supervision_record` wrote: the same responses, with the runs on its own tests."""
    given = record["supervision"]
    parsed = _parsed(given["tests"])
    result = None
    if read := tuple(p.test for p in parsed if p.test):
        columns = (*read, *(p.test for p in group.tests))
        others = given["opponents_runs"]
        result = replace(
            group,
            task=label_free(group.task, parsed),
            outcomes_PT=[_row(runs, columns, checker) for runs in given["runs"]],
            refused_U=[None] * len(group.tests),
            reference_U=[None] * len(group.tests),
            right_U=None,
            withheld_PH=[[] for _ in group.programs],
            reference_G=[],
            foreign=NO_PAIRS,
            pool_outcomes_PT=[_row(runs, columns, checker) for runs in others or ()] or None,
        )
    known = all(t["right"] is not None for t in given["tests"])
    right_K = np.array([bool(t["right"]) for t in given["tests"]], dtype=bool)
    return Supervision(parsed, result, right_K if known else None)


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


def _outcome(o: Outcome) -> dict[str, Any]:
    kept = o.output[:OUTPUT_KEPT]
    cut = {"output_length": len(o.output)} if len(o.output) > OUTPUT_KEPT else {}
    return {"verdict": o.verdict, "output": kept, **cut}


def _row(
    records: Sequence[Mapping[str, Any]], tests: Sequence[Test | None], checker: str | None
) -> list[Outcome]:
    """A program's recorded outcomes on these tests."""
    return [_read_outcome(o, t, checker) for o, t in zip(records, tests, strict=True)]


def _read_outcome(
    record: Mapping[str, Any], test: Test | None = None, checker: str | None = None
) -> Outcome:
    verdict = Verdict(record["verdict"])
    if checker and test and verdict in _BY_CHECKER and "output_length" not in record:
        good = accepts(checker, record["output"], test.output)
        verdict = Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER
    return Outcome(verdict, record["output"])
