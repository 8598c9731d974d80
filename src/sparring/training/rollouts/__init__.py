"""Where a step's groups come from: sampled now, one step ahead, or read from another run."""
