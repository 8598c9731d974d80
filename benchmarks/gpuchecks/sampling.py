"""Sampling in this process: tokens per second by rows, with CUDA graphs and without."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import torch

from gpuchecks.common import Setting, part
from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local import decode
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Role

ROWS = (16, 128, 512)
_TOKENS = 256


class Numbers:
    """Ids as text: random weights have no tokenizer."""

    eos_token_id = 2

    def batch_decode(self, rows: list[list[int]], **_: object) -> list[str]:
        return [" ".join(map(str, row)) for row in rows]


def sample(setting: Setting, shape: str) -> dict[str, Any]:
    """Kept tokens per second at each number of rows, all responses of the full length."""
    model = setting.model(shape, torch.bfloat16)
    sampler = LocalSampler(model, Numbers())  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    for rows in (4,) if setting.tiny else ROWS:
        found |= part(**{f"rows_{rows}": _of_rows(setting, sampler, rows)})
    if setting.cuda:
        with patch.object(decode, "capture_for", lambda model: None):
            found |= part(without_graphs=_of_rows(setting, sampler, ROWS[0]))
    return found


def _of_rows(setting: Setting, sampler: LocalSampler, rows: int) -> dict[str, float]:
    """The second of two calls: the first captures."""
    size = 16 if setting.tiny else _TOKENS
    prompts = [
        Prompt(str(i), Role.CODER, (5, 6, 7 + i), i, SamplingParams(1.0, size))
        for i in range(rows // 4)
    ]
    kept = 0

    def once() -> None:
        nonlocal kept
        kept = sum(len(r.token_ids) for group in sampler.sample(prompts, 4) for r in group)

    first = setting.seconds(once)
    setting.fresh_peak()
    seconds = setting.seconds(once)
    return {
        "rows": rows,
        "tokens_per_second": round(kept / seconds),
        "first_seconds": round(first, 2),
        "peak_gib": round(setting.peak(), 2),
    }
