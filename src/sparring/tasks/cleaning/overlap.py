"""Find tasks with equal or similar statements, in one data set and against an evaluation set.

- Statements are compared as words in lower case, in the normal form NFKC of Unicode, so that
  white space, punctuation and markup do not count.
- Within one data set, signs count: ``a < b`` and ``a > b`` are two tasks, and so are round and
  square brackets. Against an evaluation set, signs do not count, so that a statement in another
  notation is found.
- Similarity is measured on n-grams: runs of ``n`` words. Within one data set, it is the share of
  n-grams that two statements have in common (Jaccard index).
- Against an evaluation set, it is the share of the shorter statement's n-grams that the other has
  (containment), so that a statement with a story around it is found.
- The comparison is exact, with an index over n-grams, not a sketch.
- Translated or reworded statements are not found.
"""

from __future__ import annotations

import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sparring.schema import Task
from sparring.tasks.cleaning.filters import Reason, Removed

_WORD = r"[^\W_](?:[^\W_]{marks})*"
_NUMBER = r"\d+(?:\.\d+)+"
_SIGN = r"""[^\w\s*`#$\\"'.,;:~{}!?“”‘’…–—]"""
MIN_SHARED_TESTS = 3
"""Least number of equal tests that count: fewer may be chance, because many functions make True
of 2 and False of 3."""
Gram = int
"""An n-gram as its 64-bit hash; in a million pairs of n-grams, the chance that two different ones
share a hash is about 1e-12."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Length of n-grams in words, and the least share at which two statements count as one."""

    n: int
    share: float


NEAR_DUPLICATES = Overlap(3, 0.8)
LEAKS = Overlap(8, 0.5)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a statement, in lower case."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_pattern(signs=False, ascii_only=text.isascii()).findall(text))


