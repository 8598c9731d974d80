"""A dry run's look at the frozen tester: whether it can be asked, and what comes back."""

from __future__ import annotations

from dataclasses import replace

from sparring.grading.bout import Judged
from sparring.grading.reading import read_program
from sparring.grading.supervised import supervise
from sparring.prompts.parse import ParsedProgram
from sparring.schema import Response, Role, Task
from sparring.training.planning.check import Check
from sparring.training.planning.speech import end_tokens, reasoning
from sparring.training.ring import Ring
from sparring.training.supervision import Supervisor


def pools(
    ring: Ring, tasks: list[Task], others: list[list[Response]]
) -> list[list[ParsedProgram]] | None:
    """The opponents' programs by task; None where there are no opponents."""
    reading = ring.reading[Role.CODER]
    if not any(others):
        return None
    return [
        [read_program(task, r, reading) for r in group]
        for task, group in zip(tasks, others, strict=True)
    ]


def supervised(
    ring: Ring, supervisor: Supervisor, written: list[list[Response]], judged: list[Judged]
) -> list[Judged]:
    """The same bouts with those by the tests that the supervisor has written."""
    tasks = [j.task for j in judged]
    found = supervise(
        ring.sandbox,
        tasks,
        [j.coder for j in judged],
        [j.tester for j in judged],
        written,
        ring.limits,
        ring.reading,
        supervisor.reading,
        pools(ring, tasks, [list(j.opponents) for j in judged]),
    )
    return [replace(j, supervision=s) for j, s in zip(judged, found, strict=True)]


def supervisor_check(supervisor: Supervisor, judged: list[Judged]) -> Check:
    """Whether the frozen tester can be asked, and what comes back."""
    lengths = supervisor.lengths()
    tests = [p for j in judged if j.supervision for p in j.supervision.tests]
    read = sum(p.test is not None for p in tests)
    plain = (
        "" if supervisor.tokenizer.chat_template else "; no chat template: the plain form is used"
    )
    s, prompts = supervisor.recipe.supervision, supervisor.recipe.prompts
    ends, opened = supervisor.end_ids, supervisor.reading.reasoning.opened
    told = [
        t
        for t in (
            end_tokens(supervisor.tokenizer, ends, s.template_options, "supervision.end_tokens"),
            reasoning(supervisor.tokenizer, ends, prompts, {Role.TESTER: opened}),
        )
        if t is not None
    ]
    more = "".join(f"; {t.name}: {t.found}" for t in told)
    return Check(
        "supervisor",
        f"prompts of {lengths[0]} to {lengths[-1]} tokens; {read} of {len(tests)} tests "
        f"could be read{plain}{more}",
        read < len(tests) / 2 or bool(plain) or any(t.warning for t in told),
    )
