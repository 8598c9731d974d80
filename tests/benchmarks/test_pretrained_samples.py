"""Tests of the start and of the end of a run, as a table: chosen by a seed, named by what they
are."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparring.evaluation.rollouts import held_out_rollout
from sparring.grading.group import GroupResult
from sparring.grading.recorded import result_from
from sparring.runs.directory import RunDir
from sparring.runs.reader import RECIPE, step_file
from tests.grading.grading_helpers import group_from_letters

sys.path.append(str(Path(__file__).parents[2]))
from benchmarks.pretrained.samples import chosen, ends_of, main, table, verdict


def group(task: str, texts: list[str]) -> GroupResult:
    """Six tests: right, wrong, forbidden, unread, copied and right, trivial and right."""
    one = group_from_letters(
        ["+ ++++++", "- ------"],
        tests=["1 2 3 4", "2 2 2 2", "3 3 3 3", None, "5 5 5 5", "6"],
        truth=["9 9 9 9"],
        examples=["5 5 5 5"],
        valid="++-+++",
        right="+---++",
        reference="..._..",
    )
    tester = [replace(r, text=t) for r, t in zip(one.tester, texts, strict=True)]
    named = replace(one.task, id=task, statement=f"Say {task} | twice.")
    return replace(one, task=named, tester=tester)


TEXTS = ["a test", "x | y", "c", "no `test`", "e", ""]
"""Texts of the responses, by their place."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with two evaluations of twelve tasks."""
    path = tmp_path / "run"
    place = RunDir.create(path)
    place.write_json(RECIPE, {})
    for step, end in ((0, "old"), (7, "new")):
        groups = [group(f"t{i}", [f"{end} {i} {t}" for t in TEXTS]) for i in range(12)]
        records = (held_out_rollout(step, g) for g in groups)
        place.write_packed(step_file("evaluations", step), records)
    place.close()
    return path


def test_each_test_is_named_by_what_it_is() -> None:
    one = group("t", TEXTS)
    assert [verdict(one, k) for k in range(6)] == [
        "right",
        "wrong",
        "invalid (forbidden)",
        "unreadable (truncated)",
        "right, copied",
        "right, trivial",
    ]
    assert verdict(replace(one, right_U=None), 4) == "no reference, copied"


def test_the_seed_alone_chooses_tasks_and_places(run: Path) -> None:
    before, after = ends_of([run])
    assert (before.name, after.name) == ("step 0", "step 7")
    places = chosen(before, after, 10, 3)
    assert places == chosen(before, after, 10, 3)
    assert len({task for task, _ in places}) == 10
    assert [task for task, _ in places] == sorted((t for t, _ in places), key=lambda t: int(t[1:]))
    assert places != chosen(before, after, 10, 4)
    many = [place for seed in range(60) for _, place in chosen(before, after, 10, seed)]
    assert np.bincount(many, minlength=6).min() > 60  # 100 of 600 are expected of each place


def test_a_row_has_both_ends_of_one_place(run: Path) -> None:
    text = table(*ends_of([run]), [("t3", 0), ("t4", 1), ("t5", 3)])
    rows = text.splitlines()
    assert rows[2] == "| t3 | Say t3 \\| twice. | `old 3 a test` | right | `new 3 a test` | right |"
    assert "`old 4 x \\| y` | wrong" in rows[3]
    assert "`` old 5 no `test` `` | unreadable (truncated)" in rows[4]


def test_two_evaluations_of_one_name_are_told_apart(run: Path, tmp_path: Path) -> None:
    places = []
    for model, step in (("start", 0), ("trained", 7)):
        places.append(tmp_path / model / "mbpp")
        (places[-1] / "rollouts").mkdir(parents=True)
        file = run / "evaluations" / f"step-{step:05d}.jsonl.gz"
        shutil.copy(file, places[-1] / "rollouts" / "step-00000.jsonl.gz")
    assert [end.name for end in ends_of(places)] == ["start/mbpp", "trained/mbpp"]
    both = (run.rename(tmp_path / "start" / "x"), places[0])
    (both[0] / "rollouts").mkdir(exist_ok=True)
    shutil.copy(
        places[0] / "rollouts" / "step-00000.jsonl.gz", both[0] / "rollouts" / "step-00000.jsonl.gz"
    )
    assert [end.name for end in ends_of(both)] == ["x", "mbpp"]


def test_the_command_writes_the_table(run: Path, tmp_path: Path) -> None:
    main([str(run), "--seed", "1", "--out", str(tmp_path / "t.md")])
    assert len((tmp_path / "t.md").read_text().splitlines()) == 2 + 10


def test_what_it_cannot_show_is_one_line(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"--count 13: there are 12 common tasks"):
        main([str(run), "--count", "13"])
    with pytest.raises(SystemExit, match="holds no run"):
        main([str(tmp_path)])
    (run / "evaluations/step-00007.jsonl.gz").unlink()
    with pytest.raises(SystemExit, match="has the responses of 1 evaluations; two are needed"):
        main([str(run)])
    with pytest.raises(SystemExit, match=r"rollouts/step-00000\.jsonl\.gz is missing"):
        main([str(run), str(run)])


def test_a_held_out_record_is_read_back_as_it_was_graded() -> None:
    """All but the tokens, which are counted."""
    one = group("t", TEXTS)
    record = held_out_rollout(7, one)
    assert record["step"] == 7
    sampled = one.tester[0]
    assert record["tests"][0]["tokens"] == [len(sampled.prompt_ids), len(sampled.token_ids)]
    assert record["tests"][0]["token_ids"] == ()
    back = result_from(record)
    assert [r.text for r in back.tester] == TEXTS
    assert back.tests == one.tests
    assert back.outcomes_PT == one.outcomes_PT
    assert back.right_U is not None
    assert back.right_U.tolist() == [True, False, False, False, True, True]
