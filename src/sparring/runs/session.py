"""Reader of the directory of a session (``sparring solve --out``).

The directory has one record in the format of a run's step, under step 0, with everything that the
decision knew. There is no ground truth, no reward and no recipe. solve.json has the decision.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparring.errors import RunError

CONFIG, RESULT, KIND = "config.json", "solve.json", "solve"


def is_session(path: Path) -> bool:
    """Return True if a directory holds a session, ended or not."""
    if (path / RESULT).exists():
        return True
    try:
        config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, Mapping) and config.get("kind") == KIND


def session_result(path: Path) -> dict[str, Any] | None:
    """Read solve.json; None where the session has not ended. Raises `RunError` for a damaged
    file."""
    try:
        record = json.loads((path / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: {RESULT} is damaged: {error}") from None
    if not isinstance(record, dict) or record.get("kind") != KIND:
        raise RunError(f"{path}: {RESULT} is not of sparring solve")
    return record
