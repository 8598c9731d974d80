"""A test for graders: cases that anyone's grader of programs can be put to, and a card of faults.

    sparring sandbox check --grader module:function --card card.md

A *grader* is a function ``grade(program, tests)``. It returns True if the program passes the tests,
False if not, and None for a form of tests that it does not support; it raises where it failed by
itself. docs/graders.md describes the argument ``tests`` and every kind of case.

- `case`: submissions to a grader, and the verdict that each must get. `cases` holds all of them.
- `host`: the process that loads a grader and forks a process for each case. It needs the standard
  library alone, for it runs under the interpreter of the grader's own environment.
- `confined`: starts the host, with what the machine offers to hold back the programs.
- `trial`: puts all cases to a grader. `card`: the findings, in Markdown and JSON.
- `own`: the grader of this package.
"""
