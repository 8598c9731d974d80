"""Cleaning: find the faults of a data set, and remove faulty tasks, tests and solutions.

- `findings` names the faults.
- `repeats`, `overlap` and `imports` look for some of the faults.
- `filters` and `cleaned` leave tasks, tests and solutions out.
- `without_examples` takes the worked examples out of statements.
"""
