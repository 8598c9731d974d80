"""The caller's side, in your own process: nothing here runs a program's code.

- Trusts nothing that comes back: `replies` holds each field against the request, `credible` each
  verdict against the kind of run.
- Imports nothing of ``inside``. Knows of ``worker`` only the name of the module that it starts
  (`process`).

`runner` is a call, wherever it runs; `plan` its unique work; `pool` the threads that feed workers;
`crew` the workers, `process` one of them; `memo` and `store` keep outcomes by their `keys`; `aio`
is for asynchronous code, `prefetch` for runs that begin before they are asked for; `packages` and
`markers` find what programs may import.
"""
