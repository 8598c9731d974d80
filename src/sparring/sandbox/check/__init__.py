"""The sandbox tried out on this host: does it run programs faithfully, does it hold them?

    sparring sandbox check [--level LEVEL] [--backend subprocess]

Two suites that any executor can be put to: *conformance* (a program prints what
``python program.py < input`` prints) and *attacks* (a program tries one thing that it must not be
able to do). Each case has a name and one property. ``sparring.sandbox.check.suites`` runs them.
"""
