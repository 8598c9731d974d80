"""``sparring show`` on runs of every kind, good and hostile."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.runs.text import block, one_line
from sparring.schema import Verdict
from sparring.view.terminal.difference import difference
from sparring.view.terminal.symbols import symbol
from tests.training.runs import sparring_here
from tests.view.terminal.recorded_runs import evaluation, group, metrics, run_of


def shown(run: Path, *options: str) -> str:
    done = sparring_here("show", str(run), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(run: Path, *options: str) -> str:
    done = sparring_here("show", str(run), *options)
    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two steps of real groups."""
    return run_of(
        tmp_path / "run",
        {
            1: [group("forbidden", id="first"), group("default", id="second")],
            2: [group("default", id="second")],
        },
        lines=[metrics(1), metrics(2)],
        evaluations=[evaluation(0), evaluation(2, 0.75)],
    )


def test_a_run_at_a_glance(run: Path) -> None:
    out = shown(run)
    assert "preset default · model nano" in out
    assert re.search(r"programs right.*50\.0%.*75\.0%", out)
    assert "2 steps learned of at most 350" in out
    assert "no alarm" in out
    assert "--step 2 --task 0 --test 0 --why" in out
    assert "\x1b" not in out
    assert max(map(len, out.replace(str(run), "RUN").splitlines())) < 130


def test_alarms_are_shown_with_their_reasons(tmp_path: Path) -> None:
    alarm = {"monitor": "estimate_gap", "value": 1, "limit": 0, "reason": "tests are \x1b[2Jwrong"}
    out = shown(run_of(tmp_path / "run", {}, lines=[metrics(5, alarms=[alarm])]))
    assert "! estimate_gap: tests are \\x1b[2Jwrong" in out


def test_a_step_lists_its_groups_and_drops(tmp_path: Path) -> None:
    dropped = group("paper", id="nothing")
    dropped["dropped"] = {"coder": None, "tester": "no_label"}
    out = shown(run_of(tmp_path / "run", {3: [group(id="one"), dropped]}), "--step", "3")
    assert re.search(r"0\s+one\s+1/5\s+2/5\s+0 … 8\s+-1\.111 … 4\.167", out)
    assert "(no label)" in out
    assert "tester: 1 groups learned from; dropped: 1 no label" in out


def test_the_matrix_has_a_symbol_for_every_run_and_rewards_in_its_margins(run: Path) -> None:
    lines = shown(run, "--task", "second").splitlines()
    assert "P2   ✗  ✓e✓ee✓✓e │ ✗✓✓✗✗       4   +0.27" in lines
    assert "P4   ✓  ✓✓✓✓✓✓✓✓ │ ✗✓✓✗✗       8   +1.60" in lines
    assert "I0   ✗  ✗✓✗✓✓✗✓✓ │ ✗✗✓✗✗" in lines
    assert any(x.startswith("U1   ✓  4.167   +1.21") and "-3 8 -5 8 0 → 2" in x for x in lines)
    assert max(map(len, lines)) <= 80


def test_every_verdict_has_a_look_of_its_own() -> None:
    assert len({symbol(v).plain for v in Verdict}) == len(Verdict)


def test_masked_and_not_run_cells_have_their_own_symbols(tmp_path: Path) -> None:
    record = group(id="t")
    record["programs"][0]["runs"][0] = {"verdict": "infra", "output": ""}
    record["programs"][0]["runs"][1] = {"verdict": "not_run", "output": ""}
    out = shown(run_of(tmp_path / "run", {1: [record]}), "--task", "t")
    assert "P0   ✗  ·?✗✗✗✗✗✗" in out
    assert "· masked: our own failure" in out
    assert "? not run (counts as failed)" in out


def test_a_wide_matrix_is_cut_with_a_count_and_whole_with_all(tmp_path: Path) -> None:
    record = group(id="t")
    for entry in (*record["programs"], *record["initial_policy_programs"]):
        entry["runs"] += 195 * [{"verdict": "accepted", "output": ""}]
    record["tests"] += 195 * [record["tests"][0]]
    run = run_of(tmp_path / "run", {1: [record]})
    cut = shown(run, "--task", "t").splitlines()
    assert max(map(len, cut)) <= 80
    assert any("more generated (--all)" in line for line in cut)
    assert len(cut) < 60
    whole = shown(run, "--task", "t", "--all")
    rows = [line for line in whole.splitlines() if line.startswith("P1 ")]
    assert sum(line.count("✓") for line in rows) == 195
    assert "U199" in whole


