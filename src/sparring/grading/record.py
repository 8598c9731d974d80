"""What is written down of a bout, and reading it back.

A record holds all that rewards follow from: every response as sampled, every
verdict and output, what reference and validator said. `judged_from` makes
the same `Judged` of it, so that a step can be learned from again (resume,
replay) or scored anew (rescore) without sampling or running anything. What
differs from run to run, measured times and memory, is kept apart
(`usage_record`), so that records of equal runs are equal to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.grading.answers import size
from sparring.grading.bout import Judged, Supervision
from sparring.grading.foreign import Foreign, foreign_comparisons
from sparring.grading.testdata import (
    found_in,
    found_record,
    generated_from,
    generated_record,
    pairs_of,
    tests_from,
)
from sparring.matrix import Bools, Floats, PassMatrix, from_verdicts
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.rewards.advantages import Advantages
from sparring.rewards.rewards import TesterTerms
from sparring.runs.directory import well_formed
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
from sparring.tasks.checkers import accepts

OUTPUT_KEPT = 65_536
"""Characters of a run's output that are kept."""
_BY_CHECKER = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


@dataclass(frozen=True, slots=True)
class Scored:
    """A judged bout with what both roles earned.

    Rewards follow from ``basis``. Under supervision that is the bout judged by
    those of its tests that ``kept_K`` names, None if there is no test left.
    """

    judged: Judged
    coder_reward: Floats
    terms: TesterTerms
    coder: Advantages
    tester: Advantages
    kept_K: Bools | None = None
    basis: Judged | None = None


def rollout_record(step: int, scored: Scored) -> dict[str, Any]:
    """One task of one step as JSON-able data."""
    judged, terms = scored.judged, scored.terms
    task = judged.task
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
                "reward": float(scored.coder_reward[i]),
                "advantage": float(scored.coder.value[i]),
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
                "right": bool(judged.right_U[k]) if judged.has_reference else None,
                "reference": _outcome(o) if (o := judged.reference_U[k]) is not None else None,
                "accepts_correct": bool(terms.accepts_correct[k]),
                "rightness": float(terms.rightness[k]),
                "caught": float(terms.caught[k]),
                "missed": float(terms.missed[k]),
                "reward": float(terms.reward[k]),
                "advantage": float(scored.tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(judged.tester, judged.tests, strict=True))
        ],
        **_opponents_record(judged),
        "dropped": {"coder": scored.coder.dropped, "tester": scored.tester.dropped},
        **_supervision_record(judged.supervision, scored.kept_K),
    }


def _opponents_record(judged: Judged) -> dict[str, Any]:
    if not judged.opponents:
        return {}
    return {
        "opponents": [
            {**response_record(r), "runs": [_outcome(o) for o in row]}
            for r, row in zip(judged.opponents, judged.pool_outcomes_PT, strict=True)
        ]
    }


def _supervision_record(supervision: Supervision | None, kept_K: Bools | None) -> dict[str, Any]:
    """The supervising tests, and every program's runs on those that could be read and on the
    generated ones: [programs][tests]."""
    if supervision is None or kept_K is None:
        return {}
    right, bout = supervision.right_K, supervision.bout
    tests = [
        {
            **generated_record(p),
            "right": bool(right[k]) if right is not None else None,
            "kept": bool(kept_K[k]),
        }
        for k, p in enumerate(supervision.tests)
    ]
    runs = [[_outcome(o) for o in row] for row in bout.outcomes_PT] if bout else None
    others = [[_outcome(o) for o in row] for row in bout.pool_outcomes_PT] if bout else None
    return {"supervision": {"tests": tests, "runs": runs, "opponents_runs": others}}


def usage_record(judged: Judged) -> dict[str, Any]:
    """CPU seconds, MiB and a word for people on every run of a bout: [programs][tests], withheld
    tests last."""
    found: dict[str, Any] = {"task": judged.task.id, "runs": _usage(judged)}
    if judged.supervision and judged.supervision.bout:
        found["supervision"] = _usage(judged.supervision.bout)
    return found


def _usage(judged: Judged) -> list[list[list[Any]]]:
    return [
        [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in (*row, *more)]
        for row, more in zip(judged.outcomes_PT, judged.withheld_PH, strict=True)
    ]


def judged_from(record: Mapping[str, Any], checker: str | None = None) -> Judged:
    """The bout of a record. With a ``checker``, printed text is compared anew; a run whose output
    was too long to be kept whole keeps its verdict, and so does all of a function task, whose
    values no such rule compares. Raises `RunError` for any other record."""
    step = record.get("step") if isinstance(record, dict) else None
    with well_formed(f"rollouts of step {step}"):
        return _judged_from(record, checker)


