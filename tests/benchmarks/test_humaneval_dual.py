"""CodeT's protocol on a task made up for it: what is read, what is run, how it is ranked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import humaneval_dual as dual

ROW: dict[str, Any] = {
    "task_id": "made/up",
    "prompt": "def plus(a, b):\n",
    "entry_point": "plus",
    "test": "def check(candidate):\n"
    "    assert candidate(1, 2) == 3\n    assert candidate(0, 0) == 0\n",
    "code_samples": [
        "    return a + b\n",
        "    return a + b\n\nprint(plus(1, 1))\n",  # the same program, cut at the margin
        "    return a * b\n",
        "    return a * b\n",
        "    return None\n",
        "    while True: pass\n",
    ],
    "test_samples": [
        "plus(1, 2) == 3\nassert plus(2, 2) == 4\nassert plus(2, 2) == 4",
        " plus(3, 4) == 7\n# and so on\nassert plus(0, 1) == 0\nassert plus(",
        "\n  plus(9, 9) == 18\n",
        "plus(1, 3) in (4, 5)\nassert ____ == plus(1, 3)\nassert minus(1, 1) == 0\n",
        "plus(1, 2) == 2\nassert plus(0, 1) == 0 or plus == 0",
    ],
}


def test_assertions_are_texts_that_name_the_function_and_compile() -> None:
    read = dual.assertions(ROW["test_samples"][1], "plus")
    assert read == ["assert  plus(3, 4) == 7", "assert plus(0, 1) == 0"]
    assert dual.assertions(ROW["test_samples"][2], "plus") == []
    work = dual.work(ROW, None)
    assert work.tests["assert plus(2, 2) == 4"] == 2
    assert work.programs.total() == 6
    assert len(work.programs) == 4
    # one has a name that no program has, and is not run
    assert sorted(work.others) == [
        "assert plus(0, 1) == 0 or plus == 0",
        "assert plus(1, 3) in (4, 5)",
    ]
    assert dual.work(ROW, 1).tests.total() == 4


def test_a_task_that_codets_code_spoils_has_no_ranking_there() -> None:
    """An import of everything is valid at the margin and not in a function."""
    row = ROW | {"test_samples": ["plus(1, 2) == 3\nfrom os import *"]}
    work = dual.work(row, None)
    assert work.spoiled
    assert not work.tests
    assert not dual.work(ROW, None).spoiled
    m = dual.Matrix(
        np.array([[True], [True], [False]]), np.ones(1), np.array([True, False, False]), np.ones(3)
    )
    whole, spoiled = dual.figures(m, spoiled=False), dual.figures(m, spoiled=True)
    assert whole["dual agreement pass@1"] == pytest.approx(1 / 2)
    assert spoiled["dual agreement pass@1"] == pytest.approx(1 / 3)
    assert spoiled["dual agreement (nothing spoiled) pass@1"] == pytest.approx(1 / 2)


def test_a_requirement_is_reported_only_where_it_is_known() -> None:
    assert dual.needs("assert ____ == f(1)") == {"____", "f"}
    assert dual.needs("assert f(1) == 2, ____") == {"f"}
    for lazy in ("assert f(1) or ____", "assert 1 < f(1) < ____", "assert [____ for x in f(1)]"):
        assert dual.needs(lazy) == set(), lazy


def test_figures_of_a_task_by_hand() -> None:
    found = dual.report([ROW], None, 0.1)
    each = found["by task"]["made/up"]
    # a + b passes (1,2)==3, (2,2)==4 twice, (3,4)==7, the one with `in`: 5 texts, 2 programs.
    # a * b passes (2,2)==4 twice, (0,1)==0, (1,2)==2, the one with `or`: 5 texts, 2 programs.
    assert each["pass@1"] == pytest.approx(2 / 6)
    assert each["dual agreement pass@1"] == pytest.approx(1 / 2)
    assert each["dual agreement (product) pass@1"] == pytest.approx(1 / 2)
    assert each["best of 6 by passed tests"] == pytest.approx(1 / 2)
    assert found["distinct programs"] == 4
    first = dual.report([ROW], 1, 0.1)["by task"]["made/up"]
    # 3, 7 and `in` against 2: a + b leads
    assert first["dual agreement pass@1"] == 1.0
    # the second level is a * b, and then a + b again
    assert first["dual agreement pass@2"] == 1.0
