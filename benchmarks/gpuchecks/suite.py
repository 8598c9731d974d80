"""The tests that mean something on a GPU, run there: backends, head and update."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from gpuchecks.common import Refused, Setting

FILES = ("test_backends.py", "test_head.py", "test_update.py")
_ROOT = Path(__file__).resolve().parents[2]


def tests(setting: Setting) -> dict[str, Any]:
    """How many of the tests pass, and the first lines of what fails. Raises `Refused` without
    pytest."""
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", "--maxfail=5", "--tb=line"]
    command += [
        "-p",
        "no:cacheprovider",
    ]  # one -q alone: two leave out the line that has the counts
    files = FILES[:1] if setting.tiny else FILES
    command += [str(_ROOT / "tests" / "learner" / name) for name in files]
    environment = os.environ if setting.cuda else {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=_ROOT, env=environment, check=False
    )
    if "No module named" in done.stderr:
        raise Refused(done.stderr.strip().splitlines()[-1])
    last = (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1]
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}
    wrong = [x for x in done.stdout.splitlines() if "Error" in x or x.startswith("FAILED")]
    found = {"counts": counts, "last": last, "wrong": wrong[:5]}
    if done.returncode or not counts.get("passed"):
        raise RuntimeError(str(found))
    return found
