"""Is a data set sound? What its reference solutions say of its tests, and the files that say it.

From the bottom up, each reading only those before it:

- `conditions`: what may differ between two runs (hash seed, time, company); `repeated`: every
  solution on every test, several times.
- `confirm`: what these runs say of tests and solutions; `trivial`: what programs that do nothing
  pass.
- `soundness`: both put together, a task at a time; `strength`: which mistakes the tests notice.
- `run`: one audit of a data set; `files`: what it leaves in its directory.
"""
