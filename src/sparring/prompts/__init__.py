"""Prompts: rendering a task for a role, and reading what comes back."""
