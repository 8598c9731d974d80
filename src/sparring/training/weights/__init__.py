"""Policies: which weights answer for which role, sampled here or by vLLM servers."""
