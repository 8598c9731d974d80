"""The level of isolation: taken, refused, reported."""

from __future__ import annotations

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Level, Sandbox
from sparring.sandbox.caller import process
from sparring.sandbox.protocol.start import Start


def test_the_report_names_level_and_layers(fresh: Sandbox) -> None:
    report = fresh.report()
    assert report["level"] == fresh.level.value
    assert report["workers"] == 2
    layers = report["layers"]
    assert isinstance(layers, dict)
    assert layers["seccomp"] is True


def test_without_namespaces_the_next_level_is_taken_and_the_reason_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _refuse(monkeypatch, {Level.NAMESPACES})
    try:
        opened = Sandbox(1)
    except SandboxError:
        pytest.skip("this host has no Landlock")
    with opened as sandbox:
        assert sandbox.level is Level.LANDLOCK
        assert "not today" in str(sandbox.report()["layers"])


def test_below_landlock_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, set(Level))
    with pytest.raises(SandboxError, match=r"namespaces.*not today.*landlock.*not today"):
        Sandbox(1)


def test_a_required_level_is_given_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, {Level.NAMESPACES})
    with pytest.raises(SandboxError, match="not today"):
        Sandbox(1, level=Level.NAMESPACES)


def _refuse(monkeypatch: pytest.MonkeyPatch, levels: set[Level]) -> None:
    start, hello = process.Worker.__init__, process.Worker.hello
    asked: dict[int, Level] = {}

    def remember(self: process.Worker, told: Start, hash_seed: int = 0) -> None:
        asked[id(self)] = told.level
        start(self, told, hash_seed)

    def answer(self: process.Worker) -> dict[str, object]:
        if asked[id(self)] in levels:
            raise process.LevelRefused("not today")
        return hello(self)

    monkeypatch.setattr(process.Worker, "__init__", remember)
    monkeypatch.setattr(process.Worker, "hello", answer)
