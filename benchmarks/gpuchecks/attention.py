"""Flex attention on this device: types, values, gradients, compilations, masks, time.

Against torch's own attention over the whole mask in float64, for the heads of Qwen2.5 and Qwen3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._dynamo.utils import counters
from torch.nn.functional import scaled_dot_product_attention

from gpuchecks.common import Refused, Setting, groups_of, part
from sparring.learner.logprobs.blocks import Visible, block_mask
from sparring.learner.logprobs.flex import flex_forward
from sparring.learner.logprobs.packed import Packing

HEADS = {
    "0.5b": (14, 2, 64),
    "1.5b": (12, 2, 128),
    "7b": (28, 4, 128),
    "14b": (40, 8, 128),
    "qwen3-4b": (32, 8, 128),
}
"""Heads of queries, of keys, and their size."""
_LENGTHS = 16
_BOUND = 0.03
"""Of the relative distance of values and gradients in bfloat16 from float64."""


def flex(setting: Setting) -> dict[str, Any]:
    """Whether it is right, and what it takes. Raises ValueError where it is wrong."""
    if not setting.cuda:
        return _masks(setting) | part(note="flex attention has no backward pass on a CPU")
    if torch.cuda.get_device_capability() < (8, 0):
        raise Refused("bfloat16 needs a GPU of compute capability 8.0 or newer")
    found: dict[str, Any] = {}
    for name, heads in HEADS.items():
        found |= part(**{name: _against_plain(setting, heads)})
    return found | _compilations(setting) | _masks(setting) | _time(setting)


def _against_plain(setting: Setting, heads: tuple[int, int, int]) -> dict[str, float]:
    """Relative distances of the output and of three gradients; queries and keys are given in
    float32, as a norm that widens them would."""
    visible = _visible(setting, 1)
    length = visible.own_start.shape[1]
    plain = [_random(setting, heads, i, length) for i in range(3)]
    ours = [x.detach().clone().requires_grad_() for x in plain]
    kinds = (torch.float32, torch.float32, torch.bfloat16)
    q, k, v = (x.to(kind) for x, kind in zip(ours, kinds, strict=True))
    out, _ = flex_forward(torch.nn.Identity(), q, k, v, block_mask(visible))
    weight = torch.randn_like(out, dtype=torch.float32)
    (out.float() * weight).sum().backward()
    mask = visible.dense()[:, None]
    wide = [x.double() for x in plain]
    repeated = [x.repeat_interleave(heads[0] // heads[1], 1) for x in wide[1:]]
    exact = scaled_dot_product_attention(wide[0], *repeated, attn_mask=mask).transpose(1, 2)
    (exact * weight).sum().backward()
    pairs = [(out, exact), *((a.grad, b.grad) for a, b in zip(ours, plain, strict=True))]
    names = ("output", "query", "key", "value")
    found = {n: _distance(*pair) for n, pair in zip(names, pairs, strict=True)}
    if wrong := {n: x for n, x in found.items() if not x <= _BOUND}:
        raise ValueError(f"heads {heads}: flex attention is wrong by {wrong}")
    return found | {"dtype": str(out.dtype)}  # type: ignore[dict-item]


def _random(setting: Setting, heads: tuple[int, int, int], i: int, length: int) -> torch.Tensor:
    torch.manual_seed(i)
    shape = (1, heads[0] if i == 0 else heads[1], length, heads[2])
    return torch.randn(shape, device=setting.device).bfloat16().float().requires_grad_()


def _distance(one: Any, other: Any) -> float:
    return float((one.double() - other.double()).norm() / other.double().norm())


def _visible(setting: Setting, seed: int, size: int = 120) -> Visible:
    groups = groups_of(500, 100 + seed, [size, size + 37 * seed, size // 2], 3)
    packing = Packing.of(groups, setting.device)
    return Visible(packing.prompt_start, packing.prompt_end, packing.own_start)


def _compilations(setting: Setting) -> dict[str, Any]:
    """How many graphs many lengths make; a fall back to the uncompiled form would be an error."""
    before = counters["stats"]["unique_graphs"]
    for seed in range(_LENGTHS):
        visible = _visible(setting, seed, 100 + 130 * seed)
        q, k, v = (
            _random(setting, HEADS["1.5b"], i, visible.own_start.shape[1]).bfloat16()
            for i in range(3)
        )
        flex_forward(torch.nn.Identity(), q, k, v, block_mask(visible))[0].sum().backward()
    made = counters["stats"]["unique_graphs"] - before
    return part(lengths=_LENGTHS, compilations=made)


def _masks(setting: Setting) -> dict[str, Any]:
    """Milliseconds and GiB of a mask, by the places of a micro-batch."""
    found = {}
    for places in (1_000,) if setting.tiny else (10_000, 20_000, 40_000):
        groups = groups_of(500, 500, [700] * 16, max(1, places // 11_700))
        packing = Packing.of(groups, setting.device)
        visible = Visible(packing.prompt_start, packing.prompt_end, packing.own_start)
        setting.fresh_peak()
        before = setting.peak()
        seconds = setting.seconds(lambda visible=visible: block_mask(visible))  # type: ignore[misc]
        found[str(visible.own_start.shape[1])] = {
            "ms": round(1000 * seconds, 2),
            "gib": round(setting.peak() - before, 3),
        }
    return part(masks=found)


def _time(setting: Setting) -> dict[str, Any]:
    """Milliseconds of a layer's attention both ways at about 16,000 places, by type."""
    visible = _visible(setting, 3, 1700)
    mask, length = block_mask(visible), visible.own_start.shape[1]
    found: dict[str, Any] = {"places": length}
    for kind in (torch.bfloat16, torch.float32):
        q, k, v = (_random(setting, HEADS["7b"], i, length).to(kind) for i in range(3))

        def once(q: Any = q, k: Any = k, v: Any = v) -> None:
            flex_forward(torch.nn.Identity(), q, k, v, mask)[0].sum().backward()

        try:
            once()
            found[str(kind)] = round(1000 * setting.seconds(once, 5), 2)
        except RuntimeError as why:  # float32 may not fit into this device's shared memory
            found[str(kind)] = str(why).splitlines()[0][:200]
    return part(time_ms=found)
