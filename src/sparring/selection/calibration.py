"""Calibration: coefficients that turn what was seen of a program into a probability.

A logistic regression with one coefficient per `Signal` and an intercept. It is fitted by Newton's
method on choices with known truth. Every data set counts equally, and in it every task, however
many choices were drawn. A slight penalty keeps coefficients finite where a signal separates the
choices.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import ConfigError
from sparring.matrix import Bools, Floats

KIND, VERSION = "calibration", 1
RIDGE = 1e-3
"""Penalty of a squared coefficient, in standard deviations of its signal, per unit of weight."""
_ITERATIONS = 100


class Signal(StrEnum):
    """What is seen of a program (`confidence.signals`), in order."""

    AGREEMENT = "agreement"
    SAME = "same"
    MARGIN = "margin"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Coefficients by signal, and the facts about what they were fitted on."""

    intercept: float
    coefficients: Mapping[Signal, float]
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def probability(self, signals_S: Floats) -> Floats:
        """Return the probability for signals [..., S], in the order of `Signal`."""
        weights = np.array([self.coefficients[s] for s in Signal])
        odds = self.intercept + signals_S @ weights
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -500, 500))))

    def record(self) -> dict[str, Any]:
        """Return the calibration as JSON-able data; `read` reads it back."""
        return {
            "kind": KIND,
            "version": VERSION,
            "intercept": self.intercept,
            "coefficients": dict(self.coefficients),
            "fitted": dict(self.fitted),
        }


def fit(
    signals_CS: Floats, right_C: Bools, weight_C: Floats, fitted: Mapping[str, Any]
) -> Calibration:
    """Return the calibration of choices [C] whose truth is known (`weights` gives the weights).

    Raises ValueError where all choices are right, or all are wrong.
    """
    if right_C.all() or not right_C.any():
        raise ValueError("a calibration needs right choices and wrong ones")
    weight = weight_C / weight_C.sum()
    centre = weight @ signals_CS
    spread = np.sqrt(weight @ (signals_CS - centre) ** 2)
    spread = np.where(spread > 0, spread, 1.0)
    columns = np.column_stack([np.ones(len(right_C)), (signals_CS - centre) / spread])
    penalty = RIDGE * np.array([0.0, *np.ones(signals_CS.shape[1])])
    beta = np.zeros(columns.shape[1])
    for _ in range(_ITERATIONS):
        p = 1 / (1 + np.exp(-np.clip(columns @ beta, -30, 30)))
        slope = columns.T @ (weight * (p - right_C)) + penalty * beta
        curve = (columns * (weight * p * (1 - p))[:, None]).T @ columns + np.diag(penalty + 1e-12)
        step = np.linalg.solve(curve, slope)
        beta -= step
        if np.abs(step).max() < 1e-10:
            break
    coefficients = beta[1:] / spread
    return Calibration(
        float(beta[0] - coefficients @ centre),
        {s: float(c) for s, c in zip(Signal, coefficients, strict=True)},
        fitted,
    )


def weights(data_set_C: Sequence[str], task_C: Sequence[str]) -> Floats:
    """Return a weight for each choice [C]: every data set counts equally, in it every task, and in
    that every choice."""
    tasks = Counter(zip(data_set_C, task_C, strict=True))
    per_set = Counter(name for name, _ in tasks)
    return np.array(
        [1 / (per_set[s] * tasks[s, t]) for s, t in zip(data_set_C, task_C, strict=True)]
    )


@lru_cache(maxsize=1)
def shipped() -> Calibration:
    """Return the calibration that comes with the package."""
    return _read(files(__package__).joinpath("calibration.json").read_text(encoding="utf-8"))


def load(path: Path) -> Calibration:
    """Read a calibration that ``sparring calibrate`` wrote. Raises `ConfigError` for a file that is
    missing or holds none."""
    try:
        return _read(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"{path}: holds no calibration of this version; make one with sparring calibrate"
        ) from None


def _read(text: str) -> Calibration:
    return calibration_from(json.loads(text))


def calibration_from(record: Mapping[str, Any]) -> Calibration:
    """Return the calibration that `Calibration.record` wrote. Raises KeyError, TypeError or
    ValueError for any other record."""
    if (record["kind"], record["version"]) != (KIND, VERSION):
        raise ValueError("another kind of file")
    given = {str(k): float(v) for k, v in record["coefficients"].items()}
    coefficients = {s: given.pop(s) for s in Signal}
    numbers = (float(record["intercept"]), *coefficients.values())
    if given or not all(map(math.isfinite, numbers)):
        raise ValueError("other signals, or no numbers")
    return Calibration(numbers[0], coefficients, dict(record["fitted"]))
