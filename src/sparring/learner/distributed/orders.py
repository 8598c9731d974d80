"""What the first process can ask of all that learn together."""

from __future__ import annotations

from enum import Enum, auto


class Order(Enum):
    """What the first process can ask of all."""

    BEGIN = auto()
    """Load the model of a recipe (its data)."""
    UPDATE = auto()
    """Learn from groups, at a learning rate."""
    CHECK = auto()
    """Look whether any weight is not a number."""
    GATHER = auto()
    """Give the first process all weights."""
    STATE = auto()
    """Give the first process the optimiser's state."""
    SAVE = auto()
    """Write the weights to a checkpoint."""
    EXPORT = auto()
    """Write a player's weights to a directory, in a type."""
    ADAPTER = auto()
    """Write a player's adapter to a directory."""
    SCORE = auto()
    """Give the first process log-probs of samples, under the weights of now or of the start."""
    SPREAD = auto()
    """Take over the first process's weights and optimiser state."""
    BEAT = auto()
    """Nothing: it keeps connections awake."""
    END = auto()
