"""Comparison rules of published data sets' own harnesses, each as its harness has it.

`printed` compares printed text, `valued` the values of calls; `closeness` is numpy's `allclose`
without numpy; `livecodebench` compares both kinds. `sparring.tasks.checkers` gives them their names.
"""
