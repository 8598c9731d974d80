"""From rewarded groups to new weights. See `update` for the story."""
