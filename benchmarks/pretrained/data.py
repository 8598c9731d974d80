"""Make the data of the pretrained recipe from the files that a user has.

    python -m benchmarks.pretrained.data --mbpp FILE --humaneval FILE --out DIR

DIR gets these files, equal to the byte on every machine. Data of these files that are there already
are used; other data, or files that were changed since, are left alone and refused.

- ``mbpp-train.jsonl``, ``mbpp-held-out.jsonl``: the sound tasks of MBPP, 40 of them held out. Of
  the others those stay that can teach: a task is left out if all or none of the 8 programs were
  right that an earlier run sampled (``benchmarks/results/pretrained/pass-rates.jsonl``). Tasks that
  the earlier run did not reach stay.
- ``humaneval.jsonl``: 40 sound tasks of HumanEval that overlap with no task of MBPP.
- ``humaneval-bare.jsonl``: the same 40 tasks without the worked examples of their statements.
- ``data.json``: SHA-256 of sources and outputs, counts, and everything left out, with the reason.

Sound is what `sparring audit` keeps: a faulty test goes, and a task without a sound test. The audit
here gives every execution ten times the task's limits, so that the speed of the machine does not
decide what is kept. HumanEval's 40 are drawn from the tasks that can be told without examples.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.pretrained.turns import one_at_a_time
from rich.console import Console

from sparring.audit.run import AuditOptions, audit
from sparring.audit.soundness import Care
from sparring.cli.common import run
from sparring.errors import ConfigError, DataError, writing
from sparring.evaluation.passrates import pass_rates
from sparring.files import checksum
from sparring.runs.bar import Bar
from sparring.schema import Task
from sparring.tasks.cleaning.findings import DROPS
from sparring.tasks.cleaning.overlap import NEAR_DUPLICATES, alike_pairs, drop_overlap
from sparring.tasks.cleaning.without_examples import without_examples
from sparring.tasks.load import dump_tasks, read_task_files
from sparring.tasks.split import split_tasks

VERSION = 3
"""Number of this way of making the data: data of another number is not used."""
SEED = 24
HELD_OUT = 40
WIDER = 10.0
"""Factor of the limits in the audit; `sparring audit` gives a second chance of the same factor."""
MBPP_TRAIN, MBPP_HELD_OUT = "mbpp-train.jsonl", "mbpp-held-out.jsonl"
HUMANEVAL, BARE, REPORT = "humaneval.jsonl", "humaneval-bare.jsonl", "data.json"
NAMES = (MBPP_TRAIN, MBPP_HELD_OUT, HUMANEVAL, BARE, REPORT)
ON_RECORD = {
    MBPP_TRAIN: "06f4fb1b2917279d13769af7ac91d84ad5094b9861c855a8a0d43e4edadeed0f",
    MBPP_HELD_OUT: "152d2b7f386a273b557cf272ff34dbb0ff4e7f1ecf086fcbcb7dbe3f912a8040",
}
"""SHA-256 of the files that the figures of docs/results.md are of."""


RATES = Path(__file__).parents[1] / "results" / "pretrained" / "pass-rates.jsonl"
"""Share of right programs by task, of the first 21 steps by this recipe on all training tasks."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A task, or a part of one, that is not in the data: its set, its place and the reason."""

    set: str
    where: str
    reason: str


