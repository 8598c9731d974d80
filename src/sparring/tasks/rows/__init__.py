"""Rows: from local files (`files`) or the hub (`hub`), each read into one task.

- `row` is a row being read; `named_sources` finds the rows of a file or data set by its name.
- `fields` reads a whole row in our own names, `calls` a row of a table of calls.
- `tests_field` reads tests as people write them; `row_tests` reads the kind of each test.
- `forms` and `limits` read cells; `heads` reads the Python that stands before a function.
- `column_hints` guesses the meaning of unknown columns, for messages.
- `registry` lists the public data sets by name.
"""
