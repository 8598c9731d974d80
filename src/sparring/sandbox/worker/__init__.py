"""The two processes of a worker, both outside the programs' own.

- `server` talks with the caller, watches programs, and decides verdicts by its own clocks,
  descriptors and wait status (`watchdog`, `endings`; `pair` for a script and its program).
- `zygote` confines itself (``isolation``) and forks the programs. Only `zygote` imports ``inside``.

Both start as a fresh interpreter with one socket, so neither has ever had any of the caller's data
in its memory. Expected outputs are never sent to a worker.
"""
