"""Draw the picture of one training step in the README: docs/images/step.svg.

    python tools/step_picture.py              # writes docs/images/step.svg
    python tools/step_picture.py --out FILE

Four programs and seven tests of one small task are typed in below. Everything else in the picture
is computed: the sandbox runs every program on every test, and `sparring.rewards` pays both roles by
Eq 3 and Eq 4 of the paper. The same tree draws the same bytes; a test compares them with the file.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from sparring.matrix import PassMatrix
from sparring.rewards.facts import RewardFacts
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import EQUATIONS
from sparring.sandbox import Job, Sandbox
from sparring.tasks.checkers.checker import accepts

TASK = "Read whole numbers from one line. Print the largest."
PROGRAMS = (
    "print(max(map(int, input().split())))",
    "print(max(input().split()))",  # compares texts: "9" is above "10"
    "print(input().split()[-1])",
    "print(max([*map(int, input().split())]))",
)
GROUND_TRUTH = (("3 1 2", "3"), ("9 10", "10"), ("-5 -2", "-2"))
"""Tests of the task as (input, expected output): neither role is shown them."""
GENERATED = (("10 9", "10"), ("1 2", "2"), ("4 7", "4"), ("8 10", "8"))
"""Tests by the tester. The first two are right; of the others the expected output is wrong."""
OUT = Path(__file__).parents[1] / "docs" / "images" / "step.svg"

WIDTH, HEIGHT = 950, 412
LEFT, TOP = 46, 134  # of the first program's row
ROW, GT_CELL, CELL = 38, 50, 76  # height of a row, widths of the columns of both blocks
GT_X = 364
U_X = GT_X + GT_CELL * len(GROUND_TRUTH) + 14
REWARD_X = U_X + CELL * len(GENERATED) + 14
BOTTOM = TOP + ROW * len(PROGRAMS)
STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de }
  .box { fill: #f6f8fa; stroke: #8c959f }
  .pass { fill: #dafbe1; stroke: #ffffff }
  .fail { fill: #ffebe9; stroke: #ffffff }
  .tick { fill: none; stroke: #1a7f37; stroke-width: 2.4 }
  .cross { fill: none; stroke: #cf222e; stroke-width: 2.4 }
  .arrow { fill: none; stroke: #57606a; stroke-width: 1.8 }
  .tip { fill: #57606a }
  text { fill: #1f2328; font: 13px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
  .head { font-weight: 600 }
  .small { font-size: 12px; fill: #57606a }
  .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
  .gain { font-size: 15px; font-weight: 600 }
"""
"""Dark text on a card of its own: readable on a light and on a dark page."""


@dataclass(frozen=True)
class Step:
    """One group of a step: who passed what, and what both roles earn."""

    passed_PT: np.ndarray
    correct_P: np.ndarray
    accepts_U: np.ndarray
    """Whether every correct program passes the test, which is then taken to be right."""
    coder_P: np.ndarray
    tester_U: np.ndarray


