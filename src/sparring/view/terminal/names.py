"""Names of programs and tests on the command line: P0, I1; G0, H0, K0, U0; E0, X0 of a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import ConfigError
from sparring.runs.text import one_line


@dataclass(frozen=True, slots=True)
class Name:
    """Letter of a kind of program or test, and its number, from 0."""

    letter: str
    index: int

    def __str__(self) -> str:
        return f"{self.letter}{self.index}"


def program_name(text: str, record: Mapping[str, Any]) -> Name:
    """Parse the name of a program: P, or I for one of the initial policy.

    A bare number names a P. Raises `ConfigError`.
    """
    return _name("--program", text, "P", _sizes(record, "PI"))


def test_name(text: str, record: Mapping[str, Any]) -> Name:
    """Parse the name of a test: generated (U), ground truth (G), hidden (H), pseudo-label (K); in a
    session of `sparring solve`, whose binding tests are G, also public example (E) and input
    without an expected output (X).

    A bare number names a U. Raises `ConfigError`.
    """
    return _name("--test", text, "U", _sizes(record, "UGHKEX"))


def _sizes(record: Mapping[str, Any], letters: str) -> dict[str, int]:
    task = record["task"]
    all_sizes = {
        "P": len(record["programs"]),
        "I": len(record.get("initial_policy_programs", ())),
        "U": len(record["tests"]),
        "G": len(task["tests"]),
        "H": len(task.get("hidden", ())),
        "K": len(record.get("pseudo_labels", {}).get("tests", ())),
    }
    if "solve" in record:
        all_sizes |= {"E": len(task["examples"]), "X": len(task["inputs"])}
    return {letter: all_sizes[letter] for letter in letters if letter in all_sizes}


def _name(option: str, text: str, usual: str, sizes: Mapping[str, int]) -> Name:
    match = re.fullmatch(r"([A-Za-z]?)(\d{1,6})", text, re.ASCII)
    letter = (match[1].upper() or usual) if match else ""
    index = int(match[2]) if match else 0
    if letter not in sizes or index >= sizes[letter]:
        ranges = [f"{k}0 to {k}{n - 1}" for k, n in sizes.items() if n]
        raise ConfigError(
            f"{option} {one_line(text, 40)}: unknown name; this group has "
            f"{', '.join(ranges) or 'none'}"
        )
    return Name(letter, index)


test_name.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for a test
