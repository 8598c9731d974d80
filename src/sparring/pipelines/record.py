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

from sparring.pipelines.bout import Judged
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.runs.directory import well_formed
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    Verdict,
)
from sparring.scoring.advantages import Advantages
from sparring.scoring.matrix import Floats, from_verdicts
from sparring.scoring.rewards import TesterTerms
from sparring.tasks.checkers import accepts

OUTPUT_KEPT = 65_536
"""Characters of a run's output that are kept."""
_BY_CHECKER = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)


@dataclass(frozen=True, slots=True)
class Scored:
    """A judged bout with what both roles earned."""

    judged: Judged
    coder_reward: Floats
    terms: TesterTerms
    coder: Advantages
    tester: Advantages


def rollout_record(step: int, scored: Scored) -> dict[str, Any]:
    """One task of one step as JSON-able data."""
    judged, terms = scored.judged, scored.terms
    task = judged.task
    return {
        "step": step,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": [[t.input, t.output] for t in task.tests],
            "checker": task.checker,
            "source": task.source,
            "has_reference": judged.has_reference,
        },
        "programs": [
            {
                **response_record(r),
                "source": p.source,
                "failure": p.failure,
                "correct": bool(judged.matrix.correct_P[i]),
                "reward": float(scored.coder_reward[i]),
                "advantage": float(scored.coder.value[i]),
                "runs": [_outcome(o) for o in judged.outcomes_PT[i]],
            }
            for i, (r, p) in enumerate(zip(judged.coder, judged.programs, strict=True))
        ],
        "tests": [
            {
                **response_record(r),
                "input": p.test.input if p.test else None,
                "output": p.test.output if p.test else None,
                "failure": p.failure,
                "valid": bool(judged.valid_U[k]),
                "right": bool(judged.right_U[k]) if judged.has_reference else None,
                "reference": _outcome(o) if (o := judged.reference_U[k]) is not None else None,
                "accepts_correct": bool(terms.accepts_correct[k]),
                "caught": float(terms.caught[k]),
                "missed": float(terms.missed[k]),
                "reward": float(terms.reward[k]),
                "advantage": float(scored.tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(judged.tester, judged.tests, strict=True))
        ],
        "dropped": {"coder": scored.coder.dropped, "tester": scored.tester.dropped},
    }


def usage_record(judged: Judged) -> dict[str, Any]:
    """CPU seconds, MiB and a word for people on every run of a bout: [programs][tests]."""
    return {
        "task": judged.task.id,
        "runs": [
            [[round(o.cpu_seconds, 6), round(o.memory_mib, 2), o.detail] for o in row]
            for row in judged.outcomes_PT
        ],
    }


def judged_from(record: Mapping[str, Any], checker: str | None = None) -> Judged:
    """The bout of a record. With a ``checker``, outputs are compared anew; a run whose output
    was too long to be kept whole keeps its verdict. Raises `RunError` for any other record."""
    step = record.get("step") if isinstance(record, dict) else None
    with well_formed(f"rollouts of step {step}"):
        return _judged_from(record, checker)


def _judged_from(record: Mapping[str, Any], checker: str | None) -> Judged:
    given = record["task"]
    task = Task(
        id=given["id"],
        statement=given["statement"],
        tests=tuple(Test(a, b) for a, b in given["tests"]),
        checker=checker or given["checker"],
        source=given["source"],
    )
    programs, tests = record["programs"], record["tests"]
    parsed = [
        ParsedTest(Test(t["input"], t["output"]))
        if t["input"] is not None
        else ParsedTest(None, ParseFailure(t["failure"]))
        for t in tests
    ]
    columns = (*task.tests, *(p.test for p in parsed))
    outcomes = [
        [_read_outcome(o, test, checker) for o, test in zip(p["runs"], columns, strict=True)]
        for p in programs
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
            ParsedProgram(p["source"], ParseFailure(p["failure"]) if p["failure"] else None)
            for p in programs
        ],
        tests=parsed,
        outcomes_PT=outcomes,
        matrix=from_verdicts([[o.verdict for o in row] for row in outcomes], len(task.tests)),
        pool=None,
        parsed_U=np.array([p.test is not None for p in parsed], dtype=bool),
        valid_U=np.array([bool(t["valid"]) for t in tests], dtype=bool),
        right_U=right_U,
        reference_U=reference,
        size_U=np.array(
            [len(p.test.input.split()) if p.test else np.nan for p in parsed], dtype=float
        ),
        has_reference=given["has_reference"],
    )


def response_record(r: Response) -> dict[str, Any]:
    """A response as JSON-able data; numbers read back exactly."""
    return {
        "prompt_ids": r.prompt_ids,
        "token_ids": r.token_ids,
        "logprobs": r.logprobs,
        "stop": r.stop,
        "text": r.text,
    }


def response_from(record: Mapping[str, Any], task_id: str, role: Role, index: int) -> Response:
    """What `response_record` wrote. Raises ValueError for what no sampler gives."""
    if not record["prompt_ids"] or not record["token_ids"]:
        raise ValueError("a prompt or a response without tokens")
    if len(record["token_ids"]) != len(record["logprobs"]):
        raise ValueError("a response whose tokens and log-probs differ in number")
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
