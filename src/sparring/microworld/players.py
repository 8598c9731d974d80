"""Imperfect players, whose answers are the nano model's warm-start corpus.

A warm start on perfect text would leave nothing to learn. Text with independent slips would be
corrected by sampling at temperature 0. So most mistakes here are *habits*: for each wording of a
part, a fixed share of writers misreads the wording, and for a third of the wordings that share is a
majority (`misread_rate`). The habits of coder and tester differ, so that the tester often
understands a wording that the coder misreads; otherwise tests would be of no use. Slips in
derivations, and inputs that break a rule of the statement, are added to the habits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from sparring.microworld.grammar import (
    HIGH,
    LETTERS,
    LOW,
    SCALAR_HIGH,
    SCALAR_LOW,
    InputShape,
    ProblemPart,
    Value,
    line,
)
from sparring.microworld.problem import NOTHING, Interpretations, Problem
from sparring.schema import Role

HABITS: dict[Role, tuple[float, float, float]] = {
    Role.CODER: (0.08, 0.28, 0.66),
    Role.TESTER: (0.06, 0.20, 0.55),
}
"""Shares of writers who misread a clear, a hard and a misleading wording."""
FORGET_GUARD: dict[Role, float] = {Role.CODER: 0.30, Role.TESTER: 0.15}
"""Share of writers who forget the sentence on the empty selection."""
SLIP_RATE = 0.003
"""Probability of a wrong yes/no or a wrong value, per step of a derivation."""
SYNTAX_RATE = 0.02
"""Share of programs with a missing character."""
PROBE_RATE = 0.25
"""Share of inputs that probe a subtle mistake."""
RULE_RATE = 0.12
"""Share of inputs that break a rule of the statement."""


def misread_rate(role: Role, part: ProblemPart, wording: int) -> float:
    """Return the share of writers of ``role`` who misread this wording of this part."""
    if len(part.readings) == 1:
        return 0.0
    key = f"{role}:{part.name}:{part.wordings[wording]}"
    return HABITS[role][hashlib.sha256(key.encode()).digest()[0] % 3]


def draw_readings(rng: np.random.Generator, problem: Problem, role: Role) -> Interpretations:
    """Draw one writer's readings of a problem."""
    readings = []
    for part, wording in zip(problem.composition.parts(), problem.wordings, strict=True):
        wrong = rng.random() < misread_rate(role, part, wording)
        index = int(rng.integers(1, len(part.readings))) if wrong else 0
        readings.append(part.readings[index])
    guarded = bool(rng.random() >= FORGET_GUARD[role])
    return Interpretations((readings[0], readings[1], readings[2]), guarded)


def draw_values(rng: np.random.Generator, shape: InputShape, size: int) -> list[Value]:
    """Draw uniform values, which the statement may not allow."""
    if shape is InputShape.LETTERS:
        return [LETTERS[int(i)] for i in rng.integers(len(LETTERS), size=size)]
    low, high = (SCALAR_LOW, SCALAR_HIGH) if shape is InputShape.SCALARS else (LOW, HIGH)
    return [int(i) for i in rng.integers(low, high + 1, size=size)]


def draw_input(rng: np.random.Generator, problem: Problem, aim: float = 0.0) -> list[Value]:
    """Draw a valid input; with probability ``aim`` the input probes a subtle mistake.

    A probing input contains the constant of the selection, repeats a value, selects nothing, or,
    for scalars, has p equal to q.
    """
    shape = problem.composition.shape
    probe = int(rng.integers(3)) if rng.random() < aim else -1
    while True:
        values = draw_values(rng, shape, problem.size)
        if shape is InputShape.SCALARS:
            if probe >= 0:
                values[1] = values[0]
        elif probe == 0 and problem.constants[0] is not None:
            values[int(rng.integers(problem.size))] = problem.constants[0]
        elif probe == 0:
            values[int(rng.integers(problem.size))] = 0 if shape is InputShape.NUMBERS else "e"
        elif probe == 1:
            i, j = rng.choice(problem.size, size=2, replace=False)
            values[int(i)] = values[int(j)]
        elif probe == 2:
            keep = problem.right.chosen[0]
            out = [v for v in values if not keep.apply(v, problem.constants[0])]
            while out and len(out) < problem.size:
                v = draw_values(rng, shape, 1)[0]
                if not keep.apply(v, problem.constants[0]):
                    out.append(v)
            values = out
        if problem.allows(line(values)):
            return values
        if probe == 2 and rng.random() < 0.1:
            probe = 0  # perhaps no valid input selects nothing


