"""Each listed selector is measured and printed, and nothing else is read as a selector."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sparring.view.html
from sparring.evaluation.report import choice_rows, figure_rows
from sparring.metrics.benchmark import _at_scale, measure
from sparring.runs.choice_blocks import choice_blocks
from sparring.runs.labels import AT_SCALE, figure_labels
from sparring.selection.rules import RULES
from sparring.selection.selectors import WORDS, Selector
from tests.metrics.test_benchmark import FOUR


def test_every_listed_selector_is_measured_and_has_a_line() -> None:
    figures = {k: e.as_dict() for k, e in measure([FOUR, FOUR], [(4, 3)], [1]).estimates.items()}
    for one in Selector:
        assert figures[f"{one}_4x3"]["n_tasks"] == 2, one
    [block] = choice_blocks(figures)
    rows = choice_rows({"figures": figures}, block)
    assert [label for label, _, _ in rows] == ["one sample (pass@1)", *WORDS.values()]
    for one, (_, value, _) in zip(Selector, rows[1:], strict=True):
        assert value.startswith(f"{100 * figures[f'{one}_4x3']['mean']:.1f}%"), one
        assert figure_labels([f"{one}_4x3"]) == {f"{one}_4x3": f"4 × 3, {WORDS[one]}"}


def test_only_listed_selectors_are_measured_and_shown() -> None:
    """Measured figures are keyed by `Selector`, so that mypy refuses one that is not listed; from a
    file it is shown under its plain name."""
    assert (
        set(_at_scale(FOUR, 4, 3))
        == set(Selector)
        == set(WORDS)
        == {*(*RULES, Selector.AGREEMENT_BON, Selector.ORACLE)}
    )
    measured = measure([FOUR], [(4, 3)], [1]).estimates
    at_scale = [name for name in measured if re.fullmatch(r"[a-z0-9_]+_\d+x\d+", name)]
    assert at_scale
    assert all(AT_SCALE.fullmatch(name) for name in at_scale)
    known = {"mean": 0.5, "low": 0.4, "high": 0.6, "n_tasks": 2}
    [rows] = figure_rows({"figures": {"newest_4x3": known}}).values()
    assert rows[0][0] == "newest 4x3"


def test_a_scale_of_one_program_is_no_choice() -> None:
    names = ["pass@1", "bon_1x1", "oracle_1x1", "bon_2x4", "b4_2x4", "bon_10x4"]
    assert [(b.n, list(b.labels)) for b in choice_blocks(names)] == [
        (2, ["pass@1", "bon_2x4", "b4_2x4"]),
        (10, ["pass@1", "bon_10x4"]),
    ]


@pytest.mark.parametrize("selector", Selector)
def test_the_page_explains_the_selector_and_no_other_in_its_place(selector: Selector) -> None:
    """The page takes the first entry that the figure's name begins with."""
    words = Path(sparring.view.html.__file__).parent / "assets" / "words.js"
    metrics = words.read_text(encoding="utf-8").split("const METRICS = [")[1]
    entries = re.findall(r'^  \["([^"]+)", ', metrics, re.MULTILINE)
    name = f"{selector}_4x4"
    assert next(e for e in entries if name == e or name.startswith(e + "_")) == selector
