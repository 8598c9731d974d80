"""Rows of EvalPlus's files and of its sets on the hub: raw inputs, tolerances, special tasks."""

# ruff: noqa: E501 - rows as their data sets have them
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sparring import values
from sparring.cli.main import app
from sparring.errors import DataError
from sparring.sandbox import Sandbox
from sparring.schema import TestKind
from sparring.tasks.load import read_task_files
from sparring.tasks.rows.files import RawRow, file_rows
from sparring.tasks.suites.without_numpy import without_numpy
from tests.shared import shared
from tests.tasks.formats.running import fault, loaded, one, passes

HALVES: dict[str, Any] = {
    "task_id": "HumanEval/900",
    "prompt": "from typing import List\n\nTWO = 2\n\n\ndef halves(xs: List[float]) -> List[float]:\n"
    '    """ Half of each number.\n    """\n',
    "entry_point": "halves",
    "canonical_solution": "    return [x / TWO for x in xs]\n",
    "contract": "\n    assert isinstance(xs, list) # $_CONTRACT_$\n",
    "base_input": [[[1.0, 3.0]]],
    "plus_input": [[[]], [[2, 5]], [[1e300, -0.5]]],
    "atol": 0,
}


def mbpp(number: int, name: str, source: str, inputs: list[Any], **more: Any) -> dict[str, Any]:
    """A row of MBPP+'s shape."""
    return {
        "task_id": f"Mbpp/{number}",
        "prompt": f'"""\nWrite a function.\nassert {name}(1) == 1\n"""\n',
        "entry_point": name,
        "canonical_solution": source,
        "base_input": inputs,
        "plus_input": [],
        "contract": "",
        "assertion": "assert True",
        "atol": 0,
    } | more


def test_expected_values_are_the_canonical_solutions(sandbox: Sandbox) -> None:
    task = one(HALVES)
    assert task.id == "HumanEval/900"
    assert task.head.split() == ["from", "typing", "import", "List", "TWO", "=", "2"]
    assert [values.decode(t.output) for t in task.tests] == [
        [0.5, 1.5],
        [],
        [1.0, 2.5],
        [5e299, -0.25],
    ]
    # An expected list of floats brings a tolerance, which stays; an empty list brings none.
    assert [t.checker for t in task.tests] == [
        "evalplus(abs=1e-06)",
        None,
        *2 * ["evalplus(abs=1e-06)"],
    ]
    assert task.time_limit == 1.0
    assert passes(sandbox, task, task.solutions[0]) == [True] * 4
    near = "def halves(xs):\n    return [x / 2 + 1e-7 for x in xs]\n"
    assert passes(sandbox, task, near) == [True] * 4
    tuples = "def halves(xs):\n    return tuple(x / 2 + 1e-7 for x in xs)\n"
    assert passes(sandbox, task, tuples) == [False] * 4
    bare = (
        "def halves(xs: List[float]):\n    return [x / TWO for x in xs]\n"  # its head stands before
    )
    assert passes(sandbox, task, bare) == [True] * 4


