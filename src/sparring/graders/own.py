"""The grader of this package, put to the cases like anyone's: ``sparring.graders.own:grade``.

Each call opens a sandbox of its own, because each case has a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import Form, Tests
from sparring.grading.grade import grade as graded
from sparring.grading.group import ReadGroup
from sparring.grading.reading import read_program
from sparring.prompts.rules import ParsedProgram
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Response, Role, StopReason, Task, Test, TestKind, Verdict
from sparring.tasks.suites.called import encoded_test


def grade(program: str, tests: Tests) -> bool:
    """Return True if the program passes all tests. Raises `SandboxError`, and RuntimeError where
    the sandbox failed on a test."""
    form = Form(tests["form"])
    task = Task(
        "case",
        "",
        tuple(_tests(form, tests)),
        time_limit=float(tests["seconds"]),
        memory_limit=512,
        entry_point=tests.get("function"),
    )
    response = Response(task.id, Role.CODER, 0, (), (), (), StopReason.END_TOKEN, program)
    read = read_program(task, response) if form is Form.ANSWER else ParsedProgram(program, None)
    with Sandbox(1, memo=False) as sandbox:
        [outcomes] = graded(
            sandbox, ReadGroup(task, [response], [read], [], []), Limits(output_bytes=16 << 20)
        ).outcomes_PT
    failed = [o.detail for o in outcomes if o.verdict is Verdict.INFRA]
    if failed:
        raise RuntimeError(f"the sandbox failed: {failed[0]}")
    return all(o.verdict is Verdict.ACCEPTED for o in outcomes)


def _tests(form: Form, tests: Tests) -> Iterator[Test]:
    if form in (Form.STDIN, Form.ANSWER):
        for given, wanted in zip(tests["inputs"], tests["outputs"], strict=True):
            yield Test(given, wanted)
    elif form is Form.CALL:
        for arguments, value in zip(tests["arguments"], tests["results"], strict=True):
            one = encoded_test((list(arguments), {}), value)
            yield Test(one.input, one.output, TestKind.CALL, one.checker)
    else:
        yield Test(tests["script"], "", TestKind.SCRIPT)
