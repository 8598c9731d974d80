"""Putting both suites to one executor after the other, for ``sparring sandbox check``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sparring.errors import SandboxError
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.caller.pool import Sandbox
from sparring.sandbox.check import conformance, security
from sparring.sandbox.check.conditions import HostCondition, caller, prepared
from sparring.sandbox.check.executors import Executor, PlainSubprocess
from sparring.sandbox.check.result import Result
from sparring.sandbox.check.targets import Targets
from sparring.sandbox.types import Fork, Level


class CheckSuite(StrEnum):
    """Suite of the check."""

    CONFORMANCE = "conformance"
    ATTACKS = "attacks"


@dataclass(slots=True)
class TriedExecutor:
    """Executor that was checked, with its results."""

    backend: str
    """Name of the executor."""
    report: dict[str, object] = field(default_factory=dict)
    """Isolation of the executor (`Runner.report`)."""
    refused: str = ""
    """Reason why the executor could not be opened; empty if it was."""
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    """Wall seconds of the suites."""

    @property
    def failed(self) -> list[Result]:
        """Cases whose property did not hold."""
        return [result for result in self.results if result.held is False]


def check_sandbox(
    level: Level,
    fork: Fork,
    suites: Sequence[CheckSuite],
    condition: HostCondition = HostCondition.USUAL,
    landlock_abi: int | None = None,
    packages: Packages = NO_PACKAGES,
) -> TriedExecutor:
    """Put suites to this package's sandbox at a level.

    A host that cannot give the level is reported in ``refused``, not as a failed case.
    """
    tried = TriedExecutor(
        level.value if condition is HostCondition.USUAL else f"{level}, {condition}"
    )
    with Targets() as targets, caller(condition):
        # Two workers, so that honest programs run beside an attack; no memo, so that all do run.
        try:
            sandbox = Sandbox(
                2,
                level=level,
                fork=fork,
                memo=False,
                landlock_abi=landlock_abi,
                packages=packages,
            )
        except SandboxError as error:
            tried.refused = str(error)
            return tried
        with sandbox:
            tried.report = sandbox.report()
            prepared(condition, sandbox)
            _try(
                tried,
                sandbox,
                targets,
                suites,
                harmful=True,
                condition=condition,
                packages=packages,
            )
    return tried


def check_subprocess(suites: Sequence[CheckSuite]) -> TriedExecutor:
    """Put suites to a plain interpreter per execution, to show the attacks that get through."""
    tried = TriedExecutor("subprocess")
    with Targets() as targets, contextlib.closing(PlainSubprocess()) as backend:
        _try(tried, backend, targets, suites, harmful=False)
    return tried


def _try(
    tried: TriedExecutor,
    backend: Executor,
    targets: Targets,
    suites: Sequence[CheckSuite],
    *,
    harmful: bool,
    condition: HostCondition = HostCondition.USUAL,
    packages: Packages = NO_PACKAGES,
) -> None:
    begun = time.monotonic()
    results: list[Iterator[Result]] = []
    if CheckSuite.CONFORMANCE in suites:
        results.append(conformance.check(backend, packages))
    if CheckSuite.ATTACKS in suites:
        results.append(
            security.check(
                backend, targets, harmful=harmful, condition=condition, packages=packages
            )
        )
    for suite in results:
        tried.results += suite
    tried.seconds = time.monotonic() - begun
