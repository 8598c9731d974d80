"""One sandbox of each level, shared by the tests: opening it is the expensive part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Job, Level, Limits, Sandbox
from sparring.schema import Outcome

QUICK = Limits(cpu_seconds=0.3, idle_seconds=0.3, memory_mib=64, output_bytes=1 << 16)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


RunOne = Callable[..., Outcome]


@pytest.fixture(scope="session", params=list(Level))
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = Sandbox(2, level=request.param, memo=False)
    except SandboxError as error:
        pytest.skip(f"this host cannot give the level: {error}")
    with opened:
        yield opened


@pytest.fixture
def run_one(sandbox: Sandbox) -> RunOne:
    """Run one program on one input."""

    def run(program: str, data: str = "", limits: Limits = QUICK) -> Outcome:
        [[outcome]] = sandbox.run([Job(program, (data,), limits)])
        return outcome

    return run


@pytest.fixture
def fresh() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened
