"""A session of `sparring solve` in the terminal and on the page: no label is made up."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.sandbox import Sandbox
from sparring.schema import Role, Test
from sparring.solving.by_need import by_need
from sparring.solving.candidates import Solution
from sparring.solving.engine import solve_task
from sparring.solving.inputs import input_only
from sparring.solving.options import Sizes
from sparring.solving.session import Session
from sparring.view.html.pages import write_file
from tests.fake_openai import FakeOpenAI
from tests.solving.sessions import TASK, solve_options


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A session without binding tests, one with, and one that was killed."""
    place = tmp_path_factory.mktemp("sessions")

    def with_input(session: Session) -> Solution:
        session.sample(programs=1)
        session.run(session.programs, [input_only("9\n")])
        session.read_program(session.ask(Role.CODER, "Once more.")[0], "repaired", 0)
        return by_need(session)

    with pytest.MonkeyPatch.context() as patch, Sandbox(1) as workers, FakeOpenAI() as fake:

        @contextmanager
        def lent(*_: Any, **__: Any) -> Iterator[Sandbox]:
            yield workers

        patch.setattr("sparring.solving.engine.Sandbox", lent)
        options = solve_options(fake, sizes=Sizes(5, 4))
        solve_task(TASK, options, place / "plain", strategy=with_input)
        binding = replace(TASK, tests=(Test("5\n", "6\n"), Test("7\n", "8\n")))
        solve_task(binding, options, place / "binding")
        solve_task(TASK, options, place / "killed")
        for name in ("solve.json", "rollouts/step-00000.jsonl.gz"):
            (place / "killed" / name).unlink()
        yield {path.name: path for path in place.iterdir()}


def show(*arguments: str | Path) -> str:
    found = CliRunner().invoke(app, ["show", *map(str, arguments)], env={"COLUMNS": "110"})
    assert found.exit_code == 0, found.output
    return found.output


def matrix_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"P\d+ ", line)]


def test_without_binding_tests_no_program_is_called_right(runs: dict[str, Path]) -> None:
    text = show(runs["plain"])
    rows = matrix_rows(text)
    assert len(rows) == 6
    assert all(row[5] == "?" for row in rows)
    assert "no binding test: whether it is right is unknown" in text
    assert "no ground truth" in text
    assert "reward" not in text
    chosen = json.loads((runs["plain"] / "solve.json").read_text())["decision"]["chosen"]
    assert [row for row in rows if "chosen" in row] == [rows[chosen]]
    assert "E │ X │ U" in text


def test_binding_tests_have_columns_of_their_own_and_decide(runs: dict[str, Path]) -> None:
    text = show(runs["binding"])
    rows = matrix_rows(text)
    assert {row[5] for row in rows} == {"✓", "✗"}
    [chosen] = [row for row in rows if "chosen" in row]
    assert chosen[5] == "✓"
    assert "passes 2 of 2 binding tests" in text
    passing = sum(row[5] == "✓" for row in rows)
    assert re.search(rf"G0 +{passing} of 5  5 → 6\n", text)
    assert re.search(r"E0 +\d of 5  1 → 2\n", text)


def test_a_session_that_was_killed_says_how_to_go_on(runs: dict[str, Path]) -> None:
    text = show(runs["killed"])
    assert "has not ended" in text
    assert "9 responses are on record" in text


def test_a_cell_an_example_and_an_input_are_shown(runs: dict[str, Path]) -> None:
    program = show(runs["plain"], "--task", "0", "--program", "P1")
    assert "repaired from 0" in program
    assert "reward" not in program
    example = show(runs["plain"], "--task", "0", "--test", "E0")
    assert "expected output" in example
    alone = show(runs["plain"], "--task", "0", "--test", "X0")
    assert "the expected output is unknown" in alone
    cell = show(runs["plain"], "--task", "0", "--program", "P0", "--test", "X0")
    assert "finished" in cell
    assert "expected" not in cell.replace("the expected output is unknown", "")
    assert "right by reference" not in show(runs["plain"], "--task", "0", "--test", "U0")


def test_there_are_no_rewards_to_explain(runs: dict[str, Path]) -> None:
    found = CliRunner().invoke(app, ["show", str(runs["plain"]), "--task", "0", "--why"])
    assert found.exit_code == 1
    assert str(found.exception).endswith("nothing in it has a reward; leave --why out")


def page_data(page: str, name: str) -> Any:
    match = re.search(rf'id="{name}">([^<]+)</script>', page)
    assert match
    return json.loads(gzip.decompress(base64.b64decode(match[1])))


def test_the_page_shows_the_decision_and_no_label(runs: dict[str, Path], tmp_path: Path) -> None:
    write_file([runs["plain"]], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    overview = page_data(page, "data")
    [run] = overview["runs"]
    decision = json.loads((runs["plain"] / "solve.json").read_text())["decision"]
    assert run["session"]["program"] == decision["program"]
    assert run["session"]["account"][1].startswith(f"chosen: P{decision['chosen']}")
    group = page_data(page, "g-0-0-0")
    assert {row["correct"] for row in group["rows"]} == {None}
    kinds = [column["kind"] for column in group["columns"]]
    assert kinds == ["example", "input", "generated", "generated", "generated", "generated"]
    verdicts = [[cell[0] for cell in row["cells"]] for row in group["rows"]]
    assert {row[1] for row in verdicts} == {"finished"}
    assert group["solve"] == {"chosen": decision["chosen"]}


def test_the_page_of_a_killed_session_says_so(runs: dict[str, Path], tmp_path: Path) -> None:
    write_file([runs["killed"], runs["binding"]], tmp_path / "r.html")
    overview = page_data((tmp_path / "r.html").read_text(), "data")
    assert overview["runs"][0]["state"] == "sparring solve: the session has not ended"
    assert overview["runs"][1]["session"]["chosen"] is not None
