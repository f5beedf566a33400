// SPDX-License-Identifier: MIT
//
// xv6's system calls under their names, with the numbers our kernel knows
// (Linux riscv64's).

#pragma once

#define SYS_fork    220
#define SYS_exit    94
#define SYS_wait    260
#define SYS_pipe    59
#define SYS_read    63
#define SYS_kill    129
#define SYS_exec    221
#define SYS_fstat   80
#define SYS_chdir   49
#define SYS_dup     23
#define SYS_getpid  172
#define SYS_sbrk    214
#define SYS_sleep   101
#define SYS_pause   101
#define SYS_uptime  113
#define SYS_open    56
#define SYS_write   64
#define SYS_mknod   33
#define SYS_unlink  35
#define SYS_link    37
#define SYS_mkdir   34
#define SYS_close   57
#define SYS_mmap    222
#define SYS_munmap  215
#define SYS_symlink 36
#define SYS_sysinfo 179
