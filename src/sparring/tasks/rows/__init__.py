"""Rows and what is in them: from local files (`files`) and the hub (`hub`) to one task each.

`row` is what a row is, `named` rows by the name of a file or data set. `fields` reads a row of our
own names whole, `calls` one of a table of calls; `written` reads tests
as people write them, `kinds` what kind each is, `forms` and `limits` cells, `heads` the Python
before a function. `meant` guesses what a row was meant to be, for messages; `known` are the public
data sets by name.
"""
