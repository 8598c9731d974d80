"""What only a GPU can show: one prepared command for one GPU of 24 to 141 GB.

    python benchmarks/gpu.py [--budget 270] [--only NAME…] [--out gpu.jsonl] [--list]
    python benchmarks/gpu.py --cpu --tiny        # a rehearsal on a CPU, with small models

The checks run in the order of their value, each in a process of its own with a limit of its own,
and no longer than the budget (seconds) lasts. Each appends one line of JSON to ``--out`` as soon as
it has ended, well or not; a check that stands there as done, on a GPU or on a CPU as this call's,
with the same models, is not made again, so a second call goes on where the first was cut off. A
check that failed is made again. Ctrl-C and SIGTERM end the check at work too. Models are made from
configurations, with random weights: nothing is downloaded. docs/gpu.md says how to read the lines.

The exit status is 0 unless a check that was made has failed. A machine that refuses a check for a
reason of its own (a kernel that does not let the sandbox confine programs, a GPU that is too small)
is no failure: the line has ``"status": "refused"`` and the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_LAST_WORDS = 600
"""Characters of a failed check's output that its line keeps."""
_LONGEST = 1e6
"""Seconds of the longest budget."""
_ENDING = 5.0
"""Seconds that a process has to end after SIGTERM."""


@dataclass(frozen=True)
class Check:
    """One check: ``seconds`` are its limit, ``least`` what must be left of the budget for it to be
    worth a start, ``gib`` the memory of the GPU that it needs. ``about`` is for people."""

    name: str
    about: str
    seconds: int
    least: int
    gib: int = 0


CHECKS = (
    Check("versions", "driver, torch, Triton's compiler, the sandbox's level", 30, 5),
    Check("flex", "flex attention: types, values, gradients, compilations, masks", 100, 30),
    Check("learn-0.5b", "an update of all weights: tokens/s, MFU, peak, flex, padded", 70, 20, 22),
    Check("learn-1.5b-lora", "the same with LoRA, 1.5B", 70, 20, 20),
    Check("sample-0.5b", "sampling in this process at 16, 128, 512 rows; CUDA graphs", 70, 20, 8),
    Check("share-1.5b", "24 GB: what the trainer gives back for a server", 60, 20, 22),
    Check("nano", "three steps of the embedded recipe by every preset, and LoRA", 150, 40),
    Check("exact", "replays and resumes: to the bit, or how near; CUDA to CPU", 120, 40),
    Check("fsdp", "sharded weights over NCCL, one rank, against whole ones", 60, 20),
    Check("learn-7b-lora", "an update with LoRA, 7B", 90, 30, 40),
    Check("learn-7b-10", "all weights of 10 of 7B's 28 layers", 90, 30, 76),
    Check("sample-1.5b", "sampling, 1.5B", 70, 20, 12),
    Check("tests", "the tests of backends, head and update on this GPU", 120, 40),
)
NAMES = [c.name for c in CHECKS]


