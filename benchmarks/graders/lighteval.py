"""Hugging Face's lighteval: LiveCodeBench's harness, programs on standard input and calls."""

from __future__ import annotations

import json

from benchmarks.graders.lcb_format import in_outs
from lighteval.tasks.tasks.lcb.codegen_metrics import check_correctness, extract_code


def grade(program: str, tests: dict) -> bool | None:
    """Return True if the program passes; None for a form that the package does not have."""
    if tests["form"] == "script":
        return None
    if tests["form"] == "answer":
        program = extract_code(program)
    sample = {"input_output": json.dumps(in_outs(tests))}
    results = check_correctness(sample, program, timeout=int(tests["seconds"]))
    return bool(results) and all(result > 0 for result in results)
