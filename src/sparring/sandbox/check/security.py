"""Putting every attack to an executor, with honest programs beside and after each attack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.check.attacks import (
    Attack,
    channels,
    cheat,
    exhaust,
    files,
    holes,
    measures,
    remains,
    scripts,
    system,
)
from sparring.sandbox.check.conditions import HostCondition, changed
from sparring.sandbox.check.executors import Executor
from sparring.sandbox.check.packages import attacks as by_packages
from sparring.sandbox.check.result import Result
from sparring.sandbox.check.targets import Targets
from sparring.sandbox.types import Job
from sparring.schema import Outcome, TestKind, Verdict

ATTACKS = (
    *files.ATTACKS,
    *system.ATTACKS,
    *holes.ATTACKS,
    *channels.ATTACKS,
    *exhaust.ATTACKS,
    *measures.ATTACKS,
    *cheat.ATTACKS,
    *scripts.ATTACKS,
    *remains.ATTACKS,
)
_PATIENCE_SECONDS = 60.0

# Prints something else, or fails, if another program has left a change in its process.
_HONEST = """
import builtins, decimal, fractions, gc, json, math, os, random, signal, string, sys, threading
print(sum(map(int, input().split())), os.listdir("."), math.pi, fractions.Fraction(1, 2))
print([n for n in ("seen", "got") if hasattr(builtins, n) or n in globals() or hasattr(sys, n)])
print(decimal.getcontext().prec, sys.getrecursionlimit(), threading.active_count(), gc.callbacks)
print(os.environ.get("SEEN"), signal.getsignal(signal.SIGALRM), sys.gettrace(), string.digits)
print(len([1, 2]), sys.stdin.read(), sys.argv, threading.stack_size(), os.getcwd() == "/")
# {number}
"""
_HONEST_INPUT = "20 22\nthe rest"


def check(
    backend: Executor,
    targets: Targets,
    *,
    harmful: bool,
    condition: HostCondition = HostCondition.USUAL,
    packages: Packages = NO_PACKAGES,
) -> Iterator[Result]:
    """Make every attack, those by way of packages too, and yield the results.

    Attacks that would harm a host without a sandbox are made only if `harmful`.
    """
    usual = _honest_outputs(backend, range(1))[0]
    every = (*ATTACKS, *by_packages(packages))
    attacks = [attack for a in every if (attack := changed(condition, a))]
    for number, attack in enumerate(attacks):
        if attack.harmful and not harmful:
            yield Result("attacks", attack.name, None, "not tried: it would do harm")
            continue
        job = aimed(attack, targets)
        beside = _honest_job(2 * number + 1)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(
                backend.run, [job, *accomplices(attack, targets, range(2)), beside]
            )
            try:
                outcomes, *helped, [honest] = future.result(timeout=_PATIENCE_SECONDS)
            except TimeoutError:
                backend.close()
                yield Result("attacks", attack.name, False, "did not end; the check stops here")
                return
        helped += backend.run(accomplices(attack, targets, range(2, 6)))
        faults = faults_of(attack, outcomes, targets)
        if any(targets.mark in outcome.output for [outcome] in helped):
            faults.append("another program received its message")
        after = _honest_outputs(backend, [2 * number + 2, 2 * number + 3])
        if [honest.output, *after] != [usual] * 3:
            faults.append("another program's output was changed")
        if harm := targets.harm():
            faults.append(harm)
        seen = ", ".join(dict.fromkeys(o.verdict.value for o in outcomes))
        yield Result("attacks", attack.name, not faults, "; ".join(faults) or seen)


def _honest_job(number: int) -> Job:
    return Job(_HONEST.replace("{number}", str(number)), (_HONEST_INPUT,))


def _honest_outputs(backend: Executor, numbers: Sequence[int]) -> list[str]:
    return [outcome.output for [outcome] in backend.run([_honest_job(n) for n in numbers])]


def aimed(attack: Attack, targets: Targets) -> Job:
    """Return the attack as a job, aimed at the targets."""
    program = targets.fill(attack.program)
    return Job(program, attack.inputs, attack.limits, attack.kind, attack.entry_point)


def accomplices(attack: Attack, targets: Targets, numbers: Iterable[int]) -> list[Job]:
    """Return jobs of the attack's accomplice, one for each number; none without an accomplice.

    The programs differ in a comment, so that each is executed.
    """
    program = targets.fill(attack.accomplice)
    return [Job(f"{program}\n# {n}", ("",)) for n in numbers] if program else []


def faults_of(attack: Attack, outcomes: Sequence[Outcome], targets: Targets) -> list[str]:
    """Return texts of the attack's successes, by its own outcomes; empty if it was held."""
    faults = []
    outputs = [outcome.output for outcome in outcomes]
    verdicts = [outcome.verdict for outcome in outcomes]
    if any(targets.mark in text for text in outputs):
        faults.append("the attack got through")
    if attack.never and any(attack.never in text for text in outputs):
        faults.append(f"an output contains {attack.never}")
    if any(targets.secret in text for text in outputs):
        faults.append("the attack found the secret")
    if attack.ends and not attack.ends.issuperset(verdicts):
        wanted = " or ".join(sorted(v.value for v in attack.ends))
        faults.append(f"ended as {', '.join(v.value for v in verdicts)}, not {wanted}")
    if attack.kind is TestKind.SCRIPT and Verdict.ACCEPTED in verdicts:
        faults.append("a wrong program was accepted")
    if Verdict.INFRA in verdicts:
        faults.append("the executor failed")
    wanted_output = outputs[0] if attack.same else attack.prints
    if wanted_output is not None and set(outputs) != {wanted_output}:
        faults.append(f"printed {outputs!r:.80}")
    return faults
