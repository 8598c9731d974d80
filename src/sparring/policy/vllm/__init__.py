"""Sampling by vLLM servers over HTTP. See `sampler`. Needs neither vLLM nor torch."""
