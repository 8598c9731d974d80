"""The command for a GPU: one line for each check at once, nothing twice, a limit that is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import gpu

BENCHMARKS = Path(gpu.__file__).parent


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rehearsed(out: Path, *names: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), "--cpu", "--tiny", "--budget", "3000",
         "--out", str(out), *(["--only", *names] if names else [])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return lines(out)


def test_a_rehearsal_learns_with_a_small_model_on_the_cpu(tmp_path: Path) -> None:
    [line] = rehearsed(tmp_path / "out.jsonl", "learn-0.5b")
    assert line["status"] == "ok"
    assert line["found"]["padded"]["backend"] == "padded"
    assert line["found"]["auto"]["tokens_per_second"] > 0


@pytest.mark.slow
def test_every_check_can_be_rehearsed(tmp_path: Path) -> None:
    found = {line["check"]: line for line in rehearsed(tmp_path / "out.jsonl")}
    assert list(found) == gpu.NAMES
    # Flex attention has no backward pass on a CPU; the rest is made.
    assert {n: x for n, x in found.items() if x["status"] != "ok"}.keys() <= {"flex"}, found


def command(code: str) -> Any:
    return lambda check, cpu, tiny: [sys.executable, "-c", code]


def test_a_check_that_hangs_ends_with_what_it_had_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    code = (
        "import subprocess, sys, time, json, pathlib\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(p.pid))\n"
        "print(json.dumps({'part': {'first': 1}}), flush=True)\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(gpu, "command_of", command(code))
    line = gpu.made(gpu.CHECKS[0], True, True, 2.0)
    assert line["status"] == "failed"
    assert line["found"]["first"] == 1
    assert line["found"]["why"] == "not done in 2 s"
    state = Path(f"/proc/{child.read_text()}/stat")
    assert not state.exists() or state.read_text().split(") ")[1][0] == "Z"


@pytest.mark.parametrize(
    ("code", "status", "found"),
    [
        ("print('{\"status\": \"ok\", \"found\": {\"x\": 1}}')", "ok", {"x": 1}),
        (
            "print('{\"status\": \"refused\", \"found\": {\"why\": \"no GPU\"}}')",
            "refused",
            {"why": "no GPU"},
        ),
        (
            "print('{\"part\": {\"x\": 1}}'); raise SystemExit('out of memory')",
            "failed",
            {"x": 1, "why": "exit status 1"},
        ),
        ("print('[1]'); print('no JSON')", "failed", {"why": "exit status 0"}),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "failed",
            {"why": "exit status -9"},
        ),
    ],
)  # fmt: skip
def test_a_line_says_how_its_check_ended(
    monkeypatch: pytest.MonkeyPatch, code: str, status: str, found: dict[str, Any]
) -> None:
    monkeypatch.setattr(gpu, "command_of", command(code))
    line = gpu.made(gpu.CHECKS[0], True, True, 60.0)
    assert line["status"] == status
    assert found.items() <= line["found"].items()


def test_a_second_call_makes_what_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also what failed or was made with other models, and nothing that was done."""
    out, seen = tmp_path / "out.jsonl", []

    def made(check: gpu.Check, cpu: bool, tiny: bool, limit: float) -> dict[str, Any]:
        seen.append(check.name)
        return {"check": check.name, "status": "ok", "tiny": tiny, "seconds": 0.0, "found": {}}

    monkeypatch.setattr(gpu, "made", made)
    first = [
        {"check": "versions", "status": "ok", "tiny": False},
        {"check": "flex", "status": "failed", "tiny": False},
        {"check": "nano", "status": "ok", "tiny": True},
    ]
    out.write_text("".join(json.dumps(x) + "\n" for x in first) + '{"check": "cut o')

    def call(budget: float) -> int:
        monkeypatch.setattr(
            sys, "argv", ["gpu.py", "--budget", str(budget), "--out", str(out),
                          "--only", "versions", "flex", "nano"],
        )  # fmt: skip
        return gpu.all_of(gpu._arguments())

    assert call(1) == 0
    assert seen == []  # no check is worth a start with a second left
    assert call(300) == 0
    assert seen == ["flex", "nano"]
    assert call(300) == 0
    assert seen == ["flex", "nano"]
