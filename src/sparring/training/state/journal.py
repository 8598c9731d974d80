"""Journal: one player's responses in one step, written to disk as the responses arrive.

The sampler passes on each finished response (`Journal.add`). The journal writes
responses in batches, at most one batch a second, and the rest when the responses
are read (`Journal.responses`). A recorded response is never replaced: a second
sample of the same response, by a sampler that is not deterministic, is dropped.
Lines are appended, so a kill leaves at most one torn line, which is ignored.

`sparring.training.rollouts.responses` decides how missing responses are requested.
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
"""Seconds between two batches of lines: the sampling time that a kill can cost."""


class Journal:
    """Responses of one player to ``prompts``, ``count`` to each, as far as they have arrived.

    Raises `RunError` where the file ``name`` of the run answers other prompts.
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
        self._arrived: list[list[Response | None]] = [[None] * count for _ in prompts]
        self._unwritten: list[dict[str, Any]] = []
        self._written_at = time.monotonic()
        if run.has(name):
            numbers = {p.task_id: i for i, p in enumerate(prompts)}
            records = run.jsonl(name)
            with well_formed(f"{run.path}: {name}"):
                for record in records:
                    self._read(record, numbers, prompts)
            run.replace_lines(name, records)  # without a torn line

    def add(self, number: int, response: Response) -> bool:
        """Add a response to prompt ``number``. Returns False if the response was there already."""
        if self._arrived[number][response.index] is not None:
            return False
        self._arrived[number][response.index] = response
        self._unwritten.append(
            {"task": response.task_id, "index": response.index, **response_record(response)}
        )
        if time.monotonic() - self._written_at >= _SECONDS:
            self.write()
        return True

    def complete(self, number: int) -> bool:
        """Return True if all responses to prompt ``number`` have arrived."""
        return None not in self._arrived[number]

    def arrived(self, number: int) -> list[Response]:
        """Return the responses to prompt ``number`` that have arrived."""
        return [r for r in self._arrived[number] if r is not None]

    def responses(self) -> list[list[Response]]:
        """Write the journal, and return all responses by prompt. Raises ValueError if a response
        is missing."""
        for number in range(len(self._arrived)):
            if not self.complete(number):
                raise ValueError(f"{self.name}: the sampler has left out responses")
        self.write()
        return [self.arrived(number) for number in range(len(self._arrived))]

    def _read(
        self, record: Mapping[str, Any], numbers: Mapping[str, int], prompts: Sequence[Prompt]
    ) -> None:
        task, index = record["task"], record["index"]
        response = response_from(record, task, self.role, index)
        number = numbers.get(task)
        if (
            number is None
            or response.prompt_ids != prompts[number].token_ids
            or not 0 <= index < len(self._arrived[number])
        ):
            raise RunError(other_prompts_message(self.run, self.name))
        self._arrived[number][index] = response

    def write(self) -> None:
        """Append the responses that have arrived since the last call to the file."""
        with self._timeline.during(Phase.JOURNALLING):
            self.run.append_lines(self.name, self._unwritten)
        self._unwritten = []
        self._written_at = time.monotonic()


def other_prompts_message(run: RunDir, name: str) -> str:
    """Return the message for a record that answers other prompts."""
    return (
        f"{run.path}: {name} does not answer the prompts of its step: tasks, prompts, tokenizer "
        "or the file itself have changed since; restore them, or start a new run"
    )
