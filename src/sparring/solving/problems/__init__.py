"""Reading of problems: `problem.read_problem` turns what a user has into a `Task` without ground
truth.

- `places` finds the text, `languages` refuses other languages than Python, and `signatures` finds
  the function that the text asks for; without one, the problem asks for a whole program.
- `statement_examples` reads the public examples in the text, with `doctests`, `asserted_examples`,
  `call_examples`, `described_examples`, `sections`, `argument_examples` and `printed_examples`. An
  example that could be read in two ways is refused, because a wrong example would choose a wrong
  program.
- `user_examples` and `user_tests` read what the user adds.
"""
