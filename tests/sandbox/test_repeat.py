"""A run that meets its time limit is repeated once if the program works close to the limit."""

from __future__ import annotations

import pytest

from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Verdict

# Uses as much CPU time as the input says, by its own clock.
BURN = (
    "import time\nend = time.process_time() + float(input())\n"
    "while time.process_time() < end: pass\nprint('done')"
)


@pytest.mark.parametrize(
    ("inputs", "repeated"),
    [
        (("0.3", "9"), True),  # close to the limit: perhaps the second was as well
        (("9", "0.3"), True),
        (("0.01", "9"), False),  # far from it: the other loops
        (("9", "8"), False),  # none has ended
    ],
)
def test_only_a_program_that_works_close_to_its_limit_is_asked_twice(
    sandbox: Sandbox, inputs: tuple[str, ...], repeated: bool
) -> None:
    [outcomes] = sandbox.run([Job(BURN, inputs, Limits(cpu_seconds=0.4))])
    late = outcomes[inputs.index("9")]
    assert late.verdict is Verdict.TIME_LIMIT
    assert ("second try" in late.detail) is repeated
    for data, outcome in zip(inputs, outcomes, strict=True):
        if float(data) < 0.4:
            assert (outcome.verdict, outcome.output) == (Verdict.FINISHED, "done\n")
