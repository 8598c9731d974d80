"""Tasks: problems with their ground-truth tests, read from files and checked before any work.

- `load` reads task files; `sources` takes files and splits of the microworld by name.
- `collect` turns rows of every known shape into tasks; `mapping` reads other column names.
- Below them: ``formats/`` (one file for each published data set), ``rows/`` (files, the hub,
  single rows), ``suites/`` (assertions in code), ``checkers/`` (comparison rules).
- For tasks already read: ``cleaning/``, ``stdio/``, ``mistakes/``, `hidden_tests`, `summary`.
- `preambles` holds the imports that judges put before programs.
"""
