"""``sparring sandbox check --grader``: put anyone's grader to the cases, and write its card."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sparring.errors import ConfigError, DataError, writing
from sparring.graders.card import Card, Fault, smallest_of
from sparring.graders.cases import all_cases
from sparring.graders.trial import TriedCase, opened, tried
from sparring.text import in_line


def check_grader(
    spec: str, python: str | None, json_file: Path | None, card_file: Path | None
) -> bool:
    """Put a grader to every case, print the faults, and write the card; return True without a
    fault. Raises `SparringError`."""
    _check_spec(spec)
    interpreter = shutil.which(python or sys.executable)
    if interpreter is None:
        raise ConfigError(f"--grader-python {python}: no such program; name an interpreter")
    for file in filter(None, (json_file, card_file)):
        with writing(file, DataError), file.open("a"):
            pass  # a file that cannot be written should fail before the work
    console, progress = Console(soft_wrap=True), Console(stderr=True)
    cases, done = list(all_cases()), list[TriedCase]()
    with opened(spec, interpreter, Path.cwd()) as grader:
        progress.print(Text(f"{spec}: {grader.held}"))
        begun = told = time.monotonic()
        for one in tried(grader, cases):
            done.append(one)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                progress.print(Text(f"  … {len(done)} of {len(cases)} cases"))
        card = Card(spec, date.today().isoformat(), grader.version, grader.held, done)
    if all(one.seen.verdict == "unsupported" for one in done):
        raise DataError(
            f"--grader {spec}: supports no form of tests: it returned None for every case; return "
            "True or False for the forms that it grades"
        )
    _print(console, card, time.monotonic() - begun)
    for place, text in ((json_file, card.json), (card_file, card.markdown)):
        if place is not None:
            with writing(place, DataError):
                place.write_text(text(), encoding="utf-8")
    return not card.findings


def _check_spec(spec: str) -> None:
    if spec.startswith(("http://", "https://")):
        return
    module, colon, function = spec.partition(":")
    words = [*module.split("."), *function.split(".")]
    if not colon or not all(word.isidentifier() for word in words):
        raise ConfigError(f"--grader: {spec!r} is neither module:function nor a URL; give one")


def _print(console: Console, card: Card, seconds: float) -> None:
    values = card.as_dict()
    table = Table(
        title=f"{card.grader}: {values['supported']} of {values['cases']} cases supported"
    )
    table.add_column("fault")
    table.add_column("cases", justify="right")
    table.add_column("smallest example")
    for fault in Fault:
        of_fault = [finding for finding in card.findings if finding.fault is fault]
        smallest = smallest_of(of_fault, fault)
        example = in_line(smallest.case.title) if smallest else ""
        style = "red" if of_fault else ""
        table.add_row(Text(fault), Text(str(len(of_fault)), style), Text(example))
    console.print(table)
    console.print(f"{seconds:.0f} s; cases of version {values['suite']}")
