"""Countermeasures of the sandbox: the edit that removes each, and the cases that must then fail.

`test_countermeasures` applies each edit to a copy of the package and runs the named cases on it. A
case that still holds does not test its countermeasure.
"""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str, str]
"""File below ``sandbox``, a text of the file, and the text that replaces it."""


@dataclass(frozen=True)
class Countermeasure:
    """``cases`` are beginnings of the names of attacks; ``idioms`` whole names of idioms."""

    name: str
    edits: tuple[Edit, ...]
    cases: tuple[str, ...] = ()
    idioms: tuple[str, ...] = ()
    landlock_abi: int | None = None
    all_levels: bool = False
    """The cases must fail at each level; else one is enough (at `namespaces` another layer may
    hold as well)."""


def _moved(numbers: str, table: str) -> Edit:
    """A system call added to the table of those that are allowed, before others decide on it."""
    return ("isolation/syscalls.py", f'{table} = """\n', f'{table} = """\n{numbers}, ')


def _unfiltered(*calls: str) -> tuple[Edit, ...]:
    """The filter without its word on these calls."""
    listed = ", ".join(repr(call) for call in calls)
    allow = f"    for name in ({listed},):\n        blocks[dict(_ALL)[name]] = _end(_ALLOW)\n"
    every = "syscalls.ALLOWED, syscalls.REFUSED, syscalls.KILLED, syscalls.CHECKED, "
    every += "syscalls.PRETENDED"
    known = f"    _ALL = [pair for t in ({every}) for pair in syscalls.numbers(t, machine)]\n"
    at = "    segments = [_Segment(0, blocks.get(0, _end(_ENOSYS)))]\n"
    return (("isolation/seccomp.py", at, known + allow + at),)


def _without_name(name: str) -> tuple[Edit, ...]:
    """`restore` without one of the names after which a process is spent."""
    kept = '_HARD_TO_UNDO = frozenset(f"{_HARD_TO_UNDO_TEXT} {_TOLD_TEXT} {RUNS_TEXT}".split()'
    return (("inside/restore.py", f"{kept})", f"{kept}) - {set(name.split())!r}"),)


_NO_LIST = (
    ("isolation/seccomp.py",
     "            *_one_of(1, _FCNTL_LOCKS, _PRETEND),\n            *_end(_EPERM),",
     "            *_one_of(1, (10, 8), _EPERM),\n            *_end(_ALLOW),"),
)  # fmt: skip
_NO_PAST = (
    ("isolation/seccomp.py", '        "open": _opening(1),\n        "openat": _opening(2),\n',
     '        "open": _end(_ALLOW),\n        "openat": _end(_ALLOW),\n'),
)  # fmt: skip

_NO_CONTENTS: Edit = (
    "inside/restore.py",
    "        for value, content in self._contents:",
    "        for value, content in ():",
)

_NOT_ALONE: Edit = (
    "worker/server.py",
    " or apart.one_run_each(request.program, self._packages)",
    "",
)
_NO_END: Edit = ("inside/program.py", "held() is None or _let_go(held)", "True")

