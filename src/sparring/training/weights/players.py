"""Whose responses a round asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.policy.base import Prompt
from sparring.schema import Role


class Player(StrEnum):
    """A role with the weights that play it, in the order in which one after the other is asked.
    Opponents are the coder of the start model."""

    CODER = "coder"
    OPPONENTS = "opponents"
    TESTER = "tester"

    @property
    def role(self) -> Role:
        """The role that is played."""
        return Role.TESTER if self is Player.TESTER else Role.CODER


@dataclass(frozen=True, slots=True)
class Request:
    """``n`` responses of a player to a prompt, but those whose numbers are ``known``."""

    player: Player
    prompt: Prompt
    n: int
    known: frozenset[int] = frozenset()
