"""Small records of evaluations: values by task, without responses, for paired intervals.

A figure that is a mean has one value per task. A ratio has its value, and for each task its weight
and its influence on the ratio (`sparring.metrics.intervals.Influence`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import RunError, explained, well_formed
from sparring.files import digest, write_whole
from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Influence
from sparring.metrics.metric_intervals import difference_of, figure_of, mean_of
from sparring.metrics.share_intervals import share_difference
from sparring.selection import default

RESULTS = Path(__file__).parents[1] / "results" / "pretrained"
_MEANS = re.compile(
    r"pass@[14]|unit_test_accuracy(_estimate)?|(programs|tests)_readable|tests_right_own_not_trivial"
    rf"|caught_by_right_test|(bon|majority|oracle|{default.SELECTOR})_4x4"
)
_RATIOS = re.compile(
    r"input_size|distinct_inputs|catch_rate|p01|p00|mu|mutation_score|(coder|tester)\.at_limit"
    r"|(programs|tests)_right_of_readable|tests_copied|tests_trivial"
)
"""Names of the figures that are kept. Others repeat them, such as figures at smaller scales."""
_CONDITIONS = ("params", "seed", "prompts", "programs", "tests", "grader")
"""Conditions beside the tasks that two evaluations must share to be paired."""
_ON_OTHER_PROGRAMS = re.compile(
    rf"pass@1|(bon|oracle|{default.SELECTOR})_4x4|caught_by_right_test|unit_test_accuracy"
    r"|catch_rate|p01|p00|mu"
)
"""Names of the figures that are kept of one model's tests on another model's programs. All others
are in the evaluation of one of the two."""


def small(record: Mapping[str, Any], recombined: bool = False) -> dict[str, Any]:
    """Return what is kept of the record of an evaluation (``eval.json``), or of one model's
    programs on another model's tests (``recombined``). Numbers have six significant digits."""

    def kept(name: str, names: re.Pattern[str]) -> bool:
        of_both = not recombined or _ON_OTHER_PROGRAMS.fullmatch(name) is not None
        return of_both and names.fullmatch(name) is not None

    with well_formed("eval.json"):
        means, ratios, responses = record["per_task"], record["ratios"], record["responses"]
        conditions = {name: record["conditions"].get(name) for name in _CONDITIONS}
        return {
            **({} if recombined else {"conditions": digest(conditions)}),
            "tasks": [t["id"] for t in record["tasks"]],
            "digest": record["conditions"]["tasks"],
            "models": {role: m["identity"] for role, m in record["models"].items()},
            "responses": {
                role: {name: r[name] for name in ("responses", "cut_off", "tokens")}
                for role, r in responses.items()
            },
            "per_task": {n: _short(values) for n, values in means.items() if kept(n, _MEANS)},
            "ratios": {n: _small_ratio(r) for n, r in ratios.items() if kept(n, _RATIOS)},
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """Evaluation in a small record, with its figures by name."""

    record: Mapping[str, Any]

    def has(self, name: str) -> bool:
        """Return True if the evaluation has the figure, known for some task."""
        ratio = self.record["ratios"].get(name)
        if ratio is not None:
            return ratio["value"] is not None
        return any(v is not None for v in self.record["per_task"].get(name, ()))

    def estimate(self, name: str) -> Estimate:
        """Return a figure with its interval."""
        if name in self.record["ratios"]:
            return figure_of(name, self._ratio(name))
        return mean_of(name, self._mean(name))

    def change_from(self, before: Measured, name: str) -> Estimate:
        """Return this figure minus the same one of ``before``, paired by task. Raises `RunError`
        for other tasks."""
        self.check_paired(before)
        if name in self.record["ratios"]:
            return difference_of(name, before._ratio(name), self._ratio(name))
        return share_difference(before._mean(name), self._mean(name))

    def changes_by_task(self, before: Measured, name: str) -> Floats:
        """Return the difference from ``before`` by task [tasks]; its mean is the difference of the
        figures. Of a ratio it is linearised: difference + tasks · difference of influences. NaN
        where a task is in neither ratio, or a mean is unknown. Raises `RunError` for other tasks.
        """
        self.check_paired(before)
        if name not in self.record["ratios"]:
            return self._mean(name) - before._mean(name)
        old, new = before._ratio(name), self._ratio(name)
        used = old.used | new.used
        moved = int(used.sum()) * (new.influence - old.influence)
        return np.where(used, new.value - old.value + moved, math.nan)

    def check_paired(self, other: Measured) -> None:
        """Raise `RunError` if the other evaluation has other tasks, or was sampled or read in
        another way."""
        for key in ("tasks", "digest"):
            if self.record[key] != other.record[key]:
                raise RunError(
                    "the records are of different tasks, so that they cannot be paired; measure "
                    "again with the same data"
                )
        mine, others = self.record.get("conditions"), other.record.get("conditions")
        if mine is not None and others is not None and mine != others:
            raise RunError(
                "the records were measured with different prompts, lengths, temperatures, seeds or "
                "numbers of responses, so that they cannot be paired; measure again with one recipe"
            )

    def _mean(self, name: str) -> Floats:
        return np.array(self.record["per_task"][name], dtype=float)

    def _ratio(self, name: str) -> Influence:
        ratio = self.record["ratios"][name]
        if "left" in ratio:
            return Influence.of(ratio)
        share = np.array(ratio["share"], dtype=float)
        influence = np.array(ratio["influence"], dtype=float)
        value = math.nan if ratio["value"] is None else float(ratio["value"])
        return Influence(value, influence, share > 0, share, _left(influence, share))


def read(file: Path) -> dict[str, Any]:
    """Read a record. Raises `RunError`."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: cannot be read as a record: {error}") from None
    if not isinstance(record, dict):
        raise RunError(f"{file}: is no record; make it with python -m benchmarks.pretrained.arms")
    return record


def same_start(record: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    """Return True if a record is of an initial model with these weights. Raises `RunError`."""
    with well_formed("the record of an arm"):
        return bool(record["initial_model"]["weights_sha256"] == model["weights_sha256"])


def write(file: Path, record: Mapping[str, Any]) -> None:
    """Write a record, a line per entry, as a whole."""
    lines = [f"{json.dumps(k)}: {json.dumps(v, allow_nan=False)}" for k, v in record.items()]
    with explained(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, ("{\n" + ",\n".join(lines) + "\n}\n").encode())


def short(value: float | None) -> float | None:
    """Return a number with six significant digits; None for an unknown one."""
    return None if value is None or math.isnan(value) else float(f"{value:.6g}")


def _short(values: Sequence[float | None]) -> list[float | None]:
    return [short(v) for v in values]


def _small_ratio(ratio: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ratio's value, weights and influences. Where more than these is needed, as for a
    function of several ratios, all parts are kept."""
    kept: dict[str, Any] = {
        "value": short(ratio["value"]),
        "influence": _short(ratio["influence"]),
        "share": None if ratio["share"] is None else _short(ratio["share"]),
    }
    figure = Influence.of(ratio)
    plain = (
        figure.share is not None
        and figure.left is not None
        and np.array_equal(figure.used, figure.share > 0)
        and np.allclose(figure.left, _left(figure.influence, figure.share), rtol=1e-9, atol=1e-12)
    )
    if not plain:
        kept["used"] = ratio["used"]
        kept["left"] = None if ratio["left"] is None else _short(ratio["left"])
    return kept


def _left(influence: Floats, share: Floats) -> Floats:
    """Return how far a ratio falls if each task in turn is left out."""
    return np.asarray(influence / np.where(share < 1, 1 - share, 1.0))
