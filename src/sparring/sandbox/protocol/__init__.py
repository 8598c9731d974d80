"""What the sandbox's processes say to each other; plain values, no logic of either end.

- `start`, `frames`: the caller and a worker's server, on the worker's socket.
- `parts`: the server's orders to a program's process. `board`: the page on which that process
  answers, all of which a program could forge.
"""
