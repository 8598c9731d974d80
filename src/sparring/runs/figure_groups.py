"""Figures by subject, with their labels: the groups and the order in which tables show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum


class FigureGroup(StrEnum):
    """Subject of a figure: the heading that tables show the figure under, in their order."""

    PROGRAMS = "programs"
    TESTS = "tests"
    CATCHING = "tests against wrong programs"
    CHOICE = "choosing a program by tests"
    OTHERS = "other figures"


LABELS: Mapping[FigureGroup, Mapping[str, str]] = {
    FigureGroup.PROGRAMS: {
        "pass@1": "programs right (pass@1)",
        "programs_readable": "programs readable",
        "programs_right_of_readable": "programs right, of the readable",
        "coder.failed": "responses without a readable program",
        "coder.at_limit": "programs' responses cut off",
    },
    FigureGroup.TESTS: {
        "unit_test_accuracy": "tests right (by reference)",
        "tests_readable": "tests readable",
        "tests_right_of_readable": "tests right, of the readable",
        "tests_right_own": "tests right and own",
        "tests_right_not_trivial": "tests right and not trivial",
        "tests_right_own_not_trivial": "tests right, own and not trivial",
        "tests_copied": "copied tests, of the readable",
        "tests_trivial": "trivial inputs, of the readable tests",
        "distinct_inputs": "distinct inputs",
        "input_size": "values per test input",
        "invalid_tests": "unreadable or invalid tests",
        "unit_test_accuracy_estimate": "tests right (paper's estimate)",
        "branch_coverage": "branches of the reference taken by right tests",
        "tester.failed": "responses without a readable test",
        "tester.at_limit": "tests' responses cut off",
    },
    FigureGroup.CATCHING: {
        "catch_rate": "wrong programs caught",
        "caught_by_right_test": "wrong programs that a right test catches",
        "coverage@": "coverage@{size}: wrong programs caught by {size} tests",
        "mutation_score": "mutants of the reference caught by right tests",
        "p01": "p01: wrong program passes right test",
        "p00": "p00: wrong program passes wrong test",
        "mu": "μ",
        "far": "FAR: a test accepts a wrong program",
        "frr": "FRR: a test rejects a correct program",
        "suite_far_": "FAR of {size} tests together",
        "suite_frr_": "FRR of {size} tests together",
    },
    FigureGroup.CHOICE: {
        "bon_": "Best-of-{size}, own samples",
        "pool_bon_": "Best-of-{size}, fixed pool",
        "agreement_bon_": "Best-of-{size}, own, ties by agreement",
        "agreement_pool_bon_": "Best-of-{size}, pool, ties by agreement",
        "dual_pass@": "pass@{size} of the ranking by dual agreement",
    },
}
"""Labels of the figures. A key with {size} in its label is the start of a name."""
OF_POOL: Mapping[str, str] = {
    "catch_rate": "wrong pool programs caught",
    "caught_by_right_test": "wrong pool programs a right test catches",
    "coverage@": "wrong pool programs caught by {size} tests",
}
"""Labels of figures that a run measures on a fixed pool, and an evaluation on its own programs."""
NOT_OF_RUNS = ("tests_right_own", "tests_right_not_trivial")
"""Figures that the table of a run leaves out: it has the tests that are both."""
COMPLEMENT: Mapping[str, str] = {
    "coder.failed": "programs_readable",
    "tester.failed": "tests_readable",
}
"""Figures that tables leave out where the other figure, 1 minus the first, is known."""


def labels_of(group: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the labels of ``names`` in one group, in the group's order."""
    labels: dict[str, str] = {}
    for key, label in group.items():
        if "{size}" in label:
            sizes = {n: n.removeprefix(key) for n in names if n.startswith(key)}
            labels |= {n: _sized(label, size) for n, size in sizes.items()}
        elif key in names:
            labels[key] = label
    return labels


def _sized(label: str, size: str) -> str:
    one = label.replace("{size} tests", "{size} test") if size == "1" else label
    return one.format(size=size.replace("x", "×"))
