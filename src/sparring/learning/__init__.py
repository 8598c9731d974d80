"""Learning: from rewarded responses to new weights. See `update` for the story."""
