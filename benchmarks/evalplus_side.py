"""What the package evalplus says of programs: run by `evalplus_agreement` in its environment.

Reads a JSON list of problems from standard input, each a row of EvalPlus's own shape with
``dataset`` and ``programs`` beside its columns, and writes for each the expected values' count and,
for each program, the verdict on every base and plus input. It uses evalplus's own functions and
nothing of ours: `mbpp_deserialize_inputs`, `trusted_exec`, `untrusted_check`.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Read problems, write verdicts."""
    from evalplus.data.mbpp import mbpp_deserialize_inputs
    from evalplus.eval import untrusted_check
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.gen.util import trusted_exec

    answers: list[list[list[bool]]] = []
    for one in json.load(sys.stdin):
        parts: list[Any] = [one["base_input"], one["plus_input"]]
        if one["dataset"] == "mbpp":
            parts = [mbpp_deserialize_inputs(one["task_id"], part) for part in parts]
        code, entry = one["prompt"] + one["canonical_solution"], one["entry_point"]
        not_none = one["dataset"] == "mbpp" and entry in MBPP_OUTPUT_NOT_NONE_TASKS
        expected = [trusted_exec(code, part, entry, True, not_none) for part in parts]
        answers.append([])
        for program in one["programs"]:
            said: list[bool] = []
            for part, (values, times) in zip(parts, expected, strict=True):
                if not part:
                    continue
                _, details = untrusted_check(
                    one["dataset"], program, part, entry, values, one["atol"], times
                )
                said += [bool(d) for d in details] + [False] * (len(part) - len(details))
            answers[-1].append(said)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
