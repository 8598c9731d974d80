"""Reward functions of the user's own: loading, trial, and checks of the rewards they return.

`sparring.grading.reward_group` has the facts that a function receives.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import ConfigError, RunError
from sparring.grading.example_group import example_group, untested
from sparring.grading.reward_group import RewardGroup
from sparring.matrix import Bools, Floats

_LARGEST = 1e12
RewardFunction = Callable[[RewardGroup], tuple[Any, Any]]
_MOVED = "sparring.rewards.custom"


class CustomReward:
    """Reward function that a recipe names as ``file.py:function``. A mistake in the function is
    reported in one line."""

    def __init__(self, name: str, without_tests: bool = False) -> None:
        """Load the file and try the function on an example group. With ``without_tests``, also try
        a group whose tests were not sampled. Raises `ConfigError`."""
        self.name = name
        file, colon, function = name.rpartition(":")
        if not colon or not file or not function.isidentifier():
            raise ConfigError(f"reward.function: {name!r} is not of the form file.py:function")
        self.path = Path(file).resolve()
        if not self.path.is_file():
            raise ConfigError(f"reward.function: no such file: {file}")
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"reward.function: {file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # Registered as an import would: a dataclass in the file looks its own module up. The path
        # lets the file import its neighbours.
        sys.modules.setdefault(spec.name, module)
        sys.path.append(str(self.path.parent))
        try:
            spec.loader.exec_module(module)
        except ModuleNotFoundError as error:
            if error.name != _MOVED:
                raise self._not_loaded(file, error) from None
            raise ConfigError(
                f"reward.function: {file} imports Group from {_MOVED}, which was the argument's "
                "type in version 0.2.0; write RewardGroup, and: from sparring import RewardGroup"
            ) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's code may do anything
            raise self._not_loaded(file, error) from None
        loaded = getattr(module, function, None)
        if not callable(loaded):
            raise ConfigError(f"reward.function: {file} has no function {function}")
        self.function: RewardFunction = loaded
        example = example_group("111-", "101-", "----")
        trials = {"a trial": example}
        if without_tests:
            trials["a trial without tests"] = untested(example)
        for what, group in trials.items():
            try:
                self(group)
            except RunError as error:
                raise ConfigError(f"{error} ({what} before the run)") from None

    def __call__(self, group: RewardGroup) -> tuple[Floats, Floats]:
        """Return the rewards of programs [P] and of tests [U].

        NaN, which means no label, is allowed for a program or a test with a cell that was not
        observed. Raises `RunError` for anything else that is not a number.
        """
        where = f"reward function {self.name}, task {group.task_id}:"
        try:
            pair = self.function(group)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's code may do anything
            raise RunError(f"{where} {self._error_text(error)}") from None
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise RunError(f"{where} must return two sequences: rewards of programs and of tests")
        seen = group.observed_PT
        known_U = np.asarray(seen[:, group.ground_truth :].all(axis=0))
        return (
            self._checked(where, "programs", pair[0], np.asarray(seen.all(axis=1))),
            self._checked(where, "tests", pair[1], known_U),
        )

    def _checked(self, where: str, role: str, values: Any, known: Bools) -> Floats:
        try:
            returned = np.asarray(values)
            rewards = returned.astype(float)
        except Exception:  # noqa: BLE001  # the user's objects may do anything
            returned = rewards = np.array("")
        if returned.dtype.kind not in "biufO":
            raise RunError(f"{where} the rewards of {role} are not numbers")
        if rewards.shape != known.shape:
            raise RunError(
                f"{where} the rewards of {role} have shape {rewards.shape}, not {known.shape}: "
                "return one for each response"
            )
        bad = ~np.isfinite(rewards) & (known | np.isinf(rewards))
        bad |= np.abs(rewards) > _LARGEST  # further out, the statistics of a group overflow
        if bad.any():
            first = int(bad.argmax())
            raise RunError(
                f"{where} the reward of {role[:-1]} {first} is {rewards[first]}; it must be a "
                "number of at most 1e12 (NaN only where an execution was not observed)"
            )
        return rewards

    def _not_loaded(self, file: str, error: BaseException) -> ConfigError:
        return ConfigError(f"reward.function: {file} {self._error_text(error)}")

    def _error_text(self, error: BaseException) -> str:
        """Return the error's type, the line of the user's file that raised it, and its message."""
        lines = [
            f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(self.path)
        ]
        at = f" in line {lines[-1].lineno}" if lines else ""
        text = str(error).strip().splitlines()
        return f"raised {type(error).__name__}{at}{': ' + text[0] if text else ''}"
