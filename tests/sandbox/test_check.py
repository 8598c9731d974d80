"""The self-check: every case holds here, and a bad executor is found out."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.sandbox import Fork, Job, Level
from sparring.sandbox.check import conformance, security
from sparring.sandbox.check.attacks import Attack
from sparring.sandbox.check.executors import PlainSubprocess, interpret
from sparring.sandbox.check.suites import CheckSuite, check_sandbox
from sparring.sandbox.check.targets import Targets
from sparring.schema import Outcome, Verdict


def _all_hold(level: Level, fork: Fork) -> None:
    tried = check_sandbox(level, fork, list(CheckSuite))
    if tried.refused:
        pytest.skip(tried.refused)
    assert [(r.name, r.why) for r in tried.results if not r.held] == []
    assert len(tried.results) == len(conformance.IDIOMS) + len(security.ATTACKS)


@pytest.mark.parametrize("level", Level)
def test_every_case_holds(level: Level) -> None:
    _all_hold(level, Fork.PER_PROGRAM)


@pytest.mark.slow
@pytest.mark.parametrize("level", Level)
def test_every_case_holds_with_a_process_for_each_test(level: Level) -> None:
    _all_hold(level, Fork.PER_TEST)


def test_there_are_as_many_cases_as_promised_each_with_its_own_name() -> None:
    assert len(conformance.IDIOMS) >= 100
    assert len({attack.name for attack in security.ATTACKS}) == len(security.ATTACKS) >= 290
    assert len({attack.program for attack in security.ATTACKS}) == len(security.ATTACKS)


def test_a_plain_interpreter_lets_through_what_the_attacks_say() -> None:
    # Otherwise an attack could hold for being misspelt.
    backend = PlainSubprocess()
    weak = [attack for attack in security.ATTACKS if attack.plain and not attack.harmful]
    assert len(weak) > 80
    with Targets() as targets:
        for attack in weak:
            [outcomes] = backend.run([security.aimed(attack, targets)])
            assert security.faults_of(attack, outcomes, targets) or targets.harm(), attack.name
            targets.harm()


class Careless:
    """An executor that gives every run the same outcome, but for the program it is after."""

    def __init__(self, outcome: Outcome, program_has: str = "") -> None:
        self._outcome = outcome
        self._program_has = program_has

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        usual = Outcome(Verdict.FINISHED, "usual")
        return [
            tuple(self._outcome if self._program_has in job.program else usual for _ in job.inputs)
            for job in jobs
        ]

    def close(self) -> None:
        """Nothing to end."""


ONE = Attack("read: one", "THE ATTACK")


def test_the_plain_interpreter_can_be_interrupted_in_a_background_job_too() -> None:
    program = conformance.IDIOMS["an interrupt of its own"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcome = interpret(Job(program, ("",)), "")
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome == Outcome(Verdict.FINISHED, "stopped\n")


def _found(monkeypatch: pytest.MonkeyPatch, attack: Attack, outcome: Outcome, has: str) -> str:
    monkeypatch.setattr(security, "ATTACKS", (attack,))
    with Targets() as targets:
        outcome = replace(outcome, output=targets.fill(outcome.output))
        [result] = security.check(Careless(outcome, has), targets, harmful=True)
    assert result.held is (result.why == outcome.verdict.value)
    return result.why


@pytest.mark.parametrize(
    ("attack", "outcome", "why"),
    [
        (ONE, Outcome(Verdict.FINISHED, "ok"), "finished"),
        (ONE, Outcome(Verdict.FINISHED, "x@MARK@"), "the attack got through"),
        (ONE, Outcome(Verdict.FINISHED, "@SECRET_A@@SECRET_B@"), "the attack found the secret"),
        (ONE, Outcome(Verdict.INFRA), "the executor failed"),
        (
            replace(ONE, ends=frozenset({Verdict.TIME_LIMIT})),
            Outcome(Verdict.FINISHED),
            "ended as finished, not time_limit",
        ),
        (replace(ONE, prints="a"), Outcome(Verdict.FINISHED, "b"), "printed ['b']"),
    ],
)
def test_an_attacks_gain_is_detected(
    monkeypatch: pytest.MonkeyPatch, attack: Attack, outcome: Outcome, why: str
) -> None:
    assert _found(monkeypatch, attack, outcome, "THE ATTACK") == why


def test_an_attacks_effect_on_others_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Outcome(Verdict.FINISHED, "something else")
    assert "another program" in _found(monkeypatch, ONE, other, "# 1\n")  # beside it
    assert "another program" in _found(monkeypatch, ONE, other, "# 3\n")  # after it


def test_harm_to_the_host_is_found_out(tmp_path: Path) -> None:
    with Targets() as targets:
        assert targets.harm() == ""
        Path(targets.fill("@VICTIM_FILE@")).write_text("changed")
        assert targets.harm() == "a file of the host was changed"
        Path(targets.fill("@DIRECTORY@/new")).write_text("")
        assert targets.harm() == "a directory of the host was changed"
        assert targets.harm() == ""


def test_the_command_prints_a_table_and_fails_with_a_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(security, "ATTACKS", [a for a in security.ATTACKS if "pass" in a.name])
    out = tmp_path / "cases.json"
    arguments = ["sandbox", "check", "--suite", "attacks", "--json", str(out)]
    good = CliRunner().invoke(app, arguments)
    assert good.exit_code == 0
    assert "attacks, read" in good.output
    [first, *_] = json.loads(out.read_text())
    assert first["results"][0]["name"] == "read: passwords"
    bad = CliRunner().invoke(app, [*arguments, "--backend", "subprocess"])
    assert bad.exit_code == 1
    assert "read: passwords: FAILED (the attack got through)" in bad.output


def test_a_level_makes_no_sense_for_a_plain_interpreter(tmp_path: Path) -> None:
    arguments = ["sandbox", "check", "--backend", "subprocess", "--level", "landlock"]
    assert CliRunner().invoke(app, arguments).exit_code != 0


def test_readme_and_docs_say_how_many_cases_there_are() -> None:
    root = Path(__file__).parents[2]
    idioms, attacks = len(conformance.IDIOMS), len(security.ATTACKS)
    for name in ("README.md", "docs/sandbox.md"):
        text = (root / name).read_text()
        assert f"{idioms} idioms" in text, name
        assert f"{attacks} attacks" in text, name
