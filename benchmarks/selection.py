"""Rules that choose one of n programs, how sure they can be, and how much to sample, on real data.

    python benchmarks/selection.py NAME=DATA… --cache DIR [--json DIR]
        [--table] [--confidence] [--need CAP] [--fit-on NAME,…] [--fit FILE]

DATA is a file of CodeT's release (``.jsonl.gz``; it is run once, and the runs are kept in the
cache) or the directory of an evaluation by ``sparring eval``. NAME is a model's, or MODEL/STATE
where a model is measured in several states.

- ``--table``: pass@1 and pass@2 of every rule by size (`selection_table`);
- ``--confidence``: the reliability of the probability (`selection_confidence`);
- ``--need CAP``: spending by need against CAP + CAP responses (`selection_need`);
- ``--fit FILE``: fit the calibration on the data sets of ``--fit-on`` and write it; this is how
  ``src/sparring/selection/calibration.json`` was made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import selection_confidence
import selection_need
import selection_table
from selection_data import Samples, samples
from selection_table import Size

SINGLE, SAMPLES = (5, 10, 20, 50, 100), (5, 10, 20)
PATHS = 2000
"""Paths of ``--need``: about so many of each data set."""


def sizes_of(data: Sequence[Samples]) -> list[Size]:
    single = any(len(set(s.labelled.response_U)) < len(s.labelled.response_U) for s in data)
    found = [Size(n, n, True) for n in SINGLE] if single else []
    return found + [Size(n, n, False) for n in SAMPLES]


def fit(data: Mapping[str, Sequence[Samples]], fit_on: Sequence[str]) -> dict[str, Any]:
    """The record of a calibration of these data sets."""
    choices = selection_confidence.choices_of({name: data[name] for name in fit_on})
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "data": [
            {
                "model": name,
                "tasks": len(set(choices.task_C[choices.data_set_C == name])),
                "choices": int((choices.data_set_C == name).sum()),
            }
            for name in fit_on
        ],
    }
    return selection_confidence.fitted_on(choices, facts).record()


def rounded(figures: Any) -> Any:
    """Figures with four decimals."""
    if isinstance(figures, float):
        return round(figures, 4)
    if isinstance(figures, Mapping):
        return {k: rounded(v) for k, v in figures.items()}
    return [rounded(v) for v in figures] if isinstance(figures, list | tuple) else figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="+", help="NAME=DATA")
    parser.add_argument(
        "--cache", type=Path, required=True, help="directory outside the repository"
    )
    parser.add_argument("--json", type=Path, help="directory to write the figures to")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--confidence", action="store_true")
    parser.add_argument("--need", type=int, metavar="CAP")
    parser.add_argument("--fit-on", help="names of data sets, by commas; by default all")
    parser.add_argument("--fit", type=Path, metavar="FILE")
    args = parser.parse_args()
    pairs = [text.split("=", 1) for text in args.data]
    data = {
        name: samples(Path(place), args.cache / f"{name.replace('/', '-')}.pkl")
        for name, place in pairs
    }
    fit_on = args.fit_on.split(",") if args.fit_on else list(data)
    done: dict[str, tuple[Any, list[str]]] = {}
    if args.table:
        tables = selection_table.tables(data, {name: sizes_of(s) for name, s in data.items()})
        texts = [line for n, t in tables.items() for line in selection_table.lines(n, t)]
        done["table"] = tables, texts
    if args.confidence:
        figures = selection_confidence.figures(data, fit_on)
        done["confidence"] = figures, selection_confidence.lines(figures)
    if args.need:
        draws = {name: max(2, round(PATHS / len(s))) for name, s in data.items()}
        figures = selection_need.figures(data, fit_on, args.need, draws)
        done[f"need_{args.need}"] = figures, selection_need.lines(figures, args.need)
    for name, (figures, texts) in done.items():
        print("\n".join(texts))
        if args.json:
            (args.json / f"{name}.json").write_text(json.dumps(rounded(figures)) + "\n")
    if args.fit:
        args.fit.write_text(json.dumps(fit(data, fit_on), indent=1) + "\n")


if __name__ == "__main__":
    main()
