"""Tasks: what is to be solved, read from files and checked before anything is spent.

`load` and `sources` give tasks; `collect` reads rows of any shape there is, `mapping` those with
other names of columns. Below them: ``formats/`` (a file for each published data set), ``rows/``,
``suites/`` (assertions in code), ``checkers/``. Beside them, on finished tasks: ``cleaning/``,
``stdio/``, ``mistakes/``, `withhold`, `summary`. `preambles` is what judges put before programs.
"""
