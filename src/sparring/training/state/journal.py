"""One player's responses in one step, on disk as they come.

Whoever samples tells of each response as it is whole (`Journal.take`); they
are written in batches, the next once a second has passed since the last, and
the rest when they are asked for (`Journal.responses`). A response on record
is never replaced: another sample of it, by a sampler that does not repeat
itself, is dropped. Lines are appended, so a kill leaves at most one torn line,
which is left out.

What is missing, and how it is asked for, is `sparring.training.rollouts.responses`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import RunError, well_formed
from sparring.grading.entries import response_from, response_record
from sparring.policy.base import Prompt
from sparring.runs.directory import RunDir
from sparring.runs.timeline import Phase, Timeline
from sparring.schema import Response, Role

_SECONDS = 1.0
"""Between two batches: what a kill can cost."""


class Journal:
    """``count`` responses to each of ``prompts``, as far as they are there.

    Raises `RunError` where what is on record answers other prompts.
    """

    def __init__(
        self,
        run: RunDir,
        name: str,
        role: Role,
        prompts: Sequence[Prompt],
        count: int,
        timeline: Timeline,
    ) -> None:
        self.run = run
        self.name = name
        self.role = role
        self._timeline = timeline
        self._found: list[list[Response | None]] = [[None] * count for _ in prompts]
        self._unwritten: list[dict[str, Any]] = []
        self._written_at = time.monotonic()
        if run.has(name):
            numbers = {p.task_id: i for i, p in enumerate(prompts)}
            records = run.jsonl(name)
            with well_formed(f"{run.path}: {name}"):
                for record in records:
                    self._read(record, numbers, prompts)
            run.replace_lines(name, records)  # without a torn line

    def take(self, number: int, response: Response) -> bool:
        """A response to prompt ``number`` has come. False if it was there already."""
        if self._found[number][response.index] is not None:
            return False
        self._found[number][response.index] = response
        self._unwritten.append(
            {"task": response.task_id, "index": response.index, **response_record(response)}
        )
        if time.monotonic() - self._written_at >= _SECONDS:
            self.write()
        return True

    def whole(self, number: int) -> bool:
        """Whether all responses to prompt ``number`` are there."""
        return None not in self._found[number]

    def known(self, number: int) -> list[Response]:
        """The responses to prompt ``number`` that are there."""
        return [r for r in self._found[number] if r is not None]

    def responses(self) -> list[list[Response]]:
        """All of them, on disk. Raises ValueError if one is missing."""
        for number in range(len(self._found)):
            if not self.whole(number):
                raise ValueError(f"{self.name}: a sampler has left out responses")
        self.write()
        return [self.known(number) for number in range(len(self._found))]

    def _read(
        self, record: Mapping[str, Any], numbers: Mapping[str, int], prompts: Sequence[Prompt]
    ) -> None:
        task, index = record["task"], record["index"]
        response = response_from(record, task, self.role, index)
        number = numbers.get(task)
        if (
            number is None
            or response.prompt_ids != prompts[number].token_ids
            or not 0 <= index < len(self._found[number])
        ):
            raise RunError(foreign(self.run, self.name))
        self._found[number][index] = response

    def write(self) -> None:
        """Put on disk what has come."""
        with self._timeline.during(Phase.JOURNALLING):
            self.run.append_lines(self.name, self._unwritten)
        self._unwritten = []
        self._written_at = time.monotonic()


def foreign(run: RunDir, name: str) -> str:
    """What to say of a record of other prompts."""
    return (
        f"{run.path}: {name} does not answer the prompts of its step; tasks, prompts "
        "or tokenizer have changed since, or the file has: put back what it was, or begin "
        "a new run"
    )