def main() -> None:
    """Make the checks that are asked for, or, with ``--check``, one of them in this process."""
    args = _arguments()
    if args.list:
        print("\n".join(f"{c.name:16} {c.seconds:4} s  {c.about}" for c in CHECKS))
        return
    if args.check:
        sys.path[:0] = [str(HERE), str(HERE.parent)]
        from gpuchecks.every import run

        print(json.dumps(run(args.check, "cpu" if args.cpu else "cuda", args.tiny)))
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _told_to_end)
    try:
        sys.exit(all_of(args))
    except KeyboardInterrupt as told:
        where = "" if not args.out.exists() else f"; what is done stands in {args.out}"
        print(f"gpu.py: ended by {told}{where}", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(f"gpu.py: --out {args.out}: {error.strerror or error}; name another file")


def _told_to_end(number: int, _frame: object) -> None:
    """Raise KeyboardInterrupt, so that the check at work ends first: it has a session of its own,
    which a terminal's Ctrl-C does not reach."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def all_of(args: argparse.Namespace) -> int:
    """Make one check after the other. Returns the exit status."""
    args.out.open("a", encoding="utf-8").close()  # before anything is made that has no place
    known = _done(args.out, args.cpu, args.tiny)
    deadline, failed = time.monotonic() + args.budget, False
    for check in CHECKS:
        if check.name not in (args.only or NAMES):
            continue
        if check.name in known:
            print(f"{check.name}: done before", flush=True)
            continue
        left = deadline - time.monotonic()
        if left < check.least:
            print(f"{check.name}: left out, {left:.0f} s of the budget are left", flush=True)
            continue
        line = made(check, args.cpu, args.tiny, min(left, check.seconds))
        _append(args.out, line)
        failed |= line["status"] == "failed"
        print(f"{check.name}: {line['status']} after {line['seconds']} s", flush=True)
        print(f"  {json.dumps(line['found'])}", flush=True)
    return int(failed)


def made(check: Check, cpu: bool, tiny: bool, limit: float) -> dict[str, Any]:
    """The line of one check, made in a process of its own that ends after ``limit`` seconds."""
    started = time.monotonic()
    process = subprocess.Popen(
        command_of(check, cpu, tiny),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=HERE.parent,
        start_new_session=True,  # so that what it starts ends with it
    )
    try:
        out, _ = process.communicate(timeout=limit)
        late = False
    except subprocess.TimeoutExpired:
        out, late = _ended(process), True
    except BaseException:  # raised again: no process is left behind
        _ended(process)
        raise
    status, found = _read(out, process.returncode, late, limit)
    return {
        "check": check.name,
        "status": status,
        "cpu": cpu,
        "tiny": tiny,
        "seconds": round(time.monotonic() - started, 1),
        "found": found,
    }


def command_of(check: Check, cpu: bool, tiny: bool) -> list[str]:
    """The command that makes one check and prints its line."""
    command = [sys.executable, str(HERE / "gpu.py"), "--check", check.name]
    return command + ["--cpu"] * cpu + ["--tiny"] * tiny


def _ended(process: subprocess.Popen[str]) -> str:
    """End a process and all that it has started; what it has said."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=_ENDING)[0]
        except subprocess.TimeoutExpired:
            continue
    return ""


def _read(out: str, code: int, late: bool, limit: float) -> tuple[str, dict[str, Any]]:
    """Status and findings by what a check has printed: its last line is JSON, and where it was cut
    off so is every part that it had finished (``{"part": …}``)."""
    lines = [x for x in map(_parsed, out.splitlines()) if x is not None]
    parts = {k: v for line in lines if "part" in line for k, v in line["part"].items()}
    if late:
        return "failed", parts | {"why": f"not done in {limit:.0f} s", "said": out[-_LAST_WORDS:]}
    if code == 0 and lines and "status" in lines[-1]:
        return lines[-1]["status"], lines[-1]["found"]
    return "failed", parts | {"why": f"exit status {code}", "said": out[-_LAST_WORDS:]}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _append(out: Path, line: dict[str, Any]) -> None:
    """Add a line, behind one that was cut off where there is such a one."""
    gap = "\n" if (before := out.read_bytes()) and not before.endswith(b"\n") else ""
    with out.open("a", encoding="utf-8") as file:
        file.write(f"{gap}{json.dumps(line)}\n")


def _done(out: Path, cpu: bool, tiny: bool) -> set[str]:
    """Names of the checks that stand in ``out`` as done on such a device, with models of this size.
    Lines that are none are passed over."""
    text = out.read_text(encoding="utf-8", errors="replace")
    lines = [x for x in map(_parsed, text.splitlines()) if x is not None]
    same = {"status": "ok", "cpu": cpu, "tiny": tiny}
    return {str(x.get("check")) for x in lines if same.items() <= x.items()}


def _seconds(text: str) -> float:
    """A time that ends. Raises ValueError for another."""
    if not 0 < (found := float(text)) < _LONGEST:
        raise ValueError(text)
    return found


_seconds.__name__ = "number of seconds"  # as argparse calls it: invalid number of seconds value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--budget", type=_seconds, default=270, help="seconds for all checks together"
    )
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these checks")
    parser.add_argument("--out", type=Path, default=Path("gpu.jsonl"), help="a line for each check")
    parser.add_argument("--cpu", action="store_true", help="rehearse on the CPU")
    parser.add_argument("--tiny", action="store_true", help="small models in place of the shapes")
    parser.add_argument("--list", action="store_true", help="the checks, in their order")
    parser.add_argument("--check", choices=NAMES, help="one check in this process, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
