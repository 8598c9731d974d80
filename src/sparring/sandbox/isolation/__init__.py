"""The walls around a process; `confine` puts them up in their order.

- `namespaces`: own files (read-only system, one empty directory), processes, network, IPC.
- `landlock`: the same files by rule of the kernel, where namespaces are refused and beside them.
- `seccomp`, `syscalls`: which system calls are allowed, refused or fatal.
- `share`: how many threads and descriptors a program may have; rlimits stand in `confine`.
- `shown`: the packages that programs are given, and nothing beside them.

`kernel` makes the system calls. Nothing here knows of programs, inputs or verdicts.
"""
