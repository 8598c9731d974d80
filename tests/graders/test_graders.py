"""Graders put to the cases: ours, a deliberately bad one, and a perfect one."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparring.errors import ConfigError
from sparring.graders import host
from sparring.graders.card import Fault
from sparring.graders.case import CaseKind, GraderCase, Submission
from tests.graders.support import HERE, cases, copied, titled, trial

OWN = "sparring.graders.own:grade"
# At least one case of each kind; the slow test has all of them.
SOME = (
    "idioms: buffer (stdin)",
    "idioms: a main part that reads (call)",
    "shapes: an import from the future (script)",
    "answers: a fence and prose (answer)",
    "comparison: output: integers one apart, of ten digits (stdin)",
    "comparison: value: none for false (call)",
    "cheats: a value equal to everything (call)",
    "cheats: the process ended in the call, status 0 (call)",
    "cheats: SystemExit in the call (script)",
    "limits: sleep (call)",
    "harm: a file of the host changed (stdin)",
    "harm: a process of the host ended (call)",
    "harm: a process left behind (script)",
    "harm: a connection to a server of the host (call)",
    "traces: a function that the program before defined (call)",
    "failures: no descriptor is left (stdin)",
    "failures: no file can be written (script)",
)


def test_every_case_has_its_own_title_and_a_companion_if_it_is_judged() -> None:
    titles = Counter(case.title for case in cases())
    assert [title for title, count in titles.items() if count > 1] == []
    assert {case.kind for case in cases()} == set(CaseKind)
    assert all(case.companion is not None for case in cases() if case.right is not None)
    json.dumps([[s.program, s.tests] for case in cases() for s in case.submissions])


def test_our_own_grader_holds_cases_of_every_kind() -> None:
    some = titled(*SOME)
    assert {case.kind for case in some} == set(CaseKind)
    assert trial(OWN, some).as_dict()["findings"] == []


@pytest.mark.slow
def test_our_own_grader_holds_every_case() -> None:
    card = trial(OWN, cases()).as_dict()
    assert card["findings"] == []
    assert card["supported"] == card["cases"] == len(cases())


def test_a_bad_grader_fails_every_kind_of_case_with_every_kind_of_fault(tmp_path: Path) -> None:
    place = copied("bad_grader", tmp_path)
    extra = titled(
        "comparison: output: the first line only (stdin)",
        "harm: its own group of processes killed (stdin)",
        "limits: a loop (stdin)",
        "traces: print() and input() replaced (stdin)",
    )
    card = trial("bad_grader:grade", [*titled(*SOME), *extra], place, wait=2.0)
    found = card.findings
    assert {finding.fault for finding in found} == set(Fault)
    assert {finding.case.kind for finding in found} == set(CaseKind)
    page = card.markdown()
    assert all(fault in page for fault in Fault)
    assert "sys.stdout.write('1\\n')" in page  # the smallest example stands there whole


def test_a_perfect_grader_has_no_fault(tmp_path: Path) -> None:
    place = copied("oracle", tmp_path)
    verdicts = dict(_verdicts(cases()))
    (place / "verdicts.json").write_text(json.dumps(verdicts))
    card = trial("oracle:grade", cases(), place)
    assert card.as_dict()["findings"] == []
    assert len(card.tried) == len(cases())


def _verdicts(some: tuple[GraderCase, ...]) -> Iterator[tuple[str, bool]]:
    for case in some:
        yield _key(case.submissions[-1]), bool(case.right)
        if case.companion is not None:
            yield _key(case.companion), bool(case.condition) or not case.right


def _key(submission: Submission) -> str:
    return json.dumps([submission.program, submission.tests])


def test_two_trials_of_a_grader_give_the_same_card(tmp_path: Path) -> None:
    place = copied("bad_grader", tmp_path)
    some = titled(*SOME[:9])
    first, second = (trial("bad_grader:grade", some, place) for _ in range(2))
    assert first.json() == second.json()
    assert first.markdown() == second.markdown()


@pytest.mark.parametrize("spec", ["no_such_module:grade", "bad_grader:no_such", "bad_grader:HERE"])
def test_a_grader_that_cannot_be_loaded_is_one_clear_error(spec: str) -> None:
    with pytest.raises(ConfigError, match=f"--grader {spec}: cannot be loaded: "):
        trial(spec, [], HERE)


def test_none_is_a_form_that_the_grader_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "scripts.py").write_text(
        "def grade(program, tests):\n    return None if tests['form'] != 'script' else False\n"
    )
    some = titled("idioms: recursion (call)", "idioms: recursion (script)")
    card = trial("scripts:grade", some, tmp_path).as_dict()
    assert (card["supported"], card["forms"]) == (1, ["script"])
    assert [f["fault"] for f in card["findings"]] == [Fault.RIGHT_REJECTED]


def test_a_grader_that_rejects_everything_is_seen_by_the_companions(tmp_path: Path) -> None:
    (tmp_path / "never.py").write_text("def grade(program, tests):\n    return False\n")
    card = trial("never:grade", titled("cheats: SystemExit (stdin)"), tmp_path)
    [finding] = card.as_dict()["findings"]
    assert (finding["fault"], finding["companion"]) == (Fault.RIGHT_REJECTED, True)


def test_garbage_on_every_descriptor_does_not_reach_the_findings(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(
        "import os\n\ndef grade(program, tests):\n    for fd in range(3, 64):\n"
        '        try: os.write(fd, b\'["x", "accepted", ""]\\n{\')\n'
        "        except OSError: pass\n"
        "    if 'print' in program: os._exit(0)\n    return False\n"
    )
    some = titled("cheats: SystemExit (stdin)", "idioms: input (stdin)")
    card = trial("noisy:grade", some, tmp_path)
    assert [one.seen.verdict for one in card.tried] == ["rejected", "died"]


def test_a_server_is_a_grader_too() -> None:
    from tests.graders.server import serving

    with serving() as url:
        some = titled("idioms: recursion (call)", "cheats: SystemExit (stdin)")
        card = trial(url, some).as_dict()
    assert card["findings"] == []
    assert "network is not" in card["held_back"] or "nothing" in card["held_back"]


def test_what_is_no_verdict_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "def pair(program, tests):\n    return (False, 'info')\n"
        "def lazy(program, tests):\n"
        "    return None if 'SystemExit' in program else 'n * f' in program\n"
    )
    some = titled("idioms: recursion (call)", "cheats: SystemExit in the call (call)")
    pairs = trial("odd:pair", some, tmp_path).as_dict()["findings"]
    assert {finding["detail"] for finding in pairs} == {
        "it returned tuple, not True, False or None"
    }
    found = trial("odd:lazy", some, tmp_path).as_dict()["findings"]
    assert [(f["fault"], f["detail"]) for f in found if not f["companion"]] == [
        (Fault.RAISED, "None for a form that it supports otherwise")
    ]


def test_a_host_that_is_killed_or_stopped_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(
        "import os, signal\n\ndef grade(program, tests):\n"
        "    if 'SystemExit' in program: os.kill(os.getppid(), signal.SIGKILL)\n"
        "    return 'n * f' in program\n"
    )
    some = titled("cheats: SystemExit in the call (call)", "idioms: recursion (call)")
    card = trial("killer:grade", some, tmp_path)
    assert [one.seen.verdict for one in card.tried] == ["died", "accepted"]


def test_last_words_before_a_process_ends_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    line = json.dumps(["mark", "accepted", ""]).encode() + b"\n"
    said = []

    def dead(_: int) -> bool:
        if not said:
            said.append(os.write(writing, line))  # after the host has looked for a line
        return True

    monkeypatch.setattr(host, "_is_dead", dead)
    found = host._lines(reading, 0, "mark", 1, time.monotonic() + 5)
    os.close(writing)
    assert [one["verdict"] for one in found] == ["accepted"]