def break_rule(rng: np.random.Generator, problem: Problem) -> list[Value]:
    """Draw an invalid input: a wrong number of values, or too few different values."""
    shape = problem.composition.shape
    if rng.random() < 0.5 and shape is not InputShape.SCALARS:
        size = problem.size + (1 if rng.random() < 0.5 else -1)
        return draw_values(rng, shape, size)
    few = draw_values(rng, shape, 1 if shape is InputShape.SCALARS else 2)
    return [few[int(rng.integers(len(few)))] for _ in range(problem.size)]


def write_program(rng: np.random.Generator, problem: Problem) -> str:
    """Draw one noisy coder's program."""
    source = problem.program(draw_readings(rng, problem, Role.CODER), int(rng.integers(2)))
    if rng.random() < SYNTAX_RATE:
        marks = [i for i, c in enumerate(source) if c in ":)]"]
        cut = marks[int(rng.integers(len(marks)))]
        source = source[:cut] + source[cut + 1 :]
    return source


def write_test(rng: np.random.Generator, problem: Problem) -> tuple[str, str, str]:
    """Draw one noisy tester's input line, derivation and expected output."""
    if rng.random() < RULE_RATE:
        values = break_rule(rng, problem)
    else:
        values = draw_input(rng, problem, aim=PROBE_RATE)
    readings = draw_readings(rng, problem, Role.TESTER)
    work, output = derive(rng, problem, values, readings)
    return line(values), work, output


def derive(
    rng: np.random.Generator,
    problem: Problem,
    values: Sequence[Value],
    readings: Interpretations,
    slip_rate: float = SLIP_RATE,
) -> tuple[str, str]:
    """Return the steps of a derivation and its result. Slips carry through to the result.

    For lists the steps are: each value with ``y`` or ``n``, the changes as pairs, and the running
    values of the answer. For scalars the steps are the comparison and the chosen expression. A
    writer who forgot the text for an empty selection writes 0.
    """
    if problem.composition.shape is InputShape.SCALARS:
        p, q, r = values
        condition, then, other = readings.chosen
        holds = bool(condition.apply(p, q)) ^ bool(rng.random() < slip_rate)
        output = (then if holds else other).apply(p, q, r)
        if rng.random() < slip_rate:
            output = output + int(rng.integers(1, 3))
        source = (then if holds else other).source
        numbers = source.replace("p", str(p)).replace("q", str(q)).replace("r", str(r))
        shown = numbers if "m" not in source else line(list(values))
        return f"test: {p} {q} {'y' if holds else 'n'}\nwork: {shown}", str(output)
    keep, change, fold = readings.chosen
    k, c, _ = problem.constants
    marks, kept = [], []
    for x in values:
        yes = bool(keep.apply(x, k)) ^ bool(rng.random() < slip_rate)
        marks.append(f"{x} {'y' if yes else 'n'}")
        if yes:
            kept.append(x)
    lines = ["keep: " + " ".join(marks)]
    if not kept and problem.needs_guard:
        if readings.guarded:
            return "\n".join(lines), NOTHING
        return "\n".join(lines), "0"
    changed = [change.apply(x, c) for x in kept]
    if change.source != "x" and kept:
        lines.append("map: " + " ".join(f"{x} {y}" for x, y in zip(kept, changed, strict=True)))
    if changed and (running := _running(fold.source, changed)):
        lines.append("fold: " + line(running))
    return "\n".join(lines), str(fold.apply(changed))


def _running(source: str, values: Sequence[Any]) -> list[Value]:
    """Return the intermediate values that lead to an answer step by step."""
    if "set(w)" in source:
        return list(dict.fromkeys(values))
    combine: dict[str, Callable[[Any, Any], Any]] = {
        "sum(w)": lambda last, x: last + x,
        "max(w)": max,
        "min(w)": min,
    }
    if source == "len(w)":
        return list(range(1, len(values) + 1))
    return list(accumulate(values, combine[source])) if source in combine else []
