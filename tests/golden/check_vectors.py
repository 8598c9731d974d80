"""Compare this project's `official` preset with numbers of the official code.

    python -m tests.golden.check_vectors FILE

FILE has ``rewards`` (groups with their advantages) and ``statistics`` (batches
with their rates), as the README beside the golden numbers says. Prints every
mismatch, their number and how much was compared; exit status 1 if there is a
mismatch, 2 if FILE cannot be read or holds nothing to compare. Numbers are
compared to 1e-9.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.matrix import Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.official import official as statistics
from sparring.rewards.advantages import Advantages
from sparring.rewards.facts import RewardFacts
from sparring.rewards.score import RewardRules

TOLERANCE = 1e-9


def matrix(entry: Mapping[str, Any]) -> PassMatrix:
    """The pass matrix of an entry."""
    passed = np.array([[c == "1" for c in row] for row in entry["matrix"]])
    return PassMatrix(passed, np.ones_like(passed), entry["num_ground_truth"])


def official(entry: Mapping[str, Any]) -> RewardRules:
    """The preset, with the switches that this entry was made with."""
    reward: dict[str, Any] = {
        "length_least": float(entry["min_len_threshold"]),
        "length_most": float(entry["max_len_threshold"]),
    }
    if entry["enable_efficient"]:
        reward["length"] = "official"
    if entry["post_stage"]:
        reward["tester"] = "post_stage"
    return Recipe.model_validate({"preset": "official", "reward": reward}).rules


def both_advantages(entry: Mapping[str, Any]) -> tuple[Advantages, Advantages]:
    """Programs' and tests' advantages of one group."""
    m = matrix(entry)
    programs, tests = m.passed_PU.shape
    no_program, no_test = np.zeros(programs, dtype=bool), np.zeros(tests, dtype=bool)
    facts = RewardFacts(
        matrix=m,
        tester_matrix=m,
        valid_U=~no_test,
        repeats_U=np.ones(tests),
        copied_U=no_test,
        # the official code's lists of lengths may be longer than the group
        lengths_P=_lengths(entry["code_lengths"], programs),
        lengths_U=_lengths(entry["test_lengths"], tests),
        truncated_P=no_program,
        truncated_U=no_test,
    )
    earned = official(entry).score(facts)
    return earned.coder, earned.tester


def _lengths(given: list[float], count: int) -> Floats:
    return np.array(given[:count], dtype=float)


def reward_mismatches(entries: list[dict[str, Any]]) -> Iterator[str]:
    """A line for every group and role that differs."""
    for i, entry in enumerate(entries):
        for name, found in zip(("code", "test"), both_advantages(entry), strict=True):
            expected = entry[f"{name}_advantages"]
            if (expected is None) != (found.dropped is not None):
                ours = f"dropped ({found.dropped})" if found.dropped else "kept"
                theirs = "dropped" if expected is None else "kept"
                yield f"group {i}, {name}: {ours}, officially {theirs}"
            elif expected is not None and not _equal(found.value, expected):
                yield f"group {i}, {name}: {found.value.tolist()} is not {expected}"


def facts(entry: Mapping[str, Any]) -> TaskFacts:
    """A task of a batch: every test could be read, and there is no reference."""
    m = matrix(entry)
    tests = np.ones(m.passed_PU.shape[1], dtype=bool)
    return TaskFacts(m, tests, tests, None, np.full(len(tests), np.nan))


def expected_figures(batch: Mapping[str, Any]) -> dict[str, float]:
    """What the official code says of a batch, flat."""
    found = {name: value for name, value in batch["expected"].items() if name != "bon"}
    for size, figures in batch["expected"]["bon"].items():
        found |= {f"bon_{size}_{name}": value for name, value in figures.items()}
    return found


def statistics_mismatches(batches: list[dict[str, Any]]) -> Iterator[str]:
    """A line for every figure of a batch that differs."""
    for i, batch in enumerate(batches):
        expected = expected_figures(batch)
        scales = [tuple(map(int, size.split("x"))) for size in batch["expected"]["bon"]]
        found = statistics([facts(t) for t in batch["tasks"]], [(n, m) for n, m in scales])
        figures = found.as_dict()
        for name in sorted(expected.keys() | figures.keys()):
            one, other = figures.get(name), expected.get(name)
            if one is None or other is None or not _equal(one, other):
                yield f"batch {i}, {name}: {one} is not {other}"


def mismatches(data: Mapping[str, Any]) -> list[str]:
    """Every mismatch of a file's data."""
    return [
        *reward_mismatches(data.get("rewards", [])),
        *statistics_mismatches(data.get("statistics", [])),
    ]


def _equal(found: Any, expected: Any) -> bool:
    one, other = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=TOLERANCE))


def main(arguments: list[str]) -> int:
    """The command; returns its exit status."""
    if len(arguments) != 1:
        print("usage: python -m tests.golden.check_vectors FILE", file=sys.stderr)
        return 2
    try:
        data = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        found = mismatches(data)
        groups, batches = (len(data.get(name, [])) for name in ("rewards", "statistics"))
        if not groups and not batches:
            raise ValueError("it has neither rewards nor statistics")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        print(f"{arguments[0]}: is not a file of golden numbers ({what})", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    print(f"compared: {groups} groups, {batches} batches")
    print(f"mismatches: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