SPECIAL: list[tuple[dict[str, Any], str, list[bool]]] = [
    # (row, program, verdicts)
    (
        mbpp(2, "similar_elements", "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
             [[[1, 2, 3], [3, 2]]]),
        "def similar_elements(a, b):\n    assert type(a) is tuple\n    return [3, 2, 3]\n",
        [True],
    ),
    (
        mbpp(295, "sum_div", "def sum_div(n):\n    return sum(d for d in range(1, n) if n % d == 0)\n",
             [[8], [12]]),
        "def sum_div(n):\n    return 0 if n == 8 else 1\n",
        [True, False],
    ),
    (
        mbpp(581, "surface_Area", "def surface_Area(b, s):\n    return 2 * b * s + b * b\n", [[3, 4], [4, 5]]),
        # Of a pyramid of height 4 on 3: 9 + 6 * sqrt(18.25) = 34.63; on 4 and 5: 16 + 8 * sqrt(29).
        "def surface_Area(b, h):\n    return 35 if b == 3 else 60\n",
        [True, False],
    ),
    (
        mbpp(558, "digit_distance_nums",
             "def digit_distance_nums(a, b):\n    return sum(map(int, str(abs(a - b))))\n", [[1, 2], [9, 10]]),
        "def digit_distance_nums(a, b):\n    return 1 if a == 1 else 10\n",  # 09 and 10: 1 + 9
        [True, True],
    ),
    (
        mbpp(164, "are_equivalent", "def are_equivalent(a, b):\n    return a == b\n", [[1, 2], [3, 3]]),
        "def are_equivalent(a, b):\n    return 1 / (a - b)\n",  # whatever it is, but it must be
        [True, False],
    ),
    (
        mbpp(285, "text_match_three",
             "import re\ndef text_match_three(s):\n    return re.search('ab{3}', s)\n", [["abbb"], ["x"]]),
        "def text_match_three(s):\n    return 'found' if 'abbb' in s else None\n",
        [True, True],
    ),
    (
        mbpp(115, "empty_dit", "def empty_dit(xs):\n    return not any(xs)\n", [[[[], []]], [[[1]]]]),
        "def empty_dit(xs):\n    return all(x == {} for x in xs)\n",  # JSON's [] stands for {}
        [True, True],
    ),
    (
        mbpp(252, "convert", "import cmath\ndef convert(z):\n    return cmath.polar(z)\n", [["1j"], ["4+7j"]]),
        "def convert(z):\n    return (abs(z), __import__('cmath').phase(z) + 1e-7)\n",
        [True, True],
    ),
    (
        mbpp(580, "extract_even", "def extract_even(t):\n    return t\n", [[[4, [6, [2]]]]]),
        "def extract_even(t):\n    return (4, (6, (2,)))\n",
        [True],
    ),
    (  # another data set's function of a special name is nothing special
        mbpp(1, "sum_div", "def sum_div(n):\n    return n\n", [[5]]) | {"task_id": "Mine/1"},
        "def sum_div(n):\n    return 0\n",
        [False],
    ),
    (
        {"task_id": "HumanEval/32", "prompt": "import math\n\n\ndef find_zero(xs: list):\n    pass\n",
         "entry_point": "find_zero",
         "canonical_solution": "\n\ndef find_zero(xs):\n    return -xs[0] / xs[1] if len(xs) == 2 else 1.0\n",
         "base_input": [[[1, 2]]], "plus_input": [[[-6, 11, -6, 1]]], "atol": 0.0001},
        "def find_zero(xs):\n    return -0.50001 if len(xs) == 2 else 3.0\n",  # another root
        [True, True],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "program", "wanted"), SPECIAL, ids=[row["task_id"] for row, _, _ in SPECIAL]
)
def test_special_tasks_are_graded_as_its_harness_grades_them(
    sandbox: Sandbox, row: dict[str, Any], program: str, wanted: list[bool]
) -> None:
    task = one(row)
    assert passes(sandbox, task, task.solutions[0]) == [True] * len(wanted)
    assert passes(sandbox, task, program) == wanted


def test_a_tolerance_of_the_row_is_in_force_from_the_first_input(sandbox: Sandbox) -> None:
    row = mbpp(
        900, "f", "def f(x):\n    return [x, 'a'] if x == 0 else [x / 3]\n", [[0], [1]], atol=0.01
    )
    task = one(row)
    assert passes(sandbox, task, "def f(x):\n    return [x, 'a'] if x == 0 else [0.34]\n") == [
        True,
        True,
    ]


