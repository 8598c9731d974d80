"""Reading of assertions in code, without execution: `suite` turns a suite into tests, or refuses
it.

- `asserts` reads one assertion as a call test, with `expressions`, `tolerances` and `unittests`;
  `called` holds the call, `constants` evaluates its values.
- `scopes` reads all assertions of a piece of Python with the names that they may use, with
  `bindings`, `statements` and `harmless`.
- A suite may also run as a script: `needed_lines` finds the lines that go before the script,
  `without_numpy` rewrites it, and `runnable` and `reached` find why it cannot run, with the help of
  `dead_code`.
"""
