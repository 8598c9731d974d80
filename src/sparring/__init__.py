"""Sparring: reinforcement learning of a coder and a unit tester that train each other. See
README.md."""

__version__ = "0.2.0"