def words_and_signs(text: str) -> tuple[str, ...]:
    """Return words and signs of a statement, in lower case, without punctuation and markup."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_pattern(signs=True, ascii_only=text.isascii()).findall(text))


@cache
def _pattern(*, signs: bool, ascii_only: bool) -> re.Pattern[str]:
    """Return the pattern of a word (or sign).

    In scripts such as Devanagari vowels are marks, which `re` does not count as letters.
    """
    word = _WORD.format(marks="")
    if not ascii_only:
        marks = (chr(c) for c in range(sys.maxunicode) if unicodedata.category(chr(c))[0] == "M")
        word = _WORD.format(marks=f"|[{''.join(marks)}]")
    return re.compile(f"{_NUMBER}|{word}|{_SIGN}" if signs else word)


def grams(tokens: Sequence[str], n: int) -> frozenset[Gram]:
    """Return the n-grams of a statement's words; ``n`` words or fewer are one n-gram."""
    tokens = tuple(tokens)
    if len(tokens) <= n:
        return frozenset((hash(tokens),)) if tokens else frozenset()
    return frozenset(hash(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def drop_duplicates(
    tasks: Sequence[Task], near: Overlap | None = NEAR_DUPLICATES
) -> tuple[list[Task], list[Removed]]:
    """Return the tasks without duplicates, and the removed ones.

    The first of several tasks with the same statement is kept. With ``near``, similar statements
    count as the same.
    """
    kept: list[Task] = []
    removed: list[Removed] = []
    by_words: dict[tuple[str, ...], str] = {}
    for task in tasks:
        key = words_and_signs(task.statement) or (task.statement,)
        if key in by_words:
            removed.append(
                Removed(task.id, Reason.DUPLICATE, f"same statement as {by_words[key]}, kept")
            )
        else:
            by_words[key] = task.id
            kept.append(task)
    if near is None:
        return kept, removed
    runs = [grams(words_and_signs(t.statement), near.n) for t in kept]
    alike = _first_alike(runs, near.share)
    for i, (j, share) in alike.items():
        detail = f"{share:.0%} of its n-grams in common with {kept[j].id}, kept"
        removed.append(Removed(kept[i].id, Reason.NEAR_DUPLICATE, detail))
    return [t for i, t in enumerate(kept) if i not in alike], removed


def drop_overlap(
    tasks: Sequence[Task], held_out: Sequence[Task], limit: Overlap = LEAKS
) -> tuple[list[Task], list[Removed]]:
    """Return the tasks that are not in ``held_out``, by statement or tests, and the removed ones.

    Two tasks count as the same by their tests if all tests of one task, and at least
    `MIN_SHARED_TESTS`, are tests of the other.
    """
    held_out_grams = [grams(words(t.statement), limit.n) for t in held_out]
    index: dict[Gram, list[int]] = defaultdict(list)
    for j, runs in enumerate(held_out_grams):
        for run in runs:
            index[run].append(j)
    same_tests = _tests_index(held_out)
    kept, removed = [], []
    for task in tasks:
        match = _leak(grams(words(task.statement), limit.n), held_out_grams, index, limit)
        if match is not None:
            j, share = match
            detail = f"{share:.0%} of {limit.n}-grams in common with {held_out[j].id}"
            removed.append(Removed(task.id, Reason.OVERLAP, detail))
        elif (other := same_tests(task)) is not None:
            removed.append(Removed(task.id, Reason.SAME_TESTS, f"same tests as {other}"))
        else:
            kept.append(task)
    return kept, removed


@dataclass(frozen=True, slots=True)
class AlikePair:
    """Two tasks of different sets, and the share of n-grams that their statements have in common
    (Jaccard index)."""

    task: str
    other: str
    share: float


def alike_pairs(tasks: Sequence[Task], others: Sequence[Task], n: int) -> list[AlikePair]:
    """Return, for each task, the most similar task of another set, the most similar pairs first.

    ``n`` is the length of the n-grams in words. A task without a common n-gram has no pair.
    """
    theirs = [grams(words_and_signs(t.statement), n) for t in others]
    index: dict[Gram, list[int]] = defaultdict(list)
    for j, runs in enumerate(theirs):
        for run in runs:
            index[run].append(j)
    pairs = []
    for task in tasks:
        mine = grams(words_and_signs(task.statement), n)
        shared = Counter(j for run in mine for j in index.get(run, ()))
        shares = ((both / (len(mine) + len(theirs[j]) - both), -j) for j, both in shared.items())
        if best := max(shares, default=None):
            pairs.append(AlikePair(task.id, others[-best[1]].id, best[0]))
    return sorted(pairs, key=lambda p: -p.share)


def _leak(
    mine: frozenset[Gram],
    theirs: Sequence[frozenset[Gram]],
    index: dict[Gram, list[int]],
    limit: Overlap,
) -> tuple[int, float] | None:
    shared = Counter(j for run in mine for j in index.get(run, ()))
    shares = ((count / min(len(mine), len(theirs[j])), -j) for j, count in shared.items())
    best = max(shares, default=None)
    if best is None or best[0] < limit.share:
        return None
    return -best[1], best[0]


def _tests_index(held_out: Sequence[Task]) -> Callable[[Task], str | None]:
    """Return a function from a task to the id of a held-out task with the same tests, or None.

    Two tasks have the same tests if all tests of one are tests of the other.
    """
    pairs = [_pairs(t) for t in held_out]
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for j, pairs_of_task in enumerate(pairs):
        for pair in pairs_of_task:
            index[pair].append(j)

    def owner(task: Task) -> str | None:
        mine = _pairs(task)
        shared = Counter(j for pair in mine for j in index.get(pair, ()))
        for j in sorted(shared):
            least = min(len(mine), len(pairs[j]))
            if least >= MIN_SHARED_TESTS and shared[j] == least:
                return held_out[j].id
        return None

    return owner


def _pairs(task: Task) -> frozenset[tuple[str, str]]:
    every = (*task.ground_truth, *task.examples)
    return frozenset((" ".join(t.input.split()), " ".join(t.output.split())) for t in every)


def _first_alike(runs: Sequence[frozenset[Gram]], share: float) -> dict[int, tuple[int, float]]:
    """Return, for each set of n-grams that repeats an earlier kept set, the kept set's index and
    the similarity.

    A set repeats another if their Jaccard index is ``share`` or more. Two such sets have one of
    their rarest elements in common (prefix filtering: Chaudhuri et al., ICDE 2006), so that only
    the rarest elements are looked up.
    """
    frequency = Counter(run for grams_of_task in runs for run in grams_of_task)
    index: dict[Gram, list[int]] = defaultdict(list)
    matches: dict[int, tuple[int, float]] = {}
    for i, mine in enumerate(runs):
        prefix = _rarest(mine, frequency, share)
        for j in sorted({j for run in prefix for j in index[run]}):
            common = len(mine & runs[j])
            jaccard = common / (len(mine) + len(runs[j]) - common)
            if jaccard >= share:
                matches[i] = (j, jaccard)
                break
        else:
            for run in prefix:
                index[run].append(i)
    return matches


def _rarest(mine: Iterable[Gram], frequency: Counter[Gram], share: float) -> list[Gram]:
    ordered = sorted(mine, key=lambda run: (frequency[run], run))
    return ordered[: len(ordered) - math.ceil(share * len(ordered) - 1e-9) + 1] if ordered else []
