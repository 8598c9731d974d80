"""Tasks, a sandbox that fails, and a short run of TRL, for the tests of this directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparring.sandbox import Job, Sandbox
from sparring.schema import Outcome, Task, Test, Verdict

DOUBLE = Task("double", "Read n. Print 2n.", (Test("1\n", "2\n"), Test("4\n", "8\n")))
TRIPLE = Task("triple", "Read n. Print 3n.", (Test("0\n", "0\n"), Test("2\n", "6\n")))


class Failing(Sandbox):
    """Our own side fails on one of the inputs."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        bad = Outcome(Verdict.INFRA)
        return [
            tuple(bad if data == "4\n" else o for data, o in zip(job.inputs, row, strict=True))
            for job, row in zip(jobs, super().run(jobs), strict=True)
        ]


def two_steps(place: Path, batch: int, **settings: Any) -> Any:
    """Settings of TRL for two steps on a CPU, with eight completions of a prompt."""
    import trl

    return trl.GRPOConfig(
        output_dir=str(place),
        per_device_train_batch_size=batch,
        num_generations=8,
        max_completion_length=64,
        max_steps=2,
        logging_steps=1,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        seed=1,
        **settings,
    )
