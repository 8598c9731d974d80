"""SkyRL's skyrl-gym: the environment ``lcb``, programs on standard input, calls, and answers."""

from __future__ import annotations

from benchmarks.graders.lcb_format import in_outs
from skyrl_gym.envs.lcb.livecodebench import compute_score, lcb_check_correctness


def grade(program: str, tests: dict) -> bool | None:
    """Return True if the program passes; None for a form that the package does not have."""
    if tests["form"] == "script":
        return None
    whole = in_outs(tests)
    rows = [
        {"input": given, "output": wanted}
        for given, wanted in zip(whole["inputs"], whole["outputs"], strict=True)
    ]
    if "fn_name" in whole:
        for row in rows:
            row |= {"testtype": "functional", "metadata": {"func_name": whole["fn_name"]}}
    if tests["form"] == "answer":
        return bool(compute_score(program, rows)[1])
    return bool(lcb_check_correctness(rows, program, timeout=int(tests["seconds"])))
