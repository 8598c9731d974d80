"""Slips in the name of a model are answered with the name that was meant."""

from __future__ import annotations

import pytest

from sparring.errors import ModelError
from sparring.policy.place import find_model


def test_a_slip_of_nano_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"did you mean nano\?"):
        find_model("nnao")
    with pytest.raises(ModelError) as caught:
        find_model("somebody/else")
    assert "did you mean" not in str(caught.value)
