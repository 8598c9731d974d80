"""A split by a seed: which tasks are held out, their order, and what is said of similar ones."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ConfigError
from sparring.schema import Task, Test
from sparring.tasks.cleaning.overlap import AlikePair, alike_pairs
from sparring.tasks.load import dump_tasks, read_task_files
from sparring.tasks.split import split_tasks
from tests.training.runs import sparring_here


def tasks(count: int) -> list[Task]:
    return [Task(f"t{i}", f"Say {i} {i * 7} {i * 13}.", (Test("", f"{i}"),)) for i in range(count)]


@given(st.integers(2, 30), st.data(), st.integers(0, 2**32))
def test_the_draw_is_pythons_own_and_order_is_the_files(
    count: int, data: st.DataObject, seed: int
) -> None:
    held_out = data.draw(st.integers(1, count - 1))
    every = tasks(count)
    split = split_tasks(every, held_out, seed)
    drawn = random.Random(seed).sample([t.id for t in every], held_out)
    assert split.held_out == [t for t in every if t.id in drawn]
    assert split.train == [t for t in every if t.id not in drawn]


@pytest.mark.parametrize(
    ("count", "held_out", "message"),
    [(3, 3, "give 1 to 2"), (3, 0, "give 1 to 2"), (1, 1, "name a file with more tasks")],
)
def test_neither_part_may_be_empty(count: int, held_out: int, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^--held-out {held_out}: .*{message}$"):
        split_tasks(tasks(count), held_out, 0)


def test_the_most_similar_task_of_the_other_set() -> None:
    a = Task("a", "one two three four", (Test("", ""),))
    b = Task("b", "one two three five", (Test("", ""),))
    c = Task("c", "zero one two three four", (Test("", ""),))
    d = Task("d", "nothing in common with them", (Test("", ""),))
    # 3-grams: a has 2 and b 2, 1 of them in common, of 3; a and c 2 of 3; b and c 1 of 4
    assert alike_pairs([a, b, d], [c, d], 3) == [
        AlikePair("d", "d", 1.0),
        AlikePair("a", "c", 2 / 3),
        AlikePair("b", "c", 1 / 4),
    ]


def test_the_command(tmp_path: Path) -> None:
    every = tasks(8)
    dump_tasks(every, tmp_path / "all.jsonl")
    command = ["tasks", "split", str(tmp_path / "all.jsonl"), "--held-out", "3", "--seed", "24"]
    out = tmp_path / "new" / "parts"
    done = sparring_here(*command, "--out", str(out))
    assert done.returncode == 0, done.stderr
    split = split_tasks(every, 3, 24)
    assert [t.id for t in read_task_files([out / "train.jsonl"])] == [t.id for t in split.train]
    held_out = read_task_files([out / "held-out.jsonl"])
    assert [t.id for t in held_out] == [t.id for t in split.held_out]
    lines = (tmp_path / "all.jsonl").read_text().splitlines(keepends=True)
    both = [*(out / "train.jsonl").open(), *(out / "held-out.jsonl").open()]
    assert sorted(both) == sorted(lines)  # rows are kept to the byte
    assert done.stdout.splitlines()[0] == f"5 tasks: {out / 'train.jsonl'}"

    again = sparring_here(*command, "--out", str(out))
    assert again.returncode == 2
    assert "train.jsonl: already exists" in again.stderr
    assert sparring_here(*command, "--out", str(out), "--force").returncode == 0
    assert [*(out / "train.jsonl").open(), *(out / "held-out.jsonl").open()] == both
    file = sparring_here(*command, "--out", str(tmp_path / "all.jsonl"))
    assert (file.returncode, file.stdout) == (2, "")
    assert "is a file; name a directory" in file.stderr


def test_similar_tasks_are_named_and_the_command_that_drops_them_does(tmp_path: Path) -> None:
    statement = "Print the sum of all whole numbers on the line that are divisible by {} and by 5."
    rows = [
        {"task_id": f"t{i}", "question": statement.format(i), "test_input": [f"{i}"],
         "test_output": ["0"]}
        for i in range(2)
    ] + [
        {"task_id": "short", "question": "Print the sum of it.", "test_input": ["1"],
         "test_output": ["1"]},
        {"task_id": "short2", "question": "Print the sum of it now.", "test_input": ["2"],
         "test_output": ["1"]},
    ]  # fmt: skip
    file, out = tmp_path / "all.jsonl", tmp_path / "parts"
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    ids = [r["task_id"] for r in rows]
    seed = next(s for s in range(99) if sorted(random.Random(s).sample(ids, 2)) == ["short2", "t1"])
    done = sparring_here(
        "tasks", "split", str(file), "--held-out", "2", "--seed", str(seed), "--out", str(out)
    )
    assert "similar to a held-out task: t0: " in done.stderr
    assert "similar to a held-out task: short: " in done.stderr
    assert "most alike: short and short2 (held out), 75% of their 3-grams" in done.stderr
    for line in [x for x in done.stderr.splitlines() if x.startswith("leave these 1 out: ")]:
        command = line.partition("sparring ")[2].split()
        left = tmp_path / "left.jsonl"
        left.unlink(missing_ok=True)
        assert sparring_here(*command[:-1], str(left)).returncode == 0
        assert [t.id for t in read_task_files([left])] == [["short"], ["t0"]]["ngram" in line]
