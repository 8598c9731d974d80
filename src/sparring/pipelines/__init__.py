"""The rooms put together: from tasks and prompts to judged responses."""
