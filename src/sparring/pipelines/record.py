"""What is written down of a bout: all that is needed to explain its rewards later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.pipelines.bout import Judged
from sparring.schema import Outcome, Response
from sparring.scoring.advantages import Advantages
from sparring.scoring.matrix import Floats
from sparring.scoring.rewards import TesterTerms

OUTPUT_KEPT = 2000
"""Characters of a run's output that are kept."""


def rollout_record(
    step: int,
    judged: Judged,
    coder_reward: Floats,
    terms: TesterTerms,
    coder: Advantages,
    tester: Advantages,
) -> dict[str, Any]:
    """One task of one step as JSON-able data."""
    task = judged.task
    return {
        "step": step,
        "task": {
            "id": task.id,
            "statement": task.statement,
            "tests": [[t.input, t.output] for t in task.tests],
            "source": task.source,
        },
        "programs": [
            {
                **_response(r),
                "source": p.source,
                "failure": p.failure,
                "correct": bool(judged.matrix.correct_P[i]),
                "reward": float(coder_reward[i]),
                "advantage": float(coder.value[i]),
                "runs": [_outcome(o) for o in judged.outcomes_PT[i]],
            }
            for i, (r, p) in enumerate(zip(judged.coder, judged.programs, strict=True))
        ],
        "tests": [
            {
                **_response(r),
                "input": p.test.input if p.test else None,
                "output": p.test.output if p.test else None,
                "failure": p.failure,
                "valid": bool(judged.valid_U[k]),
                "right": bool(judged.right_U[k]) if judged.has_reference else None,
                "accepts_correct": bool(terms.accepts_correct[k]),
                "caught": float(terms.caught[k]),
                "missed": float(terms.missed[k]),
                "reward": float(terms.reward[k]),
                "advantage": float(tester.value[k]),
            }
            for k, (r, p) in enumerate(zip(judged.tester, judged.tests, strict=True))
        ],
        "dropped": {"coder": coder.dropped, "tester": tester.dropped},
    }


def pool_records(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The programs of an evaluation, by task: the fixed pool."""
    return [
        {"task": j.task.id, "programs": [[p.source, p.failure] for p in j.programs]} for j in judged
    ]


def _response(r: Response) -> dict[str, Any]:
    return {
        "prompt_ids": r.prompt_ids,
        "token_ids": r.token_ids,
        "logprobs": r.logprobs,
        "stop": r.stop,
        "text": r.text,
    }


def _outcome(o: Outcome) -> dict[str, Any]:
    kept = o.output[:OUTPUT_KEPT]
    cut = {"output_length": len(o.output)} if len(o.output) > OUTPUT_KEPT else {}
    return {
        "verdict": o.verdict,
        "output": kept,
        **cut,
        "cpu": round(o.cpu_seconds, 6),
        "memory": round(o.memory_mib, 2),
        "detail": o.detail,
    }
