"""The checks of `benchmarks/gpu.py`, a file for each kind."""
