"""Tasks that say the same: twins within a set, and tasks that an evaluation set has as well.

Statements are compared as words in lower case, in the normal form NFKC of Unicode, so that white
space, punctuation and markup do not count. Between tasks of one set signs do (``a < b`` and
``a > b`` are two tasks, and so are round and square brackets); against an evaluation set they do
not: there a statement in another notation is to be found. Near is told by runs of ``n`` words
(n-grams). Within a set it is the share of runs that two statements have in common (Jaccard);
against an evaluation set the share of the shorter statement's runs that are in the other
(containment), so that a statement with a story around it is found. The comparison is exact, with an
index over runs, not a sketch. What is translated or told in other words is not found.
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
"""Fewer equal tests may be chance: many functions make True of 2 and False of 3."""
Gram = int
"""A run of words, by its hash: 64 bits, so that two runs have one with a chance of about 1e-12 in
a million pairs of runs."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Runs of ``n`` words, and the share from which on two statements count as one."""

    n: int
    share: float


TWINS = Overlap(3, 0.8)
LEAKS = Overlap(8, 0.5)


def words(text: str) -> tuple[str, ...]:
    """The words of a statement, in lower case."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_pattern(signs=False, ascii_only=text.isascii()).findall(text))


def words_and_signs(text: str) -> tuple[str, ...]:
    """The same with each sign as a word, but for punctuation and markup."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_pattern(signs=True, ascii_only=text.isascii()).findall(text))


@cache
def _pattern(*, signs: bool, ascii_only: bool) -> re.Pattern[str]:
    """What counts. In scripts like Devanagari vowels are marks, which are no letters for `re`."""
    word = _WORD.format(marks="")
    if not ascii_only:
        marks = (chr(c) for c in range(sys.maxunicode) if unicodedata.category(chr(c))[0] == "M")
        word = _WORD.format(marks=f"|[{''.join(marks)}]")
    return re.compile(f"{_NUMBER}|{word}|{_SIGN}" if signs else word)


def grams(found: Sequence[str], n: int) -> frozenset[Gram]:
    """The runs of ``n`` words; of fewer words all are one run."""
    found = tuple(found)
    if len(found) <= n:
        return frozenset((hash(found),)) if found else frozenset()
    return frozenset(hash(found[i : i + n]) for i in range(len(found) - n + 1))


def drop_twins(
    tasks: Sequence[Task], near: Overlap | None = TWINS
) -> tuple[list[Task], list[Removed]]:
    """Of tasks with the same statement the first is kept; with ``near`` also of similar ones."""
    kept: list[Task] = []
    removed: list[Removed] = []
    by_words: dict[tuple[str, ...], str] = {}
    for task in tasks:
        key = words_and_signs(task.statement) or (task.statement,)
        if key in by_words:
            removed.append(
                Removed(task.id, Reason.DUPLICATE, f"the statement of {by_words[key]}, kept")
            )
        else:
            by_words[key] = task.id
            kept.append(task)
    if near is None:
        return kept, removed
    runs = [grams(words_and_signs(t.statement), near.n) for t in kept]
    alike = _first_alike(runs, near.share)
    for i, (j, share) in alike.items():
        detail = f"{share:.0%} of the runs of words of {kept[j].id}, kept"
        removed.append(Removed(kept[i].id, Reason.NEAR_DUPLICATE, detail))
    return [t for i, t in enumerate(kept) if i not in alike], removed


def drop_leaks(
    tasks: Sequence[Task], held_out: Sequence[Task], limit: Overlap = LEAKS
) -> tuple[list[Task], list[Removed]]:
    """Without the tasks that are, by statement or by tests, among ``held_out``."""
    theirs = [grams(words(t.statement), limit.n) for t in held_out]
    index: dict[Gram, list[int]] = defaultdict(list)
    for j, runs in enumerate(theirs):
        for run in runs:
            index[run].append(j)
    same_tests = _tests_index(held_out)
    kept, removed = [], []
    for task in tasks:
        found = _leak(grams(words(task.statement), limit.n), theirs, index, limit)
        if found is not None:
            j, share = found
            detail = f"{share:.0%} of the runs of {limit.n} words of {held_out[j].id}"
            removed.append(Removed(task.id, Reason.OVERLAP, detail))
        elif (other := same_tests(task)) is not None:
            removed.append(Removed(task.id, Reason.SAME_TESTS, f"the tests of {other}"))
        else:
            kept.append(task)
    return kept, removed


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
    """A question: which task of ``held_out`` has all tests of another, or the other way round?"""
    pairs = [_pairs(t) for t in held_out]
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for j, one in enumerate(pairs):
        for pair in one:
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
    """For each set that has an earlier, kept one with a Jaccard index of ``share`` or more: that
    one and the index.

    Two such sets have one of their rarest elements in common (prefix filtering: Chaudhuri et al.,
    ICDE 2006), so that only these are looked up.
    """
    frequency = Counter(run for one in runs for run in one)
    index: dict[Gram, list[int]] = defaultdict(list)
    found: dict[int, tuple[int, float]] = {}
    for i, mine in enumerate(runs):
        prefix = _rarest(mine, frequency, share)
        for j in sorted({j for run in prefix for j in index[run]}):
            common = len(mine & runs[j])
            alike = common / (len(mine) + len(runs[j]) - common)
            if alike >= share:
                found[i] = (j, alike)
                break
        else:
            for run in prefix:
                index[run].append(i)
    return found


def _rarest(mine: Iterable[Gram], frequency: Counter[Gram], share: float) -> list[Gram]:
    ordered = sorted(mine, key=lambda run: (frequency[run], run))
    return ordered[: len(ordered) - math.ceil(share * len(ordered) - 1e-9) + 1] if ordered else []
