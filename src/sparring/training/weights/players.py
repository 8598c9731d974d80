"""Players: the weights whose responses a rollout batch requests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.policy.base import Prompt
from sparring.schema import Role


class Player(StrEnum):
    """Role together with the weights that play the role, in the order in which the local sampler
    asks them. ``INITIAL_POLICY`` are coders of the initial policy."""

    CODER = "coder"
    INITIAL_POLICY = "initial_policy_programs"
    TESTER = "tester"

    @property
    def role(self) -> Role:
        """Return the role that the player plays."""
        return Role.TESTER if self is Player.TESTER else Role.CODER


@dataclass(frozen=True, slots=True)
class PlayerRequest:
    """Request for ``n`` responses of a player to a prompt."""

    player: Player
    prompt: Prompt
    n: int
    known: frozenset[int] = frozenset()
    """Indices of responses that exist already and are not sampled again."""
