"""Made-up groups, on which a reward function can be tried without a model and a sandbox."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparring.grading.reward_group import GradedExecution, RewardGroup
from sparring.schema import ParseFailure, Test, Verdict


def example_group(*rows: str, ground_truth: int = 2) -> RewardGroup:
    """Return a group with this pass matrix, whose task is to print the double of a number.

    ``rows`` has one text per program with one sign per test: ``1`` passed, ``0`` failed, ``?`` not
    observed; a row of ``-`` is a response without a program, a column of ``-`` one without a test.
    The first ``ground_truth`` tests are ground truth. Every test that can be read is valid. A
    program prints the double where it passes and one more where it fails. Lengths are 10 tokens.
    `dataclasses.replace` changes any field.
    """
    P, T = len(rows), len(rows[0])
    U = T - ground_truth
    every = tuple(Test(f"{k + 1}\n", f"{2 * (k + 1)}\n") for k in range(T))
    unread_U = [all(row[k] == "-" for row in rows) for k in range(ground_truth, T)]
    tests = tuple(
        None if unread else test
        for test, unread in zip(every[ground_truth:], unread_U, strict=True)
    )
    programs = tuple(
        None if set(row) == {"-"} else f"print(2 * int(input()) + {int('0' in row)})\n"
        for row in rows
    )
    return RewardGroup(
        task_id="example",
        statement="Read a number and print its double.",
        passed_PT=np.array([[sign == "1" for sign in row] for row in rows]),
        observed_PT=np.array([[sign != "?" for sign in row] for row in rows]),
        ground_truth=ground_truth,
        valid_U=~np.array(unread_U, dtype=bool),
        lengths_P=np.full(P, 10.0),
        lengths_U=np.full(U, 10.0),
        programs=programs,
        tests=tests,
        responses_P=tuple(f"```python\n{p}```" if p else "I cannot." for p in programs),
        responses_U=tuple(
            f"**Test Input:**\n```\n{t.input}```\n**Test Output:**\n```\n{t.output}```"
            if t
            else "I cannot."
            for t in tests
        ),
        truncated_P=np.zeros(P, dtype=bool),
        truncated_U=np.zeros(U, dtype=bool),
        failures_P=tuple(None if p else ParseFailure.NO_CODE_BLOCK for p in programs),
        failures_U=tuple(None if t else ParseFailure.NO_TEST_INPUT for t in tests),
        refused_U=(None,) * U,
        executions_PT=tuple(
            tuple(_execution(sign, 2 * (k + 1)) for k, sign in enumerate(row)) for row in rows
        ),
        tests_G=every[:ground_truth],
        examples=(Test("5\n", "10\n"),),
        entry_point=None,
    )


def _execution(sign: str, double: int) -> GradedExecution:
    if sign == "1":
        return GradedExecution(Verdict.ACCEPTED, f"{double}\n", "")
    if sign == "0":
        return GradedExecution(Verdict.WRONG_ANSWER, f"{double + 1}\n", "")
    return GradedExecution(Verdict.INFRA if sign == "?" else Verdict.INVALID, "", "")


def untested(group: RewardGroup) -> RewardGroup:
    """Return a group whose tests were not sampled."""
    G = group.ground_truth
    return replace(
        group,
        passed_PT=group.passed_PT[:, :G],
        observed_PT=group.observed_PT[:, :G],
        valid_U=np.zeros(0, dtype=bool),
        lengths_U=np.zeros(0),
        tests=(),
        responses_U=(),
        truncated_U=np.zeros(0, dtype=bool),
        failures_U=(),
        refused_U=(),
        executions_PT=tuple(row[:G] for row in group.executions_PT),
    )
