"""Orders by which the first process directs all processes that train together."""

from __future__ import annotations

from enum import Enum, auto


class RankOrder(Enum):
    """Operation that the first process announces and all processes carry out together."""

    BEGIN = auto()
    """Load the model of a recipe. Data: the recipe."""
    UPDATE = auto()
    """Learn from groups. Data: groups and learning rate."""
    CHECK = auto()
    """Check whether all trained weights are finite."""
    GATHER = auto()
    """Send all weights to the first process."""
    STATE = auto()
    """Send the optimiser's state to the first process."""
    SAVE = auto()
    """Write the weights to a checkpoint."""
    EXPORT = auto()
    """Write one role's weights to a directory, in a given data type."""
    ADAPTER = auto()
    """Write one role's adapter to a directory."""
    SCORE = auto()
    """Send log-probs of samples to the first process, under the current or the initial weights."""
    SPREAD = auto()
    """Take over the first process's weights and optimiser state."""
    BEAT = auto()
    """Do nothing: keeps idle connections open."""
    END = auto()
    """Leave: the run is over."""
