"""Trackers: a run's figures for TensorBoard, W&B and trackio, through accelerate's classes.

Figures are read from the run's own files after these are written, and
``tracking.json`` records the latest step sent. So a step that is learned again
after a kill is not sent twice, and a step made just before the kill is sent when
the run is resumed. An evaluation is sent under the step at which it was made.

Trackers change nothing in a run. API keys stay in the environment: trackers get
the resolved recipe, which holds none.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol, Self

from sparring.config.recipe import Recipe
from sparring.config.settings import Tracker
from sparring.errors import ConfigError, explained, well_formed
from sparring.runs.directory import RunDir

MARK = "tracking.json"
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


class TrackerLike(Protocol):
    """Part of accelerate's `GeneralTracker` that is used here."""

    def start(self) -> None: ...
    def store_init_configuration(self, values: dict[str, Any]) -> None: ...
    def log(self, values: dict[str, Any], step: int | None = None) -> None: ...
    def finish(self) -> None: ...


def check_trackers(recipe: Recipe) -> None:
    """Raise `ConfigError` if the package of one of the recipe's trackers is not installed."""
    for tracker in recipe.tracking.trackers:
        others = ("tensorboardX",) if tracker is Tracker.TENSORBOARD else ()
        if not any(find_spec(name) for name in (tracker.value, *others)):
            raise ConfigError(
                f"tracking.trackers: {tracker} is not installed; pip install {tracker}, or remove "
                "it from the recipe"
            )


def trackers_of(recipe: Recipe, run: RunDir) -> list[TrackerLike]:
    """Return the recipe's trackers for this run, not started yet."""
    if not recipe.tracking.trackers:
        return []
    from accelerate import PartialState
    from accelerate.tracking import TensorBoardTracker, TrackioTracker, WandBTracker

    PartialState(cpu=True)  # accelerate's trackers log through it; our processes do not use it
    project, name = recipe.tracking.project, run.path.resolve().name
    trackers: list[TrackerLike] = []
    for tracker in recipe.tracking.trackers:
        if tracker is Tracker.TENSORBOARD:
            trackers.append(TensorBoardTracker(project, run.path / "tracking"))
        elif tracker is Tracker.WANDB:
            place = run.path / "tracking"
            with explained(run.path):
                place.mkdir(exist_ok=True)
            key = _mark(run)["id"]
            trackers.append(
                WandBTracker(project, name=name, id=key, resume="allow", dir=str(place))
            )
        else:
            trackers.append(TrackioTracker(project, name=name, resume="allow"))
    return trackers


class Tracking:
    """Sender of a run's figures to its trackers; a context manager."""

    def __init__(self, run: RunDir, recipe: Recipe, trackers: Sequence[TrackerLike]) -> None:
        self.run = run
        self.recipe = recipe
        self.trackers = trackers
        self._sent: dict[str, Any] = {}
        """Contents of ``tracking.json``: the latest step and evaluation sent, and the run's id."""

    @classmethod
    def of(cls, recipe: Recipe, run: RunDir) -> Tracking:
        """Return the sender for the recipe's trackers; without trackers it does nothing."""
        return cls(run, recipe, trackers_of(recipe, run))

    def __enter__(self) -> Self:
        if self.trackers:
            self._sent = _mark(self.run)
            with explained(self.run.path):
                for tracker in self.trackers:
                    tracker.start()
                    if self._sent["step"] is None:
                        tracker.store_init_configuration(dict(settings(self.recipe)))
        return self

    def __exit__(self, *_: object) -> None:
        for tracker in self.trackers:
            tracker.finish()

    def catch_up(self) -> None:
        """Send new figures in the run's files to the trackers."""
        if not self.trackers:
            return
        with well_formed(f"{self.run.path}: figures for trackers"):
            seconds = {t["step"]: t for t in self.run.jsonl("timing.jsonl") if "step" in t}
            new = [
                (int(e["step"]), 0, "evaluation", held_out(e))
                for e in self.run.jsonl("evaluations.jsonl")
                if self._is_new("evaluation", int(e["step"]))
            ]
            new += [
                (int(m["step"]), -1, "step", of_step(m, seconds.get(m["step"], {})))
                for m in self.run.jsonl("metrics.jsonl")
                if self._is_new("step", int(m["step"]))
            ]
        for step, _, what, values in sorted(new, key=lambda n: n[:2]):
            # The mark comes first: a kill between the two loses a point and sends none twice.
            self._sent[what] = step
            self.run.write_json(MARK, self._sent)
            with explained(self.run.path):
                for tracker in self.trackers:
                    tracker.log(values, step=step)

    def _is_new(self, what: str, step: int) -> bool:
        last = self._sent[what]
        return last is None or step > last


def of_step(record: Mapping[str, Any], timing: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a training step by name, from its records of metrics and timing."""
    figures = dict(_numbers(record, "train"))
    figures.pop("train/step", None)
    figures["train/alarms"] = float(len(record.get("alarms", ())))
    for name, value in timing.items():
        if name != "step" and isinstance(value, (int, float)):
            figures[f"time/{name}"] = float(value)
    figures |= _numbers(timing.get("phases", {}), "time/phases")
    return figures


def held_out(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of an evaluation by name, from its record."""
    return {
        f"held_out/{k}": float(v["mean"])
        for k, v in record["metrics"].items()
        if v.get("mean") is not None
    }


def settings(recipe: Recipe) -> Iterator[tuple[str, str | int | float | bool]]:
    """Yield the recipe in the form that trackers take: flat names, values that are texts or
    numbers, URLs without logins."""
    for section, values in recipe.model_dump(mode="json").items():
        for key, value in values.items() if isinstance(values, dict) else [("", values)]:
            name = f"{section}.{key}" if key else section
            if isinstance(value, (bool, int, float)):
                yield name, value
            else:
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                yield name, _URL_LOGIN.sub("", text)


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}/{key}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        yield name, float(value)


def _mark(run: RunDir) -> dict[str, Any]:
    """Return the latest step and evaluation sent, and the run's id for trackers that need one;
    create the file ``tracking.json`` if it does not exist."""
    if not run.has(MARK):
        mark = {"step": None, "evaluation": None, "id": secrets.token_hex(6)}
        run.write_json(MARK, mark)
        return mark
    with well_formed(f"{run.path}: {MARK}"):
        record = run.read_json(MARK)
        return {k: record[k] for k in ("step", "evaluation", "id")}
