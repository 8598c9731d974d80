"""The account of a decision claims nothing that was not seen."""

from __future__ import annotations

from typing import Any

from sparring.solving.account import account

NOTHING: dict[str, list[int]] = {"passed": [], "failed": [], "unknown": []}


def record(sampled: int = 2, **decision: Any) -> dict[str, Any]:
    """Record of a session that has chosen program 0 of ``sampled`` and has run nothing."""
    return {
        "stopped": False,
        "strategy": "by_need",
        "decision": {
            "chosen": 0 if sampled else None,
            "origin": "sampled",
            "chosen_by": "tests passed",
            "reason": "seconds",
            "sure": None,
            "threshold": 0.5,
            "abstained": True,
            "programs": {"sampled": sampled, "readable": sampled},
            "tests": {"sampled": 0, "readable": 0},
            "inputs": [],
            "agree": 0,
            "chosen_on": {
                "binding": NOTHING,
                "examples": {**NOTHING, "unknown": [0, 1]},
                "generated": NOTHING,
            },
            **decision,
        },
        "costs": {"seconds": 1.0, "tokens": 9, "requests": 2, "executions": 0, "bounded": 1},
    }


def test_tests_that_were_not_run_are_not_counted_as_failed() -> None:
    lines = account(record())
    assert "was not run on any of the public examples" in lines
    assert not any("passes" in line for line in lines)
    [sure] = [line for line in lines if line.startswith("how sure: ")]
    assert "unknown" in sure
    assert "below" not in sure
    partly = {**NOTHING, "passed": [0], "unknown": [1]}
    on = {"binding": NOTHING, "examples": partly, "generated": NOTHING}
    lines = account(record(chosen_on=on))
    assert "passes 1 of 2 public examples; was not run on 1 of them" in lines


def test_tokens_without_a_report_are_an_upper_bound() -> None:
    cost = account(record())[-1]
    assert "9 tokens (at most: the server reported none for 1 request)" in cost


def test_without_a_program_it_says_whether_one_was_sampled() -> None:
    assert any("no program was sampled" in line for line in account(record(0)))
    unread = record(3, chosen=None, programs={"sampled": 3, "readable": 0})
    assert any("no program could be read" in line for line in account(unread))


def test_binding_tests_are_no_part_of_the_probability_and_it_says_so() -> None:
    on = {"binding": {**NOTHING, "passed": [0]}, "examples": NOTHING, "generated": NOTHING}
    assert any(
        "15% likely to be right, by the generated tests and answers alone" in line
        for line in account(record(sure=0.15, chosen_on=on))
    )
    on = {**on, "binding": NOTHING}
    assert not any("alone" in line for line in account(record(sure=0.15, chosen_on=on)))
