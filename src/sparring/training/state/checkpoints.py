"""``state.json`` of a checkpoint: how far the run was, and the checksums of the other files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Counters:
    """Steps made, tokens sampled, steps whose gradient was refused, and pass rates by task."""

    step: int
    tokens: int
    refused: list[int]
    pass_rates: dict[str, float]

    def write(self, checkpoint: Path) -> None:
        """Write them last, when all other files of the ``checkpoint`` are there."""
        record = {
            "step": self.step,
            "tokens": self.tokens,
            "refused": self.refused,
            "pass_rates": self.pass_rates,
            "sha256": checksums(checkpoint),
        }
        (checkpoint / FILE).write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def read(cls, checkpoint: Path) -> Counters:
        """Those of a checkpoint whose files are as they were written. Raises ValueError, KeyError,
        TypeError, AttributeError or OSError where it is damaged."""
        record: dict[str, Any] = json.loads((checkpoint / FILE).read_text("utf-8"))
        step, tokens = int(record["step"]), int(record["tokens"])
        refused = [int(s) for s in record["refused"]]
        pass_rates = {str(k): float(v) for k, v in record.get("pass_rates", {}).items()}
        if checkpoint.name != f"step-{step:05d}":
            raise ValueError(f"{FILE} is of step {step}")
        found = checksums(checkpoint)
        for name, checksum in record["sha256"].items():
            if found.get(name) != checksum:
                raise ValueError(f"{name} is not what was written")
        return cls(step, tokens, refused, pass_rates)


def checksums(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each file but ``state.json``, which holds them: a flipped bit would load."""
    found = {}
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        name = path.relative_to(checkpoint).as_posix()
        if name != FILE:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
