"""Evaluation of any model, local or served, as coder and as tester."""