def play() -> Step:
    """Run every program on every test and pay both roles by the paper's equations."""
    tests = GROUND_TRUTH + GENERATED
    inputs = tuple(f"{data}\n" for data, _ in tests)
    with Sandbox(workers=1) as sandbox:
        outcomes = sandbox.run([Job(program + "\n", inputs) for program in PROGRAMS])
    passed_PT = np.array(
        [
            [accepts("tokens", o.output, test[1]) for o, test in zip(row, tests, strict=True)]
            for row in outcomes
        ]
    )
    matrix = PassMatrix(passed_PT, np.ones_like(passed_PT), len(GROUND_TRUTH))
    P, U = len(PROGRAMS), len(GENERATED)
    facts = RewardFacts(
        matrix=matrix,
        tester_matrix=matrix,
        valid_U=np.ones(U, dtype=bool),
        repeats_U=np.ones(U),
        copied_U=np.zeros(U, dtype=bool),
        lengths_P=np.ones(P),
        lengths_U=np.ones(U),
        truncated_P=np.zeros(P, dtype=bool),
        truncated_U=np.zeros(U, dtype=bool),
    )
    earned = RewardRules(EQUATIONS, 100, 100).score(facts)
    return Step(
        passed_PT,
        matrix.correct_P,
        earned.tester_rewards.accepts_correct,
        earned.coder_rewards.value,
        earned.tester_rewards.value,
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Return a line of text whose baseline is at ``y``."""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(words, quote=False)}</text>"
    )


def cell(x: float, y: float, width: float, passed: bool) -> str:
    """Return a cell of the pass matrix with a tick or a cross, drawn as lines: no font is asked."""
    middle_x, middle_y = x + width / 2, y + ROW / 2
    if passed:
        mark = f"M{middle_x - 7:g} {middle_y:g}l5 6l9 -12"
    else:
        mark = f"M{middle_x - 6:g} {middle_y - 6:g}l12 12m0 -12l-12 12"
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW}" rx="4" '
        f'class="{"pass" if passed else "fail"}"/>'
        f'<path d="{mark}" class="{"tick" if passed else "cross"}"/>'
    )


def number(value: float) -> str:
    """Return a reward with its sign, the minus as long as the plus."""
    return "0" if value == 0 else f"{'+' if value > 0 else '−'}{abs(value):g}"


def heads() -> list[str]:
    """Return what stands above the matrix: the task, and both kinds of tests."""
    middle_G, middle_U = (GT_X + U_X - 14) / 2, (U_X + REWARD_X - 14) / 2
    parts = [
        text(LEFT, 36, f"Task: {TASK}", "head"),
        text(LEFT, TOP - 58, "1  the model writes programs", "head"),
        text(LEFT, TOP - 40, "as the coder", "small"),
        text(middle_G, TOP - 58, "ground-truth tests", "head", "middle"),
        text(middle_G, TOP - 40, "hidden from the model", "small", "middle"),
        text(middle_U, TOP - 58, "1  the model writes tests", "head", "middle"),
        text(middle_U, TOP - 40, "as the tester", "small", "middle"),
        text(REWARD_X, TOP - 58, "3  rewards", "head"),
        text(REWARD_X, TOP - 40, "ground-truth", "small"),
        text(REWARD_X, TOP - 24, "tests passed", "small"),
    ]
    for tests, left, width in ((GROUND_TRUTH, GT_X, GT_CELL), (GENERATED, U_X, CELL)):
        for k, (data, expected) in enumerate(tests):
            middle = left + width * (k + 0.5)
            parts.append(text(middle, TOP - 22, data, "code", "middle"))
            parts.append(text(middle, TOP - 7, f"→ {expected}", "code", "middle"))
    return parts


def matrix(step: Step) -> list[str]:
    """Return the programs, the pass matrix and the rewards of both roles."""
    parts = []
    for i, program in enumerate(PROGRAMS):
        y = TOP + ROW * i
        parts.append(text(LEFT, y + 25, program, "code"))
        for k, passed in enumerate(step.passed_PT[i]):
            of_U = k - len(GROUND_TRUTH)
            x, width = (GT_X + GT_CELL * k, GT_CELL) if of_U < 0 else (U_X + CELL * of_U, CELL)
            parts.append(cell(x, y, width, bool(passed)))
        said = "correct" if step.correct_P[i] else "wrong"
        parts.append(text(REWARD_X, y + 26, number(step.coder_P[i]), "gain"))
        parts.append(text(REWARD_X + 32, y + 25, said, "small"))
    parts.append(text(LEFT, BOTTOM + 24, "2  every program runs on every test", "head"))
    parts.append(text(U_X - 14, BOTTOM + 24, "3  rewards", "head", "end"))
    wrong_P = ~step.correct_P
    for k, reward in enumerate(step.tester_U):
        middle = U_X + CELL * (k + 0.5)
        passed_P = step.passed_PT[wrong_P, len(GROUND_TRUTH) + k]
        accepted = bool(step.accepts_U[k])
        count = int((~passed_P if accepted else passed_P).sum())
        parts.append(text(middle, BOTTOM + 24, number(reward), "gain", "middle"))
        parts.append(
            text(
                middle, BOTTOM + 41, "right test," if accepted else "wrong test,", "small", "middle"
            )
        )
        parts.append(
            text(
                middle,
                BOTTOM + 56,
                f"catches {count}" if accepted else f"lets {count} pass",
                "small",
                "middle",
            )
        )
    return parts


def loop() -> list[str]:
    """Return the way back: from both rewards to the one model, and from that to the next step."""
    y, height, left, width = BOTTOM + 72, 38, 320, 200
    middle = y + height / 2
    right = REWARD_X + 12
    return [
        f'<rect x="{left}" y="{y}" width="{width}" height="{height}" rx="8" class="box"/>',
        text(left + width / 2, middle + 5, "one model, both roles", "head", "middle"),
        f'<path d="M{right} {BOTTOM + 10}V{middle:g}H{left + width + 9}" class="arrow"/>',
        f'<path d="M{left + width + 1} {middle:g}l10 -5v10z" class="tip"/>',
        text(left + width + 24, middle - 8, "4  one update by both roles' rewards", "head"),
        text(left + width + 24, middle + 18, "each normalised within its role and task", "small"),
        f'<path d="M{left} {middle:g}H{LEFT - 24}V{TOP - 62}H{LEFT - 15}" class="arrow"/>',
        f'<path d="M{LEFT - 6} {TOP - 62}l-10 -5v10z" class="tip"/>',
        text(LEFT, middle - 8, "the next step, with other tasks", "small"),
    ]


def svg() -> str:
    """Return the whole picture."""
    step = play()
    described = (
        f"Task: {TASK} {len(PROGRAMS)} programs run on {len(GROUND_TRUTH)} ground-truth and "
        f"{len(GENERATED)} generated tests. Programs earn {', '.join(map(number, step.coder_P))}; "
        f"generated tests earn {', '.join(map(number, step.tester_U))}. Both update one model."
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img">',
        "<title>One step of training</title>",
        f"<desc>{escape(described, quote=False)}</desc>",
        f"<style>{STYLE}</style>",
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="10" class="card"/>',
        *heads(),
        *matrix(step),
        *loop(),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
