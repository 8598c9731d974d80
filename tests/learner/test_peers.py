"""A failure of one process ends all, each with one line, wherever they wait."""

from __future__ import annotations

import signal

import pytest

from tests.learner.failing import HOW
from tests.processes import ended, started

SLOW = pytest.mark.slow
EXPECTED = {
    "raises": ("process 1 of 2: out of memory (CUDA out of memory.", "out of memory"),
    "leader raises": ("out of memory (CUDA", "process 0 of 2: out of memory (CUDA"),
    "killed": ("process 1 has ended without a message", None),
    "killed while the first samples": ("process 1 has ended without a message", None),
}


@pytest.mark.parametrize(
    "how", [HOW[0], HOW[3], *(pytest.param(h, marks=SLOW) for h in (HOW[1], HOW[2]))]
)
def test_a_failure_of_one_ends_both_with_a_line_each(how: str) -> None:
    first, second = ended(started(["tests.learner.failing", how]))
    for (code, out, err), expected in zip((first, second), EXPECTED[how], strict=True):
        if expected is None:
            assert code == -signal.SIGKILL
            continue
        assert code == 1, (out, err)
        assert expected in err
        assert len(err.strip().splitlines()) == 1, err
    if how != "leader raises":
        assert "another process has ended or does not answer" in first[2]
        assert first[2].strip().endswith("; go on")
