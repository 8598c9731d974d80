"""LiveCodeBench's form of tests, which several packages read."""

from __future__ import annotations

import json


def in_outs(tests: dict) -> dict:
    """Return tests on standard input, or calls, as LiveCodeBench writes them: an argument a line
    and a value, both as JSON."""
    if tests["form"] != "call":
        return {"inputs": list(tests["inputs"]), "outputs": list(tests["outputs"])}
    return {
        "inputs": ["\n".join(map(json.dumps, arguments)) for arguments in tests["arguments"]],
        "outputs": [json.dumps(value) for value in tests["results"]],
        "fn_name": tests["function"],
    }
