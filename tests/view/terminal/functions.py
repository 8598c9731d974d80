"""A group of a function task, made of one that was recorded: its tests are calls and a script."""

from __future__ import annotations

from typing import Any

from sparring.schema import TestKind
from sparring.values import encode
from tests.view.terminal.recorded_runs import group

SCRIPT = "def check(candidate):\n    for x in range(3):\n        assert candidate(x) == x\n"
CALL, VALUE = encode(((1, [2, 3]), {"key": "a"})), encode((4,))


def functions() -> dict[str, Any]:
    """Ground truth: a script, then calls, the last with a tolerance. Generated tests: calls, of
    which U0 allows any true value. The first outputs that differ are lists."""
    made = group("default", id="f/0", entry_point="Solution.f", checker="value")
    count = len(made["task"]["tests"])
    made["task"]["tests"] = [
        [SCRIPT, "", TestKind.SCRIPT, None],
        *([CALL, VALUE, TestKind.CALL, "value"] for _ in range(count - 2)),
        [CALL, encode(0.5), TestKind.CALL, "value(abs=0.01)"],
    ]
    for k, test in enumerate(made["tests"]):
        if test["input"] is not None:
            rule = "value" if k else "truth"
            value = VALUE if k else encode(True)
            test |= {"input": CALL, "output": value, "kind": TestKind.CALL, "checker": rule}
        if test["reference"] is not None:
            test["reference"]["output"] = encode((5,))
    for program in (*made["programs"], *made["initial_policy_programs"]):
        for t, run in enumerate(program["runs"]):
            run["output"] = "" if t == 0 else encode([1, {"b"}])
        program["runs"][0]["verdict"] = "wrong_answer"
    return made
