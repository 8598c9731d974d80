"""Rows of HumanEval's and MBPP's shapes: nothing of a suite is lost, every fault has its field."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.errors import DataError
from sparring.schema import Task, Test, TestKind
from sparring.tasks.load import dump_tasks, read_task_files
from tests.shared import shared

HUMANEVAL: dict[str, Any] = {
    "task_id": "H/1",
    "prompt": 'def mean(xs, start=0):\n    """ The mean of xs, from start on. """\n',
    "entry_point": "mean",
    "canonical_solution": "    return sum(xs[start:]) / len(xs[start:])\n",
    "test": (
        "METADATA = {'author': 'x'}\n\n"
        "def check(candidate):\n"
        "    assert True, 'easy ones for a start'\n"
        "    assert candidate([1, 2]) == 1.5, 'two'\n"
        "    assert abs(candidate([0, 1], start=1) - 1) < 0.5\n"
        "    assert candidate([3])\n"
    ),
}
MBPP: dict[str, Any] = {
    "task_id": 7,
    "text": "Write a function to find the members of both tuples.",
    "code": "import math\ndef both(a, b=()):\r\n  return tuple(set(a) & set(b))",
    "test_list": ["assert set(both((1, 2), (2, 3))) == set((2,))", "assert both((1,), ()) == ()"],
    "challenge_test_list": ["assert both((1,)) == ()"],
    "test_setup_code": "",
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(r) for r in rows))
    return path


def one(tmp_path: Path, row: Any) -> Task:
    [task] = read_task_files([write(tmp_path / "a.jsonl", row)])
    return task


def call(value: object, *arguments: object, rule: str = "value", **named: object) -> Test:
    return Test(values.encode((list(arguments), named)), values.encode(value), TestKind.CALL, rule)


def test_a_suite_of_assertions_is_calls_each_with_its_own_rule(tmp_path: Path) -> None:
    task = one(tmp_path, HUMANEVAL)
    below = 0.49999999999999994  # the largest number below the tolerance, which is a strict one
    assert task.tests == (
        call(1.5, [1, 2]),
        call(1.0, [0, 1], start=1, rule=f"value(abs={below}, rel=0.0)"),
        call(True, [3], rule="truth"),
    )
    assert (task.id, task.entry_point, task.checker) == ("H/1", "mean", "value")
    assert task.statement == HUMANEVAL["prompt"]
    assert task.solutions == (HUMANEVAL["prompt"] + HUMANEVAL["canonical_solution"],)
    assert len(read_task_files([tmp_path / "a.jsonl"], max_tests=2)[0].tests) == 2


SCRIPTS = {
    "a loop": "    for i in range(3):\n        assert candidate([i]) == i\n",
    "a variable": "    xs = [1]\n    assert candidate(xs) == 1\n",
    "a round trip": "    assert candidate([candidate([1])]) == 1\n",
    "several in one": "    assert 0 < candidate([1]) < 2\n",
    "an exception": (
        "    try:\n        candidate([])\n    except ZeroDivisionError:\n        return\n"
        "    assert False\n"
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_suite_that_is_not_all_calls_stays_whole(name: str, tmp_path: Path) -> None:
    suite = f"def check(candidate):\n    assert candidate([4]) == 4\n{SCRIPTS[name]}"
    [test] = one(tmp_path, {**HUMANEVAL, "test": suite}).tests
    assert (test.kind, test.input.strip(), test.output) == (TestKind.SCRIPT, suite.strip(), "")


def test_a_script_gets_the_imports_that_it_needs_and_no_others(tmp_path: Path) -> None:
    suite = (
        "def check(candidate):\n"
        "    for x in (1, 2):\n"
        "        assert math.isclose(candidate([x]), x) and Any and mean\n"
    )
    prompt = "import re\nfrom typing import Any, List\n" + HUMANEVAL["prompt"]
    [test] = one(tmp_path, {**HUMANEVAL, "prompt": prompt, "test": suite}).tests
    assert test.input.splitlines()[:2] == ["from typing import Any, List", "import math"]
    assert test.input.endswith(suite) or test.input.endswith(suite + "\n")
    [test] = one(tmp_path, {**HUMANEVAL, "test": "import math\n" + suite}).tests
    assert test.input.count("import math") == 1
    own = "class math:\n    pass\n" + HUMANEVAL["prompt"]  # the program's, not the library's
    [test] = one(tmp_path, {**HUMANEVAL, "prompt": own, "test": suite}).tests
    assert "import" not in test.input


def test_a_row_of_mbpp(tmp_path: Path) -> None:
    task = one(tmp_path, MBPP)
    assert task.statement.endswith("both tuples.\n\nThe function: `both(a, b=())`")
    assert (task.id, task.entry_point) == ("7", "both")  # and not `set`, which is called first
    [test] = task.tests
    assert test.kind is TestKind.SCRIPT
    assert test.input.split("\n")[:3] == [*MBPP["test_list"], *MBPP["challenge_test_list"]]
    simple = {**MBPP, "test_list": ["assert both((1, 1)) == ()"], "prompt": MBPP["text"]}
    del simple["text"]
    assert one(tmp_path, simple).tests == (call((), (1, 1)), call((), (1,)))
    assert one(tmp_path, simple).solutions == (MBPP["code"],)
    setup = {**simple, "test_setup_code": "many = both([1])", "test_imports": ["import math"]}
    [test] = one(tmp_path, setup).tests
    assert test.input.startswith("import math\nmany = both([1])\nassert both(")


def test_a_body_that_is_indented_otherwise_takes_the_docstrings_place(tmp_path: Path) -> None:
    row = {**HUMANEVAL, "canonical_solution": "  return 1\n"}
    assert one(tmp_path, row).solutions == ("def mean(xs, start=0):\n  return 1\n",)
    assert one(tmp_path, {**HUMANEVAL, "canonical_solution": ""}).solutions == ()


MISSPELT = {k + "s" * (k == "canonical_solution"): v for k, v in HUMANEVAL.items()}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no prompt": ({**HUMANEVAL, "prompt": None}, "prompt: is missing"),
    "blank test": ({**HUMANEVAL, "test": " "}, "test: is blank"),
    "vacuous": ({**HUMANEVAL, "test": "def check(f): pass"}, "test: asserts nothing"),
    "torn": ({**HUMANEVAL, "test": "def check(f):"}, "test: is not Python"),
    "deep": ({**HUMANEVAL, "test": "(" * 500}, "test: is not Python"),
    "entry": (
        {**HUMANEVAL, "entry_point": "a.b.c"},
        "entry_point: 'a.b.c' is neither a function's name nor Class.method",
    ),
    "keyword": (
        {**HUMANEVAL, "entry_point": "class"},
        "entry_point: 'class' is neither a function's name nor Class.method",
    ),
    "slip": (MISSPELT, "canonical_solutions: is not a known field; did you mean canonical_so"),
    "checker": ({**HUMANEVAL, "checker": "tokens"}, "checker: is not for rows"),
    "method": ({**HUMANEVAL, "exe_method": "stdin"}, "exe_method: is not for rows"),
    "validator": ({**HUMANEVAL, "validator": "print()"}, "validator: is not for rows"),
    "number": ({**HUMANEVAL, "test": 1}, "test: must be a string, not a number"),
    "limit": ({**HUMANEVAL, "test_time_limit": -1}, "test_time_limit: must be above 0"),
    "no tests": ({**MBPP, "test_list": [], "challenge_test_list": []}, "test_list: has no test"),
    "text": ({**MBPP, "test_list": "assert"}, "test_list: must be a list of strings"),
    "code": ({**MBPP, "code": "def"}, "code: is not Python"),
    "another": ({**MBPP, "code": "x = 1"}, "no assertion calls a function that code defines"),
    "both": (
        {**MBPP, "question": "?"},
        "did you mean test_list? `sparring tasks load FILE --map tests=test_list --out TASKS`",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_with_its_number_and_field(name: str, tmp_path: Path) -> None:
    row, expected = BAD[name]
    path = write(tmp_path / "a.jsonl", HUMANEVAL, row)
    with pytest.raises(DataError) as caught:
        read_task_files([path])
    assert f"{path}, row 2, " in str(caught.value)
    assert expected in str(caught.value)


def test_a_file_may_hold_all_shapes_and_be_gzipped(tmp_path: Path) -> None:
    cure = {"question": "Double.", "test_input": ["1"], "test_output": ["2"]}
    rows = "".join(json.dumps(r) + "\r\n" for r in (HUMANEVAL, cure, {**MBPP, "more": "columns"}))
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    assert [(t.id, t.entry_point) for t in read_task_files([path])] == [
        ("H/1", "mean"), ("a-2", None), ("7", "both"),
    ]  # fmt: skip
    path.write_bytes(gzip.compress(rows.encode())[:-20])
    with pytest.raises(DataError, match="a gzip file that is cut off or damaged"):
        read_task_files([path])


TABLE: dict[str, Any] = {
    "question": "Add.",
    "entry_point": "add",
    "test_input": [values.encode(([1, 2], {}))],
    "test_output": ["3"],
}
BAD_CALLS: dict[str, tuple[dict[str, Any], str]] = {
    "stdin": ({"test_input": ["1 2\n"]}, "test_input: item 0 is not an encoded call"),
    "no pair": ({"test_input": ["[1, 2]"]}, "test_input: item 0 is not an encoded call"),
    "a name": (
        {"test_input": ['[[1], {"dict": [[1, 2]]}]']},
        "the name of a named argument must be a string",
    ),
    "value": ({"test_output": ["{}"]}, "test_output: item 0 is not an encoded value"),
    "printed": ({"checker": "lines"}, "checker: 'lines' compares printed text"),
    "method": ({"exe_method": "stdin"}, "exe_method: 'stdin' contradicts entry_point"),
    "validator": ({"validator": "x"}, "validator: reads standard input"),
    "kind": (
        {"test_kind": ["stdin"]},
        "'stdin' is not a kind; the kinds are call, script",
    ),
    "kinds": ({"test_kind": ["call", "call"]}, "test_kind: has 2 entries for 1 tests"),
    "rule": ({"test_checker": ["tokens"]}, "test_checker: item 0: 'tokens' is not a rule"),
    "no rule": ({"test_checker": ["vlue"]}, "test_checker: item 0: unknown checker"),
    "rules": ({"test_checker": "value"}, "test_checker: must be a list of 1 rules"),
    "script": ({"test_kind": ["script"]}, "item 0 is a script, which needs a source"),
    "no entry": (
        {"entry_point": None, "test_kind": ["call"]},
        "test_kind: 'call' is not a kind",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_table_of_calls_is_checked_when_it_is_read(name: str, tmp_path: Path) -> None:
    changes, expected = BAD_CALLS[name]
    assert one(tmp_path, {**TABLE, "exe_method": "function"}).tests[0].kind is TestKind.CALL
    with pytest.raises(DataError) as caught:
        one(tmp_path, {**TABLE, **changes})
    assert expected in str(caught.value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda x: (
        st.lists(x, max_size=3)
        | st.tuples(x)
        | st.sets(st.integers(), max_size=3)
        | st.dictionaries(st.text(max_size=3), x, max_size=2)
    ),
    max_leaves=5,
)
calls = st.builds(
    lambda a, n, v, rule: Test(values.encode((a, n)), values.encode(v), TestKind.CALL, rule),
    st.lists(plain, max_size=3),
    st.dictionaries(st.text(min_size=1, max_size=3), plain, max_size=2),
    plain,
    st.sampled_from([None, "value", "truth", "typed", "value(abs=1e-06, rel=0.0)"]),
)
scripts = st.text(min_size=1).filter(str.strip).map(lambda text: Test(text, "", TestKind.SCRIPT))
programs = st.text(max_size=20)
function_tasks = st.builds(
    Task,
    id=st.just("t"),
    statement=st.just("Do it."),
    tests=st.lists(calls | scripts, min_size=1, max_size=4).map(tuple),
    examples=st.lists(calls, max_size=2).map(tuple),
    checker=st.sampled_from(["value", "typed"]),
    entry_point=st.sampled_from(["f", "Solution.f"]),
    solutions=st.lists(programs, max_size=2).map(tuple),
)
printing_tasks = st.builds(
    Task,
    id=st.just("t"),
    statement=st.just("Do it."),
    tests=st.lists(
        st.builds(
            Test, programs, programs, checker=st.sampled_from([None, "lines", "float(abs=0.1)"])
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    checker=st.just("program"),
    checker_program=programs,
)


@given(function_tasks | printing_tasks)
def test_written_tasks_of_every_kind_read_back_the_same(task: Task) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        dump_tasks([task], path)
        [read] = read_task_files([path])
    assert dataclasses.replace(read, source=None) == task


FIELDS = [*HUMANEVAL, *MBPP, *TABLE, "test_kind", "test_checker", "test_imports"]


@given(
    st.sampled_from([HUMANEVAL, MBPP, TABLE]),
    st.dictionaries(
        st.sampled_from(FIELDS),
        plain | st.sampled_from(["def f(", "assert f(1) == 2", "x\0y", "lambda: f", "\\"]),
        max_size=3,
    ),
)
def test_no_spoilt_row_crashes_the_loader(row: dict[str, Any], changes: dict[str, Any]) -> None:
    text = json.dumps({**row, **changes}, default=list)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.jsonl"
        path.write_text(text)
        with contextlib.suppress(DataError):
            assert read_task_files([path])


def test_the_published_files_are_read_whole() -> None:
    for name, count, made in (
        ("humaneval_codegen16b_first82", 82, 7),
        ("mbpp_sanitized_first213", 213, 23),
    ):
        tasks = read_task_files([shared(f"data/{name}.jsonl.gz")])
        kinds = [{t.kind for t in task.tests} for task in tasks]
        assert (len(tasks), kinds.count({TestKind.SCRIPT})) == (count, made)
        assert all(len(k) == 1 for k in kinds)
