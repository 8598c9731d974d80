"""Two processes learn what one learns: weights, optimiser, statistics, and what is kept of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from sparring.learner.settings import Sharding
from tests.learner.two_processes import CASES, Learned, alone, taken_up
from tests.processes import ended, started

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
    for code, _, err in ended(started(["tests.learner.two_processes", str(place)])):
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


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("name", CASES)
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


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_whole_between_passes(two: Any, name: str) -> None:
    assert two[Sharding.FSDP, name]["left whole"] == []


@pytest.mark.parametrize("sharding", SHARDINGS)
@pytest.mark.parametrize("name", CASES)
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
