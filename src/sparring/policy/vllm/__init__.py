"""Sampling by vLLM servers over HTTP, begins in `sampler`. Needs neither vLLM nor torch."""