def test_a_task_is_found_by_its_number_and_by_the_beginning_of_its_id(run: Path) -> None:
    assert "step 1 · group 0 · first" in shown(run, "--step", "1", "--task", "0")
    assert "step 1 · group 1 · second" in shown(run, "--step", "1", "--task", "sec")
    assert "step 1 · group 0 · first" in shown(run, "--task", "first")
    assert "step 2 · group 0 · second" in shown(run, "--task", "second")


def test_a_program_shows_its_source_its_runs_and_the_difference(run: Path) -> None:
    out = shown(run, "--task", "second", "--program", "P0")
    assert "   2  w = [x + 2 for x in v if x <= 0]" in out
    assert re.search(r"G0\s+✗ wrong answer\s+–\s+5 0 -5 8 -5\s+2\s+-3", out)
    assert "on G0 (- expected, + actual):\n  - 2\n  + -3\n" in out
    assert "```python" in out


def test_a_test_shows_every_programs_outcome(run: Path) -> None:
    out = shown(run, "--task", "second", "--test", "1")
    assert "right by reference: ✓" in out
    assert re.search(r"P1\s+✗ wrong answer\s+-7", out)
    assert re.search(r"I0\s+✗ wrong answer\s+10", out)


def test_a_cell_shows_verdict_input_and_difference(run: Path) -> None:
    out = shown(run, "--task", "second", "--program", "1", "--test", "U1")
    assert "✗ wrong answer" in out
    assert "  -3 8 -5 8 0" in out
    assert "  - 2\n  + -7\n" in out


def test_why_gives_the_reward_term_by_term(run: Path) -> None:
    out = shown(run, "--task", "second", "--test", "1", "--why")
    assert re.search(r"\+1\.667\s+wrong programs caught", out)
    assert re.search(r"\+2\.5\s+for being right", out)
    assert "as recorded" in out
    every = shown(run, "--task", "second", "--why")
    assert re.search(r"P2\s+4\s+\+0\.2673\s+\+4 passes 4 of 8", every)


def test_why_says_where_the_record_has_another_reward(tmp_path: Path) -> None:
    record = group(id="t")
    record["programs"][2]["reward"] = 5.0
    run = run_of(tmp_path / "run", {1: [record]})
    out = shown(run, "--task", "t", "--program", "2", "--why")
    assert "! the recorded reward is 5; by this recipe and matrix it is 4" in out
    assert "! not as recorded: P2" in shown(run, "--task", "t", "--why")


def test_an_impossible_view_is_one_line(run: Path, tmp_path: Path) -> None:
    assert "rollouts of steps 1 to 2" in refused(run, "--step", "9")
    assert "did you mean second?" in refused(run, "--task", "secund")
    assert "this group has P0 to P4, I0 to I1" in refused(run, "--task", "0", "--program", "7")
    assert "U0 to U4, G0 to G7" in refused(run, "--task", "0", "--test", "Q1")
    assert "give --task" in refused(run, "--why")
    assert "no such directory" in refused(tmp_path / "absent")
    assert "holds no run" in refused(tmp_path)


def test_a_run_without_any_step_is_shown(tmp_path: Path) -> None:
    out = shown(run_of(tmp_path / "run", {}))
    assert "0 steps learned" in out
    assert "no evaluation is recorded yet" in out
    assert "no step is recorded yet" in refused(tmp_path / "run", "--step", "1")


def test_records_without_a_recipe_are_shown_but_not_explained(run: Path) -> None:
    (run / "recipe.json").unlink()
    assert "its recipe cannot be read: there is no recipe.json" in shown(run)
    assert "P4   ✓" in shown(run, "--task", "second")
    assert "there is no recipe.json" in refused(run, "--task", "second", "--program", "0", "--why")


def test_the_records_of_an_evaluation_are_shown_as_step_0(tmp_path: Path) -> None:
    """Without recipe, token ids and advantages; of a task without tests, too."""
    record, untested = group(id="t"), group(id="u")
    untested["tests"] = []
    for one in (record, untested):
        one["step"] = 0
        for entry in (*one["programs"], *one["tests"]):
            entry |= {"token_ids": [], "logprobs": [], "tokens": [9, 17], "advantage": 0.0}
    for entry in (*untested["programs"], *untested["initial_policy_programs"]):
        del entry["runs"][8:]
    run = run_of(tmp_path / "run", {0: [record, untested]})
    (run / "recipe.json").unlink()
    (run / "metrics.jsonl").unlink()
    assert "step 0: 2 groups" in shown(run)
    assert "P4   ✓  ✓✓✓✓✓✓✓✓ │ ✗✓✓✗✗" in shown(run, "--task", "t")
    assert "P4   ✓  ✓✓✓✓✓✓✓✓ " in shown(run, "--task", "u")
    assert "17 tokens · ended by" in shown(run, "--task", "t", "--program", "0")


