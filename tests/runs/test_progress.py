"""The progress display of a run: what a pipe gets, and what a terminal shows."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from sparring.runs.bar import EVERY, Bar, roughly, time_left
from sparring.runs.forecast import RunSchedule
from sparring.runs.progress import RunProgress


class Piped:
    """A run's progress in a pipe, at a time that the test sets."""

    def __init__(self, schedule: RunSchedule) -> None:
        self.now = 0.0
        self.out = io.StringIO()
        self.progress = RunProgress(schedule, 0, Console(file=self.out), lambda: self.now)

    def lines(self) -> list[str]:
        """The lines since the last call."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text.splitlines()

    def wait(self, seconds: float) -> list[str]:
        """The lines that appear while ``seconds`` pass, with a look at the clock every second."""
        for _ in range(round(seconds)):
            self.now += 1
            self.progress.beat()
        return self.lines()


def test_progress_is_plain_when_piped() -> None:
    out = io.StringIO()
    with RunProgress(RunSchedule(10), console=Console(file=out)) as progress:
        progress.phase("sampling programs", 48)
        progress.step(1, {"pass@1": 0.5, "tests_right": float("nan")}, 2.0)
    assert "\x1b" not in out.getvalue()
    lines = out.getvalue().splitlines()
    assert lines[0].split() == [
        "step", "programs", "tests", "resp/s", "exec/s", "tokens/s", "s/step", "left",
    ]  # fmt: skip
    assert lines[1].split() == ["1", "50%", "–", "–", "–", "–", "2.0", "0:18"]


def test_the_time_left_holds_the_evaluations_of_the_run() -> None:
    run = Piped(RunSchedule(20, evaluation_every=10))
    run.progress.begin(0, 0)
    run.progress.evaluation(0, 30.0)
    run.progress.step(1, {}, 60.0)
    assert run.lines()[-1].split()[-1] == "20:02"  # 19 steps, 2 evaluations, 2 s for the curves
    for step in range(2, 11):
        run.progress.step(step, {}, 60.0)
    assert run.lines()[-1].split()[-1] == "11:02"
    run.progress.evaluation(10, 30.0)
    run.progress.step(11, {}, 60.0)
    assert run.lines()[-1].split()[-1] == "9:32"


def test_a_resumed_run_knows_the_times_of_its_earlier_part() -> None:
    run = Piped(RunSchedule(20))
    run.progress.begin(15, 0, [{"step": k, "seconds": 60.0} for k in range(1, 16)])
    run.progress.start_step(16)
    run.progress.phase("sampling programs", 48)
    assert run.wait(EVERY) == ["  … step 16: sampling programs 0 of 48, 4:30 left"]


def test_a_long_phase_says_what_is_done_every_half_minute() -> None:
    run = Piped(RunSchedule(3))
    run.progress.step(1, {}, 150.0)
    run.lines()
    run.progress.start_step(2)
    run.progress.phase("sampling programs", 48, count=12)
    assert run.wait(29) == []
    for _ in range(7):
        run.progress.advance()
    assert run.wait(1) == ["  … step 2: sampling programs 19 of 48, 4:30 left"]
    run.progress.learning_pass("micro-batch", 3, 9)
    assert run.wait(60) == [
        "  … step 2: learning: micro-batch 3 of 9, 4:00 left",
        "  … step 2: learning: micro-batch 3 of 9, 3:30 left",
    ]
    assert run.wait(600)[-1].endswith("2:30 left")  # the step is late: step 3 is left
    run.progress.step(2, {}, 690.0)
    assert len(run.lines()) == 1


def test_steps_of_seconds_have_no_lines_between_them() -> None:
    run = Piped(RunSchedule(100))
    for step in range(1, 21):
        run.progress.start_step(step)
        run.progress.phase("sampling programs", 48)
        assert run.wait(9) == []
        run.progress.step(step, {}, 9.0)
        assert len(run.lines()) == (2 if step == 1 else 1)  # the first with the heading


def test_before_the_first_step_the_time_left_is_as_vague_as_what_is_known() -> None:
    schedule = RunSchedule(40, evaluation_every=40, step_responses=96, evaluation_responses=320)
    run = Piped(schedule)
    run.progress.phase("loading the model")
    assert run.wait(30) == ["  … loading the model, 0:30 so far"]
    run.progress.begin(0, 0)
    run.progress.long_phase("evaluating the initial model", "40 tasks", 320, "responses")
    assert run.lines() == ["evaluating the initial model: 40 tasks …"]
    run.progress.advance(80)
    assert run.wait(30) == [
        "  … evaluating the initial model: 80 of 320 responses, about 1:30 of this left"
    ]
    run.progress.evaluation(0, 320.0)
    run.progress.start_step(1)
    run.progress.phase("sampling programs", 48)
    assert run.wait(30) == ["  … step 1: sampling programs 0 of 48, very roughly 2 h left"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (50, "50 s"), (89, "90 s"), (100, "2 min"), (2100, "40 min"), (5300, "90 min"),
     (9000, "2 h"), (123_456, "30 h"), (400_000, "5 days")],
)  # fmt: skip
def test_rough_times_have_one_figure(seconds: float, text: str) -> None:
    assert roughly(seconds) == text


def test_exact_times() -> None:
    assert [time_left(t) for t in (None, 59.4, 3598.9, 3723)] == ["?", "0:59", "59:59", "1:02:03"]


def test_progress_is_live_in_a_terminal() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    with RunProgress(RunSchedule(10), console=console) as progress:
        progress.step(5, {"pass@1": 0.5}, 2.0)
        progress.phase("sampling programs", 48, count=31)
    assert "step 5/10" in out.getvalue()
    assert "sampling programs 31 of 48" in out.getvalue()
    assert "0:10 left" in out.getvalue() or "0:09 left" in out.getvalue()
    assert "…" not in out.getvalue()


def test_the_display_keeps_itself_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that reports nothing, such as a model that is loaded, is shown by the bar's thread."""
    monkeypatch.setattr("sparring.runs.bar.EVERY", 0.0)
    monkeypatch.setattr("sparring.runs.bar._BEAT", 0.001)
    out = io.StringIO()
    with RunProgress(RunSchedule(3), console=Console(file=out)) as progress:
        progress.phase("loading the model")
        while "loading the model" not in out.getvalue():
            pass
    ended = out.getvalue()
    assert "loading the model, 0:00 so far" in ended
    quiet = Bar(Console(file=out))
    quiet.beat()  # nothing to say
    assert out.getvalue() == ended


