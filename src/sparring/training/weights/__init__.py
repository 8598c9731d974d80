"""Weights in play: the policy of each role, sampled in this process or by vLLM servers."""
