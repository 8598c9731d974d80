"""Function tasks for people: calls as Python writes them, a script's word as the script's."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.view.readable import readable
from tests.view.terminal.functions import CALL, VALUE, functions
from tests.view.terminal.recorded_runs import run_of
from tests.view.terminal.test_show import shown


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", {1: [functions()]})


def test_a_call_is_shown_as_python_writes_it(run: Path) -> None:
    out = shown(run, "--task", "f/0")
    assert "Solution().f(1, [2, 3], key='a') == (4,)" in out
    assert '{"tuple"' not in out
    out = shown(run, "--task", "f/0", "--program", "0", "--all")
    assert '{"tuple"' not in out
    assert '{"set"' not in out
    assert "- (4,)" in out
    assert "+ [1, {'b'}]" in out
    out = shown(run, "--task", "f/0", "--test", "U1")
    assert "expected value\n  (4,)" in out
    assert "the reference's output: (5,)" in out
    assert '{"' not in out


def test_a_tests_own_rule_is_named(run: Path) -> None:
    out = shown(run, "--task", "f/0", "--test", f"G{len(functions()['task']['tests']) - 1}")
    assert "own rule: value(abs=0.01)" in out


def test_a_failed_script_has_no_line_on_equal_outputs(run: Path) -> None:
    for options in (["--program", "0"], ["--program", "0", "--test", "G0"]):
        out = shown(run, "--task", "f/0", *options)
        assert "outputs are the same" not in out
    assert "the script's own assertions decide" in out


def test_any_true_value_is_no_equality() -> None:
    task = {"entry_point": "f"}
    lines = [
        one.line
        for value in ("true", "false")
        if (one := readable([CALL, value, "call", "truth"], task)) is not None
    ]
    assert lines == ["f(1, [2, 3], key='a')", "not f(1, [2, 3], key='a')"]


def test_a_text_that_is_no_encoded_call_is_shown_unchanged() -> None:
    one = readable([VALUE, "[", "call", None], {"entry_point": None})
    assert one is not None
    assert one.line == f"f({VALUE}) == ["
    other = readable(["1\n", "2\n", "of another version", None], {})
    assert other is not None
    assert other.line == "1 → 2"
    assert readable({"input": None, "output": None}, {}) is None
