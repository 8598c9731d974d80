"""Tables of system calls, by the filter's answer to each.

- Allowed: calls that CPython and its standard library need to compute, read, write and run threads.
- Checked: calls that the filter decides by their arguments.
- Refused (EPERM) or pretended: calls that honest programs make in passing.
- Killed: calls that start a process, or reach another process, the network, the mount table or the
  kernel's riskier corners. The program ends and is reported as a violation.
- Any other call gets ENOSYS, as on an older kernel. One of these is ``clone3``, so that libc falls
  back to ``clone``, whose flags the filter can read.

Entries are ``name x86-64-number aarch64-number``; ``-``: that machine has no such call.
"""

from __future__ import annotations

from collections.abc import Iterator

ALLOWED = """
read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68, preadv 295 69,
pwritev 296 70, close 3 57, close_range 436 436, creat 85 -,
stat 4 -, fstat 5 80, lstat 6 -, newfstatat 262 79, statx 332 291, lseek 8 62, poll 7 -, ppoll
271 73, select 23 -, pselect6 270 72, epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233
21, epoll_wait 232 -, epoll_pwait 281 22, epoll_pwait2 441 441, eventfd 284 -, eventfd2 290 19,
pipe 22 -, pipe2 293 59, dup 32 23, dup2 33 -, dup3 292 24, access 21 -, faccessat 269 48,
faccessat2 439 439, readlink 89 -, readlinkat 267 78, getcwd 79 17, chdir 80 49, fchdir 81 50,
getdents 78 -, getdents64 217 61, ftruncate 77 46, copy_file_range 326 285,
unlink 87 -, unlinkat 263 35, rename 82 -, renameat 264 38, renameat2 316 276, umask 95 166,
statfs 137 43, fstatfs 138 44, mprotect 10 226, munmap 11 215, brk 12 214, mremap 25 216,
msync 26 227, mlock 149 228, munlock 150 229, membarrier 324 283, rt_sigaction
13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, rt_sigpending 127 136, rt_sigsuspend 130
133, rt_sigtimedwait 128 137, sigaltstack 131 132, pause 34 -, alarm 37 -, getitimer 36 102,
setitimer 38 103, restart_syscall 219 128, futex 202 98, futex_waitv 449 449, set_robust_list
273 99, rseq 334 293, set_tid_address 218 96, sched_yield 24 124, sched_get_priority_max 146
125, sched_get_priority_min 147 126, nanosleep 35 101, gettimeofday 96 169, time 201 -, times
100 153, getrusage 98 165, getrlimit 97 163, sysinfo 99 179, uname 63 160, getcpu 309 168,
getrandom 318 278, arch_prctl 158 -, getpid 39 172, getppid 110 173, gettid 186 178, getuid 102
174, geteuid 107 175, getgid 104 176, getegid 108 177, getresuid 118 148, getresgid 120 150,
getgroups 115 158, getpgrp 111 -, exit 60 93, exit_group 231 94, recvfrom 45 207, recvmsg 47
212, shutdown 48 210, getsockname 51 204, getpeername 52 205, timerfd_create
283 85, timerfd_settime 286 86, timerfd_gettime 287 87
"""

# Decided by their arguments, in the filter.
CHECKED = """
clone 56 220, kill 62 129, tgkill 234 131, prctl 157 167, ioctl 16 29, fcntl 72 25, prlimit64
302 261, setrlimit 160 164, socketpair 53 199, sendto 44 206, open 2 -, openat 257 56,
clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, mmap 9 222, madvise 28
233, get_robust_list 274 100, sched_getaffinity 204 123, sched_getparam 143 121,
sched_getscheduler 145 120, getpgid 121 155, getsid 124 156, getpriority 140 141, fallocate 285 47,
getsockopt 55 209, preadv2 327 286, pwritev2 328 287
"""

# Refused with EPERM:
# - Directories, links and modes: the sandbox deletes a program's files, and a flat directory of
#   plain files cannot mislead it.
# - memfd_create: its memory is counted by no limit.
# - truncate: takes a path, which Landlock does not check on older kernels.
# - splice and its kin: they put pages of the host's files into pipes. More than once, bugs of the
#   kernel have let programs write to such pages.
REFUSED = """
mkdir 83 -, mkdirat 258 34, rmdir 84 -, chmod 90 -, fchmod 91 52, fchmodat 268 53, chown 92 -,
fchown 93 55, lchown 94 -, fchownat 260 54, link 86 -, linkat 265 37, symlink 88 -, symlinkat
266 36, mknod 133 -, mknodat 259 33, utime 132 -, utimes 235 -, futimesat 261 -, utimensat 280
88, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, setpriority 141 140, sched_setparam 142
118, sched_setscheduler 144 119, sched_setaffinity 203 122, sched_setattr 314 274, setpgid 109
154, setsid 112 157, ioprio_set 251 30, memfd_create 319 279, setsockopt 54 208, inotify_init
253 -, inotify_init1 294 26, timer_create 222 107, truncate 76 45, sendfile 40 71, splice 275
76, tee 276 77, vmsplice 278 75, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
mincore 27 232
"""

# The filter does nothing and reports success. These calls would touch the cache or the locks of
# files that others read too, and mean nothing in a program's own directory.
PRETENDED = """
fsync 74 82, fdatasync 75 83, sync_file_range 277 84, fadvise64 221 223, flock 73 32
"""

# The kernel kills the program.
KILLED = """
fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, ptrace 101 117, process_vm_readv 310
270, process_vm_writev 311 271, pidfd_open 434 434, pidfd_getfd 438 438, pidfd_send_signal 424
424, kcmp 312 272, tkill 200 130, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, socket 41
198, connect 42 203, bind 49 200, listen 50 201, accept 43 202, accept4 288 242, sendmmsg 307
269, recvmmsg 299 243, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, unshare
272 97, setns 308 268, open_tree 428 428, move_mount 429 429, fsopen 430 430, fsconfig 431 431,
fsmount 432 432, fspick 433 433, mount_setattr 442 442, open_by_handle_at 304 265,
name_to_handle_at 303 264, bpf 321 280, keyctl 250 219, add_key 248 217, request_key 249 218,
io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427, perf_event_open 298
241, userfaultfd 323 282, init_module 175 105, finit_module 313 273, delete_module 176 106,
kexec_load 246 104, kexec_file_load 320 294, reboot 169 142, swapon 167 224, swapoff 168 225,
sethostname 170 161, setdomainname 171 162, acct 163 89, quotactl 179 60, settimeofday 164 170,
clock_settime 227 112, clock_adjtime 305 266, adjtimex 159 171, iopl 172 -, ioperm 173 -,
modify_ldt 154 -, fanotify_init 300 262, syslog 103 116, setuid 105 146, setgid 106 144,
setreuid 113 145, setregid 114 143, setresuid 117 147, setresgid 119 149, setgroups 116 159,
setfsuid 122 151, setfsgid 123 152, capset 126 91, personality 135 92
"""


# Allowed to the zygote alone: a filter of their own takes these calls from programs.
ZYGOTE = """
wait4 61 260, sendmsg 46 211, seccomp 317 277
"""


def numbers(table: str, machine: str) -> Iterator[tuple[str, int]]:
    """Yield (name, number) of each call of a table on `machine` (``x86_64`` or ``aarch64``)."""
    for entry in table.replace("\n", " ").split(", "):
        name, x86_64, aarch64 = entry.split()
        number = x86_64 if machine == "x86_64" else aarch64
        if number != "-":
            yield name, int(number)
