"""Cases of the sandbox's check fail where the countermeasure that stops them is removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sparring
from sparring.sandbox.check import security
from sparring.sandbox.check.idioms import IDIOMS
from sparring.sandbox.types import Level
from tests.sandbox.countermeasures import COUNTERMEASURES, Countermeasure

_HERE = Path(sparring.__file__).parent
# Puts the chosen cases to the package that is found first, and prints which held at which level.
_TRY = """
import json, sys
from sparring.sandbox import Job, Level, Sandbox
from sparring.sandbox.check import conformance, security
from sparring.sandbox.check.targets import Targets

cases, idioms, abi = json.loads(sys.argv[1])
security.ATTACKS = tuple(a for a in security.ATTACKS if a.name in cases)
security._PATIENCE_SECONDS = 10.0
conformance.IDIOMS = {name: conformance.IDIOMS[name] for name in idioms}
held = {}
for level in Level:
    with Targets() as targets:
        sandbox = Sandbox(2, level=level, memo=False, landlock_abi=abi)
        sandbox.run([Job(f"print({k})", ("",)) for k in range(20)])  # no worker is new
        results = list(security.check(sandbox, targets, harmful=True)) if cases else []
        results += conformance.check(sandbox) if idioms else []
        sandbox.close()
        held[level.value] = {result.name: result.held for result in results}
print(json.dumps(held))
"""


def _cases(measure: Countermeasure) -> list[str]:
    return [a.name for a in security.ATTACKS if a.name.startswith(measure.cases or ("\0",))]


def _without(measure: Countermeasure, place: Path) -> Path:
    """A copy of the package without the countermeasure; the folder to import it from."""
    package = place / "sparring"
    package.mkdir()
    for entry in _HERE.iterdir():
        if entry.name != "sandbox":
            (package / entry.name).symlink_to(entry)
    shutil.copytree(_HERE / "sandbox", package / "sandbox")
    for name, old, new in measure.edits:
        path = package / "sandbox" / name
        text = path.read_text()
        assert text.count(old) == 1, f"{measure.name}: {name} has not once {old!r}"
        path.write_text(text.replace(old, new))
    return place


@pytest.mark.slow
@pytest.mark.parametrize("measure", COUNTERMEASURES, ids=lambda c: c.name)
def test_a_case_fails_without_its_countermeasure(measure: Countermeasure, tmp_path: Path) -> None:
    cases, idioms = _cases(measure), list(measure.idioms)
    assert len({c for c in measure.cases if any(n.startswith(c) for n in cases)}) == len(
        measure.cases
    )
    path = _without(measure, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _TRY, json.dumps([cases, idioms, measure.landlock_abi])],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)
    for name in [*cases, *idioms]:
        fell = [level for level in held if held[level].get(name) is False]
        assert len(fell) >= (len(Level) if measure.all_levels else 1), f"{name} held: {held}"


def test_countermeasures_name_existing_cases() -> None:
    names = [attack.name for attack in security.ATTACKS]
    for measure in COUNTERMEASURES:
        assert all(any(name.startswith(case) for name in names) for case in measure.cases), (
            measure.name
        )
        assert set(measure.idioms) <= set(IDIOMS), measure.name
        for name, old, _ in measure.edits:
            assert (_HERE / "sandbox" / name).read_text().count(old) == 1, (measure.name, name, old)
