"""Reward function that reads texts, outputs and reasons, and not the pass matrix alone.

    sparring train --set reward=recipes/distance_reward.py:reward

A program gets the mean of its credits on the ground-truth tests: 1 for a test that it
passes, up to 1/2 for a wrong answer that is close to the expected one, 0 where it did
not end by itself. A program that catches every exception gets half of that: such
programs hide their faults instead of mending them.

A test gets 1 if every correct program passes it and a wrong program fails it, and 0 if
it only does the first or neither. It gets -1 if the statement forbids its input, if the
reference solution does not end on it, or if the response holds no test.

A reward that depends on a cell that was not observed is NaN: no reward, which is
different from 0.
"""

from __future__ import annotations

import ast

import numpy as np

from sparring import RewardGroup
from sparring.schema import Verdict


def reward(group: RewardGroup) -> tuple[np.ndarray, np.ndarray]:
    """Return the rewards of the programs [P] and of the generated tests [U]."""
    G = group.ground_truth
    coder = np.array(
        [
            0.0 if source is None else mean_credit(group, p) * (0.5 if hides_faults(source) else 1)
            for p, source in enumerate(group.programs)
        ]
    )
    coder = np.where(group.observed_PT[:, :G].all(axis=1), coder, np.nan)
    tester = np.array(
        [
            -1.0 if failure is not None or refusal is not None else 0.0
            for failure, refusal in zip(group.failures_U, group.refused_U, strict=True)
        ]
    )
    correct, wrong = group.correct_P, group.wrong_P
    if correct.any():
        passed_PU, observed_PU = group.passed_PT[:, G:], group.observed_PT[:, G:]
        catches = passed_PU[correct].all(axis=0) & (~passed_PU[wrong]).any(axis=0)
        known = observed_PU[correct | wrong].all(axis=0) | ~group.valid_U
        tester = np.where(known, np.where(group.valid_U, catches, tester), np.nan)
    return coder, tester


def mean_credit(group: RewardGroup, p: int) -> float:
    """Return the mean credit of program ``p`` on the ground-truth tests, from 0 to 1."""
    credits = []
    for execution, test in zip(group.executions_PT[p], group.tests_G, strict=False):
        if execution.verdict is Verdict.ACCEPTED:
            credits.append(1.0)
        elif execution.verdict is Verdict.WRONG_ANSWER:
            credits.append(0.5 * closeness(execution.output, test.output))
        else:  # it raised, or ran into a limit
            credits.append(0.0)
    return float(np.mean(credits))


def closeness(printed: str, expected: str) -> float:
    """Return 1 for equal texts, and less for more distant ones: by the difference of two numbers,
    or by the share of words that are the same in the same place."""
    a, b = printed.split(), expected.split()
    try:
        [x], [y] = map(float, a), map(float, b)
        return 1 / (1 + abs(x - y))
    except ValueError:  # not one number each
        same = sum(one == other for one, other in zip(a, b, strict=False))
        return same / max(len(a), len(b), 1)


def hides_faults(source: str) -> bool:
    """Return True if a program has an ``except`` that catches every exception."""
    handlers = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ExceptHandler)]
    caught = [h.type.id if isinstance(h.type, ast.Name) else None for h in handlers if h.type]
    bare = any(h.type is None for h in handlers)
    return bare or any(name in ("Exception", "BaseException") for name in caught)
