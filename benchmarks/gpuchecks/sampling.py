"""Sampling in this process: tokens per second by the number of rows."""

from __future__ import annotations

from typing import Any

import torch

from gpuchecks.common import Setting, part
from sparring.sampling.base import Prompt, SamplingParams
from sparring.sampling.local import LocalSampler
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
        size = 16 if setting.tiny else _TOKENS
        prompts = [
            Prompt(str(i), Role.CODER, (5, 6, 7 + i), i, SamplingParams(1.0, size))
            for i in range(rows // 4)
        ]
        sampler.sample(prompts, 4)  # compiles, captures
        setting.fresh_peak()
        kept: list[int] = []

        def once() -> None:
            groups = sampler.sample(prompts, 4)
            kept.append(sum(len(r.token_ids) for group in groups for r in group))

        seconds = setting.seconds(once)
        found |= part(
            **{
                f"rows_{rows}": {
                    "tokens_per_second": round(kept[0] / seconds),
                    "peak_gib": round(setting.peak(), 2),
                }
            }
        )
    return found
