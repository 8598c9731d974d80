"""Sampling: from prompts to responses, token ids and log-probs. See `base`."""
