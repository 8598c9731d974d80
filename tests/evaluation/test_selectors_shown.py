"""Each listed selector is measured and printed, and nothing else is read as a selector."""

from __future__ import annotations

import re

from sparring.evaluation.report import choice_names, choice_rows, figure_rows
from sparring.metrics.benchmark import _at_scale, measure
from sparring.runs.labels import AT_SCALE, figure_labels
from sparring.selection.selectors import WORDS, Selector
from tests.metrics.test_benchmark import FOUR


def test_every_listed_selector_is_measured_and_has_a_column() -> None:
    figures = {k: e.as_dict() for k, e in measure([FOUR, FOUR], [(4, 3)], [1]).estimates.items()}
    for one in Selector:
        assert figures[f"{one}_4x3"]["n_tasks"] == 2, one
    [row] = choice_rows({"figures": figures})
    assert choice_names()[1:] == list(WORDS.values())
    assert len(row) == len(Selector) + 1
    for one, cell in zip(Selector, row[1:], strict=True):
        mean = 100 * figures[f"{one}_4x3"]["mean"]
        assert cell.startswith(f"{mean:.1f}%"), one
        assert figure_labels([f"{one}_4x3"]) == {f"{one}_4x3": f"4 × 3, {WORDS[one]}"}


def test_only_listed_selectors_are_measured_and_shown() -> None:
    """Measured figures are keyed by `Selector`, so that mypy refuses one that is not listed; from a
    file it is shown under its plain name."""
    assert set(_at_scale(FOUR, 4, 3)) == set(Selector) == set(WORDS)
    measured = measure([FOUR], [(4, 3)], [1]).estimates
    at_scale = [name for name in measured if re.fullmatch(r"[a-z0-9_]+_\d+x\d+", name)]
    assert at_scale
    assert all(AT_SCALE.fullmatch(name) for name in at_scale)
    known = {"mean": 0.5, "low": 0.4, "high": 0.6, "n_tasks": 2}
    assert figure_rows({"figures": {"newest_4x3": known}})[0][0] == "newest 4x3"
