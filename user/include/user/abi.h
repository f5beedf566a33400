// SPDX-License-Identifier: MIT
//
// The Linux riscv64 interface as our own programs need it: numbers, flags and
// structures, all under names that leave xv6's alone.

#pragma once

#include "kernel/types.h"
#include "kernel/fcntl.h"

// ---- System calls ----

enum {
  NR_getcwd = 17, NR_dup = 23, NR_dup3 = 24, NR_fcntl = 25, NR_ioctl = 29, NR_mknodat = 33,
  NR_mkdirat = 34, NR_unlinkat = 35, NR_symlinkat = 36, NR_linkat = 37, NR_umount2 = 39,
  NR_mount = 40,
  NR_statfs = 43,
  NR_ftruncate = 46, NR_faccessat = 48, NR_chdir = 49, NR_fchmodat = 53, NR_openat = 56,
  NR_close = 57, NR_pipe2 = 59, NR_getdents64 = 61, NR_lseek = 62, NR_read = 63,
  NR_write = 64, NR_pread64 = 67, NR_pwrite64 = 68, NR_ppoll = 73, NR_readlinkat = 78,
  NR_newfstatat = 79,
  NR_fstat = 80, NR_sync = 81, NR_fsync = 82, NR_fdatasync = 83, NR_utimensat = 88,
  NR_exit_group = 94,
  NR_nanosleep = 101, NR_setitimer = 103, NR_clock_gettime = 113, NR_syslog = 116,
  NR_sched_yield = 124, NR_kill = 129, NR_rt_sigaction = 134, NR_rt_sigprocmask = 135,
  NR_rt_sigreturn = 139, NR_setpriority = 140, NR_getpriority = 141, NR_reboot = 142,
  NR_setpgid = 154, NR_getpgid = 155,
  NR_setsid = 157, NR_uname = 160, NR_umask = 166, NR_getpid = 172, NR_getppid = 173,
  NR_sysinfo = 179, NR_brk = 214, NR_munmap = 215, NR_clone = 220, NR_execve = 221,
  NR_mmap = 222, NR_swapon = 224, NR_swapoff = 225,
  NR_mprotect = 226, NR_mlockall = 230, NR_madvise = 233, NR_wait4 = 260, NR_prlimit64 = 261,
  NR_renameat2 = 276, NR_getrandom = 278,
};

// ---- Errors: a system call of sys.h returns one of these negated ----

enum {
  EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8,
  EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16,
  EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23,
  EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30,
  EMLINK = 31, EPIPE = 32, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ENOTEMPTY = 39,
  ELOOP = 40, EOVERFLOW = 75, ELIBBAD = 80, EOPNOTSUPP = 95, EAFNOSUPPORT = 97, ETIMEDOUT = 110,
};

// ---- Files ----

enum {
  O_ACCMODE = 03, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_APPEND = 02000,
  O_NONBLOCK = 04000, O_DIRECTORY = 0200000, O_CLOEXEC = 02000000, O_PATH = 010000000,
};

struct poll_fd {
  int fd;
  short events, revents;
};
enum { POLLIN = 1, POLLOUT = 4, POLLHUP = 0x10 };

enum { AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200,
       AT_SYMLINK_FOLLOW = 0x400, AT_EMPTY_PATH = 0x1000 };
enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2 };
enum { F_DUPFD = 0, F_GETFD = 1, F_SETFD = 2, FD_CLOEXEC = 1, F_DUPFD_CLOEXEC = 1030 };
enum { PATH_MAX = 4096, NAME_MAX = 255 };

enum {
  S_IFMT = 0170000, S_IFIFO = 0010000, S_IFCHR = 0020000, S_IFDIR = 0040000,
  S_IFBLK = 0060000, S_IFREG = 0100000, S_IFLNK = 0120000, S_IFSOCK = 0140000,
};

struct timespec {
  long sec, nsec;
};

struct kstat {
  uint64 dev, ino;
  uint mode, nlink, uid, gid;
  uint64 rdev, pad1;
  long size;               // bytes
  int blksize, pad2;
  long blocks;             // of 512 bytes
  struct timespec atime, mtime, ctime;
  uint unused[2];
};

static inline uint dev_major(uint64 dev) { return (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffUL); }
static inline uint dev_minor(uint64 dev) { return (dev & 0xff) | (dev >> 12 & 0xffffff00); }

static inline uint64
dev_make(uint major, uint minor)
{
  return (minor & 0xff) | (uint64)(major & 0xfff) << 8 | (uint64)(minor & ~0xffU) << 12
         | (uint64)(major & ~0xfffU) << 32;
}

// One record of getdents64.
struct dirent64 {
  uint64 ino;
  long off;                // where the directory goes on after this one
  ushort reclen;
  uchar type;              // DT_*
  char name[];
};

enum { DT_UNKNOWN = 0, DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8, DT_LNK = 10 };

struct fs_stat {           // statfs
  long type, bsize;
  uint64 blocks, bfree, bavail, files, ffree;
  int fsid[2];
  long namelen, frsize, flags, spare[4];
};

// ---- Memory ----

enum {
  MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000,
  MCL_CURRENT = 1, MCL_FUTURE = 2,
  MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_PAGEOUT = 21, MADV_POPULATE_READ = 22,
  MADV_POPULATE_WRITE = 23, MADV_COLLAPSE = 25,
};

// ---- Processes ----

enum {
  SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7,
  SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13,
  SIGALRM = 14, SIGTERM = 15, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20,
  SIGTTIN = 21, SIGTTOU = 22,
};
enum { SIG_DFL = 0, SIG_IGN = 1 };

struct sig_action {
  uint64 handler, flags, mask;
};

enum { WNOHANG = 1, WUNTRACED = 2 };
static inline int wait_signal(int status) { return status & 0x7f; }    // 0: it exited
static inline int wait_stopped(int status) { return (status & 0xff) == 0x7f ? status >> 8 : 0; }
static inline int wait_code(int status) { return status >> 8 & 0xff; }

struct rlimit {
  uint64 soft, hard;
};
enum { RLIMIT_STACK = 3, RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7, RLIMIT_AS = 9 };

struct rusage {            // wait4
  struct { long sec, usec; } user, system;
  long maxrss, ixrss, idrss, isrss, minor, major, more[8];
};

enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1 };

enum { ITIMER_REAL = 0 };
struct timer_value {       // setitimer; microseconds
  long interval_sec, interval_usec, value_sec, value_usec;
};

// ---- The system ----

struct uts_name {
  char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

struct sys_info {
  long uptime;
  uint64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
  ushort procs, pad;
  uint64 totalhigh, freehigh;
  uint mem_unit;           // bytes
};

enum {
  REBOOT_MAGIC1 = 0xfee1dead, REBOOT_MAGIC2 = 672274793,
  REBOOT_POWER_OFF = 0x4321fedc, REBOOT_RESTART = 0x01234567,
};
enum { GRND_NONBLOCK = 1 };
enum { SYSLOG_READ_ALL = 3, SYSLOG_SIZE_BUFFER = 10 };

// ---- Terminals ----

struct termios {
  uint iflag, oflag, cflag, lflag;
  uchar line;
  uchar cc[19];
};

enum { ISIG = 01, ICANON = 02, ECHO = 010, ECHOE = 020, ECHOK = 040, IEXTEN = 0100000 };
enum { VMIN = 6, VTIME = 5 };
enum { TCGETS = 0x5401, TCSETS = 0x5402, TCSETSW = 0x5403, TIOCSCTTY = 0x540e,
       TIOCGPGRP = 0x540f, TIOCSPGRP = 0x5410 };
