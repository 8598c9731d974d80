"""Rewards and advantages calculated a second time, one response at a time and without the
vectors, terms and order of `sparring.rewards`, so that the one checks the other."""

from __future__ import annotations

import math

import numpy as np

from sparring.config.recipe import Recipe
from sparring.matrix import Bools, Floats
from sparring.rewards.facts import RewardFacts
from sparring.rewards.settings import (
    CoderReward,
    InvalidTest,
    LengthForm,
    Normalisation,
    NoWrong,
    Overlong,
    RewardSettings,
    TesterReward,
)


def coder_reward(facts: RewardFacts, recipe: Recipe, i: int) -> float:
    """Of program ``i``, NaN without a label."""
    seen, passed = facts.matrix.observed_PG[i], facts.matrix.passed_PG[i]
    total, known, good = len(seen), int(seen.sum()), int((passed & seen).sum())
    how = recipe.reward.coder
    if how is CoderReward.ALL_PASS:
        reward = 0.0 if good < known else math.nan if known < total else 1.0
    elif known == 0:
        reward = math.nan
    else:
        reward = good / known * (1 if how is CoderReward.SHARE else total)
    largest = float(total if how is CoderReward.COUNT else 1)
    limit = recipe.sampling.coder_max_tokens
    return _overlong(recipe, reward, facts.lengths_P[i], facts.truncated_P[i], limit, largest)


def tester_reward(facts: RewardFacts, recipe: Recipe, k: int) -> float:
    """Of generated test ``k``, NaN without a label."""
    settings, wrong = recipe.reward, int(facts.tester_matrix.wrong_P.sum())
    lowest, largest = -1.0, 1.0
    if wrong and settings.tester in (TesterReward.CURE, TesterReward.SCALED):
        unit = 1 if settings.tester is TesterReward.SCALED else wrong
        lowest, largest = -float(unit), (1 + settings.validity_bonus) * unit
    if not facts.valid_U[k] and settings.invalid_test is InvalidTest.LOWEST:
        reward = lowest if facts.tester_matrix.correct_P.any() else math.nan
    else:
        reward = _by_form(facts, settings, k)
        if reward > 0:
            if settings.duplicates:
                reward /= max(float(facts.repeats_U[k]), 1.0) ** settings.duplicates
            if facts.copied_U[k]:
                reward *= 1 - settings.copies
    limit = recipe.sampling.tester_max_tokens
    return _overlong(recipe, reward, facts.lengths_U[k], facts.truncated_U[k], limit, largest)


def _by_form(facts: RewardFacts, settings: RewardSettings, k: int) -> float:
    matrix = facts.tester_matrix
    programs = range(len(matrix.passed_PT))
    correct = [p for p in programs if matrix.correct_P[p]]
    wrong = [p for p in programs if matrix.wrong_P[p]]
    valid = bool(facts.valid_U[k])

    def seen(p: int) -> bool:
        return bool(matrix.observed_PU[p, k]) or not valid

    def passes(p: int) -> bool:
        return bool(matrix.passed_PU[p, k]) and seen(p) and valid

    if not any(seen(p) for p in correct):
        return math.nan
    p_right = _rightness(
        sum(passes(p) for p in correct if seen(p)),
        sum(not passes(p) for p in correct if seen(p)),
        settings.smoothing,
    )
    if settings.tester is TesterReward.SIMPLE:
        return 2 * p_right - 1
    if not wrong:
        return 0.0 if settings.no_wrong_reward is NoWrong.ZERO else 2 * p_right - 1
    weight = _weights(facts, settings)
    all_seen = sum(weight[p] for p in wrong if seen(p))
    if all_seen == 0:
        return math.nan
    scale = len(wrong) / all_seen
    missed = sum(weight[p] for p in wrong if passes(p)) * scale
    caught = sum(weight[p] for p in wrong if seen(p) and not passes(p)) * scale
    if settings.tester is TesterReward.POST_STAGE:
        return p_right * (missed == 0) - (1 - p_right) * (missed > 0)
    reward = p_right * (caught + settings.validity_bonus * len(wrong)) - (1 - p_right) * missed
    return reward / len(wrong) if settings.tester is TesterReward.SCALED else reward


