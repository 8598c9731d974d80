"""Tests of the start and of the end of a run, chosen by a seed, in Markdown for docs/results.md.

    python benchmarks/pretrained/samples.py RUN                 first and last evaluation of a run
    python benchmarks/pretrained/samples.py BEFORE AFTER        two evaluations by sparring eval
    options: --count 10, --seed 0, --out FILE

The seed chooses tasks among those that both have, and one of the tests of each task. Nothing else
chooses, so that the tests shown are a fair sample. The same place among a task's tests is taken
before and after.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import ConfigError, RunError, SparringError, explained
from sparring.grading.copies import copied_U
from sparring.grading.group import GroupResult
from sparring.grading.recorded import result_from
from sparring.grading.trivial_inputs import trivial_U
from sparring.runs.reader import RECIPE, RunReader, step_file
from sparring.text import in_markdown, visible

_STATEMENT, _TEST = 160, 160
"""Most characters of a statement and of a test that are shown."""


@dataclass(frozen=True, slots=True)
class TestEnd:
    """Tests of one end of a comparison: its name for readers, and the graded groups by task id."""

    __test__ = False  # pytest must not take it for a test
    name: str
    groups: Mapping[str, GroupResult]


def ends_of(paths: Sequence[Path]) -> tuple[TestEnd, TestEnd]:
    """Return the first and the last evaluation of a run, or two evaluations. Raises `RunError`."""
    if len(paths) == 2:
        names = [p.resolve().name for p in paths]
        if names[0] == names[1]:  # such as start/mbpp and default-s1-step-00040/mbpp
            names = [
                f"{p.resolve().parent.name}/{name}" for p, name in zip(paths, names, strict=True)
            ]
        before, after = (_evaluation(p, name) for p, name in zip(paths, names, strict=True))
        return before, after
    run = RunReader(paths[0])
    if not run.has(RECIPE):
        raise RunError(f"{paths[0]}: holds no run; name the directory of a run, or two evaluations")
    steps = run.steps("evaluations", ".jsonl.gz")
    if len(steps) < 2:
        raise RunError(
            f"{paths[0]}: has the responses of {len(steps)} evaluations; two are needed (runs of "
            "earlier versions have none: evaluate both checkpoints by sparring eval)"
        )
    first, last = (
        TestEnd(f"step {s}", _groups(run, step_file("evaluations", s)))
        for s in (steps[0], steps[-1])
    )
    return first, last


def _evaluation(path: Path, name: str) -> TestEnd:
    return TestEnd(name, _groups(RunReader(path), step_file("rollouts", 0)))


def _groups(run: RunReader, name: str) -> dict[str, GroupResult]:
    return {group.task.id: group for group in map(result_from, run.read_packed(name))}


def chosen(before: TestEnd, after: TestEnd, count: int, seed: int) -> list[tuple[str, int]]:
    """Return ``count`` pairs of a task's id and the place of a test among its tests, in the order
    of the tasks. Raises `ConfigError` if there are fewer common tasks with tests."""
    numbers = {
        task: min(len(group.tests), len(after.groups[task].tests))
        for task, group in before.groups.items()
        if task in after.groups
    }
    common = [task for task, number in numbers.items() if number]
    if len(common) < count:
        raise ConfigError(f"--count {count}: there are {len(common)} common tasks with tests")
    draw = random.Random(seed)
    tasks = set(draw.sample(common, count))
    return [(task, draw.randrange(numbers[task])) for task in common if task in tasks]


def table(before: TestEnd, after: TestEnd, places: Sequence[tuple[str, int]]) -> str:
    """Return the table of the chosen tests in Markdown."""
    lines = [
        f"| task | statement | test, {in_markdown(before.name)} | right? | "
        f"test, {in_markdown(after.name)} | right? |",
        "|---|---|---|---|---|---|",
    ]
    for task, place in places:
        one, other = before.groups[task], after.groups[task]
        statement = in_markdown(_short(one.task.statement, _STATEMENT))
        lines.append(
            f"| {in_markdown(task)} | {statement} | {_shown(one, place)} | {verdict(one, place)} "
            f"| {_shown(other, place)} | {verdict(other, place)} |"
        )
    return "\n".join(lines) + "\n"


def verdict(group: GroupResult, place: int) -> str:
    """Return a test's verdict by the reference, and whether the test is copied or trivial."""
    parsed = group.tests[place]
    if parsed.test is None:
        return f"unreadable ({str(parsed.failure).replace('_', ' ')})"
    trivial = trivial_U(group)
    marks = [
        *(["copied"] if copied_U(group)[place] else []),
        *(["trivial"] if trivial is not None and trivial[place] else []),
    ]
    if group.right_U is None:
        main = "no reference"
    elif group.right_U[place]:
        main = "right"
    else:
        refused = group.refused_U[place]
        main = "wrong" if refused is None else f"invalid ({refused})"
    return ", ".join([main, *marks])


def _shown(group: GroupResult, place: int) -> str:
    """Return a test's text as code: what was read or, for an unreadable test, its response."""
    parsed = group.tests[place]
    text = parsed.seen if parsed.test is not None and parsed.seen else group.tester[place].text
    line = _short(text, _TEST).replace("|", "\\|")
    if not line:
        return "(empty)"
    ticks = "`"
    while ticks in line:
        ticks += "`"
    return f"{ticks} {line} {ticks}" if "`" in line else f"`{line}`"


def _short(text: str, most: int) -> str:
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[:most].rstrip()}…"


def main(arguments: Sequence[str]) -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", type=Path, metavar="RUN | BEFORE AFTER")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    if len(options.paths) > 2:
        parser.error("name one run, or two evaluations")
    if options.count < 1:
        parser.error(f"--count {options.count}: must be at least 1")
    try:
        before, after = ends_of(options.paths)
        text = table(before, after, chosen(before, after, options.count, options.seed))
        if options.out is None:
            sys.stdout.write(text)
        else:
            with explained(options.out):
                options.out.write_text(text, encoding="utf-8")
    except SparringError as error:
        sys.exit(f"samples: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
