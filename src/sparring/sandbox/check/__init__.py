"""Checking the sandbox on this host: faithful execution of programs, and resistance to attacks.

    sparring sandbox check [--level LEVEL] [--backend subprocess]

Two suites can be put to any executor:

- *conformance*: a program prints the same as under ``python program.py < input``.
- *attacks*: a program tries one thing that a sandbox must prevent.

Each case has a name and one property. ``sparring.sandbox.check.suites`` runs the suites.
"""