def test_a_run_cut_off_in_a_line_is_shown_up_to_there(run: Path) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "tok')
    assert "2 steps learned" in shown(run)
    path = run / "rollouts/step-00001.jsonl.gz"
    records = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(records[0]) + gzip.compress(records[1])[:-40])
    out = shown(run, "--step", "1")
    assert re.search(r"0\s+first", out)
    assert "is damaged" in out
    path.write_bytes(b"nothing of the kind")
    assert "is damaged" in refused(run, "--step", "1")


def test_a_record_of_another_form_is_one_clear_line(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", {1: [{"step": 1, "task": {"id": "t"}}]})
    assert "not of this version's form" in refused(run, "--task", "t")
    assert "not of this version's form" in refused(run, "--step", "1")


def test_a_group_without_a_correct_program_says_so(tmp_path: Path) -> None:
    record = group("paper", id="t")
    record["programs"][4]["runs"] = record["programs"][0]["runs"]
    run = run_of(tmp_path / "run", {1: [record]}, preset="paper")
    out = shown(run, "--task", "t", "--test", "0", "--why")
    assert "no program is correct" in " ".join(out.split())
    assert "why U0 earned none" in out


def test_with_pseudo_labels_the_kept_tests_say_which_programs_are_correct(tmp_path: Path) -> None:
    """K0 could not be read, K1 was set aside, K2 counts: P0 passes it, P1 does not."""
    record = group(id="t")
    tests = [
        {"input": i, "output": "0\n", "failure": None, "right": None, "kept": k}
        for i, k in ((None, False), ("1\n", False), ("2\n", True))
    ]
    verdicts = [["wrong_answer", "accepted"], *[["accepted", "wrong_answer"]] * 6]
    runs = [[{"verdict": v, "output": ""} for v in row + ["accepted"] * 5] for row in verdicts]
    record["pseudo_labels"] = {"tests": tests, "runs": runs[:5], "initial_policy_runs": runs[5:]}
    lines = shown(run_of(tmp_path / "run", {1: [record]}), "--task", "t").splitlines()
    assert any(line.startswith("P0   ✓  –✗✓ │ ✗✗✗✗✗✗✗✗ │") for line in lines)
    assert any(line.startswith("P4   ✗  –✓✗ │ ✓✓✓✓✓✓✓✓ │") for line in lines)
    assert "counts  ✗✗✓" in lines


def test_without_a_correct_program_no_test_is_accepted(tmp_path: Path) -> None:
    record = group("paper", id="t")
    record["programs"][4]["runs"] = record["programs"][0]["runs"]
    lines = shown(run_of(tmp_path / "run", {1: [record]}), "--task", "t").splitlines()
    assert "all P✓             ?????" in lines


def test_ten_thousand_groups_are_listed_one_screen_at_a_time(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", {1: []})
    many = group(id="many")
    for name in ("programs", "initial_policy_programs", "tests"):
        many[name] = many[name][:1]
    line = json.dumps(many).encode() + b"\n"
    last = json.dumps(group(id="last")).encode() + b"\n"
    (run / "rollouts/step-00001.jsonl.gz").write_bytes(
        gzip.compress(line * 9_999 + last, compresslevel=1)
    )
    out = shown(run, "--step", "1")
    assert "10,000 groups" in out
    assert "9,960 more groups" in out
    assert len(out.splitlines()) < 60
    assert "step 1 · group 9999 · last" in shown(run, "--task", "last")


NASTY = "<script>\x1b[2J\x1b]0;x\x07\u202e\u2066abc\x00\x9b31m\r[bold]\ud800\u2028" + "\U000e0041"


def hostile(text: str) -> dict[str, Any]:
    """The text in every place; a very long one in one place of each kind."""
    if len(text) > 100_000:
        record = group(id=text, statement=text)
        record["programs"][0] |= {"source": text, "text": text}
        record["programs"][0]["runs"][0]["output"] = text
        record["programs"][1]["runs"][8]["output"] = text
        record["tests"][0] |= {"input": text, "output": text + "z", "text": text}
        return record
    record = group(id=f"id{text}", statement=text, source=text)
    record["task"]["tests"] = [[text, text]] * 8
    for entry in record["programs"]:
        entry |= {"source": text, "text": text}
    for entry in (*record["programs"], *record["initial_policy_programs"]):
        entry["runs"] = [{**r, "output": text} for r in entry["runs"]]
    for entry in record["tests"]:
        entry |= {"input": text, "output": text[1:], "text": text}
        entry["reference"] = {"verdict": "finished", "output": text}
    return record


VIEWS = (
    (),
    ("--step", "1"),
    ("--task", "0"),
    ("--task", "0", "--why"),
    ("--task", "0", "--program", "0"),
    ("--task", "0", "--test", "0"),
    ("--task", "0", "--test", "G0"),
    ("--task", "0", "--program", "0", "--test", "0"),
    ("--task", "0", "--program", "0", "--why"),
)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        (NASTY * 3, False),
        (NASTY * 3, True),
        ("x" + NASTY + "y" * 1_000_000, False),
        ("\n".join([NASTY] * 99), False),
    ],
)
def test_a_hostile_run_is_inert(
    tmp_path: Path, text: str, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarm = {"monitor": text, "value": 1, "limit": 0, "reason": text}
    run = run_of(tmp_path / "run", {1: [hostile(text)]}, lines=[metrics(5, alarms=[alarm])])
    if colour:
        monkeypatch.setenv("FORCE_COLOR", "1")
    for view in VIEWS:
        out = shown(run, *view)
        out = re.sub(r"\x1b\[[0-9;]*m", "", out) if colour else out  # our own colours
        assert not set(out) & set("\x1b\x07\u202e\u2066\x00\x9b\r\ud800\u2028\U000e0041"), view
        assert len(out) < 30_000, view
    assert "did you mean" in refused(run, "--task", text[:60] + "z")


@given(st.text(), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_line_is_never_wider_than_it_may_be(text: str, width: int) -> None:
    from rich.cells import cell_len

    line = one_line(text, width)
    assert cell_len(line) <= width
    assert "\n" not in line
    assert all(c.isprintable() or c == "\u3000" or c.isspace() or ord(c) > 255 for c in line)


def test_characters_cut_from_a_line_are_counted() -> None:
    assert one_line("a" * 100, 20) == "a" * 14 + "…(+86)"
    assert block("a\nb\nc\n", 2, 20) == ["a", "b", "… 1 more lines"]
    assert one_line("a\nb\x1b", 20) == "a⏎b\\x1b"


def plain(expected: str, actual: str, lines: int = 20) -> list[str]:
    return [t.plain for t in difference(expected, actual, lines, 40)]


def test_a_difference_is_found_wherever_it_is() -> None:
    assert plain("1\n2\n3", "1\n5\n3") == ["  1", "- 2", "+ 5", "  3"]
    assert plain("1 2", "1  2\n") == ["the outputs differ in white space only"]
    deep = plain("x" * 300_000 + "a", "x" * 300_000 + "b")
    assert deep[-3] == "first difference at character 300,000:"
    assert deep[-2].endswith("xa")
    assert deep[-1].endswith("xb")
    assert len(plain("\n".join("ab"[i % 2] for i in range(99)), "c\n" * 99, 5)) == 6


def test_a_long_negative_reward_stands_apart_from_the_mark(tmp_path: Path) -> None:
    made = group(id="t")
    made["tests"][0] |= {"reward": -6.293, "right": False}
    out = shown(run_of(tmp_path / "run", {1: [made]}), "--task", "t")
    assert "U0   ✗ -6.293" in out


@pytest.mark.parametrize("count", [1, 2])
def test_the_figures_take_a_line_each_on_a_narrow_terminal(tmp_path: Path, count: int) -> None:
    lines = [evaluation(0), evaluation(2, 0.75)][:count]
    out = shown(run_of(tmp_path / "run", {}, lines=[metrics(1)], evaluations=lines))
    [line] = [x for x in out.splitlines() if "p00: wrong program passes wrong test" in x]
    assert len(line.rstrip()) <= 80
    assert line.count("20.0%") == count
    assert "[15.0, 25.0]" in line or "[+15.0, +25.0]" in line


def test_a_test_that_could_not_be_read_has_caught_nobody(tmp_path: Path) -> None:
    """The record counts the wrong programs that did not pass it, and none of them ran on it."""
    made = group("default")
    wrong = sum(not p["correct"] for p in made["programs"])
    assert wrong
    made["tests"][1] |= {"input": None, "output": None, "failure": "truncated", "valid": False}
    made["tests"][1] |= {"caught": float(wrong), "missed": 0.0, "right": False}
    out = shown(run_of(tmp_path / "run", {1: [made]}), "--step", "1", "--task", "0")
    [line] = [x for x in out.splitlines() if "no test: truncated" in x]
    assert re.search(r"–\s+–\s+no test: truncated", line), line
    other = next(x for x in out.splitlines() if re.match(r"U0 ", x))
    assert "–" not in other.split("→")[0]
