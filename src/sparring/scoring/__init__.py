"""Scoring: from outcomes to the pass matrix, rewards, advantages and metrics. numpy only."""
