"""Assertions in code, read without running it: a suite as tests (`suite`), or why it is none.

- One assertion as a call test: `asserts`, by `expressions`, `tolerances`, `unittests`; `called` is
  the call, `constants` its values.
- All assertions of a piece of Python with the names they may use: `scopes`, by `bindings`,
  `statements`, `harmless`.
- A suite as a script: `carried` goes before it, `without_numpy` rewrites it, `runnable` and
  `reached` say why it cannot be run, by `dead_code`.
"""
