"""``sparring watch`` beside a writer that begins late, is killed, rewinds, goes on and ends."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from rich.console import Console

from sparring.cli.watch import screen, watch, watch_run
from sparring.config.load import NANO_RECIPE, load_recipe, make_recipe
from sparring.runs.directory import RunDir
from sparring.runs.live import Tail, in_progress
from sparring.view.terminal.watch import Watched, WatchState
from tests.training.runs import command, sparring_here
from tests.view.terminal.recorded_runs import evaluation, group, metrics


class Writer:
    """A run as its own process writes it."""

    def __init__(self, path: Path) -> None:
        self.run = RunDir(path, locked=False)
        self.lock: IO[str] | None = None

    def begin(self) -> None:
        self.lock = (self.run.path / "lock").open("a+")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if not self.run.has("recipe.json"):
            recipe = make_recipe({"training": {"steps": 4}}, (), "test")
            self.run.write_json("recipe.json", recipe.model_dump(mode="json"))
            self.run.append("timing.jsonl", {"evaluation": 0, "seconds": 9.0})

    def step(self, step: int, **more: Any) -> None:
        self.run.write_packed(f"rollouts/step-{step:05d}.jsonl.gz", [group(id=f"task {step}")])
        self.run.append("metrics.jsonl", metrics(step, **more))
        timing = {"step": step, "seconds": 3.0, "phases": {"sampling": 2.0, "learning": 1.0}}
        self.run.append("timing.jsonl", timing)

    def killed(self) -> None:
        assert self.lock is not None
        self.lock.close()

    def end(self) -> None:
        self.run.write_json("summary.json", {})
        self.killed()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_run_is_followed_from_before_its_beginning_over_a_kill_to_its_end(tmp_path: Path) -> None:
    out, writer = io.StringIO(), Writer(tmp_path)
    follower = threading.Thread(
        target=watch_run, args=(tmp_path, Console(file=out, width=80), 0.01), daemon=True
    )
    follower.start()
    until(lambda: "waiting for the run to begin" in out.getvalue())
    writer.begin()
    until(lambda: ": running" in out.getvalue())
    writer.run.append("evaluations.jsonl", evaluation(0))
    writer.step(1)
    alarm = {"monitor": "violations", "value": 1, "limit": 0, "reason": "they try\x1b[2J"}
    writer.step(2, alarms=[alarm])
    until(lambda: "step 2: programs right 42%" in out.getvalue())
    writer.killed()
    until(lambda: "stopped: its process ended before the run did" in out.getvalue())
    writer.begin()
    writer.run.replace_lines("metrics.jsonl", [metrics(1)])  # back to the newest checkpoint
    until(lambda: out.getvalue().count(": running") == 2)
    for step in (2, 3, 4):
        writer.step(step, alarms=[alarm])
    writer.end()
    follower.join(timeout=20)
    assert not follower.is_alive()
    lines = out.getvalue().splitlines()
    assert lines[-1].endswith(": finished")
    assert sum(line.startswith("step 4: ") for line in lines) == 1
    assert "held-out, step 0: programs right (pass@1) 50.0%" in out.getvalue()
    assert "step 2: alarm violations: they try\\x1b[2J" in lines
    assert "\x1b" not in out.getvalue()


def test_the_screen_has_progress_curves_groups_time_and_alarms(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.begin()
    for step in (1, 2, 3):
        writer.step(step)
    _as_if_just_now(tmp_path)
    watched = Watched(tmp_path)
    watched.look()
    assert watched.state is WatchState.RUNNING
    out = Console(file=io.StringIO(), width=80)
    out.print(screen(watched, 80))
    writer.killed()
    assert isinstance(out.file, io.StringIO)
    shown = out.file.getvalue()
    assert "step 3 " in shown
    assert "75%, 0:14 left" in shown  # a step of 3 s, an evaluation of 9 s, 2 s for the curves
    assert "programs right" in shown
    assert "▁▅█" in shown
    assert "task 3" in shown
    assert "seconds per step: sampling 2.00, learning 1.00" in shown
    assert "no alarm" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_only_the_newest_step_of_a_run_that_goes_on_has_a_time_left(tmp_path: Path) -> None:
    """The time left of an older step has passed, and a stopped run has none."""
    writer = Writer(tmp_path)
    writer.begin()
    for step in (1, 2, 3):
        writer.step(step)
    _as_if_just_now(tmp_path)
    out = io.StringIO()
    follower = threading.Thread(
        target=watch_run, args=(tmp_path, Console(file=out, width=80), 0.01), daemon=True
    )
    follower.start()
    until(lambda: "step 3: " in out.getvalue())
    steps = [line for line in out.getvalue().splitlines() if line.startswith("step ")]
    assert [" left" in line for line in steps] == [False, False, True]
    writer.step(4)
    writer.end()
    follower.join(timeout=20)
    assert out.getvalue().splitlines()[-1].endswith(": finished")
    watched = Watched(tmp_path)
    watched.look()
    assert watched.left() == ""


def test_the_learning_of_a_step_is_left_once_its_rollouts_are_written(tmp_path: Path) -> None:
    """Only the rollouts of an earlier process make a step shorter."""
    writer = Writer(tmp_path)
    writer.begin()
    writer.step(1)
    writer.step(2)
    _as_if_just_now(tmp_path)
    rollouts = tmp_path / "rollouts/step-00003.jsonl.gz"
    writer.run.write_packed(f"rollouts/{rollouts.name}", [group(id="task 3")])
    for older, left in ((False, "0:17 left"), (True, "0:15 left")):
        at = time.time() + (3500 if older else 3700)
        os.utime(rollouts, (at, at))
        watched = Watched(tmp_path)
        watched.look()
        assert watched.left() == left  # steps 3 and 4 of 3 s, or 1 s of learning, 9 s, 2 s
    writer.killed()


def test_a_killed_run_will_make_the_steps_after_its_checkpoint_again(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.begin()
    for step in (1, 2, 3):
        writer.step(step)
    (tmp_path / "checkpoints/step-00001").mkdir(parents=True)
    writer.killed()
    watched = Watched(tmp_path)
    watched.look()
    assert watched.state is WatchState.STOPPED
    assert watched.left() == "0:16 left"  # 2 and 3 from their rollouts: 1 s each; 4; 9 s; 2 s


def _as_if_just_now(path: Path) -> None:
    """Date the times of a run ahead, so that none of the time left has passed."""
    ahead = time.time() + 3600
    os.utime(path / "timing.jsonl", (ahead, ahead))


def test_a_torn_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text('{"step": 1}\n{"st')
    assert tail.read() == [{"step": 1}]
    with path.open("a") as file:
        file.write('ep": 2}\n')
    assert tail.read() == [{"step": 2}]
    beside = tmp_path / "y"
    beside.write_text('{"step": 1}\n')
    beside.rename(path)
    assert tail.read() == []
    with path.open("a") as file:
        file.write('{"step": 2}\n')
    assert tail.read() == [{"step": 2}]
    assert tail.records == [{"step": 1}, {"step": 2}]


def test_whether_a_process_makes_the_run_is_seen_without_touching_its_lock(tmp_path: Path) -> None:
    assert in_progress(tmp_path) is False
    with (tmp_path / "lock").open("a+") as lock:
        assert in_progress(tmp_path) is False
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert in_progress(tmp_path) is True
    assert in_progress(tmp_path) is False


def test_a_directory_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, path = io.StringIO(), tmp_path / "runs" / "absent"

    def followed(where: Path, _: Console, __: float) -> None:
        watch_run(where, Console(file=out, width=80), 0.01)

    monkeypatch.setattr("sparring.cli.watch.watch_run", followed)
    follower = threading.Thread(target=watch, args=(path, 0.01), daemon=True)
    follower.start()
    until(lambda: "no files of a run yet; waiting for the run to begin" in out.getvalue())
    run = RunDir.create(path)
    run.write_json("recipe.json", load_recipe(NANO_RECIPE).model_dump(mode="json"))
    run.write_json("summary.json", {})
    run.close()
    until(lambda: "finished" in out.getvalue())
    follower.join(timeout=20)
    assert not follower.is_alive()


def test_a_file_in_place_of_a_run_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = sparring_here("watch", str(tmp_path / "file"))
    assert done.returncode == 1
    assert "is a file; name the directory of a run" in done.stderr


@pytest.mark.slow
def test_a_real_run_is_followed_in_a_terminal(tmp_path: Path) -> None:
    """Begun before the run is: until it ends by itself."""
    run = tmp_path / "run"
    run.mkdir()
    mother, child = pty.openpty()
    watcher = subprocess.Popen(
        [sys.executable, "-m", "sparring.cli", "watch", str(run), "--every", "0.2"],
        stdin=child, stdout=child, stderr=child, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(child)
    seen = bytearray()

    def drain() -> None:
        while True:
            try:
                seen.extend(os.read(mother, 65536))
            except OSError:  # the other side is closed
                return

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        assert subprocess.run(command(run), capture_output=True, check=False).returncode == 0
        assert watcher.wait(timeout=120) == 0
    finally:
        watcher.kill()
    reader.join(timeout=20)
    os.close(mother)
    told = seen.decode()
    assert "no files of a run yet" in told
    assert "\nrunning" in told
    assert "\nfinished" in told
    steps = [json.loads(x)["step"] for x in (run / "metrics.jsonl").read_text().splitlines()]
    assert f"step {steps[-1]} " in told
