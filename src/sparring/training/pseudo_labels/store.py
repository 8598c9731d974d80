"""Store of a run's pseudo-labels: a frozen tester's responses, on disk before they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sparring.errors import RunError
from sparring.grading.entries import response_from, response_record
from sparring.runs.directory import RunDir
from sparring.schema import Response, Role, Task
from sparring.training.pseudo_labels.frozen_tester import FrozenTester

_DIRECTORY = "pseudo_labels"


class PseudoLabelStore:
    """Store of the frozen tester's responses to the tasks of a run, each sampled once.

    Only the text of a response is held in memory. Its tokens, hundreds of millions in a long run,
    are on disk and not needed elsewhere.
    """

    def __init__(self, frozen_tester: FrozenTester, run: RunDir) -> None:
        """Read the responses that ``run`` has on disk. Raises `RunError` for an unreadable file."""
        self.frozen_tester = frozen_tester
        self.run = run
        self.files = 0
        self._of: dict[str, list[Response]] = {}
        for path in sorted((run.path / _DIRECTORY).glob("part-?????.jsonl.gz")):
            self.files = int(path.name[5:10])
            for record in run.read_packed(f"{_DIRECTORY}/{path.name}"):
                self._read(path.name, record)

    def responses(self, tasks: Sequence[Task]) -> list[list[Response]]:
        """Return the frozen tester's responses to these tasks; responses to new tasks are sampled
        and stored first."""
        if new := self.missing(tasks):
            self.add(new, self.frozen_tester.sample(new))
        return [self._of[t.id] for t in tasks]

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks that have no responses yet."""
        return [t for t in tasks if t.id not in self._of]

    def add(self, tasks: Sequence[Task], groups: Sequence[Sequence[Response]]) -> None:
        """Write responses to new tasks to disk."""
        self.run.write_packed(
            f"{_DIRECTORY}/part-{self.files + 1:05d}.jsonl.gz",
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
                f"{self.run.path}: {_DIRECTORY}/{name} is damaged "
                f"({type(error).__name__}: {error}); restore a copy, or start a new run"
            ) from None


def _text_of(response: Response) -> Response:
    return replace(response, prompt_ids=(), token_ids=(), logprobs=())
