"""Comparison rules of published data sets' own harnesses, each equal to its harness.

`printed` compares printed text, `valued` the values of calls, `livecodebench` both. `closeness` is
numpy's `allclose` without numpy. `sparring.tasks.checkers.checker` gives the rules their names.
"""
