"""The walls around a process; `confine` puts them up in their order.

- `namespaces`: files of its own (a read-only system, one empty directory), processes, network, IPC.
- `landlock`: the same restrictions on files by rules of the kernel, with or without namespaces.
- `seccomp`, `syscalls`: system calls that are allowed, refused or fatal.
- `user_limits`: threads and descriptors that a program may have; rlimits stand in `confine`.
- `package_files`: the packages that programs are given, and no other files beside them.

`kernel` makes the system calls. This package knows no programs, inputs or verdicts.
"""
