"""Duplicates and overlap: found exactly, the first is kept, and everything removed says why."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.schema import Task, Test
from sparring.tasks.cleaning.filters import Reason
from sparring.tasks.cleaning.overlap import (
    Overlap,
    drop_duplicates,
    drop_overlap,
    grams,
    words_and_signs,
)

STORY = (
    "Given a list of whole numbers in one line, print the sum of those that are divisible by three "
    "or by five, and nothing else. The list has at most one hundred numbers."
)


def task(name: str, statement: str, *pairs: tuple[str, str]) -> Task:
    return Task(name, statement, tuple(Test(*p) for p in pairs) or (Test(name, name),))


def test_of_equal_statements_the_first_is_kept() -> None:
    tasks = [task("a", "Add  two\nnumbers."), task("b", "add two **numbers**"), task("c", "Add 3")]
    kept, removed = drop_duplicates(tasks, near=None)
    assert [t.id for t in kept] == ["a", "c"]
    assert [(r.task_id, r.reason, r.detail) for r in removed] == [
        ("b", Reason.DUPLICATE, "same statement as a, kept")
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Compute a + b.", "Compute a - b.", False),
        ("Is a < b?", "Is a > b?", False),
        ("n = 1", "n = -1", False),
        ("Write it in C++.", "Write it in C#.", False),
        ("Print 1.5", "Print 1 5", False),
        ("Brackets are ( and ).", "Brackets are [ and ].", False),
        ("का जोड़", "कि जोड़", False),
        ("Count “words” — all.", 'count "words"; ALL', True),
        ("Let $n$ be **given**.", "let `n` be given", True),
        ("Cafe\u0301", "CAF\u00c9", True),
        ("\uff21\uff22 2\u00b2", "ab 22", True),
    ],
)
def test_signs_count_and_punctuation_does_not(one: str, other: str, same: bool) -> None:
    kept, _ = drop_duplicates([task("a", one), task("b", other)], near=None)
    assert len(kept) == (1 if same else 2)
    kept, _ = drop_duplicates([task("a", one), task("b", other)])
    assert len(kept) == (1 if same else 2)


def test_near_twins_and_how_near() -> None:
    changed = STORY.replace("at most one hundred", "up to two hundred")
    other = "Print the longest word of a text, the first one if there are several of that length."
    tasks = [
        task("a", STORY),
        task("b", other),
        task("c", changed),
        task("d", STORY + " Good luck."),
    ]
    kept, removed = drop_duplicates(tasks, Overlap(3, 0.6))
    assert [t.id for t in kept] == ["a", "b"]
    assert {r.task_id for r in removed} == {"c", "d"}
    assert all(
        "of its n-grams in common with a, kept" in r.detail and r.reason is Reason.NEAR_DUPLICATE
        for r in removed
    )
    strict, _ = drop_duplicates(tasks, Overlap(3, 0.99))
    assert [t.id for t in strict] == ["a", "b", "c", "d"]


def test_statements_without_words_are_compared_as_they_are() -> None:
    kept, _ = drop_duplicates([task("a", "???"), task("b", "!!!"), task("c", "???")])
    assert [t.id for t in kept] == ["a", "b"]


def test_a_statement_inside_of_another_is_a_leak() -> None:
    told = f"{' '.join(f'word{i}' for i in range(100))} {STORY} Can you?"
    tasks = [task("same", STORY), task("told", told), task("other", "Print the longest word.")]
    kept, removed = drop_overlap(tasks, [task("e1", "Count to ten."), task("e2", STORY)])
    assert [t.id for t in kept] == ["other"]
    assert [(r.task_id, r.reason) for r in removed] == [
        ("same", Reason.OVERLAP), ("told", Reason.OVERLAP),
    ]  # fmt: skip
    _, removed_too = drop_overlap([task("short", STORY)], [task("e", told)])
    assert [r.task_id for r in removed_too] == ["short"]
    assert removed[0].detail == "100% of 8-grams in common with e2"


def test_common_phrases_alone_are_no_leak() -> None:
    phrase = "The first line contains a single integer t the number of test cases. "
    one = phrase + "Print how many pairs of the given numbers have an even sum, for every case."
    two = phrase + "For each of them find the shortest path from the first to the last city there."
    kept, removed = drop_overlap([task("a", one)], [task("e", two)])
    assert [t.id for t in kept] == ["a"]
    assert removed == []


@pytest.mark.parametrize(("count", "leaks"), [(2, False), (3, True)])
def test_equal_tests_are_a_leak_from_three_on(count: int, leaks: bool) -> None:
    pairs = [(f"{i}\n", f"{2 * i} ") for i in range(count)]
    theirs = [(f" {i}", f"{2 * i}\n") for i in range(count)] + [("99", "198")] * (count > 2)
    kept, removed = drop_overlap([task("a", "Double.", *pairs)], [task("e", "Times two.", *theirs)])
    assert bool(removed) is leaks
    assert len(kept) == (not leaks)
    assert all(r.reason is Reason.SAME_TESTS and r.detail == "same tests as e" for r in removed)


def test_other_answers_to_the_same_inputs_are_no_leak() -> None:
    mine = [(str(i), str(2 * i)) for i in range(4)]
    kept, _ = drop_overlap(
        [task("a", "Double.", *mine)], [task("e", "Plus one.", *((i, i + "1") for i, _ in mine))]
    )
    assert len(kept) == 1


@given(st.integers(0, 10**9), st.sampled_from([0.2, 0.5, 0.6, 0.75, 0.8, 1.0]))
def test_the_index_finds_what_comparing_all_pairs_finds(seed: int, share: float) -> None:
    rng = random.Random(seed)
    tasks = [task(str(i), " ".join(rng.choices("abc", k=rng.randint(1, 9)))) for i in range(12)]
    near = Overlap(2, share)
    kept, _ = drop_duplicates(tasks, near)
    expected: list[Task] = []
    for one in drop_duplicates(tasks, None)[0]:
        mine = grams(words_and_signs(one.statement), 2)
        theirs = [grams(words_and_signs(t.statement), 2) for t in expected]
        if all(len(mine & g) / len(mine | g) < share for g in theirs):
            expected.append(one)
    assert [t.id for t in kept] == [t.id for t in expected]
