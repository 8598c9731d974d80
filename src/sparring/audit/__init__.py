"""Audit of a data set: test its tests by running its reference solutions, and report the faults.

The modules from the bottom up; each imports only those before it:

- `perturbations`: conditions that vary between two executions (hash seed, random numbers, clock);
  `flakiness`: every solution on every test, several times.
- `verified_tests`: conclusions from these executions about tests and solutions;
  `trivial_solutions`: tests that idle programs pass.
- `soundness`: both together, task by task; `strength`: mistakes that the tests catch.
- `run`: one audit of a data set; `files`: the files of an audit's directory.
"""
