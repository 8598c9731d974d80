"""A run in the terminal: at a glance, by step, by task, by response, and why. Writes nothing."""
