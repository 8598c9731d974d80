"""Evidence written as text, and evidence that hypothesis draws."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from sparring.selection.evidence import Evidence


def evidence(rows: list[str], answers: list[str] | None = None) -> Evidence:
    """``rows``: a program each, 1 passed, 0 failed, ? masked. ``answers``: a digit for each input,
    - for none."""
    cells = np.array([list(row) for row in rows]).reshape(len(rows), -1)
    texts = answers or [""] * len(rows)
    numbers = [[-1 if c == "-" else int(c) for c in text] for text in texts]
    answers_PI = np.array(numbers, dtype=np.int64).reshape(len(rows), -1)
    return Evidence(cells == "1", cells != "?", answers_PI)


@st.composite
def drawn(draw: st.DrawFn, masks: bool = True, fewest: int = 1) -> Evidence:
    """Draw evidence of up to six programs, six tests and four inputs."""
    n, m, i = draw(st.integers(fewest, 6)), draw(st.integers(0, 6)), draw(st.integers(0, 4))
    cell = st.sampled_from("0011?" if masks else "01")
    rows = [draw(st.text(cell, min_size=m, max_size=m)) for _ in range(n)]
    answers = [draw(st.text(st.sampled_from("-012"), min_size=i, max_size=i)) for _ in range(n)]
    found = evidence(rows, answers)
    return Evidence(
        found.passed_PU.reshape(n, m), found.observed_PU.reshape(n, m), found.answers_PI
    )


def reordered(one: Evidence, programs: list[int], tests: list[int], inputs: list[int]) -> Evidence:
    """Return the same evidence with its programs, tests and inputs in another order."""
    return Evidence(
        one.passed_PU[programs][:, tests],
        one.observed_PU[programs][:, tests],
        one.answers_PI[programs][:, inputs],
    )