def test_the_time_of_a_phase_follows_from_what_was_done_in_it() -> None:
    """Responses from a journal took no time, and a pass of the update is not the whole phase."""
    run = Piped(RunSchedule(3))
    run.progress.phase("sampling programs", 48, count=40)
    assert run.wait(30) == ["  … sampling programs 40 of 48, 0:30 so far"]
    run.progress.advance()
    assert run.wait(30) == ["  … sampling programs 41 of 48, about 7:00 of this left"]
    for number in range(1, 5):
        run.progress.learning_pass("micro-batch", number, 9)
        run.wait(10)
    run.progress.learning_pass("micro-batch", 5, 9)
    assert run.wait(20) == ["  … learning: micro-batch 5 of 9, about 1:00 of this left"]
    run.progress.phase("sampling programs", 48)
    run.progress.phase("learning", 0)
    run.progress.learning_pass("micro-batch", 1, 9)
    assert run.wait(30) == ["  … learning: micro-batch 1 of 9, 0:30 so far"]


def test_a_phase_that_ends_while_its_time_is_computed_breaks_nothing() -> None:
    class Ending(RunProgress):
        reads = 0

        @property
        def _count(self) -> int:
            self.reads += 1
            return 80 if self.reads == 1 else 0

        @_count.setter
        def _count(self, count: int) -> None:
            self.reads = 0

    progress = Ending(RunSchedule(3), 0, Console(file=io.StringIO()))
    progress.phase("evaluating", 320, "responses")
    progress._counted = progress.reads = 0
    assert "of this left" in progress._left()


READER_THAT_LEAVES = """
import sys, time
from rich.console import Console
from sparring.runs import bar
bar.EVERY, bar._BEAT = 0.0, 0.001
class Work(bar.Bar):
    def line(self):
        return "at work"
with Work(Console()) as work:
    work._beats.join(20)
    print("thread ended", file=sys.stderr)
    work.log("a step")
    print("went on", file=sys.stderr)
"""


def test_a_run_whose_reader_leaves_ends_at_its_next_line() -> None:
    """It ends as it does where no line of the thread came in between, as in ``| head``."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-c", READER_THAT_LEAVES], stdout=closed, stderr=subprocess.PIPE
        )
    assert done.stderr.decode().splitlines() == ["thread ended"]
    assert done.returncode == 1


def test_ctrl_c_at_the_end_gives_the_terminal_its_cursor_back() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    out = io.StringIO()
    shown = Bar(Console(file=out, force_terminal=True, width=80))
    shown.__enter__()
    beats, shown._beats = shown._beats, SimpleNamespace(join=interrupted)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        shown.__exit__()
    assert beats is not None
    beats.join(20)
    hidden, again = out.getvalue().rfind("\x1b[?25l"), out.getvalue().rfind("\x1b[?25h")
    assert 0 <= hidden < again
