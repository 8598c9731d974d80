"""Whose responses a round asks for."""

from __future__ import annotations

from enum import StrEnum

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
