"""Everything that runs in a program's own process: trusted with nothing.

What may an attacker's program reach? It is Python source that may use ``ctypes``, so take it to do
whatever its process can. In brackets: what holds it.

- **Memory** (`caller.process`): all of this process, this package included. No expected output, no
  other program, no path of the project, no secret: they never entered this process or the ones it
  was forked from.
- **Descriptors** (`worker.zygote`): 0 (its input), 1 (its output), 2 (``/dev/null``), 255 (its
  control socket to the server, which carries its own later inputs and takes single bytes); for a
  call the two files of arguments and value, beside a script the pipe to it. Nothing else is open.
- **The board** (`protocol.board`): it can write that a run has ended, and how. That gains what
  ``os._exit(0)`` gains. Limits and verdicts are the server's own measurements (`worker.watch`).
- **Files** (`isolation.namespaces`, `isolation.landlock`, `isolation.confine`): Python and the
  system's libraries to read, the packages given to it (`isolation.shown`), four devices, and one
  empty flat directory to write in, of at most 64 MiB. Of other files at most names, sizes and
  times, and the list of processes (at ``landlock``), never contents.
- **System calls** (`isolation.seccomp`, by the lists of `isolation.syscalls`): no process, no
  socket but a connected pair of its own, no signal to others. Clock and ``os.urandom`` are real.
- **Time and memory** (`worker.watch`, from outside): up to its limits.
- **Threads** (`isolation.share`, counted by `worker.watch`): up to its share of the user's.
- **A test script** (`messages`; a second process of this kind): through one pipe with plain values,
  only as answers to the calls that the script makes (`candidate`). It can lie in an answer, not
  decide.
- **Its other inputs** (`restore`): on one program's inputs runs follow each other in one process,
  which is put back between them; a run that is ``alone`` has its own process (`worker.server`).
  Validators, checkers and reference solutions read hostile text: on it they run alone.
- **The caller** (`caller.replies`, `caller.credible`): through an outcome's text, cut to its limit.
  Nothing is decided by what it says.

Two kinds of process, both forked from the zygote into `program`:

- a program: `calls`, `front`, `streams`, and `restore` with `arrays` between two of its runs;
- a test script: `scripts`, what it finds there (`candidate`, `offered`, `pytest_names`, `approx`)
  and what decides that it has passed (`collected`, `own_runs`, `parametrized`, `failures`,
  `lookups`).

`messages` and `raised` are what travels between the two. Nothing here imports ``caller``,
``worker`` or ``isolation``, and nothing but ``worker.zygote`` imports this.
"""
