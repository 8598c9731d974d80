"""Blocks of a mask from intervals: what flex attention makes of the mask of all pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask
from torch.utils._python_dispatch import TorchDispatchMode

from sparring.learner.logprobs.blocks import BLOCK, block_mask
from sparring.learner.logprobs.packed import Packing
from sparring.learner.samples import Sample, SampleGroup
from sparring.schema import Role

CPU = torch.device("cpu")
Lengths = tuple[int, tuple[int, ...]]


def of_lengths(lengths: list[Lengths]) -> list[SampleGroup]:
    """Groups of such prompts and responses; every token is another."""
    ids = iter(range(1_000_000))

    def some(count: int) -> tuple[int, ...]:
        return tuple(next(ids) for _ in range(count))

    return [
        SampleGroup(
            Role.CODER, some(p), 1.0, tuple(Sample(some(n), (0.0,) * n, 1.0) for n in responses)
        )
        for p, responses in lengths
    ]


def written_out(groups: list[SampleGroup], length: int) -> list[tuple[int, int, int, int]]:
    """(token, position, group, response) of each place, padding as groups of their own."""
    row = []
    for number, g in enumerate(groups):
        row += [(t, p, number, -1) for p, t in enumerate(g.prompt_ids)]
        for n, s in enumerate(g.samples):
            row += [(t, len(g.prompt_ids) + p, number, n) for p, t in enumerate(s.token_ids[:-1])]
    return row + [(0, 0, -1 - i, -1) for i in range(length - len(row))]


def by_definition(
    row: list[tuple[int, int, int, int]], window: int | None
) -> Callable[..., torch.Tensor]:
    """Whether the token at one place sees that at another."""
    _, position, group, response = torch.tensor(row).unbind(-1)

    def seen(_: Any, __: Any, query: Any, key: Any) -> torch.Tensor:
        own = (response[key] < 0) | (response[key] == response[query])
        found = (group[key] == group[query]) & own & (key <= query)
        if window is not None:
            found = found & (position[query] - position[key] < window)
        return found

    return seen


SIZES = st.tuples(
    st.integers(1, 300), st.lists(st.integers(1, 300), min_size=1, max_size=4).map(tuple)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4), st.sampled_from([None, 1, 5, 64, 128, 200]))
def test_blocks_are_those_of_the_mask_of_all_pairs(
    lengths: list[Lengths], window: int | None
) -> None:
    packing = Packing.of(of_lengths(lengths), CPU)
    length = packing.ids.shape[1]
    row = written_out(of_lengths(lengths), length)
    seen = by_definition(row, window)
    expected = create_block_mask(seen, 1, None, length, length, device="cpu")
    found = block_mask(packing.visible(window))
    assert found.shape == expected.shape
    tensors = [name for name in dir(expected) if name.endswith(("_num_blocks", "_indices"))]
    assert len(tensors) == 8
    for name in tensors:
        assert torch.equal(getattr(found, name), getattr(expected, name)), name
    places = torch.arange(length)
    dense = seen(0, 0, places[:, None], places)
    assert torch.equal(found.mask_mod(0, 0, places[:, None], places), dense)
    assert torch.equal(packing.visible(window).dense()[0], dense)
    assert packing.ids[0].tolist() == [token for token, *_ in row]
    assert packing.position[0].tolist() == [position for _, position, *_ in row]


@settings(max_examples=25, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4))
def test_each_response_token_is_predicted_by_the_one_before_it(lengths: list[Lengths]) -> None:
    groups = of_lengths(lengths)
    packing = Packing.of(groups, CPU)
    assert len(packing.ids) == 1
    assert packing.ids.shape[1] % BLOCK == 0
    before = packing.ids.flatten()[packing.index].tolist()
    assert before == [
        t for g in groups for s in g.samples for t in (g.prompt_ids[-1], *s.token_ids[:-1])
    ]


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made within."""

    numbers = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for x in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(x, torch.Tensor):
                self.numbers = max(self.numbers, x.numel())
        return made


@pytest.mark.parametrize("window", [None, 1000])
def test_nothing_as_large_as_all_pairs_is_made(window: int | None) -> None:
    groups = of_lengths([(500, (700,) * 16)] * 2)
    with Largest() as made:
        packing = Packing.of(groups, CPU)
        block_mask(packing.visible(window))
    places = packing.ids.shape[1]
    blocks = places // BLOCK
    assert places > 20_000
    assert made.numbers <= max(4 * places, blocks * (blocks + 2))
