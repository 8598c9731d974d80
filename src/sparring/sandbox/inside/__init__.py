"""Everything that runs in a program's own process: trusted with nothing.

An attacker's program is Python source that may use ``ctypes``: assume that it does whatever its
process can do. The list names what such a program reaches, and in brackets what bounds it there.

- **Memory** (`caller.process`): all of its process, this package included. This memory holds no
  expected output, no other program, no path of the project and no secret: none of these ever
  entered this process or its ancestors.
- **Descriptors** (`worker.zygote`): 0 (its input), 1 (its output), 2 (``/dev/null``) and 255 (its
  control socket to the server, which brings its later inputs and takes single bytes). A call has
  two more, the files of arguments and value; a program under a script has one more, the pipe to
  the script. Nothing else is open.
- **The status page** (`protocol.status_page`): the program can write that an execution has ended,
  and how. A forged end gains what ``os._exit(0)`` gains. Limits and verdicts rest on the server's
  own measurements (`worker.watchdog`).
- **Files** (`isolation.namespaces`, `isolation.landlock`, `isolation.confine`): the program reads
  Python, the system's libraries, the packages given to it (`isolation.package_files`) and four
  devices. It writes in one empty flat directory of at most 64 MiB. At ``landlock`` it may also see
  names, sizes and times of other files and the list of processes, never contents.
- **System calls** (`isolation.seccomp`, by the lists of `isolation.syscalls`): no process, no
  socket but a connected pair of its own, no signal to others. Clock and ``os.urandom`` are real.
- **Time and memory** (`worker.watchdog`, from outside): up to its limits.
- **Threads** (`isolation.user_limits`, counted by `worker.watchdog`): up to its share of the user's
  threads.
- **A test script** (`messages`; a second process of this kind): the program answers the script's
  calls with plain values through one pipe (`candidate`). It can lie in an answer, but decides
  nothing.
- **Its other inputs** (`restore`): the executions of one program follow each other in one process,
  which is restored between them; an execution that is ``alone`` has its own (`worker.server`).
  Validators, checkers and reference solutions read hostile text, so they run alone on it.
- **The caller** (`caller.replies`, `caller.credible`): through an outcome's text, cut to its limit.
  The text decides nothing.

The zygote forks two kinds of process, which both begin in `program`:

- a program: `calls`, `loaded_preamble`, `streams`, and `restore` with `arrays` between two
  executions;
- a test script: `scripts`, the names that it finds (`candidate`, `program_names`, `pytest_names`,
  `approx`), and the rules by which it passes (`collected`, `self_run_tests`, `parametrized`,
  `failures`, `lookups`).

`messages` and `exceptions` define what travels between the two. This package imports neither
``caller`` nor ``worker`` nor ``isolation``, and only ``worker.zygote`` imports this package.
"""