@dataclass(slots=True)
class PretrainedData:
    """The four task files by name, what was left out, and the counts of the way."""

    files: dict[str, list[Task]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    alike: dict[str, Any] = field(default_factory=dict)


def sound(name: str, tasks: Sequence[Task], data: PretrainedData) -> list[Task]:
    """Return what an audit with wide limits keeps of the tasks, with their own limits."""
    wide = [
        replace(t, time_limit=WIDER * t.time_limit, memory_limit=round(WIDER * t.memory_limit))
        for t in tasks
    ]
    care = Care(repeats=3, patience=1.0)
    options = AuditOptions(care, mutants=0)
    with tempfile.TemporaryDirectory() as place, Bar(Console(stderr=True)) as bar:
        path = Path(place) / "tasks.jsonl"
        with writing(tempfile.gettempdir(), ConfigError):
            dump_tasks(wide, path)

        def show(done: int, total: int, findings: int) -> None:
            text = f"audit of {name}: {done} of {total} tasks, findings: {findings}"
            bar.show("", done / total, text) if bar.shown else bar.note(text)

        report = audit([path], options, show)
    kept = []
    for task, entry in zip(tasks, report.entries, strict=True):
        faults = [f for f in entry.findings if f.fault in DROPS]
        data.left_out += [LeftOut(name, f.where, f.fault.value.replace("_", " ")) for f in faults]
        if entry.cleaned.task is None or not entry.checked:
            data.left_out.append(LeftOut(name, task.id, "nothing sound is left"))
            continue
        kept.append(
            replace(entry.cleaned.task, time_limit=task.time_limit, memory_limit=task.memory_limit)
        )
    data.counts[f"{name}_tasks"], data.counts[f"{name}_sound"] = len(tasks), len(kept)
    return kept


def teaching(tasks: Sequence[Task], data: PretrainedData) -> list[Task]:
    """Return the tasks on which some programs were right and some wrong, as far as is known."""
    rates = pass_rates(RATES)
    names = {0.0: "none", 1.0: "all"}
    kept = []
    for task in tasks:
        if (word := names.get(rates.get(task.id, 0.5))) is None:
            kept.append(task)
        else:
            reason = f"{word} of the programs of an earlier run were right"
            data.left_out.append(LeftOut("MBPP", task.id, reason))
    data.counts["MBPP_teaching"] = len(kept)
    return kept


def make(mbpp: Sequence[Task], humaneval: Sequence[Task], held_out: int) -> PretrainedData:
    """Return the data made of the tasks of MBPP and HumanEval, with so many tasks held out."""
    data = PretrainedData()
    mbpp = sound("MBPP", mbpp, data)
    humaneval = sound("HumanEval", humaneval, data)
    if len(mbpp) <= held_out:
        raise DataError(
            f"MBPP: {len(mbpp)} of its tasks are sound, but {held_out} are held out and more are "
            "needed to train on; give a file with more tasks"
        )
    split = split_tasks(mbpp, held_out, SEED)
    train = teaching(split.train, data)
    data.files |= {MBPP_TRAIN: train, MBPP_HELD_OUT: split.held_out}
    clean, removed = drop_overlap(humaneval, mbpp)
    bare, needing = without_examples(clean)
    data.left_out += [LeftOut("HumanEval", r.task_id, r.detail) for r in (*removed, *needing)]
    data.counts["HumanEval_clean"], data.counts["HumanEval_bare"] = len(clean), len(bare)
    if len(bare) < held_out:
        raise DataError(
            f"HumanEval: {len(bare)} of its tasks can be used, but {held_out} are needed; give the "
            "whole HumanEval.jsonl.gz"
        )
    drawn = set(random.Random(SEED).sample([t.id for t in bare], held_out))
    data.files[HUMANEVAL] = [t for t in clean if t.id in drawn]
    data.files[BARE] = [t for t in bare if t.id in drawn]
    for name, tasks in ((MBPP_HELD_OUT, split.held_out), (HUMANEVAL, data.files[HUMANEVAL])):
        data.alike[name] = [
            asdict(pair) for pair in alike_pairs(tasks, train, NEAR_DUPLICATES.n)[:1]
        ]
    return data


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give a new directory in ``out`` that is removed after the block."""
    beside = out / ".making"
    shutil.rmtree(beside, ignore_errors=True)  # left by a process that was killed
    beside.mkdir(parents=True)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write(data: PretrainedData, sources: dict[str, Path], out: Path) -> None:
    """Write the files to ``out``. They get their names when all of them are whole.

    Raises `ConfigError`.
    """
    with writing(str(out), ConfigError), _beside(out) as beside:
        for name, tasks in data.files.items():
            dump_tasks(tasks, beside / name)
        report = {
            "version": VERSION,
            "seed": SEED,
            "sources": {
                name: {"file": path.name, "sha256": checksum(path)}
                for name, path in sources.items()
            },
            "files": {
                name: {"tasks": len(tasks), "sha256": checksum(beside / name)}
                for name, tasks in data.files.items()
            },
            "counts": data.counts,
            "left_out": [asdict(one) for one in data.left_out],
            "most_alike_training_task": data.alike,
        }
        (beside / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        for name in NAMES:
            (beside / name).replace(out / name)


def made_of(sources: dict[str, Path], out: Path) -> bool:
    """Return True if ``out`` holds whole data that was made of these files."""
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
        files = {n: f["sha256"] for n, f in report["files"].items()}
        return (
            report["version"] == VERSION
            and {n: s["sha256"] for n, s in report["sources"].items()}
            == {name: checksum(path) for name, path in sources.items()}
            and files.keys() == set(NAMES) - {REPORT}
            and all(checksum(out / name) == digest for name, digest in files.items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # none, of another make, or changed since


def _tasks_of(name: str, path: Path) -> list[Task]:
    """Return the tasks of the file that was given for a set. Raises `DataError` for the other
    set."""
    other = {"MBPP": "HumanEval", "HumanEval": "MBPP"}[name]
    tasks = read_task_files([path])
    if tasks and all(t.id.lower().startswith(other.lower()) for t in tasks):
        raise DataError(f"{path}: holds {other}, but is given as {name}; give each as its own")
    return tasks


def read_sources(mbpp: Path, humaneval: Path) -> dict[str, list[Task]]:
    """Return the tasks of each set.

    Raises `DataError` for a file that is not there, has a bad row or holds the other set.
    """
    return {"MBPP": _tasks_of("MBPP", mbpp), "HumanEval": _tasks_of("HumanEval", humaneval)}


def prepare(mbpp: Path, humaneval: Path, out: Path, held_out: int = HELD_OUT) -> None:
    """Make the data in ``out``, unless it is there, and print what it has. If another process makes
    it, this one waits.

    Raises `DataError` as `read_sources` does, and `ConfigError` if ``out`` holds other data.
    """
    sources = {"MBPP": mbpp, "HumanEval": humaneval}
    tasks = read_sources(mbpp, humaneval)
    with one_at_a_time(out.parent):
        if not made_of(sources, out):
            if there := [name for name in NAMES if (out / name).exists()]:
                raise ConfigError(
                    f"{out}: has {there[0]}, but not the whole data that this version makes of "
                    f"{mbpp} and {humaneval}; move these files away, or name another directory"
                )
            write(make(tasks["MBPP"], tasks["HumanEval"], held_out), sources, out)
    report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    for name, file in report["files"].items():
        print(f"{out / name}: {file['tasks']} tasks")
    print(f"{out / REPORT}: {len(report['left_out'])} tasks or tests left out, with reasons")


def main() -> None:
    """Make the data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--mbpp", type=Path, required=True, help="sanitized MBPP, any known form")
    parser.add_argument("--humaneval", type=Path, required=True, help="HumanEval.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True, help="directory of the data")
    args = parser.parse_args()
    prepare(args.mbpp, args.humaneval, args.out)


if __name__ == "__main__":
    run(main)
    sys.exit(0)
