"""What a run must not lose: the side that learns, its checkpoints, responses on record."""
