"""One sandbox for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sparring.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1) as opened:
        yield opened
