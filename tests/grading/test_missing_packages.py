"""Failures for want of a package are counted by name; what tasks import is said when they load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import RunError
from sparring.evaluation.compare import _check_execution
from sparring.grading.missing_packages import missing_package_lines, missing_packages
from sparring.sandbox import Job, Sandbox, TestKind
from sparring.sandbox.details import needed
from sparring.schema import Outcome, Task, Test, Verdict
from sparring.tasks.cleaning.imports import needs_lines, needs_of


def test_a_run_says_what_it_needs_and_how_to_give_it() -> None:
    programs = ["import nosuchlib.part", "from nosuchlib import x", "def f(): import nosuchlib"]
    with Sandbox(1) as sandbox:
        jobs = [Job(p, ("",)) for p in programs[:2]]
        jobs += [
            Job(programs[2], ("f()",), kind=TestKind.SCRIPT, entry_point="f"),
            Job("def f(): pass", ("import nosuchlib\nf()",), kind=TestKind.SCRIPT, entry_point="f"),
            Job("print(1)", ("",), preamble="import nosuchlib"),
        ]
        details = [outcome.detail for [outcome] in sandbox.run(jobs)]
    assert [needed(d) for d in details] == ["nosuchlib"] * 5, details
    assert all("add --packages nosuchlib)" in d for d in details)


def test_other_errors_need_nothing() -> None:
    programs = ["import os.nothing", "raise ModuleNotFoundError('numpy')", "1 / 0",
                "raise ModuleNotFoundError('x', name='a b)')"]  # fmt: skip
    with Sandbox(1) as sandbox:
        outcomes = [o for [o] in sandbox.run([Job(p, ("",)) for p in programs])]
    assert [needed(o.detail) for o in outcomes] == [None] * 4


def test_programs_and_tasks_are_counted_by_package() -> None:
    def lacking(name: str) -> Outcome:
        detail = f"ModuleNotFoundError: (needs {name}, which the sandbox lacks: add --packages "
        return Outcome(Verdict.RUNTIME_ERROR, detail=f"{detail}{name})")

    good = Outcome(Verdict.ACCEPTED)
    numpy, scipy = lacking("numpy"), lacking("scipy")
    tasks = [[[numpy, numpy], [good, numpy], [good, good]], [[scipy, numpy]], [[good, good]]]
    found = {name: w.record() for name, w in missing_packages(tasks).items()}
    assert found == {"numpy": {"programs": 3, "tasks": 2}, "scipy": {"programs": 1, "tasks": 1}}
    assert missing_package_lines(found)[0] == (
        "needs numpy: 3 programs of 2 tasks failed for want of it; --packages numpy gives it to "
        "the sandbox"
    )


def test_what_tasks_import() -> None:
    script = Test("import numpy as np\nassert f(1) == np.int64(1)", "", TestKind.SCRIPT)
    tasks = [
        Task("a", "q", (script,), solutions=("import os, numpy.linalg",), entry_point="f"),
        Task("b", "q", (script,), entry_point="f", head="from scipy import stats\n"),
        Task("c", "q", (), solutions=("try:\n    import numba\nexcept ImportError: pass",)),
    ]
    needs = needs_of(tasks)
    assert needs == {
        "numpy": {"the suite": ["a", "b"], "solutions": ["a"]},
        "scipy": {"the statement's head": ["b"]},
    }
    assert needs_of(tasks, ("numpy", "scipy")) == {}
    assert needs_lines(needs)[0] == (
        "needs numpy: the suite of 2 tasks (such as a), solutions of 1 task (such as a); "
        "--packages numpy gives it to the sandbox"
    )


@pytest.mark.parametrize(
    ("script", "needs"),
    [
        ("from solution import f\nassert f(1) == 1", []),
        ("import my_code as m\nassert m.f(1) == 1", []),
        ("from pkg.mod import *\nassert f(1) == 1", []),
        ("import pytest\nfrom solution import f\n"
         "def test_a():\n    with pytest.raises(ValueError):\n        f('a')", []),
        ("from solution import f\nimport numpy as np\nassert f(np.pi) == 1", ["numpy"]),
    ],
)  # fmt: skip
def test_what_the_sandbox_gives_to_a_suite_is_no_package(script: str, needs: list[str]) -> None:
    suite = Test(script, "", TestKind.SCRIPT)
    assert list(needs_of([Task("a", "q", (suite,), entry_point="f")])) == needs
    program = Task("a", "q", (suite,), solutions=("from solution import f",), entry_point="f")
    assert list(needs_of([program])) == sorted([*needs, "solution"])


def test_a_suite_that_needs_numpy_says_so_when_it_is_loaded(tmp_path: Path) -> None:
    row = {
        "task_id": "HumanEval/0", "prompt": "def f(x):\n    '''Same.'''\n", "entry_point": "f",
        "canonical_solution": "    return x\n",
        "test": "import numpy as np\ndef check(candidate):\n    for x in (1, 2):\n"
        "        assert np.array(candidate(x)) == x\n",
    }  # fmt: skip
    path = tmp_path / "h.jsonl"
    path.write_text(json.dumps(row) + "\n")
    told = CliRunner().invoke(app, ["tasks", "load", str(path), "--out", str(tmp_path / "t.jsonl")])
    assert told.exit_code == 0, told.output
    assert "needs numpy: the suite of 1 task (such as HumanEval/0)" in told.output


def test_other_surroundings_are_not_compared() -> None:
    same = {"preambles": {"livecodebench": "1"}, "sandbox": {"packages": {"numpy": "2.0"}}}
    _check_execution(same, {**same, "sandbox": {"packages": {"numpy": "2.1"}}})
    _check_execution({}, {"preambles": {"leetcode": "1"}})
    with pytest.raises(RunError, match=r"preamble livecodebench differs \(version 1 and 2\)"):
        _check_execution(same, {**same, "preambles": {"livecodebench": "2"}})
    with pytest.raises(RunError, match="packages of the sandbox differ"):
        _check_execution(same, {"preambles": {}})