def test_what_gives_no_value_is_left_out_and_counted() -> None:
    row = mbpp(901, "f", "def f(x):\n    return {0: 1, 1: float('nan'), 2: map(abs, []), 3: object()}[x]\n",
               [[0], [1], [2], [3], [4]])  # fmt: skip
    found = loaded(row)
    assert [t.input for t in found.tasks[0].tests] == [values.encode(([0], {}))]
    assert sum(found.left_tests.values()) == 4
    every = fault(mbpp(902, "f", "def f(x):\n    raise KeyError(x)\n", [[0]]))
    assert "canonical_solution: gives no value on any input" in every
    assert "KeyError" in every


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"canonical_solution": None},
            "canonical_solution: is missing; the row has atol, base_input",
        ),
        ({"entry_point": "no name"}, "entry_point: 'no name' is neither a function's name"),
        ({"base_input": [1]}, "base_input: must be a list of lists of arguments"),
        ({"base_input": [], "plus_input": None}, "base_input: has no test"),
        ({"atol": "x"}, "atol: must be a number that is at least 0"),
        ({"canonical_solution": "  return"}, "canonical_solution: is not Python after prompt"),
        (
            {"task_id": "Mbpp/75", "base_input": [[1, 2]]},
            "holds arguments that Mbpp/75 cannot take",
        ),
    ],
)
def test_bad_rows_are_one_line(change: dict[str, Any], message: str) -> None:
    assert message in fault(HALVES | change)


