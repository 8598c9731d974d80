"""EvalPlus: calls of a function, whose values are compared exactly (``atol`` 0)."""

from __future__ import annotations

from evalplus.eval import PASS, untrusted_check


def grade(program: str, tests: dict) -> bool | None:
    """Return True if the program passes; None for a form that the package does not have."""
    if tests["form"] != "call":
        return None
    status, _ = untrusted_check(
        "humaneval",
        program,
        tests["arguments"],
        tests["function"],
        tests["results"],
        atol=0,
        ref_time=[0.01] * len(tests["results"]),
        min_time_limit=tests["seconds"],
    )
    return bool(status == PASS)
