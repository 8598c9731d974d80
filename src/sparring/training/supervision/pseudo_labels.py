"""The tests that a frozen tester has written for a run, on disk before they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparring.errors import RunError
from sparring.grading.entries import response_from, response_record
from sparring.runs.directory import RunDir
from sparring.schema import Response, Role, Task
from sparring.training.supervision.supervisor import Supervisor

_ROOM = "supervision"


class PseudoLabels:
    """The supervising tests of a run: read if they are there, written once if not.

    What is held of a response is its text: its tokens, of which there are hundreds of millions in
    a long run, are on disk and nowhere else asked for.
    """

    def __init__(self, supervisor: Supervisor, run: RunDir) -> None:
        """Raises `RunError` where a file of them cannot be read."""
        self.supervisor = supervisor
        self.run = run
        self.files = 0
        self._of: dict[str, list[Response]] = {}
        for path in sorted((run.path / _ROOM).glob("part-?????.jsonl.gz")):
            self.files = int(path.name[5:10])
            for record in run.read_packed(f"{_ROOM}/{path.name}"):
                self._read(path.name, record)

    def responses(self, tasks: Sequence[Task]) -> list[list[Response]]:
        """The supervisor's responses to these tasks, sampled now for those that are new."""
        if new := self.missing(tasks):
            self.add(new, self.supervisor.sample(new))
        return [self._of[t.id] for t in tasks]

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks that have none yet."""
        return [t for t in tasks if t.id not in self._of]

    def add(self, tasks: Sequence[Task], groups: Sequence[Sequence[Response]]) -> None:
        """Put responses to new tasks on disk."""
        self.run.write_packed(
            f"{_ROOM}/part-{self.files + 1:05d}.jsonl.gz",
            [
                {"task": t.id, "responses": [response_record(r) for r in group]}
                for t, group in zip(tasks, groups, strict=True)
            ],
        )
        self.files += 1
        for task, group in zip(tasks, groups, strict=True):
            self._of[task.id] = [_text_of(r) for r in group]

    def _read(self, name: str, record: Mapping[str, Any]) -> None:
        try:
            task_id = record["task"]
            self._of[task_id] = [
                _text_of(response_from(r, task_id, Role.TESTER, i))
                for i, r in enumerate(record["responses"])
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.run.path}: {_ROOM}/{name} is damaged ({type(error).__name__}: {error}); "
                "put a copy back, or begin a new run"
            ) from None


def _text_of(response: Response) -> Response:
    return replace(response, prompt_ids=(), token_ids=(), logprobs=())
