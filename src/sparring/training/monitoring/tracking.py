"""A run's figures, given to trackers: TensorBoard, W&B, trackio, by accelerate's classes for them.

What is given is read from the run's own files, after they are written, and a
mark in ``tracking.json`` says how far it got. So a step that is learned again
after a kill is not given twice, and one that was made just before the kill is
given when the run goes on. Evaluations have the step they were made at.

Nothing here decides anything: a run learns the same with trackers and without.
Keys stay in the environment; what trackers are told of the recipe is the
resolved recipe, which has none.
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


class Tells(Protocol):
    """What is asked of accelerate's `GeneralTracker`."""

    def start(self) -> None: ...
    def store_init_configuration(self, values: dict[str, Any]) -> None: ...
    def log(self, values: dict[str, Any], step: int | None = None) -> None: ...
    def finish(self) -> None: ...


def check_trackers(recipe: Recipe) -> None:
    """Whether the packages are there. Raises `ConfigError`."""
    for tracker in recipe.tracking.trackers:
        others = ("tensorboardX",) if tracker is Tracker.TENSORBOARD else ()
        if not any(find_spec(name) for name in (tracker.value, *others)):
            raise ConfigError(
                f"tracking.trackers: {tracker} is not installed; pip install {tracker}, or take "
                "it out of the recipe"
            )


def trackers_of(recipe: Recipe, run: RunDir) -> list[Tells]:
    """The recipe's trackers, for this run; none is begun yet."""
    if not recipe.tracking.trackers:
        return []
    from accelerate import PartialState
    from accelerate.tracking import TensorBoardTracker, TrackioTracker, WandBTracker

    PartialState(cpu=True)  # its trackers' own logging asks for it; it changes nothing of ours
    project, name = recipe.tracking.project, run.path.resolve().name
    found: list[Tells] = []
    for tracker in recipe.tracking.trackers:
        if tracker is Tracker.TENSORBOARD:
            found.append(TensorBoardTracker(project, run.path / "tracking"))
        elif tracker is Tracker.WANDB:
            place = run.path / "tracking"
            with explained(run.path):
                place.mkdir(exist_ok=True)
            key = _mark(run)["id"]
            found.append(WandBTracker(project, name=name, id=key, resume="allow", dir=str(place)))
        else:
            found.append(TrackioTracker(project, name=name, resume="allow"))
    return found


class Tracking:
    """Hands on what a run has written. Use it as a context manager."""

    def __init__(self, run: RunDir, recipe: Recipe, trackers: Sequence[Tells]) -> None:
        self.run = run
        self.recipe = recipe
        self.trackers = trackers
        self._told: dict[str, Any] = {}

    @classmethod
    def of(cls, recipe: Recipe, run: RunDir) -> Tracking:
        """The tracking that the recipe asks for; with no tracker it does nothing."""
        return cls(run, recipe, trackers_of(recipe, run))

    def __enter__(self) -> Self:
        if self.trackers:
            self._told = _mark(self.run)
            with explained(self.run.path):
                for tracker in self.trackers:
                    tracker.start()
                    if self._told["step"] is None:
                        tracker.store_init_configuration(dict(settings(self.recipe)))
        return self

    def __exit__(self, *_: object) -> None:
        for tracker in self.trackers:
            tracker.finish()

    def catch_up(self) -> None:
        """Give the trackers what is new in the run's files."""
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
            # The mark first: after a kill between the two a point is lost, not given twice.
            self._told[what] = step
            self.run.write_json(MARK, self._told)
            with explained(self.run.path):
                for tracker in self.trackers:
                    tracker.log(values, step=step)

    def _is_new(self, what: str, step: int) -> bool:
        last = self._told[what]
        return last is None or step > last


def of_step(record: Mapping[str, Any], timing: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a training step, by name."""
    found = dict(_numbers(record, "train"))
    found.pop("train/step", None)
    found["train/alarms"] = float(len(record.get("alarms", ())))
    for name, value in timing.items():
        if name != "step" and isinstance(value, (int, float)):
            found[f"time/{name}"] = float(value)
    found |= _numbers(timing.get("phases", {}), "time/phases")
    return found


def held_out(record: Mapping[str, Any]) -> dict[str, float]:
    """The figures of an evaluation, by name."""
    return {
        f"held_out/{k}": float(v["mean"])
        for k, v in record["metrics"].items()
        if v.get("mean") is not None
    }


def settings(recipe: Recipe) -> Iterator[tuple[str, str | int | float | bool]]:
    """The recipe as trackers take it: flat, texts and numbers alone, no login in an address."""
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
    """How far trackers were told, and the run's id for those that want one."""
    if not run.has(MARK):
        begun = {"step": None, "evaluation": None, "id": secrets.token_hex(6)}
        run.write_json(MARK, begun)
        return begun
    with well_formed(f"{run.path}: {MARK}"):
        found = run.read_json(MARK)
        return {k: found[k] for k in ("step", "evaluation", "id")}
