// SPDX-License-Identifier: MIT
//
// The system calls: Linux's riscv64 numbers (asm-generic/unistd.h) and names.
// Every one is `i64 sys_name(const u64 *a)`: a[0..5] are the argument registers
// as the program left them, so 32-bit arguments must be narrowed by a cast.
// => the result, or -errno.  -EINTR means that a signal ended a wait: errno.h says
// what follows.

#pragma once

#include "kernel/types.h"

#define SYSCALLS(X)                                                           \
  /* files: sys_file.c, sys_lock.c, sys_path.c, sys_xattr.c, timerfd.c,       \
     fs/eventfd.c, fs/epoll.c */                                              \
  X(5, setxattr) X(6, lsetxattr) X(7, fsetxattr) X(8, getxattr)               \
  X(9, lgetxattr) X(10, fgetxattr) X(11, listxattr) X(12, llistxattr)         \
  X(13, flistxattr) X(14, removexattr) X(15, lremovexattr) X(16, fremovexattr) \
  X(17, getcwd) X(23, dup) X(24, dup3) X(25, fcntl) X(29, ioctl) X(32, flock)  \
  X(33, mknodat) X(34, mkdirat) X(35, unlinkat) X(36, symlinkat)              \
  X(37, linkat) X(38, renameat) X(39, umount2) X(40, mount) X(43, statfs)     \
  X(44, fstatfs) X(45, truncate) X(46, ftruncate) X(47, fallocate) X(48, faccessat)            \
  X(49, chdir) X(50, fchdir) X(52, fchmod) X(53, fchmodat) X(54, fchownat)    \
  X(55, fchown) X(56, openat) X(57, close) X(59, pipe2) X(61, getdents64)     \
  X(62, lseek) X(63, read) X(64, write) X(65, readv) X(66, writev)            \
  X(67, pread64) X(68, pwrite64) X(69, preadv) X(70, pwritev) X(71, sendfile) \
  X(72, pselect6)                                                             \
  X(73, ppoll) X(78, readlinkat) X(79, newfstatat) X(80, fstat) X(81, sync)   \
  X(82, fsync) X(83, fdatasync) X(84, sync_file_range)                        \
  X(88, utimensat) X(166, umask)                                              \
  X(19, eventfd2) X(20, epoll_create1) X(21, epoll_ctl) X(22, epoll_pwait)    \
  X(441, epoll_pwait2) X(85, timerfd_create) X(86, timerfd_settime)           \
  X(87, timerfd_gettime)                                                      \
  X(213, readahead) X(223, fadvise64) X(267, syncfs) X(285, copy_file_range)  \
  X(286, preadv2) X(287, pwritev2) X(436, close_range) X(439, faccessat2)      \
  X(452, fchmodat2) X(276, renameat2) X(279, memfd_create) X(291, statx)                        \
  /* processes: sys_process.c, sys_sched.c, futex.c ... */                      \
  X(93, exit) X(94, exit_group) X(95, waitid) X(96, set_tid_address)          \
  X(98, futex) X(99, set_robust_list) X(100, get_robust_list)                 \
  X(118, sched_setparam) X(119, sched_setscheduler) X(120, sched_getscheduler) \
  X(121, sched_getparam) X(122, sched_setaffinity) X(123, sched_getaffinity)  \
  X(124, sched_yield) X(125, sched_get_priority_max)                          \
  X(126, sched_get_priority_min) X(127, sched_rr_get_interval)                \
  X(140, setpriority) X(141, getpriority)                                     \
  X(154, setpgid)                                                             \
  X(155, getpgid) X(156, getsid) X(157, setsid) X(158, getgroups)             \
  X(167, prctl) X(168, getcpu) X(172, getpid) X(173, getppid)                 \
  X(143, setregid) X(144, setgid) X(145, setreuid) X(146, setuid)             \
  X(147, setresuid) X(149, setresgid) X(151, setfsuid) X(152, setfsgid)       \
  X(159, setgroups)                                                           \
  X(174, getuid) X(175, geteuid) X(176, getgid) X(177, getegid)               \
  X(178, gettid) X(220, clone) X(221, execve) X(260, wait4)                   \
  X(435, clone3) X(281, execveat) X(148, getresuid) X(150, getresgid)         \
  X(90, capget) X(91, capset)                                                 \
  /* signals: sys_signal.c, sys_sigwait.c */                                  \
  X(129, kill) X(130, tkill) X(131, tgkill) X(132, sigaltstack)               \
  X(133, rt_sigsuspend) X(134, rt_sigaction) X(135, rt_sigprocmask)           \
  X(136, rt_sigpending) X(137, rt_sigtimedwait) X(138, rt_sigqueueinfo)       \
  X(139, rt_sigreturn) X(240, rt_tgsigqueueinfo)                              \
  /* sockets: sys_socket.c */                                                 \
  X(198, socket) X(199, socketpair) X(200, bind) X(201, listen)               \
  X(202, accept) X(203, connect) X(204, getsockname) X(205, getpeername)      \
  X(206, sendto) X(207, recvfrom) X(208, setsockopt) X(209, getsockopt)       \
  X(210, shutdown) X(211, sendmsg) X(212, recvmsg) X(242, accept4)            \
  /* memory: sys_mm.c, sys_advise.c, sys_swap.c */                            \
  X(214, brk) X(215, munmap) X(216, mremap) X(222, mmap) X(226, mprotect)     \
  X(224, swapon) X(225, swapoff)                                              \
  X(227, msync) X(228, mlock) X(229, munlock) X(230, mlockall)                \
  X(231, munlockall) X(232, mincore) X(233, madvise) X(259, riscv_flush_icache) \
  X(284, mlock2)                                                              \
  /* time: sys_time.c, itimer.c */                                            \
  X(101, nanosleep) X(102, getitimer) X(103, setitimer)                       \
  X(113, clock_gettime) X(114, clock_getres) X(115, clock_nanosleep)          \
  X(128, restart_syscall) X(153, times) X(169, gettimeofday)                  \
  /* the rest: sys_misc.c */                                                  \
  X(116, syslog) X(142, reboot) X(160, uname) X(163, getrlimit)               \
  X(164, setrlimit) X(165, getrusage)                                         \
  X(179, sysinfo) X(261, prlimit64) X(278, getrandom)

// Our own, far from all that Linux has or will have: docs/checkpoint.md
enum { SYS_OWN = 4000 };
#define SYSCALLS_OWN(X) X(0, freeze) X(1, restore) X(2, become)

enum {
#define X(nr, name) SYS_##name = nr,
  SYSCALLS(X)
#undef X
};

// Is every register of the caller in its frame? The way into the kernel fills in only what C
// may overwrite. => false: the call has to end with EFRAME, and is made again with all
bool frame_is_whole(void);

#define X(nr, name) i64 sys_##name(const u64 *a);
SYSCALLS(X)
SYSCALLS_OWN(X)
#undef X

