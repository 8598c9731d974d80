"""The run directory and its files.

    recipe.json        the resolved recipe
    reward_function.py a reward of the user's own, as it was when the run began
                       (one that was changed later: reward_function-from-step-00012.py)
    inputs.json        checksums of the task files and of the start model
    replay.json        of a replay: whose rollouts
    environment.json   versions, machine, isolation in force, tasks left out
    metrics.jsonl      one line per training step, each step exactly once
    evaluations.jsonl  one line per evaluation; evaluations/ has the values by task
    start.jsonl        the start model at other temperatures, if the recipe asks for it
    rollouts/          step-00012.jsonl.gz: every group of a step, whole
    journal/           responses of the step being made, as they come, until its rollouts are
                       written; of the next step as well, where that is sampled ahead
    supervision/       part-00001.jsonl.gz: the responses of a supervising tester, a task's when
                       it first comes up
    timing.jsonl       seconds and rates of every step and evaluation; a step that was learned
                       from again after a kill is there again
    timeline.jsonl     where these seconds went: phases as intervals, in lanes that may overlap
    usage/             step-00012.jsonl.gz: CPU seconds and memory of every run of a program
    tracking.json      how far trackers were told of the run ([tracking]); tracking/: their files
    pool.jsonl.gz      the start model's programs on the held-out tasks
    vllm.log           what a vLLM server of our own says
    checkpoints/       step-00012/: model, tokenizer, optimiser state, state.json
    summary.json       before and after, written when the run ends
    curves.svg, curves.png

Rollouts are on disk before anything is learned from them, so a run that was
killed repeats no sampling and no run of a program. What is measured (timing,
timeline, usage, environment, the seconds of the summary) and the log differ between equal
runs; everything else is equal to the byte.

Files are written beside and renamed, so that a reader never sees half of one;
a checkpoint is complete when its directory has its final name. JSON is
strict: an unknown number is null.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from sparring.errors import RunError
from sparring.runs.lines import clean, lines_of

VLLM_LOG = "vllm.log"
_BEFORE_ANYTHING = (
    "recipe.json",
    "reward_function.py",
    "inputs.json",
    "replay.json",
    "environment.json",
    "lock",
    VLLM_LOG,
)
_FROM_THE_START = ("metrics.jsonl", "timing.jsonl", "timeline.jsonl")
PARTIAL = ".partial"
"""Ending of what is still being written."""
_STEP = re.compile(r"step-(\d{5,})")


class RunDir:
    """An open run directory, locked against other processes until `close`."""

    def __init__(self, path: Path, locked: bool = True) -> None:
        self.path = path
        self._lock = None
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
        """Whether a run could be begun in `path`; makes nothing. Raises `RunError`."""
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
        """A new run directory; refuses one that already holds a run, or anything else."""
        with explained(path):
            _check_name(path)
            path.mkdir(parents=True, exist_ok=True)
            fresh = not (path / "lock").exists()
        run = cls(path)
        if (present := run._in_use()) is not None:
            run.close()
            if fresh:
                (path / "lock").unlink()
            hint = "add --resume to go on with it or " if run.has("recipe.json") else ""
            raise RunError(
                f"{path} is not empty (it has {present}); {hint}choose another --run-dir"
            )
        return run

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """An existing run directory."""
        if not _holds_run(path):
            raise RunError(f"{path} holds no run to resume (there is no recipe.json in it)")
        run = cls(path)
        with explained(path):
            for left in path.rglob(f"*{PARTIAL}"):  # of a process that was killed
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        return run

    @classmethod
    def reading(cls, path: Path) -> RunDir:
        """A run to be read only, while another process may be writing it."""
        if not _holds_run(path):
            raise RunError(f"{path} holds no run (there is no recipe.json in it)")
        return cls(path, locked=False)

    def close(self) -> None:
        """Let others use the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def discard_unused(self) -> None:
        """Empty the directory again if the run failed before it had done anything, so that a
        corrected recipe can use it. Where that is not possible, the failure itself matters more."""
        with contextlib.suppress(OSError):
            if self._in_use() is None:
                for file in self.path.iterdir():
                    file.unlink()

    def _in_use(self) -> str | None:
        """A file that belongs to no run that has merely begun; such a run may be begun anew."""
        for file in sorted(self.path.iterdir()):
            known = file.name in _BEFORE_ANYTHING or file.name.endswith(PARTIAL)
            empty = file.name in _FROM_THE_START and file.stat().st_size == 0
            if not file.is_file() or not (known or empty):
                return file.name
        return None

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a small JSON file, whole or not at all."""
        text = json.dumps(clean(data), indent=1, ensure_ascii=False) + "\n"
        self._replace(name, text.encode("utf-8", "surrogatepass"))

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        self._replace(name, data)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing") from None
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{self.path}: {name} is damaged: {error}") from None

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Append a line to a JSONL file; on disk when this returns."""
        self.append_lines(name, [record])

    def append_lines(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Append lines to a JSONL file; all on disk when this returns. A kill before that leaves
        some of them, the last one perhaps torn."""
        path = self.path / name
        with explained(self.path):
            if path.parent != self.path:
                path.parent.mkdir(exist_ok=True)
            new = not path.exists()
            with path.open("ab") as file:
                file.write(lines_of(records))
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync(path.parent)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The records of a JSONL file. A last line cut short by a crash is left out."""
        path = self.path / name
        if not path.exists():
            return []
        found = []
        try:
            *whole, _torn = path.read_bytes().split(b"\n")
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror}") from None
        for number, line in enumerate(whole, start=1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                raise RunError(f"{path}: line {number} is damaged; mend or remove it")
            found.append(record)
        return found

    def rewind(self, step: int, first: int = 1) -> None:
        """Forget the metrics of steps later than ``step``: they will be made again, from the
        recorded rollouts as far as there are any. What was measured stays.

        Raises `RunError` if a step from ``first`` to ``step`` has no metrics.
        """
        with well_formed(f"{self.path}: metrics.jsonl"):
            kept = [r for r in self.lines("metrics.jsonl") if r["step"] <= step]
        missing = set(range(first, step + 1)) - {r["step"] for r in kept}
        if missing:
            raise RunError(
                f"{self.path}: metrics.jsonl lacks step {min(missing)}, which is before the newest "
                f"checkpoint (step {step}); remove that checkpoint and the steps are made again "
                "from the rollouts on record"
            )
        self.replace_lines("metrics.jsonl", kept)
        for name in ("timing.jsonl", "timeline.jsonl"):
            self.replace_lines(name, self.lines(name))  # without a torn line

    def replace_lines(self, name: str, records: Sequence[Mapping[str, Any]]) -> None:
        """A JSONL file, whole or not at all."""
        text = lines_of(records)
        self._replace(name, text)

    def write_lines(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """A gzipped JSONL file, whole or not at all."""
        self._replace(name, gzip.compress(lines_of(records), compresslevel=3, mtime=0))

    def read_lines(self, name: str) -> list[Any]:
        """What `write_lines` wrote."""
        path = self.path / name
        try:
            data = path.read_bytes()
            if not data:
                raise EOFError("empty file")
            found = [json.loads(line) for line in gzip.decompress(data).splitlines()]
            if not found:  # such a file always has a line for each task
                raise EOFError("no records")
            return found
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing") from None
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            raise RunError(f"{path}: is damaged ({error}); remove it, then --resume") from None

    def recorded_steps(self) -> list[int]:
        """The steps whose rollouts are there, from the first one without a gap."""
        found = self.steps("rollouts", ".jsonl.gz")
        return list(takewhile(set(found).__contains__, count(min(found, default=0))))

    def steps(self, room: str, ending: str = "") -> list[int]:
        """The steps that a room of the run (rollouts, checkpoints, …) has something of, sorted."""
        names = [p.name.removesuffix(ending) for p in (self.path / room).glob(f"step-*{ending}")]
        return sorted(int(m[1]) for m in map(_STEP.fullmatch, names) if m)

    def has(self, name: str) -> bool:
        """Whether a file of that name is there."""
        return (self.path / name).exists()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def checkpoint(self, step: int) -> Iterator[Path]:
        """A directory to fill; it becomes checkpoint ``step`` when the block ends well."""
        final = self.path / "checkpoints" / f"step-{step:05d}"
        partial = final.with_name(final.name + PARTIAL)
        with explained(self.path):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            for file in partial.rglob("*"):
                if file.is_file():
                    _sync(file)
            shutil.rmtree(final, ignore_errors=True)
            partial.rename(final)
            _sync(final.parent)

    def newest_checkpoint(self) -> Path | None:
        """The latest complete checkpoint."""
        found = self._checkpoints()
        return found[-1] if found else None

    def prune_checkpoints(self, keep: int) -> None:
        """Remove all but the newest ``keep`` checkpoints."""
        with explained(self.path):
            for old in self._checkpoints()[:-keep]:
                shutil.rmtree(old)

    def _checkpoints(self) -> list[Path]:
        room = self.path / "checkpoints"
        return [p for s in self.steps("checkpoints") if (p := room / f"step-{s:05d}").is_dir()]

    def _replace(self, name: str, data: bytes) -> None:
        path = self.path / name
        with explained(self.path):
            path.parent.mkdir(exist_ok=True)
            beside = path.with_name(path.name + PARTIAL)
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
            _sync(path.parent)


def step_file(room: str, step: int) -> str:
    """The name of a step's file in one of the rooms rollouts and usage."""
    return f"{room}/step-{step:05d}.jsonl.gz"


@contextlib.contextmanager
def explained(path: Path, go_on: str = "add --resume to go on") -> Iterator[None]:
    """Turn the operating system's refusals into one clear line. ``go_on`` is what helps once there
    is room on the disk again."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise RunError(f"{path}: the disk is full; make room, then {go_on}") from error
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def well_formed(what: str) -> Iterator[None]:
    """Turn what goes wrong in taking a record apart into one clear line: it is not of the form
    that it was written in."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise RunError(
            f"{what}: a record is not of this version's form ({type(error).__name__}: {error}); "
            "it was changed, or written by another version"
        ) from None


def _check_name(path: Path) -> None:
    """Weights and tokenizers are written by libraries that take names in UTF-8 alone."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise RunError(
            f"{path}: its name, or that of a directory above it, is not UTF-8; "
            "choose another --run-dir"
        ) from None


def _holds_run(path: Path) -> bool:
    """Whether a directory holds a run. Raises `RunError` where that cannot be seen."""
    try:
        return (path / "recipe.json").exists()
    except OSError as error:  # a name that is too long, a directory that is closed to us
        raise RunError(f"{str(path)[:80]}: {error.strerror}") from None


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
