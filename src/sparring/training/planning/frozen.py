"""A dry run's look at the frozen tester: whether it can be asked, and what comes back."""

from __future__ import annotations

from dataclasses import replace

from sparring.grading.group import GroupResult, ReadGroup, read_group
from sparring.grading.reading import read_program, read_test
from sparring.grading.supervised import supervise
from sparring.schema import Response, Role, Task
from sparring.training.planning.check import Check
from sparring.training.planning.speech import end_tokens, reasoning
from sparring.training.ring import Ring
from sparring.training.supervision import Supervisor


def read_groups(
    ring: Ring,
    tasks: list[Task],
    coder: list[list[Response]],
    tester: list[list[Response]],
    others: list[list[Response]],
) -> list[ReadGroup]:
    """Read the responses of coder, tester and opponents."""
    reading = ring.reading
    return [
        replace(
            read_group(task, programs, tests, reading),
            pool=[read_program(task, r, reading[Role.CODER]) for r in opponents] or None,
            opponents=opponents,
        )
        for task, programs, tests, opponents in zip(tasks, coder, tester, others, strict=True)
    ]


def supervised(
    ring: Ring,
    supervisor: Supervisor,
    written: list[list[Response]],
    groups: list[ReadGroup],
    results: list[GroupResult],
) -> list[GroupResult]:
    """The same results with those by the tests that the supervisor has written."""
    tests = [
        [read_test(group.task, r, supervisor.reading) for r in responses]
        for group, responses in zip(groups, written, strict=True)
    ]
    found = supervise(ring.sandbox, groups, tests, ring.limits)
    return [replace(r, supervision=s) for r, s in zip(results, found, strict=True)]


def supervisor_check(supervisor: Supervisor, judged: list[GroupResult]) -> Check:
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