def _judged_from(record: Mapping[str, Any], checker: str | None) -> Judged:
    given = record["task"]
    if given.get("entry_point") is not None:
        checker = None
    task = Task(
        id=given["id"],
        statement=given["statement"],
        tests=tests_from(given["tests"]),
        examples=tests_from(given.get("examples", ())),
        checker=checker or given["checker"],
        source=given["source"],
        withheld=tests_from(given.get("withheld", ())),
        entry_point=given.get("entry_point"),
    )
    programs, tests = record["programs"], record["tests"]
    told = given.get("reference", ())
    parsed = _parsed(tests)
    columns = (*task.tests, *(p.test for p in parsed))
    outcomes = [
        [_read_outcome(o, test, checker) for o, test in zip(p["runs"], columns, strict=True)]
        for p in programs
    ]
    others = record.get("opponents", ())
    pool_outcomes = [
        [_read_outcome(o, test, checker) for o, test in zip(p["runs"], columns, strict=True)]
        for p in others
    ]
    reference = [
        None if t["reference"] is None else _read_outcome(t["reference"], None, None) for t in tests
    ]
    right_U = np.array([bool(t["right"]) for t in tests], dtype=bool)
    if checker is not None:
        right_U = np.array(
            [
                bool(t["valid"])
                and o is not None
                and o.verdict is Verdict.FINISHED
                and accepts(checker, t["output"], o.output)
                for t, o in zip(tests, reference, strict=True)
            ],
            dtype=bool,
        )
    return Judged(
        task=task,
        coder=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(programs)],
        tester=[response_from(t, task.id, Role.TESTER, k) for k, t in enumerate(tests)],
        programs=[
            ParsedProgram(
                p["source"], ParseFailure(p["failure"]) if p["failure"] else None, *found_in(p)
            )
            for p in programs
        ],
        tests=parsed,
        outcomes_PT=outcomes,
        matrix=_matrix(outcomes, task),
        pool=_matrix(pool_outcomes, task) if others else None,
        opponents=[response_from(p, task.id, Role.CODER, i) for i, p in enumerate(others)],
        pool_outcomes_PT=pool_outcomes,
        parsed_U=np.array([p.test is not None for p in parsed], dtype=bool),
        valid_U=np.array([bool(t["valid"]) for t in tests], dtype=bool),
        refused_U=[TestRefusal(r) if (r := t.get("refused")) else None for t in tests],
        right_U=right_U,
        reference_U=reference,
        size_U=np.array([size(p.test) if p.test else np.nan for p in parsed], dtype=float),
        has_reference=given["has_reference"],
        supervision=_read_supervision(record, checker) if "supervision" in record else None,
        withheld_PH=[
            [
                _read_outcome(o, test, checker)
                for o, test in zip(p.get("withheld_runs", ()), task.withheld, strict=True)
            ]
            for p in programs
        ],
        reference_G=[
            _read_outcome(o, test, checker)
            for o, test in zip(told, task.ground_truth if told else (), strict=True)
        ],
        foreign=Foreign(*given.get("foreign", (0, 0))) if checker is None else _foreign(task),
    )


def _foreign(task: Task) -> Foreign:
    """Anew, by a rule that compares texts."""
    pairs = foreign_comparisons(task)
    return Foreign(sum(accepts(p.checker, p.output, p.expected) for p in pairs), len(pairs))


def _matrix(outcomes: Sequence[Sequence[Outcome]], task: Task) -> PassMatrix:
    return from_verdicts([[o.verdict for o in row] for row in outcomes], len(task.tests))


def _parsed(tests: Sequence[Mapping[str, Any]]) -> list[ParsedTest]:
    return [
        ParsedTest(generated_from(t), None, *found_in(t))
        if t["input"] is not None
        else ParsedTest(None, ParseFailure(t["failure"]), *found_in(t))
        for t in tests
    ]


def _read_supervision(record: Mapping[str, Any], checker: str | None) -> Supervision:
    """What `_supervision_record` wrote. Its bout is read as the record of a task that has these
    tests only."""
    given, task = record["supervision"], record["task"]
    read = pairs_of([generated_from(t) for t in given["tests"] if t["input"] is not None])
    bout = None
    if read:
        alone = {
            "task": {
                **task,
                "tests": read,
                "has_reference": False,
                "withheld": [],
                "reference": [],
                "foreign": [0, 0],
            },
            "programs": [
                {**p, "runs": runs, "withheld_runs": []}
                for p, runs in zip(record["programs"], given["runs"], strict=True)
            ],
            "tests": [
                {
                    **t,
                    "valid": t["input"] is not None,
                    "refused": None,
                    "right": None,
                    "reference": None,
                }
                for t in record["tests"]
            ],
            "opponents": [
                {**p, "runs": runs}
                for p, runs in zip(
                    record.get("opponents", ()), given["opponents_runs"] or (), strict=True
                )
            ],
        }
        bout = _judged_from(alone, checker)
    known = all(t["right"] is not None for t in given["tests"])
    right_K = np.array([bool(t["right"]) for t in given["tests"]], dtype=bool)
    return Supervision(_parsed(given["tests"]), bout, right_K if known else None)


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


def pool_records(judged: Sequence[Judged]) -> list[dict[str, Any]]:
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


def _read_outcome(record: Mapping[str, Any], test: Test | None, checker: str | None) -> Outcome:
    verdict = Verdict(record["verdict"])
    if checker and test and verdict in _BY_CHECKER and "output_length" not in record:
        good = accepts(checker, record["output"], test.output)
        verdict = Verdict.ACCEPTED if good else Verdict.WRONG_ANSWER
    return Outcome(verdict, record["output"])
