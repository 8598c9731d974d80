"""Two processes learn what one learns: weights, optimiser, statistics, and what is kept of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.learning.together import CASES, Learned, alone, groups, taken_up
from tests.processes import ended, started

from sparring.learning.balance import rounds, shares
from sparring.learning.samples import Group, Sample
from sparring.learning.settings import Precision, Sharding
from sparring.schema import Role

SHARDINGS = (Sharding.DDP, Sharding.FSDP)
ONE: dict[str, Learned] = {}


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Sharding, str], Any]:
    """What two processes came to in every case."""
    place = tmp_path_factory.mktemp("together")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ONE.update({name: alone(case) for name, case in CASES.items()})
    finally:
        torch.set_num_threads(threads)
    torch.save(ONE, place / "alone.pt")
    for code, _, err in ended(started(["tests.learning.together", str(place)])):
        assert code == 0, err
    found: dict[tuple[Sharding, str], Any] = torch.load(place / "together.pt", weights_only=False)
    return found


def close(
    found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], within: float = 1e-5
) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=within, rtol=0, msg=name)


def close_states(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["param_groups"] == expected["param_groups"]
    assert found["state"].keys() == expected["state"].keys()
    for number, values in expected["state"].items():
        # Tighter: AdamW hides a gradient of the wrong length from the weights.
        close(found["state"][number], values, 1e-6)


ROUNDED = {n for n, c in CASES.items() if c.settings.precision is Precision.BFLOAT16}
EXACT = [n for n in CASES if n not in ROUNDED]


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("name", EXACT)
def test_two_processes_learn_what_one_learns(two: Any, name: str, sharding: Sharding) -> None:
    found: Learned = two[sharding, name]["found"]
    expected = ONE[name]
    for step in range(2):
        close(found.weights[step], expected.weights[step])
        close_states(found.states[step], expected.states[step])
        for role, values in expected.stats[step].items():
            for key, value in values.items():
                got = found.stats[step][role][key]
                if isinstance(value, int):
                    assert (role, key, got) == (role, key, value)
                elif math.isnan(value):
                    assert math.isnan(got), (role, key, got)
                else:
                    assert got == pytest.approx(value, abs=2e-5, rel=1e-4), (role, key)


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("name", sorted(ROUNDED))
def test_in_bfloat16_they_learn_it_to_rounding(two: Any, name: str, sharding: Sharding) -> None:
    """First moments are gradients, added up. Which tokens are computed together changes rounding,
    by 0.4% of a number each time; a gradient that is lost or counted twice would be 50% off."""
    found: Learned = two[sharding, name]["found"]
    for step in range(2):
        ours, theirs = (
            torch.cat([v["exp_avg"].flatten().float() for v in x.states[step]["state"].values()])
            for x in (found, ONE[name])
        )
        assert float((ours - theirs).norm() / theirs.norm()) < 0.02


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_whole_between_passes(two: Any, name: str) -> None:
    assert two[Sharding.FSDP, name]["left whole"] == []


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("name", EXACT)
def test_what_two_have_kept_one_takes_up_and_back(two: Any, name: str, sharding: Sharding) -> None:
    found: Learned = two[sharding, name]["found"]
    later = taken_up(CASES[name], found.weights[0], found.states[0])
    close(later.weights[0], ONE[name].weights[1])
    close_states(later.states[0], ONE[name].states[1])
    resumed: Learned = two[sharding, name]["resumed"]
    close(resumed.weights[0], ONE[name].weights[1])
    close_states(resumed.states[0], ONE[name].states[1])


def test_the_cases_move_what_they_compare(two: Any) -> None:
    """Else all of them would agree by doing nothing."""
    for name, case in CASES.items():
        start = dict(case.made().named_parameters())
        moved = max(
            float((value - start[key]).abs().max().detach())
            for key, value in ONE[name].weights[0].items()
        )
        assert (moved > 5e-5) is (name != "refused"), name


def of_cost(lengths: tuple[int, ...], prompt: int) -> Group:
    samples = tuple(Sample((2,) * n, (0.0,) * n, 1.0) for n in lengths)
    return Group(Role.CODER, (2,) * prompt, 1.0, samples)


def test_the_costliest_group_goes_to_who_has_least() -> None:
    """Costs 10, 3, 8, 4: the first alone has 10, the second 8 and 4; then 3 to the first."""
    every = [of_cost((4, 4), 2), of_cost((1,), 2), of_cost((3, 1), 2), of_cost((2,), 2)]
    assert [g.cost for g in every] == [10, 3, 8, 4]
    first, second = shares(every, 2)
    assert [g.cost for g in first] == [10, 3]
    assert [g.cost for g in second] == [8, 4]


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(10, 60))
def test_shares_hold_every_group_once_and_make_the_same_number_of_passes(
    size: int, budget: int
) -> None:
    every = groups()
    dealt = shares(every, size)
    assert sorted(map(id, (g for own in dealt for g in own))) == sorted(map(id, every))
    batches = [rounds(every, budget, rank, size, in_step=True) for rank in range(size)]
    assert len({len(own) for own in batches}) == 1
    assert sorted(s.token_ids for own in batches for b in own for g in b for s in g.samples) == (
        sorted(s.token_ids for g in every for s in g.samples)
    )
