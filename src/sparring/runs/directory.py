"""The run directory and its files.

    recipe.json        the resolved recipe
    reward_function.py the user's reward function when the run began
                       (a later version: reward_function-from-step-00012.py)
    inputs.json        checksums of the task files and of the initial model
    replay.json        only in a replay: the run that recorded the rollouts
    environment.json   versions, machine, isolation in force, tasks left out
    metrics.jsonl      one line per training step, each step exactly once
    evaluations.jsonl  one line per evaluation
    evaluations/       step-00012.json: the figures of an evaluation by task;
                       step-00012.jsonl.gz: its responses with their verdicts, without tokens
    start.jsonl        the initial model at other temperatures, if the recipe asks for it
    rollouts/          step-00012.jsonl.gz: every group of a step, complete
    journal/           responses of the current step as they arrive, until its rollouts are
                       written; with asynchronous rollouts, of the next step too
    pseudo_labels/     part-00001.jsonl.gz: the responses of a frozen tester (pseudo-labels),
                       written when a task first comes up
    timing.jsonl       seconds and rates of every step and evaluation; a step that was learned
                       again after a kill has two lines
    timeline.jsonl     phases of these seconds, as intervals in lanes that may overlap
    usage/             step-00012.jsonl.gz: CPU seconds and memory of every execution
    tracking.json      latest step sent to trackers ([tracking]); tracking/: their files
    pool.jsonl.gz      the initial model's programs on the held-out tasks
    vllm.log           output of vLLM servers that we start
    checkpoints/       step-00012/: model, tokenizer, optimiser state, state.json
    summary.json       figures before and after training, written when the run ends
    curves.svg, curves.png

Rollouts are on disk before the trainer learns from them, so a killed run repeats
no sampling and no execution. Two equal runs differ only in measurements (timing,
timeline, usage, environment, the seconds of the summary) and in the log; all other
files are equal to the byte.

A file is written under another name and then renamed, so that a reader never sees
half a file. A checkpoint is complete when its directory has its final name. JSON is
strict: an unknown number is null.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sparring.errors import RunError, explained, well_formed
from sparring.files import PARTIAL, cut_torn_line, replacing, sync, write_whole
from sparring.runs.lines import clean, lines_of
from sparring.runs.reader import METRICS, RECIPE, TIMELINE, TIMING, RunReader, holds_run

VLLM_LOG = "vllm.log"
_BEFORE_ANYTHING = (
    RECIPE,
    "reward_function.py",
    "inputs.json",
    "replay.json",
    "environment.json",
    "lock",
    VLLM_LOG,
)
_FROM_THE_START = (METRICS, TIMING, TIMELINE)


class RunDir(RunReader):
    """An open run directory, locked against other processes until `close`."""

    def __init__(self, path: Path, locked: bool = True) -> None:
        super().__init__(path)
        self._lock = None
        self._go_on = "add --resume to go on" if locked else "repeat the command to go on"
        self._whole: set[str] = set()
        """Names of the JSONL files whose last line is known to be complete."""
        if not locked:
            return
        with explained(path):
            lock = open(path / "lock", "a+")  # noqa: SIM115  # held open as long as the run
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                owner = lock.read().strip() or "another process"
                lock.close()
                raise RunError(
                    f"{path} is in use by {owner}; wait for it or choose another --run-dir"
                ) from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}")
            lock.flush()
        self._lock = lock

    @staticmethod
    def check_new(path: Path) -> None:
        """Raise `RunError` if no new run can start in ``path``; creates nothing."""
        with explained(path):
            _check_name(path)
            place = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
        if not place.is_dir():
            raise RunError(f"{path}: {place} is a file; choose another --run-dir")
        if not os.access(place, os.W_OK | os.X_OK):
            raise RunError(f"{path}: {place} cannot be written; choose another --run-dir")
        if place == path.absolute() and any(
            f.name not in _BEFORE_ANYTHING and f.name not in _FROM_THE_START
            for f in place.iterdir()
        ):
            raise RunError(f"{path} is not empty; choose another --run-dir")

    @classmethod
    def create(cls, path: Path) -> RunDir:
        """Create a new run directory. Raises `RunError` for a directory that already holds a run or
        other files."""
        with explained(path):
            _check_name(path)
            path.mkdir(parents=True, exist_ok=True)
            fresh = not (path / "lock").exists()
        run = cls(path)
        if (present := run._in_use()) is not None:
            run.close()
            if fresh:
                (path / "lock").unlink()
            hint = "add --resume to continue its run, or " if run.has(RECIPE) else ""
            raise RunError(
                f"{path} is not empty (it has {present}); {hint}choose another --run-dir"
            )
        return run

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run directory, and remove partial files that a killed process left."""
        if not holds_run(path):
            raise RunError(f"{path} holds no run to resume (it has no recipe.json)")
        run = cls(path)
        with explained(path):
            for partial in path.rglob(f"*{PARTIAL}"):
                shutil.rmtree(partial) if partial.is_dir() else partial.unlink()
        return run

    def close(self) -> None:
        """Release the lock, so that other processes can use the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def discard_unused(self) -> None:
        """Empty the directory if the run failed before its first result, so that a corrected recipe
        can use the same directory."""
        with contextlib.suppress(OSError):  # the failure of the run matters more than these files
            if self._in_use() is None:
                for file in self.path.iterdir():
                    file.unlink()

    def _in_use(self) -> str | None:
        """Return the name of a file that forbids a new run in the directory; None if there is none.

        Such a file is a result of a run, or a file that no run makes.
        """
        for file in sorted(self.path.iterdir()):
            preparatory = file.name in _BEFORE_ANYTHING or file.name.endswith(PARTIAL)
            empty = file.name in _FROM_THE_START and file.stat().st_size == 0
            if not file.is_file() or not (preparatory or empty):
                return file.name
        return None

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a small JSON file atomically. Half a surrogate pair becomes an escape of JSON."""
        text = json.dumps(clean(data), indent=1, ensure_ascii=False) + "\n"
        self._replace(name, text.encode("utf-8", "backslashreplace"))

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file atomically."""
        self._replace(name, data)

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append a line to a JSONL file; the line is on disk when this method returns."""
        self.append_lines(name, [record])

    def append_lines(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Append lines to a JSONL file; all lines are on disk when this method returns. A kill
        before then leaves some of the lines, the last one perhaps torn. A torn line of an earlier
        process is cut away first."""
        path = self.path / name
        with explained(self.path, self._go_on):
            if path.parent != self.path:
                path.parent.mkdir(exist_ok=True)
            new = not path.exists()
            with path.open("a+b") as file:
                if name not in self._whole:
                    cut_torn_line(file)
                    self._whole.add(name)
                _append(file, lines_of(records))
            if new:
                sync(path.parent)

    def rewind(self, step: int, first: int = 1) -> None:
        """Remove the metrics of steps later than ``step``. These steps will be made again, from
        recorded rollouts as far as rollouts are on disk. Measurements stay.

        Raises `RunError` if a step from ``first`` to ``step`` has no metrics.
        """
        with well_formed(f"{self.path}: {METRICS}"):
            kept_lines = [r for r in self.jsonl(METRICS) if r["step"] <= step]
        missing = set(range(first, step + 1)) - {r["step"] for r in kept_lines}
        if missing:
            raise RunError(
                f"{self.path}: {METRICS} lacks step {min(missing)}, which is before the newest "
                f"checkpoint (step {step}); remove that checkpoint, and --resume makes the steps "
                "again from the recorded rollouts"
            )
        self.replace_lines(METRICS, kept_lines)
        for name in (TIMING, TIMELINE):
            self.replace_lines(name, self.jsonl(name))  # removes a torn last line

    def replace_lines(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Write a JSONL file atomically."""
        self._replace(name, lines_of(records))

    def write_packed(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Write a gzipped JSONL file atomically."""
        self._replace(name, gzip.compress(lines_of(records), compresslevel=3, mtime=0))

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        (self.path / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """Yield a directory to fill, which becomes checkpoint ``step`` when the block succeeds."""
        final = self.path / "checkpoints" / f"step-{step:05d}"
        with explained(self.path), replacing(final) as partial:
            partial.mkdir(parents=True)
            yield partial

    def prune_checkpoints(self, keep: int) -> None:
        """Remove all but the newest ``keep`` checkpoints."""
        with explained(self.path):
            for old in self.checkpoints()[:-keep]:
                shutil.rmtree(old)

    def _replace(self, name: str, data: bytes) -> None:
        path = self.path / name
        with explained(self.path, self._go_on):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, data)


def _append(file: BinaryIO, data: bytes) -> None:
    """Append all of the data to an open file and sync it, or none where the disk is full."""
    start = file.seek(0, os.SEEK_END)
    try:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(file.fileno(), start)
        raise


def _check_name(path: Path) -> None:
    """Raise `RunError` for a path that is not UTF-8: the libraries that write weights and
    tokenizers need UTF-8."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise RunError(
            f"{path}: its name, or that of a directory above it, is not UTF-8; "
            "choose another --run-dir"
        ) from None