def _rightness(passes: int, failures: int, smoothing: float) -> float:
    if smoothing == 0:
        return float(failures == 0)
    step = math.log((1 - smoothing / 2) / (smoothing / 2))
    return 1 / (1 + math.exp(-min(max(step * (passes - failures), -700), 700)))


def _weights(facts: RewardFacts, settings: RewardSettings) -> dict[int, float]:
    """What each wrong program counts."""
    matrix = facts.tester_matrix
    wrong = np.flatnonzero(matrix.wrong_P).tolist()
    failing = ~(matrix.passed_PU | ~matrix.observed_PU)
    accepted = (matrix.passed_PU | ~matrix.observed_PU)[matrix.correct_P].all(axis=0)
    known = matrix.observed_PU[matrix.correct_P].any(axis=0)  # else nobody knows that it is right
    right = accepted & known & facts.valid_U
    raw = {p: max(int(failing[p, right].sum()), 1) ** -settings.difficulty_exponent for p in wrong}
    return {p: w * len(wrong) / sum(raw.values()) for p, w in raw.items()}


def _overlong(
    recipe: Recipe, reward: float, length: float, truncated: bool, limit: int, largest: float
) -> float:
    how, buffer = recipe.reward.overlong, recipe.reward.overlong_buffer
    if how is Overlong.MASK and truncated:
        return math.nan
    if how is Overlong.PENALTY:
        return reward - largest * min(max((length - (limit - buffer)) / buffer, 0.0), 1.0)
    return reward


def advantage(
    recipe: Recipe, tests: bool, reward: Floats, length: Floats, truncated: Bools, i: int
) -> float:
    """Of response ``i`` in its group, 0 where the group is dropped."""
    form = recipe.reward.length
    if form is LengthForm.OFFICIAL or (tests and form is LengthForm.PAPER):
        return _by_length(recipe, reward, length, truncated, i)
    return _plain(reward, i, recipe.reward.normalisation)


def _plain(reward: Floats, i: int, how: Normalisation) -> float:
    known = reward[~np.isnan(reward)]
    if not len(known) or known.std() <= 1e-9 * np.abs(known).max() or math.isnan(reward[i]):
        return 0.0
    centred = float(reward[i] - known.mean())
    return centred / float(known.std()) if how is Normalisation.STD else centred


def _by_length(recipe: Recipe, reward: Floats, length: Floats, truncated: Bools, i: int) -> float:
    known = np.flatnonzero(~np.isnan(reward)).tolist()
    official = recipe.reward.length is LengthForm.OFFICIAL
    least = min((reward[j] for j in known), default=math.nan)
    reward = np.array([least if truncated[j] and j in known else r for j, r in enumerate(reward)])
    r = reward[known]
    equal = len(r) > 0 and r.std() <= 1e-9 * np.abs(r).max()
    if not len(r) or (equal and not (official and r[0] == 1)):
        return 0.0
    above = {j: 1.0 if equal else float(np.sign(reward[j] - r.mean())) for j in known}
    good = [j for j in known if above[j] > 0 and not truncated[j]]
    if len(good) <= 1:
        return _plain(reward, i, Normalisation.STD)
    middle = float(np.median(length[good]))
    if official:
        middle = min(max(middle, recipe.reward.length_least), recipe.reward.length_most)
    gain = {j: middle - (length[j] if j in good else max(length[good])) for j in known}
    if official:
        gain = {j: 0.0 if above[j] == 0 and not truncated[j] else g for j, g in gain.items()}
    up, down = sum(g for g in gain.values() if g > 0), -sum(g for g in gain.values() if g < 0)
    if up == 0 or down == 0 or i not in known:
        return 0.0
    balanced = {j: g * down / up if g > 0 else g for j, g in gain.items()}
    return float(balanced[i] / np.std(list(balanced.values())))
