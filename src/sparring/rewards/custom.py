"""A reward of the user's own: what it is given, and what it may give back."""

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
class Bout:
    """What is known about one task's responses when rewards are due.

    P programs; T tests, ground truth first, then the U generated ones.
    ``passed_PT`` says which program passed which test, ``observed_PT`` which
    of these cells are known (False: our own failure, no label).
    ``valid_U``: the test could be read and the statement allows its input.
    Lengths are in tokens. A program or test is None where the response held
    none. U is 0 where no tests were asked for (`sampling.skip_unlabelled`).
    Opponents' programs are not here: they count in the built-in rewards alone.
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
        """Passed every ground-truth test, all of them observed."""
        return self._matrix().correct_P

    @property
    def wrong_P(self) -> Bools:
        """Failed a ground-truth test that was observed. What is neither correct nor wrong is
        unknown."""
        return self._matrix().wrong_P

    def _matrix(self) -> PassMatrix:
        return PassMatrix(self.passed_PT, self.observed_PT, self.ground_truth)


_LARGEST = 1e12
RewardFunction = Callable[[Bout], tuple[Any, Any]]


class CustomReward:
    """The function that ``file.py:function`` names. Its mistakes are one clear line each."""

    def __init__(self, name: str, untested: bool = False) -> None:
        """Load the file and try the function on a made-up bout, with ``untested`` also on one
        whose tests were not sampled. Raises `ConfigError`."""
        self.name = name
        file, sign, function = name.rpartition(":")
        if not sign or not file or not function.isidentifier():
            raise ConfigError(f"reward.function: {name!r} must be file.py:function")
        self.path = Path(file).resolve()
        if not self.path.is_file():
            raise ConfigError(f"reward.function: there is no such file: {file}")
        spec = importlib.util.spec_from_file_location(self.path.stem, self.path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"reward.function: {file} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # As an import would: dataclasses look their module up, and it may import its neighbours.
        sys.modules.setdefault(spec.name, module)
        sys.path.append(str(self.path.parent))
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's code may do anything
            raise ConfigError(f"reward.function: {file} {self._what(error)}") from None
        found = getattr(module, function, None)
        if not callable(found):
            raise ConfigError(f"reward.function: {file} has no function {function}")
        self.function: RewardFunction = found
        trials = {"a trial": _EXAMPLE} | ({"a trial without tests": _UNTESTED} if untested else {})
        for what, example in trials.items():
            try:
                self(example)
            except RunError as error:
                raise ConfigError(f"{error} ({what} before the run)") from None

    def __call__(self, bout: Bout) -> tuple[Floats, Floats]:
        """Rewards [P] and [U]. NaN, which means no reward, is allowed where a program or test
        has cells that are not observed. Raises `RunError`."""
        where = f"reward function {self.name}, task {bout.task_id}:"
        try:
            given = self.function(bout)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's code may do anything
            raise RunError(f"{where} {self._what(error)}") from None
        if not isinstance(given, tuple) or len(given) != 2:
            raise RunError(f"{where} must return two sequences: rewards of programs and of tests")
        seen = bout.observed_PT
        known_U = np.asarray(seen[:, bout.ground_truth :].all(axis=0))
        return (
            self._checked(where, "programs", given[0], np.asarray(seen.all(axis=1))),
            self._checked(where, "tests", given[1], known_U),
        )

    def _checked(self, where: str, role: str, values: Any, known: Bools) -> Floats:
        try:
            given = np.asarray(values)
            found = given.astype(float)
        except Exception:  # noqa: BLE001  # the user's objects may do anything
            given = found = np.array("")
        if given.dtype.kind not in "biufO":
            raise RunError(f"{where} the rewards of {role} are not numbers")
        if found.shape != known.shape:
            raise RunError(
                f"{where} the rewards of {role} have shape {found.shape}, not {known.shape}: "
                "one for each response"
            )
        bad = ~np.isfinite(found) & (known | np.isinf(found))
        bad |= np.abs(found) > _LARGEST  # further out, the statistics of a group overflow
        if bad.any():
            first = int(bad.argmax())
            raise RunError(
                f"{where} the reward of {role[:-1]} {first} is {found[first]}; it must be a number"
                " (NaN only where a run was not observed) of at most 1e12"
            )
        return found

    def _what(self, error: BaseException) -> str:
        """The error and the line of the user's file that it came from."""
        lines = [
            f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(self.path)
        ]
        at = f" in line {lines[-1].lineno}" if lines else ""
        text = str(error).strip().splitlines()
        return f"raised {type(error).__name__}{at}{': ' + text[0] if text else ''}"


_EXAMPLE = Bout(
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
