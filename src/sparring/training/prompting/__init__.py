"""Tasks and prompts of each step."""