COUNTERMEASURES = (
    Countermeasure(
        "descriptors closed by range, the socket under a low number",
        (
            ("worker/server.py", "    if os.fork() == 0:\n", "    import fcntl\n\n"
             "    fcntl.fcntl(0, fcntl.F_DUPFD, 300)\n    if os.fork() == 0:\n"),
            ("worker/zygote.py", "    kernel.closing(_ORDERS_FD + 1)()\n", ""),
            ("worker/zygote.py", "        if held - {", "        if False and held - {"),
            ("worker/zygote.py", "            _close_above()\n", ""),
            ("worker/zygote.py", "    _close_above()\n    pid = kernel", "    pid = kernel"),
            ("worker/zygote.py", "    if held != _WANTED:".replace("    if", "        if"),
             "        if False:"),
        ),
        ("inherited: a socket", "inherited: anything", "inherited: a word to"),
        all_levels=True,
    ),
    Countermeasure(
        "standard streams opened afresh",
        (("worker/zygote.py", "            _fresh_standard_streams()\n", ""),),
        ("told: flags of standard error",),
        all_levels=True,
    ),
    Countermeasure(
        "fcntl by an allow-list",
        _NO_LIST,
        ("told: a lock on", "told: a lock of", "told: a hint", "shared: a lock", "shared: a hint",
         "shared: a signal's owner"),
    ),
    Countermeasure(
        "leases and notices of files refused",
        (("isolation/seccomp.py", "            *_one_of(1, _FCNTL_LOCKS, _PRETEND),\n"
          "            *_end(_EPERM),", "            *_end(_ALLOW),"),),
        ("shared: a notice",),
    ),
    Countermeasure(
        "flock pretended", _unfiltered("flock"), ("told: a whole file",), all_levels=True
    ),
    Countermeasure(
        "no page of a file in a pipe",
        _unfiltered("splice", "tee", "vmsplice", "sendfile"),
        ("hole: splice", "hole: tee", "hole: vmsplice", "hole: sendfile"),
        all_levels=True,
    ),
    Countermeasure(
        "no socket, key or namespace",
        _unfiltered("socket", "add_key", "unshare"),
        ("hole: AF_ALG", "hole: netlink", "hole: AF_RXRPC", "hole: TCP", "hole: keys",
         "hole: a user"),
    ),
    Countermeasure(
        "access mode 3 refused",
        _NO_PAST,
        ("landlock: opened neither", "landlock: a secret opened", "landlock: a device"),
    ),
    Countermeasure(
        "O_TRUNC only with writing",
        _NO_PAST,
        ("landlock: emptied while", "landlock: emptied with", "landlock: emptied, with",
         "landlock: emptied by the call"),
        landlock_abi=2,
    ),
    Countermeasure(
        "truncate by a path refused",
        _unfiltered("truncate"),
        ("landlock: emptied by truncate",),
        landlock_abi=2,
    ),
    Countermeasure(
        "attributes not removed",
        _unfiltered("removexattr"),
        ("landlock: an attribute",),
    ),
    Countermeasure(
        "Landlock itself",
        (("isolation/confine.py", "            landlock.restrict(self.ruleset)\n", ""),),
        ("landlock: shortened", "landlock: grown", "landlock: copied", "landlock: exchanged"),
    ),
    Countermeasure(
        "random devices read only",
        (("isolation/confine.py", '    "/dev/urandom": False,', '    "/dev/urandom": True,'),),
        ("landlock: random",),
        all_levels=True,
    ),
    Countermeasure(
        "no clock of another process",
        _unfiltered("clock_gettime", "clock_getres"),
        ("shared: the CPU clock", "shared: the resolution"),
    ),
    Countermeasure(
        "nothing about another process",
        _unfiltered("sched_getaffinity", "getpgid", "getsid", "getpriority", "sched_getscheduler"),
        ("shared: the CPUs", "shared: the group", "shared: the session", "shared: the niceness",
         "shared: the scheduler"),
    ),
    Countermeasure("pages not merged", _unfiltered("madvise"), ("shared: pages merged",)),
    Countermeasure(
        "sending without waiting",
        (
            ("worker/watchdog.py", "ancillary, socket.MSG_DONTWAIT)", "ancillary)"),
            ("worker/watchdog.py", "        return unread[0] == 0\n", "        return True\n"),
        ),
        ("forged: ends of runs",),
    ),
    Countermeasure(
        "the source not kept",
        (("inside/program.py", '            source = b""  # a', "            pass  # a"),),
        ("expected: its own text",),
        all_levels=True,
    ),
    Countermeasure(
        "modules loaded by way of a descriptor",
        (("caller/process.py",
          "opened if os.path.isdir(opened) else place.decode()", "place.decode()"),),
        ("expected: where",),
        all_levels=True,
    ),
    Countermeasure(
        "the command line forgotten",
        (("worker/zygote.py", '    sys.orig_argv[:] = ["python", restore.PROGRAM_NAME]\n', ""),),
        ("expected: how",),
        all_levels=True,
    ),
    Countermeasure(
        "deaths told in another frame",
        (("worker/zygote.py", "            orders.send(_buried(number, work))",
          "            usage = cpu = status = _buried(number, work)\n"
          "            orders.send(status)"),),
        ("expected: what the program before",),
        all_levels=True,
    ),
    Countermeasure(
        "StopIteration as RuntimeError",
        (("inside/exceptions.py", "    if not isinstance(error, _MISTAKEN):", "    if True:"),),
        ("script: an end of the loop",),
        all_levels=True,
    ),
    Countermeasure(
        "no stand-ins for tests",
        (("inside/program_names.py", " and not names_a_test(n)", ""),
         ("inside/candidate.py", " and any(mark in text for mark in _OPAQUE)", " and False")),
        ("script: a check of its own", "script: a test of its own"),
        all_levels=True,
    ),
    Countermeasure(
        "failures of unittest listened to",
        (("inside/failures.py", '        if _mentions(code, "unittest"):', "        if False:"),),
        ("script: failures of unittest", "script: results of unittest"),
        all_levels=True,
    ),
    Countermeasure(
        "a malformed answer ends the program",
        (("inside/scripts.py", "    if line.gone:\n        raise ProgramGone(line.gone)\n", ""),
         ("inside/candidate.py",
          "class ProgramGone(BaseException)", "class ProgramGone(Exception)")),
        ("script: nonsense",),
        all_levels=True,
    ),
    *(
        Countermeasure(f"{name}: spent", _without_name(name), (case,), all_levels=True)
        for name, case in (
            ("register_dialect", "left: a dialect"),
            ("codecs register_error", "left: a handler of codecs"),
            ("gettext", "left: a domain"),
            ("umask", "left: a mask"),
            ("setdefaulttimeout", "left: a time limit"),
            ("set_asyncgen_hooks", "left: a hook for generators"),
            ("set_coroutine_origin_tracking_depth", "left: a depth"),
            ("mimetypes", "left: a type of files"),
            ("register_archive_format", "left: a format"),
            ("set_blocking", "left: a blocking mode"),
            ("fcntl", "left: a flag of standard error"),
            ("logging", "left: a logger"),
        )
    ),
    *(
        Countermeasure(
            f"{name}: alone and spent",
            (*_without_name(name), _NOT_ALONE, _NO_END), (case,), all_levels=True
        )
        for name, case in (
            ("eval setattr", "taught: an input that is evaluated"),
            ("eval setattr", "taught: an input that replaces"),
            ("exec", "taught: an input that is executed"),
            ("pickle", "taught: an input that is unpickled"),
        )
    ),
    *(
        Countermeasure(
            f"{name}: spent, and its table compared",
            (*_without_name(name), _NO_CONTENTS, _NOT_ALONE, _NO_END),
            (case,),
            all_levels=True,
        )
        for name, case in (
            ("copyreg pickle", "left: a way to copy"),
            ("register_adapter", "left: an adapter"),
            ("register_namespace", "left: a namespace"),
        )
    ),
    Countermeasure(
        "registering is telling",
        (("inside/restore.py", "self._hard |= not own or not names.isdisjoint(_REGISTERS_FOR_ALL)",
          "self._hard |= own and False"), *_without_name("codecs"), _NO_END),
        ("left: a codec", "left: a class that counts"),
        all_levels=True,
    ),
    Countermeasure(
        "contents of lists and tables compared",
        (_NO_CONTENTS,),
        ("left: an entry",),
        all_levels=True,
    ),
    Countermeasure(
        "shared anonymous memory refused, and no device of zeros",
        (*_unfiltered("mmap"), ("isolation/confine.py", '    "/dev/null": True,\n',
         '    "/dev/null": True,\n    "/dev/zero": True,\n')),
        ("memory: shared, and", "memory: a device"),
        all_levels=True,
    ),
    Countermeasure("room only within a file", _unfiltered("fallocate"), ("greed: room beyond",)),
    Countermeasure("files have names", _NO_PAST, ("greed: a file without",)),
    Countermeasure("no writing through", _NO_PAST, ("greed: writing to",), all_levels=True),
    Countermeasure(
        "options of sockets by a list",
        _unfiltered("getsockopt"),
        ("shared: who is", "shared: a descriptor of who"),
        all_levels=True,
    ),
    Countermeasure(
        "nothing of the cache",
        _unfiltered("preadv2", "mincore", "madvise"),
        ("shared: what is in the cache", "shared: pages put"),
    ),
    Countermeasure(
        "no urgent byte, and no waiting for one",
        (*_unfiltered("sendto"),
         ("worker/watchdog.py", "self.control.recv(_WAKE_BYTES, socket.MSG_DONTWAIT)",
          "self.control.recv(_WAKE_BYTES)")),
        ("forged: an urgent",),
        all_levels=True,
    ),
    Countermeasure(
        "CPU time divided on nobody's word",
        (("worker/server.py",
          "                if len(got) > 1 and used > request.limits.cpu_seconds:",
          "                if False:"),),
        ("time: spread",),
        all_levels=True,
    ),
    Countermeasure(
        "programs that run text are alone, by who has not seen the text",
        (_NOT_ALONE,),
        ("taught: an input that answers",),
        all_levels=True,
    ),
    Countermeasure(
        "the debugger runs text",
        (_NOT_ALONE, _NO_END, *_without_name("breakpoint"),
         ("inside/restore.py", "        if self._may_spend and any(", "        if False and any(")),
        ("taught: an input for",),
        all_levels=True,
    ),
    Countermeasure(
        "globals that outlive their run spend the process",
        (_NO_END, *_without_name("overload")),
        ("left: last words kept",),
        ("last words of what typing keeps",),
        all_levels=True,
    ),
    Countermeasure(
        "an end that failed spends the process",
        (("inside/program.py", 'ending, detail, gone = Ending.OK, "", False',
          'ending, detail, gone = Ending.OK, "", True'),),
        ("left: last words after",),
        all_levels=True,
    ),
    *(
        Countermeasure(f"{name}: spent", _without_name(name), (case,), all_levels=True)
        for name, case in (
            ("main_thread", "left: a name of the main"),
            ("linecache", "left: what a line"),
            ("__defaults__", "left: a default"),
        )
    ),
    Countermeasure(
        "a strict standard error: spent",
        (("inside/restore.py",
          '        self._hard |= "reconfigure" in names and "stderr" in names\n',
          ""),),
        ("left: a strict",),
        all_levels=True,
    ),
    Countermeasure(
        "registering beside atexit",
        (("inside/restore.py", 'frozenset({"abc", "ABC", "numbers", "codecs"})', "frozenset()"),),
        ("left: a number",),
        all_levels=True,
    ),
    # Idioms.
    Countermeasure(
        "cycles collected before the globals go",
        (("inside/program.py", "        if opens and gc.isenabled():\n", "        if False:\n"),),
        idioms=("a file on descriptor 1, kept by a function",
                "a writer on descriptor 1, kept by a function",
                "a buffer on descriptor 1, kept by a function"),
        all_levels=True,
    ),
    Countermeasure(
        "globals emptied that a hook holds",
        (("inside/program.py", "held() is None or _let_go(held)", "held() is None"),),
        idioms=("output kept by a hook",),
        all_levels=True,
    ),
    Countermeasure(
        "no module of programs imported early",
        (("inside/restore.py", ' and not name.endswith("__main__")', ""),
         ("inside/restore.py", "            with contextlib.suppress(BaseException):",
          "            with contextlib.suppress(Exception):")),
        idioms=("a module that is only mentioned",),
        all_levels=True,
    ),
    Countermeasure(
        "output flushed as the main program ends",
        (("inside/program.py", "streams.flush_as_it_ends()", "pass"),),
        idioms=(
            "printed before a thread ends the process",
            "printed before what atexit writes",
            "printed before what a thread writes",
            "printed before what a hook writes",
            "an exit that atexit follows",
            "an end in atexit",
            "a flush that fails first",
        ),
        all_levels=True,
    ),
    Countermeasure(
        "host files that the library reads in passing",
        (("isolation/confine.py", "    paths += _READ_IN_PASSING\n", ""),),
        idioms=("types of files",),
    ),
    Countermeasure(
        "names of a main module",
        (("inside/program.py", "__cached__=None, __annotations__={}", ""),),
        idioms=("what the main module has",),
        all_levels=True,
    ),
    # Where an allow-list is one too short, an ordinary program falls.
    Countermeasure(
        "locks pretended, not refused",
        (("isolation/seccomp.py", "            *_one_of(1, _FCNTL_LOCKS, _PRETEND),\n", ""),),
        idioms=("a file locked", "a data base in a file"),
        all_levels=True,
    ),
    Countermeasure(
        "calls pretended, not refused",
        (("isolation/seccomp.py",
          "(syscalls.PRETENDED, _PRETEND)", "(syscalls.PRETENDED, _EPERM)"),),
        idioms=("a file written through", "advice on a file"),
        all_levels=True,
    ),
    Countermeasure(
        "fcntl's list long enough",
        (("isolation/seccomp.py",
          "_FCNTL_ALLOWED = (0, 1, 2, 3, 4, ", "_FCNTL_ALLOWED = (1, 2, 3, "),),
        idioms=("a pipe that does not block", "a descriptor duplicated"),
        all_levels=True,
    ),
    Countermeasure(
        "O_TRUNC with writing allowed",
        (("isolation/seccomp.py",
          "(_AND, 0, 0, _O_ACCMODE | _O_TRUNC),", "(_AND, 0, 0, _O_TRUNC),"),),
        idioms=("a file opened in every mode", "a file shortened", "a file copied"),
        all_levels=True,
    ),
    Countermeasure(
        "a mask for files: spent", _without_name("umask"), idioms=("a mask for new files",)
    ),
)  # fmt: skip
