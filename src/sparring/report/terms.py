"""Why a reward was what it was, in numbers: the terms of one record's rewards, line by line.

Everything is worked out again from the recorded cells and the recipe's [reward], and held against
what is recorded: where both differ, the last line says so instead of explaining what was not.
Formulas: Eq 3 and 4 of arXiv 2506.03136 as `sparring.scoring.rewards` has them. Not here: rewards
of the user's own and weighing by length, which are named and not taken apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.schema import Verdict
from sparring.scoring.advantages import Normalisation
from sparring.scoring.lengths import LengthForm
from sparring.scoring.rewards import CoderReward, InvalidTest, NoWrong, RewardSettings, TesterReward

Line = tuple[str, str]
"""A label, and numbers as text."""
Cell = bool | None
"""Passed, failed, or masked (None)."""
_NEAR = 1e-6


@dataclass(frozen=True, slots=True)
class Basis:
    """What rewards followed from. ``correct`` of each row: True, False (wrong) or None (unknown);
    ``cells`` [rows][generated tests], ``judging`` [rows][tests that decide correctness]. The
    group's own programs come first (``own`` of them), then opponents."""

    own: int
    judging: list[list[Cell]]
    cells: list[list[Cell]]
    correct: list[Cell]


def basis_of(record: Mapping[str, Any]) -> Basis:
    """The basis of a rollout record: ground truth, or the supervising tests that were kept."""
    rows = [*record["programs"], *record.get("opponents", ())]
    runs = [p["runs"] for p in rows]
    count = len(record["task"]["tests"])
    keep = [True] * count
    if (supervision := record.get("supervision")) is not None:
        runs = [*(supervision["runs"] or ()), *(supervision["opponents_runs"] or ())]
        keep = [t["kept"] for t in supervision["tests"] if t["input"] is not None]
        count = len(keep)
    cells = [[_cell(o["verdict"]) for o in row] for row in runs]
    judging = [[c for c, k in zip(row[:count], keep, strict=True) if k] for row in cells]
    return Basis(
        min(len(record["programs"]), len(cells)),
        judging,
        [row[count:] for row in cells],
        [_correct(row) for row in judging],
    )


def _cell(verdict: str) -> Cell:
    return None if verdict == Verdict.INFRA else verdict == Verdict.ACCEPTED


def _correct(row: Sequence[Cell]) -> Cell:
    if not row or False in row:
        return False if row else None
    return None if None in row else True


def settings_from(section: Mapping[str, Any]) -> RewardSettings:
    """The recorded [reward] as the formulas take it. Raises ValueError for another version's."""
    return RewardSettings(
        coder=CoderReward(section["coder"]),
        tester=TesterReward(section["tester"]),
        no_wrong=NoWrong(section["no_wrong"]),
        invalid_test=InvalidTest(section["invalid_test"]),
        validity=section["validity"],
        smoothing=section["smoothing"],
        difficulty=section["difficulty"],
        duplicates=section["duplicates"],
        copies=section["copies"],
    )


def coder_lines(record: Mapping[str, Any], basis: Basis, section: Mapping[str, Any]) -> list[Any]:
    """For each program the lines that lead to its reward and advantage."""
    rewards = [p["reward"] for p in record["programs"]]
    found = []
    for j, program in enumerate(record["programs"]):
        lines: list[Line] = []
        value: float | None = None
        if j < basis.own and basis.judging[j]:
            row = basis.judging[j]
            seen, passed = sum(c is not None for c in row), sum(c is True for c in row)
            masked = len(row) - seen
            lines.append(
                (
                    "tests passed",
                    f"{passed} of {seen}" + (f" ({masked} masked: no label)" if masked else ""),
                )
            )
            value, rule = _coder_rule(CoderReward(section["coder"]), row, passed, seen)
            lines.append(("rule", rule))
        else:
            lines.append(("no label", "there is no test to judge this program by"))
        lines += _closing(program, value, rewards, section)
        found.append(lines)
    return found


def _coder_rule(
    form: CoderReward, row: Sequence[Cell], passed: int, seen: int
) -> tuple[float | None, str]:
    if form is CoderReward.ALL_PASS:
        correct = _correct(row)
        rule = "1 if it passes all of them, else 0"
        if correct is None:
            return None, f"{rule}: unknown, a test is masked and none failed"
        return float(correct), f"{rule}: {int(correct)}"
    if not seen:
        return None, "every test is masked"
    share = passed / seen
    if form is CoderReward.SHARE:
        return share, f"share of the tests passed: {passed} / {seen} = {_n(share)}"
    value = share * len(row)
    scaled = f" × {len(row)} / {seen} (masked tests left out)" if seen < len(row) else ""
    return value, f"Eq 3, tests passed: {passed}{scaled} = {_n(value)}"


