"""Where there is no program, none is read: whatever the words, the fences and the task."""

from __future__ import annotations

import pytest

from sparring.prompts.programs import read_source
from sparring.schema import StopReason
from tests.prompts.nothing import nothing

RESPONSES = nothing()


def test_there_are_many_of_them() -> None:
    assert len(RESPONSES) >= 200


@pytest.mark.parametrize("entry_point", [None, "add", "Solution.add", "solve"])
def test_no_program_is_read_where_there_is_none(entry_point: str | None) -> None:
    read = {
        name: (found.how, found.source)
        for name, text in RESPONSES.items()
        if (found := read_source(text, entry_point)).source is not None
    }
    assert read == {}


@pytest.mark.parametrize("entry_point", [None, "add"])
def test_each_refusal_has_a_name_and_says_what_was_seen(entry_point: str | None) -> None:
    for stop in StopReason:
        for name, text in RESPONSES.items():
            found = read_source(text, entry_point, stop)
            assert found.failure is not None, name
            assert found.seen, name
