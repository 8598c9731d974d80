"""State that a run must not lose: trainer, policies, checkpoints, inputs and journal."""
