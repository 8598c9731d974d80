"""A worker's two processes, outside the program's.

- `server` talks with the caller, watches programs and decides verdicts by its own clocks,
  descriptors and wait status (`watch`, `endings`; `pair` for a script and its program).
- `zygote` shuts itself in (``isolation``) and forks the programs. It alone imports ``inside``.

Neither has ever had anything of the caller's in its memory: they start as a fresh interpreter with
one socket. Expected outputs are never sent here.
"""