def tester_lines(record: Mapping[str, Any], basis: Basis, section: Mapping[str, Any]) -> list[Any]:
    """For each generated test the lines that lead to its reward and advantage."""
    settings = settings_from(section)
    tests = record["tests"]
    rewards = [t["reward"] for t in tests]
    valid = [_valid(record, t) for t in tests]
    weights = _weights(basis, tests, valid, settings.difficulty)
    found = []
    for k, test in enumerate(tests):
        column: list[Cell] = [row[k] if valid[k] else False for row in basis.cells]
        lines, value = _test_lines(test, column, basis, weights, settings, valid[k])
        if value is not None and value > 0 and (settings.duplicates or settings.copies):
            lines.append(
                (
                    "discount",
                    f"divided by (tests with this input)^{_n(settings.duplicates)}, and "
                    f"{_n(settings.copies)} of it taken where the input is a public example's",
                )
            )
            value = None  # what is recorded is the discounted one
        found.append([*lines, *_closing(test, value, rewards, section)])
    return found


def _valid(record: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
    """Under supervision nobody may know what the statement forbids."""
    return test["input"] is not None if "supervision" in record else bool(test["valid"])


def _weights(
    basis: Basis, tests: Sequence[Mapping[str, Any]], valid: Sequence[bool], power: float
) -> dict[int, float]:
    """What each wrong row counts, by row: ∝ (right tests that catch it)^−γ, summing to W."""
    wrong = [i for i, c in enumerate(basis.correct) if c is False]
    right = [
        k
        for k in range(len(tests))
        if valid[k]
        and all(basis.cells[i][k] is not False for i, c in enumerate(basis.correct) if c is True)
    ]
    caught = {i: sum(basis.cells[i][k] is False for k in right) for i in wrong}
    raw = {i: max(n, 1) ** -power if power else 1.0 for i, n in caught.items()}
    total = sum(raw.values())
    return {i: w * len(wrong) / total for i, w in raw.items()}


def _test_lines(
    test: Mapping[str, Any],
    column: Sequence[Cell],
    basis: Basis,
    weights: Mapping[int, float],
    settings: RewardSettings,
    valid: bool,
) -> tuple[list[Line], float | None]:
    """The lines of one test, and the reward that they come to (None: no label)."""
    correct = [c for c, label in zip(column, basis.correct, strict=True) if label is True]
    wrong, lowest = len(weights), -1.0
    form = settings.tester
    if form is TesterReward.CURE and wrong:
        lowest = -float(wrong)
    lines: list[Line] = []
    if not valid:
        why = test["failure"] or test.get("refused") or "the statement does not allow its input"
        lines.append(("not a valid test", str(why)))
        if settings.invalid_test is InvalidTest.LOWEST:
            if not correct:
                lines.append(("no label", "no program of the group is correct"))
                return lines, None
            lines.append(("rule", f"the lowest reward of this form: {_n(lowest)}"))
            return lines, lowest
        lines.append(("rule", "counted as a test that every program fails"))
    accepting, seen_correct = correct.count(True), len(correct) - correct.count(None)
    lines.append(("correct programs that pass it", f"{accepting} of {seen_correct} seen"))
    if not seen_correct:
        lines.append(("no label", "no correct program was seen on it: is it right? Nobody knows"))
        return lines, None
    p = float(test["rightness"])
    smoothed = f" (a probability, smoothing {_n(settings.smoothing)})" if settings.smoothing else ""
    lines.append(("rightness p", f"{_n(p)}{smoothed}"))
    if form is TesterReward.SIMPLE:
        return [*lines, ("rule", f"2p − 1 = {_n(2 * p - 1)}")], 2 * p - 1
    if not wrong:
        value = 0.0 if settings.no_wrong is NoWrong.ZERO else 2 * p - 1
        rule = "no program is wrong, nothing to catch: "
        rule += "0" if settings.no_wrong is NoWrong.ZERO else f"2p − 1 = {_n(value)}"
        return [*lines, ("rule", rule)], value
    seen = [i for i in weights if column[i] is not None]
    failing = [i for i in seen if column[i] is False]
    total = sum(weights[i] for i in seen)
    lines.append(("wrong programs W", str(wrong) + _opponents(basis, weights)))
    lines.append(("of them caught, missed", f"{len(failing)}, {len(seen) - len(failing)}"))
    if not seen:
        lines.append(("no label", "no wrong program was seen on it"))
        return lines, None
    scale = wrong / total
    caught = sum(weights[i] for i in failing) * scale
    missed = (total - sum(weights[i] for i in failing)) * scale
    if len(seen) < wrong:
        lines.append(("masked", f"{wrong - len(seen)} not seen; sums × {_n(scale)}"))
    if settings.difficulty:
        lines.append(
            (
                "as counted: caught, missed",
                f"{_n(caught)}, {_n(missed)} (a wrong program weighs more where fewer tests "
                f"catch it, γ = {_n(settings.difficulty)})",
            )
        )
    value, rule = _form(settings, p, caught, missed, wrong)
    return [*lines, ("rule", rule)], value


def _opponents(basis: Basis, weights: Mapping[int, float]) -> str:
    others = sum(i >= basis.own for i in weights)
    return f" ({others} of them opponents' programs)" if others else ""


def _form(
    settings: RewardSettings, p: float, caught: float, missed: float, wrong: int
) -> tuple[float, str]:
    if settings.tester is TesterReward.POST_STAGE:
        value = p * (missed == 0) - (1 - p) * (missed > 0)
        return value, f"p·[missed = 0] − (1 − p)·[missed > 0] = {_n(value)}"
    v = settings.validity
    value = p * (caught + v * wrong) - (1 - p) * missed
    symbols = "p·(caught + validity·W) − (1 − p)·missed" if v else "p·caught − (1 − p)·missed"
    numbers = f"({_n(caught)} + {_n(v)}·{wrong})" if v else _n(caught)
    rule = f"Eq 4, {symbols} = {_n(p)}·{numbers} − {_n(1 - p)}·{_n(missed)}"
    if settings.tester is TesterReward.SCALED:
        return value / wrong, f"{rule}, divided by W = {_n(value / wrong)}"
    return value, f"{rule} = {_n(value)}"


def _closing(
    item: Mapping[str, Any],
    value: float | None,
    rewards: Sequence[float | None],
    section: Mapping[str, Any],
) -> list[Line]:
    """The recorded reward, whether it is the one worked out, and the advantage."""
    reward = item["reward"]
    told = "none: masked, no part in the loss" if reward is None else _n(reward)
    lines: list[Line] = [("reward", told)]
    if value is not None and (reward is None or abs(value - reward) > _NEAR):
        lines.append(("differs", f"the rule above gives {_n(value)}; {_other_rules(section)}"))
    known = [r for r in rewards if r is not None]
    if reward is None or not known:
        return lines
    mean = sum(known) / len(known)
    std = math.sqrt(sum((r - mean) ** 2 for r in known) / len(known))
    lines.append(("group", f"mean {_n(mean)}, std {_n(std)} over {len(known)} labelled"))
    got = float(item["advantage"])
    if section.get("length", LengthForm.NONE) != LengthForm.NONE:
        return [*lines, ("advantage", f"{_n(got, True)} (weighed by length)")]
    plain = section["normalisation"] == Normalisation.MEAN
    expected = 0.0 if std < _NEAR else (reward - mean) / (1.0 if plain else std)
    if std < _NEAR:
        return [*lines, ("advantage", "0: all rewards of the group are equal")]
    by = "" if plain else f" / {_n(std)}"
    same = f"({_n(reward)} − {_n(mean)}){by} = {_n(got, True)}"
    if abs(expected - got) > 1e-3:
        same = f"{_n(got, True)}; {_other_rules(section)}"
    return [*lines, ("advantage", same)]


def _other_rules(section: Mapping[str, Any]) -> str:
    if section.get("function"):
        return "a reward function of the user's own decided (reward_function.py)"
    if section.get("shuffle"):
        return "rewards were dealt out at random (reward.shuffle)"
    return "another setting decided, such as reward.overlong or learning.objective"


def _n(value: float, sign: bool = False) -> str:
    """A number as people write it: four digits, no trailing zeros, a true minus."""
    text = f"{value:+.4g}" if sign else f"{value:.4g}"
    return text.replace("-", "−")
