"""Sources of a step's groups: sampled online, sampled one step ahead, or read from another run."""
