"""Rewards: from the pass matrix to rewards and advantages. numpy only."""
