"""The command for a GPU: one line for each check at once, nothing twice, a limit that is kept."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
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
    assert found["tests"]["found"]["counts"]["passed"] > 0


def command(code: str) -> Any:
    return lambda check, cpu, tiny: [sys.executable, "-c", code]


def test_a_check_that_hangs_ends_with_its_figures_so_far(
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
    for _ in range(100):  # it is killed, and dies when the kernel comes to it
        if gone := not state.exists() or state.read_text().split(") ")[1][0] == "Z":
            break
        time.sleep(0.1)
    assert gone


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


def test_a_second_call_runs_the_remaining_checks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also what failed or was made with other models, and nothing that was done."""
    out, seen = tmp_path / "out.jsonl", []

    def made(check: gpu.Check, cpu: bool, tiny: bool, limit: float) -> dict[str, Any]:
        seen.append(check.name)
        line = {"check": check.name, "status": "ok", "cpu": cpu, "tiny": tiny}
        return {**line, "seconds": 0.0, "found": {}}

    monkeypatch.setattr(gpu, "made", made)
    gpu_s = {"status": "ok", "cpu": False, "tiny": False}
    first = [
        {"check": "versions", **gpu_s},
        {"check": "flex", **gpu_s, "status": "failed"},
        {"check": "nano", **gpu_s, "tiny": True},
        {"check": "fsdp", **gpu_s, "cpu": True},
        gpu_s,
    ]
    text = "".join(json.dumps(x) + "\n" for x in first)
    out.write_bytes(b"\xff\xfe\n" + text.encode() + b'{"check": "cut o')

    def call(budget: float) -> int:
        monkeypatch.setattr(
            sys, "argv", ["gpu.py", "--budget", str(budget), "--out", str(out),
                          "--only", "versions", "flex", "nano", "fsdp"],
        )  # fmt: skip
        return gpu.all_of(gpu._arguments())

    assert call(1) == 0
    assert seen == []  # no check is worth a start with a second left
    assert call(300) == 0
    assert seen == ["flex", "nano", "fsdp"]
    assert call(300) == 0
    assert seen == ["flex", "nano", "fsdp"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_from_outside_ends_the_check_at_work(tmp_path: Path, number: signal.Signals) -> None:
    """It has a session of its own, so nobody else would: it would keep the GPU."""
    child, out = tmp_path / "child", tmp_path / "out.jsonl"
    code = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(child)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    runner = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import gpu\n"
        f"gpu.command_of = lambda *_: [sys.executable, '-c', {code!r}]\n"
        f"sys.argv = ['gpu.py', '--out', {str(out)!r}]\n"
        "gpu.main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", runner], stderr=subprocess.PIPE, text=True)
    while not (child.exists() and child.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said == f"gpu.py: ended by {number.name}; what is done stands in {out}\n"
    assert not Path(f"/proc/{child.read_text()}").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--out", "/nowhere/gpu.jsonl"], "gpu.py: --out /nowhere/gpu.jsonl: No such file or"),
        (["--out", "/"], "gpu.py: --out /: Is a directory; name another file"),
        (["--budget", "nan"], "invalid number of seconds value: 'nan'"),
        (["--budget", "0"], "invalid number of seconds value: '0'"),
    ],
)
def test_a_missing_requirement_is_reported_before_any_check_runs(
    given: list[str], said: str
) -> None:
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
