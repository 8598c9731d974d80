"""Recognise the published data set of a row by its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.tasks.formats import (
    acecode,
    apps,
    codecontests,
    codeforces,
    evalplus,
    kodcode,
    leetcode,
)
from sparring.tasks.formats.base import Format


def format_of(row: Mapping[str, Any]) -> Format | None:
    """Return the format of a row; None for a row of no data set in this package.

    Rows of HumanEval, MBPP and LiveCodeBench, of task files and of tables have other readers.
    """
    columns = {name for name in row if isinstance(name, str)}
    if "base_input" in columns or "plus_input" in columns:
        return evalplus.FORMAT
    if "entry_point" in columns and columns & {"completion", "problem_description"}:
        return leetcode.FORMAT
    if "official_tests" in columns or {"generated_checker", "input_format"} <= columns:
        return codeforces.FORMAT
    if "description" in columns and columns & {"public_tests", "private_tests", "generated_tests"}:
        return codecontests.FORMAT
    if "input_output" in columns:
        return apps.TACO if columns & apps.OF_TACO else apps.APPS
    if {"question", "test"} <= columns and columns & {"solution", "test_info"}:
        return kodcode.FORMAT
    if {"question", "test_cases"} <= columns or {"question", "tests", "inferences"} <= columns:
        return acecode.FORMAT
    if {"question", "tests", "source"} <= columns and "entry_point" not in columns:
        return acecode.FORMAT
    return None
