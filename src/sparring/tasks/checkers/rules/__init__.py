"""Comparison rules of published data sets' own harnesses, each as its harness has it.

`printed` compares printed text, `valued` the values of calls, `livecodebench` both; `closeness` is
numpy's `allclose` without numpy. `sparring.tasks.checkers.checker` gives them their names.
"""
