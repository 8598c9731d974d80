"""Alarms: monitors that exceed their limits, with reasons, computed from a run's metrics alone.

    alarms = raised(limits, earlier, record)

The value of a monitor is its mean over the last `WINDOW` steps, so that a single noisy step raises
no alarm. A share has an absolute limit. Entropy, length and the gap between sampler and trainer are
divided by their mean over the run's first `WINDOW` steps that have a value.

All values are in metrics.jsonl, so a run that was killed and resumed raises the same alarms. An
alarm only informs: rewards and tasks stay as they are, and the run continues.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sparring.config.settings import MonitorSettings
from sparring.schema import Role

WINDOW = 5
"""Steps over which a value is averaged. No alarm is raised before a run has made this many
steps."""
_LEAST_KNOWN = 3
"""Steps of a window that must have a value."""

Record = Mapping[str, Any]
Alarm = dict[str, Any]


class Monitor(StrEnum):
    """Monitors that can raise an alarm. Most alarm above their limit; entropy and gradient share
    alarm below it."""

    HIDDEN_GAP = "hidden_gap"
    ESTIMATE_GAP = "estimate_gap"
    DUPLICATE_TESTS = "duplicate_tests"
    COPIED_TESTS = "copied_tests"
    INVALID_TESTS = "invalid_tests"
    TRIVIAL_INPUTS = "trivial_inputs"
    SUSPECT_TESTS = "suspect_tests"
    REFERENCE_FAILURES = "reference_failures"
    CHECKER_LENIENCY = "checker_leniency"
    VIOLATIONS = "violations"
    CODER_ENTROPY = "coder_entropy"
    TESTER_ENTROPY = "tester_entropy"
    CODER_LENGTH = "coder_length"
    TESTER_LENGTH = "tester_length"
    CODER_GRADIENT = "coder_gradient"
    TESTER_GRADIENT = "tester_gradient"
    CODER_TRUNCATED = "coder_truncated"
    TESTER_TRUNCATED = "tester_truncated"
    CODER_GAP = "coder_gap"
    TESTER_GAP = "tester_gap"


_OF_ROLE = {
    Monitor.CODER_ENTROPY: (Role.CODER, "entropy"),
    Monitor.TESTER_ENTROPY: (Role.TESTER, "entropy"),
    Monitor.CODER_LENGTH: (Role.CODER, "mean_length"),
    Monitor.TESTER_LENGTH: (Role.TESTER, "mean_length"),
    Monitor.CODER_GRADIENT: (Role.CODER, "gradient_share"),
    Monitor.TESTER_GRADIENT: (Role.TESTER, "gradient_share"),
    Monitor.CODER_TRUNCATED: (Role.CODER, "truncated_share"),
    Monitor.TESTER_TRUNCATED: (Role.TESTER, "truncated_share"),
    Monitor.CODER_GAP: (Role.CODER, "logprob_gap"),
    Monitor.TESTER_GAP: (Role.TESTER, "logprob_gap"),
}
_LIMITS = {
    "entropy": "entropy",
    "mean_length": "length",
    "gradient_share": "gradient_share",
    "truncated_share": "truncated_share",
    "logprob_gap": "gap_drift",
}
"""Field of [monitors] with the limit, for each metric of a role that has a monitor."""
_BY_THE_FIRST = frozenset({"entropy", "mean_length", "logprob_gap"})
"""Metrics whose limit is relative to the run's first steps."""
_LEAST_GAP = 1e-3
"""Mean gap below which every change is rounding of float32, and no alarm."""
_FLOORS = frozenset({"entropy", "gradient_share"})
"""Metrics that alarm below their limit."""
_REASONS = {
    Monitor.HIDDEN_GAP: "programs that pass every rewarded test fail {value:.0%} of their "
    "executions on hidden tests: the programs are fitted to the rewarded tests, or these are too "
    "few",
    Monitor.ESTIMATE_GAP: "the test accuracy estimated by the programs exceeds the true one by "
    "{value:.0%}: the tester is rewarded for wrong tests",
    Monitor.DUPLICATE_TESTS: "{value:.0%} of the generated tests repeat the input of another test "
    "of their group",
    Monitor.COPIED_TESTS: "{value:.0%} of the generated tests have the input of a public example",
    Monitor.INVALID_TESTS: "{value:.0%} of the generated tests cannot be read, are refused by the "
    "validator or stop the reference solution",
    Monitor.TRIVIAL_INPUTS: "{value:.0%} of the generated inputs have fewer than half the values "
    "of a typical ground-truth input of their task",
    Monitor.SUSPECT_TESTS: "{value:.0%} of the ground-truth tests are failed by all programs of a "
    "group, though some program passes at least half of the other tests: these tests may be wrong",
    Monitor.REFERENCE_FAILURES: "the reference solutions fail {value:.0%} of the ground-truth "
    "tests: tests or references are wrong",
    Monitor.CHECKER_LENIENCY: "checkers accept {value:.0%} of the expected outputs of other tests: "
    "the checkers accept wrong outputs",
    Monitor.VIOLATIONS: "{value:.0%} of the programs' executions tried what the sandbox forbids",
    Monitor.CODER_ENTROPY: "the coder's entropy is {value:.0%} of its entropy in the first "
    "steps: the programs become all alike",
    Monitor.TESTER_ENTROPY: "the tester's entropy is {value:.0%} of its entropy in the first "
    "steps: the tests become all alike",
    Monitor.CODER_LENGTH: "the coder's responses are {value:.1f} times as long as in the first "
    "steps",
    Monitor.TESTER_LENGTH: "the tester's responses are {value:.1f} times as long as in the first "
    "steps",
    Monitor.CODER_GRADIENT: "{value:.0%} of the programs carry gradient: the coder learns next to "
    "nothing; see coder.dropped in metrics.jsonl",
    Monitor.TESTER_GRADIENT: "{value:.0%} of the tests carry gradient: the tester learns next to "
    "nothing; see tester.dropped in metrics.jsonl",
    Monitor.CODER_TRUNCATED: "{value:.0%} of the coder's responses end at "
    "sampling.coder_max_tokens: a response that is cut off holds no whole program",
    Monitor.TESTER_TRUNCATED: "{value:.0%} of the tester's responses end at "
    "sampling.tester_max_tokens: a response that is cut off holds no whole test",
    Monitor.CODER_GAP: "the coder's log-probs of sampler and trainer differ {value:.1f} times as "
    "much as in the first steps: the two drift apart",
    Monitor.TESTER_GAP: "the tester's log-probs of sampler and trainer differ {value:.1f} times as "
    "much as in the first steps: the two drift apart",
}


