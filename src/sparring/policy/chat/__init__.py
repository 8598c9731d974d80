"""Responses as text: from a local checkpoint or any OpenAI-compatible server. Not for training."""
