"""Sampling with `transformers` in this process, from the trainer's own weights."""
