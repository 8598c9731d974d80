"""Evaluating any model, local or served, as coder and as tester."""
