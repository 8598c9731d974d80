"""Reward functions of the user's own: the facts that they receive and the rewards they return."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sparring.errors import ConfigError, RunError
from sparring.matrix import Bools, Floats, PassMatrix
from sparring.schema import Test


@dataclass(frozen=True, slots=True)
class Group:
    """Facts about one task's group that a reward function of the user's receives.

    P programs; T tests: the ``ground_truth`` ground-truth tests first, then the U generated ones.
    ``passed_PT``: the program passed the test. ``observed_PT``: the cell is known; False is an
    infrastructure failure, which is no label. ``valid_U``: the test could be read and the statement
    allows its input. Lengths are in tokens. A program or a test is None where the response did not
    contain one. U is 0 where no test was sampled (`sampling.skip_unlabelled`). The programs of the
    initial policy are not included: only the built-in rewards count them.
    """

    task_id: str
    statement: str
    passed_PT: Bools
    observed_PT: Bools
    ground_truth: int
    valid_U: Bools
    lengths_P: Floats
    lengths_U: Floats
    programs: tuple[str | None, ...]
    tests: tuple[Test | None, ...]

    @property
    def correct_P(self) -> Bools:
        """Programs [P] that passed every ground-truth test, all of them observed."""
        return self._matrix().correct_P

    @property
    def wrong_P(self) -> Bools:
        """Programs [P] that failed a ground-truth test that was observed. A program that is neither
        correct nor wrong is unknown."""
        return self._matrix().wrong_P

    def _matrix(self) -> PassMatrix:
        return PassMatrix(self.passed_PT, self.observed_PT, self.ground_truth)


_LARGEST = 1e12
RewardFunction = Callable[[Group], tuple[Any, Any]]


class CustomReward:
    """Reward function that a recipe names as ``file.py:function``. A mistake in the function is
    reported in one line."""

    def __init__(self, name: str, untested: bool = False) -> None:
        """Load the file and try the function on an example group. With ``untested``, also try a
        group whose tests were not sampled. Raises `ConfigError`."""
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
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's code may do anything
            raise ConfigError(f"reward.function: {file} {self._error_text(error)}") from None
        loaded = getattr(module, function, None)
        if not callable(loaded):
            raise ConfigError(f"reward.function: {file} has no function {function}")
        self.function: RewardFunction = loaded
        trials = {"a trial": _EXAMPLE} | ({"a trial without tests": _UNTESTED} if untested else {})
        for what, example in trials.items():
            try:
                self(example)
            except RunError as error:
                raise ConfigError(f"{error} ({what} before the run)") from None

    def __call__(self, group: Group) -> tuple[Floats, Floats]:
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

    def _error_text(self, error: BaseException) -> str:
        """Return the error's type, the line of the user's file that raised it, and its message."""
        lines = [
            f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(self.path)
        ]
        at = f" in line {lines[-1].lineno}" if lines else ""
        text = str(error).strip().splitlines()
        return f"raised {type(error).__name__}{at}{': ' + text[0] if text else ''}"


_EXAMPLE = Group(
    task_id="example",
    statement="Read a number and print its double.",
    passed_PT=np.array([[1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=bool),
    observed_PT=np.ones((3, 4), dtype=bool),
    ground_truth=2,
    valid_U=np.array([True, False]),
    lengths_P=np.array([12.0, 15.0, 20.0]),
    lengths_U=np.array([9.0, 30.0]),
    programs=("print(2 * int(input()))\n", "print(4)\n", None),
    tests=(Test("2\n", "4\n"), None),
)
_UNTESTED = replace(
    _EXAMPLE,
    passed_PT=_EXAMPLE.passed_PT[:, :2],
    observed_PT=_EXAMPLE.observed_PT[:, :2],
    valid_U=np.zeros(0, dtype=bool),
    lengths_U=np.zeros(0),
    tests=(),
)
