"""Prompts: a task rendered for a role, and the program or test read from the response."""
