"""Messages between the sandbox's processes: plain values, without the logic of either end.

- `start` and `frames`: between the caller and a worker's server, on the worker's socket.
- `parts`: the server's orders to a program's process.
- `status_page`: shared memory on which that process answers. A program could forge every
  byte of it.
"""
