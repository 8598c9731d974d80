"""Compare this project's `official` preset with numbers of the official code.

    python -m tests.golden.check_vectors FILE

FILE has ``rewards`` (groups with their advantages) and ``statistics`` (batches
with their rates), as the README beside the golden numbers says. Prints every
mismatch and their number; exit status 1 if there is one, 2 if FILE cannot be
read. Numbers are compared to 1e-9.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparring.recipe import Recipe
from sparring.reward import Facts, Scorer
from sparring.scoring.advantages import Advantages
from sparring.scoring.matrix import Floats, PassMatrix
from sparring.scoring.rates import acceptance, estimated_right
from sparring.scoring.selection import first_index

TOLERANCE = 1e-9


def matrix(entry: Mapping[str, Any]) -> PassMatrix:
    """The pass matrix of an entry."""
    passed = np.array([[c == "1" for c in row] for row in entry["matrix"]])
    return PassMatrix(passed, np.ones_like(passed), entry["num_ground_truth"])


def official(entry: Mapping[str, Any]) -> Scorer:
    """The preset, with the switches that this entry was made with."""
    reward: dict[str, Any] = {
        "length_least": float(entry["min_len_threshold"]),
        "length_most": float(entry["max_len_threshold"]),
    }
    if entry["enable_efficient"]:
        reward["length"] = "official"
    if entry["post_stage"]:
        reward["tester"] = "post_stage"
    return Scorer(Recipe.model_validate({"preset": "official", "reward": reward}))


def both_advantages(entry: Mapping[str, Any]) -> tuple[Advantages, Advantages]:
    """Programs' and tests' advantages of one group."""
    m = matrix(entry)
    programs, tests = m.passed_PU.shape
    no_program, no_test = np.zeros(programs, dtype=bool), np.zeros(tests, dtype=bool)
    facts = Facts(
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
    scorer = official(entry)
    coder, terms = scorer.rewards(facts)
    return scorer.advantages(facts, coder, terms.reward)


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


def statistics(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """The official statistics of one batch of tasks, by name; Best-of-N as ``bon NxM``."""
    ms = [matrix(t) for t in tasks]
    right = [estimated_right(m, np.ones(m.passed_PU.shape[1], bool)) for m in ms]
    known = [(m, r) for m, r in zip(ms, right, strict=True) if r is not None]
    rates = np.zeros((2, 2))
    for m, r in known:
        rates += np.array(acceptance(m, r, np.ones_like(r)))
    with np.errstate(invalid="ignore", divide="ignore"):
        p01, p00 = rates[:, 0] / rates[:, 1]
    return {
        "code_acc": float(np.mean([m.correct_P.mean() for m in ms])),
        "code_test_acc": float(np.concatenate([m.passed_PG.ravel() for m in ms]).mean()),
        "test_acc": float(np.mean([r.mean() for _, r in known])),
        "test_cell_acc": float(
            np.concatenate([m.passed_PU[m.correct_P].ravel() for m, _ in known]).mean()
        ),
        "printed_p_01": float(p01),
        "p_00": float(p00),
    }


def chosen(tasks: list[dict[str, Any]], n: int, m: int) -> dict[str, float]:
    """Best-of-(n, m) by the official rule: whether the chosen program passes all ground-truth
    tests, and the share of all ground-truth tests that the chosen ones pass."""
    ms = [matrix(t) for t in tasks]
    picks = [first_index(x, n, m) for x in ms]
    return {
        "acc": float(np.mean([x.correct_P[i] for x, i in zip(ms, picks, strict=True)])),
        "test_acc": float(
            np.concatenate([x.passed_PG[i] for x, i in zip(ms, picks, strict=True)]).mean()
        ),
    }


def statistics_mismatches(batches: list[dict[str, Any]]) -> Iterator[str]:
    """A line for every figure of a batch that differs."""
    for i, batch in enumerate(batches):
        expected = batch["expected"]
        for name, value in statistics(batch["tasks"]).items():
            if not _equal(value, expected[name]):
                yield f"batch {i}, {name}: {value} is not {expected[name]}"
        for size, figures in expected["bon"].items():
            n, m = map(int, size.split("x"))
            for name, value in chosen(batch["tasks"], n, m).items():
                if not _equal(value, figures[name]):
                    yield f"batch {i}, bon {size}, {name}: {value} is not {figures[name]}"


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
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {error}"
        print(f"{arguments[0]}: is not a file of golden numbers ({what})", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    print(f"mismatches: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