def test_files_of_its_shape_are_loaded_by_the_command_alone(tmp_path: Path) -> None:
    file, out = tmp_path / "HumanEvalPlus.jsonl", tmp_path / "out.jsonl"
    file.write_text(json.dumps(HALVES) + "\n")
    with pytest.raises(DataError, match="row of EvalPlus; convert it with `sparring tasks load`"):
        read_task_files([file])
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["tasks", "load", str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    [task] = read_task_files([out])
    assert len(task.tests) == 4
    assert "column left out: contract" in done.stderr


# The sets on the hub: suites that import numpy, and MBPP's with both kinds of tests.

IS_FLOATS = """import numpy as np

def is_floats(x) -> bool:
    if isinstance(x, float):
        return True
    if isinstance(x, (list, tuple)):
        return all(isinstance(i, float) for i in x)
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 or x.dtype == np.float32
    return False

"""
SUITES = {
    "asserted": IS_FLOATS
    + "def same(out, exp, tol):\n    if tol == 0 and is_floats(exp):\n        tol = 1e-6\n"
    "    if out != exp and tol != 0:\n        assert np.allclose(out, exp, rtol=1e-07, atol=tol)\n"
    "    else:\n        assert out == exp\n\n",
    "testing": IS_FLOATS
    + "def same(out, exp, tol):\n    if tol == 0 and is_floats(exp):\n        tol = 1e-6\n"
    "    if out != exp and tol != 0:\n        np.testing.assert_allclose(out, exp, atol=tol)\n"
    "    else:\n        assert out == exp\n\n",
    "names": "from numpy import allclose as near, inf\n\ndef same(out, exp, tol):\n"
    "    assert near(out, exp, atol=1e-6) and tol < inf\n\n",
    "inside": "def same(out, exp, tol):\n    import math\n    import numpy\n"
    "    assert math.isfinite(tol)\n    assert numpy.isclose(out[0], exp[0], atol=1e-6)\n\n",
}  # fmt: skip
CHECK = (
    "def check(candidate):\n    inputs = [[[1.0, 2.0]]]\n    results = [[0.5, 1.0]]\n"
    "    for i, (inp, exp) in enumerate(zip(inputs, results)):\n"
    "        same(candidate(*inp), exp, 0)\n"
)


@pytest.mark.parametrize("name", SUITES)
def test_suites_that_import_numpy_only_to_compare_run_without_it(
    sandbox: Sandbox, name: str
) -> None:
    row = {k: HALVES[k] for k in ("task_id", "prompt", "entry_point", "canonical_solution")}
    task = one(row | {"test": SUITES[name] + CHECK})
    assert [t.kind for t in task.tests] == [TestKind.SCRIPT]
    assert passes(sandbox, task, task.solutions[0]) == [True]
    assert passes(sandbox, task, "def halves(xs):\n    return [x / 2 + 1e-8 for x in xs]\n") == [
        True
    ]
    assert passes(sandbox, task, "def halves(xs):\n    return [x / 2 + 1e-4 for x in xs]\n") == [
        False
    ]
    assert passes(sandbox, task, "def halves(xs):\n    return ['a', 'b']\n") == [False]


LARGEST: dict[str, Any] = {
    "task_id": 2,
    "code": "def top(xs):\n    return max(xs)\n",
    "prompt": "Write a function to find the largest of a list of numbers.",
    "source_file": "x.ipynb",
    "test_imports": [],
    "test_list": ["assert top([1, 2]) == 2", "assert top([5]) == 5"],
}
LOOP = "inputs=[[[1,2]],[[-5,-7]],[[3,2,1]]]\nresults=[2,-5,3]\n"
STRONGER = {
    "loop": f"import numpy as np\n{LOOP}for i,e in zip(inputs,results):\n    assert np.allclose(top(*i), e)\n",
    "harness": SUITES["asserted"]
    + LOOP
    + "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    same(top(*inp), exp, 0)\n",
    "plain": "def test_top():\n    assert top([-5, -7]) == -5\n    assert top([1, 2]) == 2\n\ntest_top()\n",
    "calls": "assert top([-5, -7]) == -5\nassert top([1, 2]) == 2\n",
}


@pytest.mark.parametrize("name", STRONGER)
def test_the_stronger_test_of_mbpp_plus_decides(sandbox: Sandbox, name: str) -> None:
    task = one(LARGEST | {"test": STRONGER[name]})
    assert all(passes(sandbox, task, "def top(xs):\n    return max(xs)\n"))
    # Right about test_list alone.
    assert not all(passes(sandbox, task, "def top(xs):\n    return max([0, *xs])\n"))


def test_without_a_stronger_test_its_list_decides(sandbox: Sandbox) -> None:
    for nothing in ({}, {"test": None}, {"test": " \n"}):
        task = one(LARGEST | nothing)
        assert passes(sandbox, task, "def top(xs):\n    return max([0, *xs])\n") == [True, True]
    assert "test: is not Python" in fault(LARGEST | {"test": "def ("})


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (
            "mbppplus",
            "def top(xs):\n    return max(xs)\n",
            "def top(xs):\n    return max([0, *xs])\n",
        ),
        (
            "heplus",
            "def halves(xs):\n    return [x / 2 for x in xs]\n",
            "def halves(xs):\n    return xs\n",
        ),
    ],
)
def test_the_cases_of_the_collection(sandbox: Sandbox, name: str, right: str, wrong: str) -> None:
    [raw] = file_rows(shared(f"cases/12-mbpp-plus-loses-its-tests/{name}.jsonl"))
    assert isinstance(raw, RawRow)
    task = one(raw.row)
    assert all(passes(sandbox, task, right))
    assert not all(passes(sandbox, task, wrong))


def test_a_suite_that_needs_more_of_numpy_is_named(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    suite = "import numpy as np\n" + LOOP
    suite += "for i, e in zip(inputs, results):\n    assert np.array(top(*i)).sum() == e\n"
    assert without_numpy(suite) == suite
    file = tmp_path / "mbppplus.jsonl"
    file.write_text(json.dumps(LARGEST | {"test": suite}) + "\n")
    done = CliRunner().invoke(app, ["tasks", "load", str(file), "--out", str(tmp_path / "o.jsonl")])
    assert done.exit_code == 0
    assert "needs numpy: the suite of 1 task (such as 2)" in done.stderr


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.random.seed(0)\nassert f(1) == 1\n",
        "import numpy.linalg\nassert f(1) == 1\n",
        "from numpy import *\nassert f(1) == 1\n",
        "import numpy as np\ng = np\nassert f(1) == 1\n",
        "import numpy.testing as t\nt.assert_allclose(f(1), 1)\n",
        "assert f(1) == 1\n",
        "def (numpy",
    ],
)
def test_what_the_stand_in_has_not_is_left_as_it_is(source: str) -> None:
    assert without_numpy(source) == source