def alarms_after(
    limits: MonitorSettings,
    earlier: Sequence[Record],
    record: Record,
    learning: Collection[Role] = tuple(Role),
    asynchronous: bool = False,
) -> list[Alarm]:
    """Return the alarms after the step of ``record``, each with ``monitor``, ``value``, ``limit``
    and ``reason``.

    ``earlier`` holds the metrics of the steps before, in order; a step without monitors has no
    values. ``learning`` holds the roles that learn. ``asynchronous`` is True for asynchronous
    rollouts: older weights have sampled, so the gap of log-probs is no fault.
    """
    history = [*earlier, record]
    if len(history) < WINDOW:
        return []
    alarms: list[Alarm] = []
    for monitor in Monitor:
        value = _mean(_values(monitor, history[-WINDOW:]))
        role, name = _OF_ROLE.get(monitor, (None, ""))
        if name == "gradient_share" and role not in learning:
            continue
        if name == "logprob_gap" and (asynchronous or value is None or value < _LEAST_GAP):
            continue
        if name in _BY_THE_FIRST and value is not None:
            first = _mean(_values(monitor, history)[:WINDOW])
            value = value / first if first else None
        limit = _limit(limits, monitor)
        if value is None or not (value < limit if name in _FLOORS else value > limit):
            continue
        names = _names(monitor, history[-WINDOW:])
        such = f" (such as {', '.join(names)})" if names else ""
        alarms.append(
            {
                "monitor": monitor.value,
                "value": value,
                "limit": limit,
                "reason": _REASONS[monitor].format(value=value) + such,
            }
        )
    return alarms


def new_alarms(alarms: Sequence[Alarm], earlier: Sequence[Record]) -> list[Alarm]:
    """Return the alarms that the step before did not have."""
    before = {a["monitor"] for a in earlier[-1].get("alarms", ())} if earlier else set()
    return [a for a in alarms if a["monitor"] not in before]


def _limit(limits: MonitorSettings, monitor: Monitor) -> float:
    name = _LIMITS[_OF_ROLE[monitor][1]] if monitor in _OF_ROLE else monitor.value
    return float(getattr(limits, name))


def learned_nothing(steps: Sequence[Record]) -> bool:
    """Return True if steps were made and no response of any step carried a gradient."""
    shares = [s.get(role, {}).get("gradient_share") for s in steps for role in Role]
    return bool(steps) and not any(shares)


def _values(monitor: Monitor, steps: Sequence[Record]) -> list[float]:
    """Return the monitor's values of all steps that have one, in order."""
    return [v for s in steps if (v := _value(monitor, s)) is not None]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if len(values) >= _LEAST_KNOWN else None


def _value(monitor: Monitor, step: Record) -> float | None:
    """Return a monitor's value in one step's metrics; None where the step has no value."""
    if monitor in _OF_ROLE:
        role, name = _OF_ROLE[monitor]
        value = step.get(role, {}).get(name)
    elif monitor is Monitor.VIOLATIONS:
        verdicts = step.get("monitors", {}).get("verdicts")
        value = verdicts.get("sandbox_violation", 0.0) if verdicts else None
    else:
        value = step.get("monitors", {}).get(monitor.value)
    return None if value is None else float(value)


def _names(monitor: Monitor, steps: Sequence[Record]) -> list[str]:
    """Return up to three names of culprits (task ids and such), from the newest step that names
    any."""
    for step in reversed(steps):
        if names := step.get("monitors", {}).get("named", {}).get(monitor.value):
            return list(names[:3])
    return []
