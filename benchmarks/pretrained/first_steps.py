"""The record of a run's first steps, and the comparison of another run with it.

- On the same type of CPU (`cpu`) every figure of every step must be equal, to the last digit.
- Elsewhere rounding differs, so that other tokens are sampled, and figures are means of other
  draws. Then the means over the steps are compared. A share or a length as a share of its limit
  is a mean of n independent values between 0 and 1, whose standard error is at most √(0.25 / n);
  the difference of two such means has at most √2 times this error. The tolerance is three of these
  errors: 0.14 for five steps of 6 × 8 responses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.config.recipe import Recipe

Metrics = Mapping[str, Any]
"""A line of metrics.jsonl."""


@dataclass(frozen=True, slots=True)
class DrawnMean:
    """A figure that is a mean over the sampled responses of a step.

    ``of`` reads it from a step's metrics, ``limit`` is the largest value of a response, and
    ``responses`` the number of responses that are sampled for it in a step.
    """

    name: str
    of: Callable[[Metrics], float | None]
    limit: float
    responses: int


@dataclass(frozen=True, slots=True)
class Distance:
    """The means of a figure on record and here, and how far apart they may be."""

    name: str
    recorded: float
    here: float
    tolerance: float

    @property
    def within(self) -> bool:
        return abs(self.recorded - self.here) <= self.tolerance

    def __str__(self) -> str:
        mark = "" if self.within else "   too far"
        return (
            f"{self.name}: {self.recorded:.3f} on record, {self.here:.3f} here "
            f"(may differ by {self.tolerance:.3f}){mark}"
        )


def drawn_means(recipe: Recipe) -> list[DrawnMean]:
    """Return the figures that are compared within a tolerance."""
    sampling = recipe.sampling
    programs = recipe.training.tasks_per_step * sampling.programs
    tests = recipe.training.tasks_per_step * sampling.tests
    coder, tester = sampling.coder_max_tokens, sampling.tester_max_tokens
    return [
        DrawnMean("pass@1", lambda m: m["pass@1"], 1, programs),
        DrawnMean("tests_right", lambda m: m["tests_right"], 1, tests),
        DrawnMean("tests_invalid", lambda m: m["tests_invalid"], 1, tests),
        DrawnMean("coder.truncated_share", lambda m: m["coder"]["truncated_share"], 1, programs),
        DrawnMean("tester.truncated_share", lambda m: m["tester"]["truncated_share"], 1, tests),
        DrawnMean("coder.mean_length", lambda m: m["coder"]["mean_length"], coder, programs),
        DrawnMean("tester.mean_length", lambda m: m["tester"]["mean_length"], tester, tests),
    ]


def distances(
    recorded: Sequence[Metrics], here: Sequence[Metrics], means: Sequence[DrawnMean]
) -> list[Distance]:
    """Return how far apart two runs of equally many steps are, a figure at a time.

    A figure that is unknown in a step of either run is left out.
    """
    result = []
    for mean in means:
        pairs = [(mean.of(a), mean.of(b)) for a, b in zip(recorded, here, strict=True)]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        if len(known) == len(pairs):
            n = mean.responses * len(known)
            tolerance = 3 * math.sqrt(2 * 0.25 / n) * mean.limit
            first, second = (sum(side) / len(known) for side in zip(*known, strict=True))
            result.append(Distance(mean.name, first, second, tolerance))
    return result


def differing_digits(
    recorded: Sequence[Metrics], here: Sequence[Metrics]
) -> Iterator[tuple[int, str, Any, Any]]:
    """Yield (step, key, value on record, value here) for each figure that is not equal."""
    for one, other in zip(recorded, here, strict=True):
        first, second = dict(_flat(one)), dict(_flat(other))
        for key in dict.fromkeys([*first, *second]):
            a, b = first.get(key), second.get(key)
            if a != b:
                yield one["step"], key, a, b


def _flat(metrics: Metrics, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
