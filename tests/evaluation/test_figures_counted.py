"""Counts of how responses were read: of readable ones alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sparring.errors import ConfigError
from sparring.evaluation.figures import counts
from sparring.policy.place import find_model, refuse_address
from sparring.schema import ParseFailure, Role


def test_a_refused_response_is_no_readable_one_in_another_form() -> None:
    def read(how: str, failure: ParseFailure | None) -> Any:
        return SimpleNamespace(how=how, failure=failure)

    groups: Any = [
        SimpleNamespace(
            programs=[],
            tests=[
                read("block", None),
                read("block", ParseFailure.SYNTAX_ERROR),
                read("lines", None),
                read("", ParseFailure.NO_ASSERTION),
            ],
        )
    ]
    counted = counts(groups, Role.TESTER, [])
    assert counted.how == {"block": 1, "lines": 1}
    assert sum(counted.failures.values()) == 2


@pytest.mark.parametrize("look", [refuse_address, find_model])
def test_an_address_without_its_scheme_is_told_so(look: Any) -> None:
    for address in ("127.0.0.1:8743/v1", "node-3:8000"):
        with pytest.raises(ConfigError, match=r"begins with http:// or https://"):
            look(address)
    refuse_address("owner/model")
