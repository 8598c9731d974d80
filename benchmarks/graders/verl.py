"""verl's prime_code: programs on standard input, calls, and answers. It sets its own limits."""

from __future__ import annotations

from benchmarks.graders.lcb_format import in_outs
from verl.utils.reward_score.prime_code import compute_score


def grade(program: str, tests: dict) -> bool | None:
    """Return True if the program passes; None for a form that the package does not have."""
    if tests["form"] == "script":
        return None
    passed, _ = compute_score(program, in_outs(tests))
    return bool(passed)
