"""Compare the forecast of a run's end with what really remained, step by step.

    python benchmarks/forecast.py RUN…

Each RUN is the directory of a complete run. After every step the forecast is computed from the
times recorded until then, as the run itself did, and compared with the seconds of all later
records. `--steps` prints every step; without it a line for each run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from sparring.config.load import recorded_recipe
from sparring.config.schedule import run_schedule
from sparring.runs.forecast import CLOSING, forecast
from sparring.runs.reader import TIMING, RunReader, open_run

_WITHIN = 0.2


@dataclass(frozen=True)
class _Compared:
    """Forecast and truth after one step, in seconds."""

    step: int
    predicted: float
    really: float

    @property
    def error(self) -> float:
        return self.predicted / self.really - 1


def compared(run: RunReader) -> list[_Compared]:
    """Return a comparison for each step but the last of a replay, after which nothing remains."""
    replayed = run.has("replay.json")
    schedule = run_schedule(recorded_recipe(run), replayed=replayed)
    timing = run.jsonl(TIMING)
    closing = 0.0 if replayed else CLOSING
    rows = []
    for i, record in enumerate(timing):
        known = "step" in record and forecast(schedule, timing[: i + 1], record["step"])
        if known:
            really = sum(t["seconds"] for t in timing[i + 1 :]) + closing
            if really:
                rows.append(_Compared(record["step"], known.left(), really))
    return rows


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--steps", action="store_true", help="print every step")
    arguments = parser.parse_args()
    for path in arguments.runs:
        run = open_run(path)
        if not run.has("summary.json"):
            print(f"{path}: the run is not complete, so nobody knows what remains; left out")
            continue
        rows = compared(run)
        if arguments.steps:
            for row in rows:
                print(
                    f"step {row.step:>4}: forecast {row.predicted:>7.0f} s, "
                    f"really {row.really:>7.0f} s, {row.error:+.0%}"
                )
        later = rows[1:]
        good = sum(abs(r.error) <= _WITHIN for r in later)
        worst = max((abs(r.error) for r in later), default=0.0)
        print(
            f"{path}: from the second step on {good} of {len(later)} forecasts within "
            f"{_WITHIN:.0%}, the worst off by {worst:.0%}"
        )


if __name__ == "__main__":
    main()
