// SPDX-License-Identifier: MIT
//
// strace's names of numbers: errors, signals, flags.

#include "user/strace.h"

struct name { long value; const char *name; };
#define NAMES_END { -1, NULL }

static const struct name open_flags[] = {
  { 1, "O_WRONLY" }, { 2, "O_RDWR" }, { 0100, "O_CREAT" }, { 0200, "O_EXCL" },
  { 0400, "O_NOCTTY" }, { 01000, "O_TRUNC" }, { 02000, "O_APPEND" }, { 04000, "O_NONBLOCK" },
  { 04010000, "O_SYNC" }, { 010000, "O_DSYNC" }, { 020000, "O_ASYNC" }, { 040000, "O_DIRECT" },
  { 0100000, "O_LARGEFILE" }, { 01000000, "O_NOATIME" }, { 02000000, "O_CLOEXEC" },
  { 010000000, "O_PATH" }, { 020200000, "O_TMPFILE" }, { 0200000, "O_DIRECTORY" },
  { 0400000, "O_NOFOLLOW" }, NAMES_END,
};
static const struct name fd_flags[] = {
  { 04000, "O_NONBLOCK" }, { 040000, "O_DIRECT" }, { 02000000, "O_CLOEXEC" }, NAMES_END,
};
static const struct name eventfd_flags[] = {
  { 1, "EFD_SEMAPHORE" }, { 02000000, "EFD_CLOEXEC" }, { 04000, "EFD_NONBLOCK" }, NAMES_END,
};
static const struct name epoll_flags[] = { { 02000000, "EPOLL_CLOEXEC" }, NAMES_END };
static const struct name timerfd_flags[] = {
  { 02000000, "TFD_CLOEXEC" }, { 04000, "TFD_NONBLOCK" }, NAMES_END,
};
static const struct name whose[] = {
  { 0, "PRIO_PROCESS" }, { 1, "PRIO_PGRP" }, { 2, "PRIO_USER" }, NAMES_END,
};
static const struct name protections[] = {
  { 1, "PROT_READ" }, { 2, "PROT_WRITE" }, { 4, "PROT_EXEC" }, { 0x01000000, "PROT_GROWSDOWN" },
  NAMES_END,
};
static const struct name map_flags[] = {
  { 3, "MAP_SHARED_VALIDATE" }, { 1, "MAP_SHARED" }, { 2, "MAP_PRIVATE" }, { 0x10, "MAP_FIXED" },
  { 0x20, "MAP_ANONYMOUS" }, { 0x100, "MAP_GROWSDOWN" }, { 0x800, "MAP_DENYWRITE" },
  { 0x1000, "MAP_EXECUTABLE" }, { 0x2000, "MAP_LOCKED" }, { 0x4000, "MAP_NORESERVE" },
  { 0x8000, "MAP_POPULATE" }, { 0x10000, "MAP_NONBLOCK" }, { 0x20000, "MAP_STACK" },
  { 0x40000, "MAP_HUGETLB" }, { 0x80000, "MAP_SYNC" }, { 0x100000, "MAP_FIXED_NOREPLACE" },
  NAMES_END,
};
static const struct name remap_flags[] = {
  { 1, "MREMAP_MAYMOVE" }, { 2, "MREMAP_FIXED" }, { 4, "MREMAP_DONTUNMAP" }, NAMES_END,
};
static const struct name sync_flags[] = {
  { 1, "MS_ASYNC" }, { 2, "MS_INVALIDATE" }, { 4, "MS_SYNC" }, NAMES_END,
};
static const struct name at_flags[] = {
  { 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_EACCESS" }, { 0x400, "AT_SYMLINK_FOLLOW" },
  { 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" }, NAMES_END,
};
static const struct name unlink_flags[] = { { 0x200, "AT_REMOVEDIR" }, NAMES_END };
static const struct name access_modes[] = {
  { 4, "R_OK" }, { 2, "W_OK" }, { 1, "X_OK" }, NAMES_END,
};
static const struct name clone_flags[] = {
  { 0x100, "CLONE_VM" }, { 0x200, "CLONE_FS" }, { 0x400, "CLONE_FILES" },
  { 0x800, "CLONE_SIGHAND" }, { 0x1000, "CLONE_PIDFD" }, { 0x2000, "CLONE_PTRACE" },
  { 0x4000, "CLONE_VFORK" }, { 0x8000, "CLONE_PARENT" }, { 0x10000, "CLONE_THREAD" },
  { 0x20000, "CLONE_NEWNS" }, { 0x40000, "CLONE_SYSVSEM" }, { 0x80000, "CLONE_SETTLS" },
  { 0x100000, "CLONE_PARENT_SETTID" }, { 0x200000, "CLONE_CHILD_CLEARTID" },
  { 0x400000, "CLONE_DETACHED" }, { 0x800000, "CLONE_UNTRACED" },
  { 0x1000000, "CLONE_CHILD_SETTID" }, { 0x2000000, "CLONE_NEWCGROUP" },
  { 0x4000000, "CLONE_NEWUTS" }, { 0x8000000, "CLONE_NEWIPC" }, { 0x10000000, "CLONE_NEWUSER" },
  { 0x20000000, "CLONE_NEWPID" }, { 0x40000000, "CLONE_NEWNET" }, { 17, "SIGCHLD" }, NAMES_END,
};
static const struct name whences[] = {
  { 0, "SEEK_SET" }, { 1, "SEEK_CUR" }, { 2, "SEEK_END" }, { 3, "SEEK_DATA" }, { 4, "SEEK_HOLE" },
  NAMES_END,
};
static const struct name clocks[] = {
  { 0, "CLOCK_REALTIME" }, { 1, "CLOCK_MONOTONIC" }, { 2, "CLOCK_PROCESS_CPUTIME_ID" },
  { 3, "CLOCK_THREAD_CPUTIME_ID" }, { 4, "CLOCK_MONOTONIC_RAW" }, { 5, "CLOCK_REALTIME_COARSE" },
  { 6, "CLOCK_MONOTONIC_COARSE" }, { 7, "CLOCK_BOOTTIME" }, NAMES_END,
};
static const struct name sleep_flags[] = { { 1, "TIMER_ABSTIME" }, NAMES_END };
static const struct name timers[] = {
  { 0, "ITIMER_REAL" }, { 1, "ITIMER_VIRTUAL" }, { 2, "ITIMER_PROF" }, NAMES_END,
};
static const struct name advices[] = {
  { 0, "MADV_NORMAL" }, { 1, "MADV_RANDOM" }, { 2, "MADV_SEQUENTIAL" }, { 3, "MADV_WILLNEED" },
  { 4, "MADV_DONTNEED" }, { 8, "MADV_FREE" }, { 9, "MADV_REMOVE" }, { 10, "MADV_DONTFORK" },
  { 11, "MADV_DOFORK" }, { 12, "MADV_MERGEABLE" }, { 13, "MADV_UNMERGEABLE" },
  { 14, "MADV_HUGEPAGE" }, { 15, "MADV_NOHUGEPAGE" }, { 16, "MADV_DONTDUMP" },
  { 17, "MADV_DODUMP" }, { 18, "MADV_WIPEONFORK" }, { 19, "MADV_KEEPONFORK" },
  { 20, "MADV_COLD" }, { 21, "MADV_PAGEOUT" }, { 22, "MADV_POPULATE_READ" },
  { 23, "MADV_POPULATE_WRITE" }, { 25, "MADV_COLLAPSE" }, NAMES_END,
};
static const struct name mask_hows[] = {
  { 0, "SIG_BLOCK" }, { 1, "SIG_UNBLOCK" }, { 2, "SIG_SETMASK" }, NAMES_END,
};
static const struct name action_flags[] = {
  { 0x08000000, "SA_ONSTACK" }, { 0x10000000, "SA_RESTART" }, { 0x40000000, "SA_NODEFER" },
  { 0x80000000, "SA_RESETHAND" }, { 1, "SA_NOCLDSTOP" }, { 2, "SA_NOCLDWAIT" },
  { 4, "SA_SIGINFO" }, NAMES_END,
};
static const struct name resources[] = {
  { 0, "RLIMIT_CPU" }, { 1, "RLIMIT_FSIZE" }, { 2, "RLIMIT_DATA" }, { 3, "RLIMIT_STACK" },
  { 4, "RLIMIT_CORE" }, { 5, "RLIMIT_RSS" }, { 6, "RLIMIT_NPROC" }, { 7, "RLIMIT_NOFILE" },
  { 8, "RLIMIT_MEMLOCK" }, { 9, "RLIMIT_AS" }, { 10, "RLIMIT_LOCKS" },
  { 11, "RLIMIT_SIGPENDING" }, { 12, "RLIMIT_MSGQUEUE" }, { 13, "RLIMIT_NICE" },
  { 14, "RLIMIT_RTPRIO" }, { 15, "RLIMIT_RTTIME" }, NAMES_END,
};
static const struct name usages[] = {
  { 0, "RUSAGE_SELF" }, { -1, "RUSAGE_CHILDREN" }, { 1, "RUSAGE_THREAD" }, NAMES_END,
};
static const struct name futexes[] = {
  { 0, "FUTEX_WAIT" }, { 1, "FUTEX_WAKE" }, { 3, "FUTEX_REQUEUE" }, { 4, "FUTEX_CMP_REQUEUE" },
  { 5, "FUTEX_WAKE_OP" }, { 6, "FUTEX_LOCK_PI" }, { 7, "FUTEX_UNLOCK_PI" },
  { 8, "FUTEX_TRYLOCK_PI" }, { 9, "FUTEX_WAIT_BITSET" }, { 10, "FUTEX_WAKE_BITSET" },
  { 11, "FUTEX_WAIT_REQUEUE_PI" }, { 12, "FUTEX_CMP_REQUEUE_PI" }, { 13, "FUTEX_LOCK_PI2" },
  NAMES_END,
};
static const struct name bitsets[] = { { -1, "FUTEX_BITSET_MATCH_ANY" }, NAMES_END };
static const struct name wait_flags[] = {
  { 1, "WNOHANG" }, { 2, "WSTOPPED" }, { 4, "WEXITED" }, { 8, "WCONTINUED" },
  { 0x01000000, "WNOWAIT" }, { 0x20000000, "__WNOTHREAD" }, { 0x40000000, "__WALL" },
  { 0x80000000, "__WCLONE" }, NAMES_END,
};
static const struct name file_commands[] = {
  { 0, "F_DUPFD" }, { 1, "F_GETFD" }, { 2, "F_SETFD" }, { 3, "F_GETFL" }, { 4, "F_SETFL" },
  { 5, "F_GETLK" }, { 6, "F_SETLK" }, { 7, "F_SETLKW" }, { 8, "F_SETOWN" }, { 9, "F_GETOWN" },
  { 10, "F_SETSIG" }, { 11, "F_GETSIG" }, { 36, "F_OFD_GETLK" }, { 37, "F_OFD_SETLK" },
  { 38, "F_OFD_SETLKW" }, { 1024, "F_SETLEASE" }, { 1025, "F_GETLEASE" },
  { 1030, "F_DUPFD_CLOEXEC" }, { 1031, "F_SETPIPE_SZ" }, { 1032, "F_GETPIPE_SZ" },
  { 1033, "F_ADD_SEALS" }, { 1034, "F_GET_SEALS" }, NAMES_END,
};
static const struct name lock_operations[] = {
  { 1, "LOCK_SH" }, { 2, "LOCK_EX" }, { 4, "LOCK_NB" }, { 8, "LOCK_UN" }, NAMES_END,
};
static const struct name controls[] = {
  { 0x5401, "TCGETS" }, { 0x5402, "TCSETS" }, { 0x5403, "TCSETSW" }, { 0x5404, "TCSETSF" },
  { 0x5409, "TCSBRK" }, { 0x540a, "TCXONC" }, { 0x540b, "TCFLSH" }, { 0x540e, "TIOCSCTTY" },
  { 0x540f, "TIOCGPGRP" }, { 0x5410, "TIOCSPGRP" }, { 0x5411, "TIOCOUTQ" },
  { 0x5412, "TIOCSTI" }, { 0x5413, "TIOCGWINSZ" }, { 0x5414, "TIOCSWINSZ" },
  { 0x541b, "FIONREAD" }, { 0x5421, "FIONBIO" }, { 0x5422, "TIOCNOTTY" },
  { 0x5429, "TIOCGSID" }, { 0x5450, "FIONCLEX" }, { 0x5451, "FIOCLEX" }, { 0x5452, "FIOASYNC" },
  { 0x1260, "BLKGETSIZE" }, { 0x1268, "BLKSSZGET" }, { 0x80081272, "BLKGETSIZE64" },
  { 0x1261, "BLKFLSBUF" }, { 0x127b, "BLKPBSZGET" }, { 0x40049409, "FICLONE" },
  { 0x4020940d, "FICLONERANGE" }, { 0x80086601, "FS_IOC_GETFLAGS" }, NAMES_END,
};
static const struct name process_options[] = {
  { 1, "PR_SET_PDEATHSIG" }, { 2, "PR_GET_PDEATHSIG" }, { 3, "PR_GET_DUMPABLE" },
  { 4, "PR_SET_DUMPABLE" }, { 7, "PR_GET_KEEPCAPS" }, { 8, "PR_SET_KEEPCAPS" },
  { 15, "PR_SET_NAME" }, { 16, "PR_GET_NAME" }, { 21, "PR_GET_SECCOMP" },
  { 22, "PR_SET_SECCOMP" }, { 23, "PR_CAPBSET_READ" }, { 24, "PR_CAPBSET_DROP" },
  { 29, "PR_SET_TIMERSLACK" }, { 30, "PR_GET_TIMERSLACK" }, { 36, "PR_SET_CHILD_SUBREAPER" },
  { 37, "PR_GET_CHILD_SUBREAPER" }, { 38, "PR_SET_NO_NEW_PRIVS" },
  { 39, "PR_GET_NO_NEW_PRIVS" }, { 41, "PR_SET_THP_DISABLE" }, { 42, "PR_GET_THP_DISABLE" },
  { 47, "PR_CAP_AMBIENT" }, { 0x53564d41, "PR_SET_VMA" }, NAMES_END,
};
static const struct name epoll_operations[] = {
  { 1, "EPOLL_CTL_ADD" }, { 2, "EPOLL_CTL_DEL" }, { 3, "EPOLL_CTL_MOD" }, NAMES_END,
};
static const struct name epoll_events[] = {
  { 1, "EPOLLIN" }, { 2, "EPOLLPRI" }, { 4, "EPOLLOUT" }, { 8, "EPOLLERR" }, { 0x10, "EPOLLHUP" },
  { 0x2000, "EPOLLRDHUP" }, { 1L << 28, "EPOLLEXCLUSIVE" }, { 1L << 29, "EPOLLWAKEUP" },
  { 1L << 30, "EPOLLONESHOT" }, { 1L << 31, "EPOLLET" }, NAMES_END,
};
static const struct name poll_events[] = {
  { 1, "POLLIN" }, { 2, "POLLPRI" }, { 4, "POLLOUT" }, { 8, "POLLERR" }, { 0x10, "POLLHUP" },
  { 0x20, "POLLNVAL" }, { 0x40, "POLLRDNORM" }, { 0x80, "POLLRDBAND" }, { 0x100, "POLLWRNORM" },
  { 0x200, "POLLWRBAND" }, { 0x2000, "POLLRDHUP" }, NAMES_END,
};
static const struct name random_flags[] = {
  { 1, "GRND_NONBLOCK" }, { 2, "GRND_RANDOM" }, { 4, "GRND_INSECURE" }, NAMES_END,
};
static const struct name families[] = {
  { 0, "AF_UNSPEC" }, { 1, "AF_UNIX" }, { 2, "AF_INET" }, { 10, "AF_INET6" }, { 16, "AF_NETLINK" },
  { 17, "AF_PACKET" }, { 40, "AF_VSOCK" }, NAMES_END,
};
static const struct name socket_types[] = {
  { 3, "SOCK_RAW" }, { 5, "SOCK_SEQPACKET" }, { 1, "SOCK_STREAM" }, { 2, "SOCK_DGRAM" },
  { 04000, "SOCK_NONBLOCK" }, { 02000000, "SOCK_CLOEXEC" }, NAMES_END,
};
static const struct name ids[] = {
  { 0, "P_ALL" }, { 1, "P_PID" }, { 2, "P_PGID" }, { 3, "P_PIDFD" }, NAMES_END,
};

static const char *const signals[] = {
  NULL, "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
  "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
  "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
};
enum { STANDARD = sizeof signals / sizeof signals[0], LAST_SIGNAL = 64 };

static const char *const errors[] = {
  [1] = "EPERM", [2] = "ENOENT", [3] = "ESRCH", [4] = "EINTR", [5] = "EIO", [6] = "ENXIO",
  [7] = "E2BIG", [8] = "ENOEXEC", [9] = "EBADF", [10] = "ECHILD", [11] = "EAGAIN",
  [12] = "ENOMEM", [13] = "EACCES", [14] = "EFAULT", [15] = "ENOTBLK", [16] = "EBUSY",
  [17] = "EEXIST", [18] = "EXDEV", [19] = "ENODEV", [20] = "ENOTDIR", [21] = "EISDIR",
  [22] = "EINVAL", [23] = "ENFILE", [24] = "EMFILE", [25] = "ENOTTY", [26] = "ETXTBSY",
  [27] = "EFBIG", [28] = "ENOSPC", [29] = "ESPIPE", [30] = "EROFS", [31] = "EMLINK",
  [32] = "EPIPE", [33] = "EDOM", [34] = "ERANGE", [35] = "EDEADLK", [36] = "ENAMETOOLONG",
  [37] = "ENOLCK", [38] = "ENOSYS", [39] = "ENOTEMPTY", [40] = "ELOOP", [42] = "ENOMSG",
  [43] = "EIDRM", [44] = "ECHRNG", [45] = "EL2NSYNC", [46] = "EL3HLT", [47] = "EL3RST",
  [48] = "ELNRNG", [49] = "EUNATCH", [50] = "ENOCSI", [51] = "EL2HLT", [52] = "EBADE",
  [53] = "EBADR", [54] = "EXFULL", [55] = "ENOANO", [56] = "EBADRQC", [57] = "EBADSLT",
  [59] = "EBFONT", [60] = "ENOSTR", [61] = "ENODATA", [62] = "ETIME", [63] = "ENOSR",
  [64] = "ENONET", [65] = "ENOPKG", [66] = "EREMOTE", [67] = "ENOLINK", [68] = "EADV",
  [69] = "ESRMNT", [70] = "ECOMM", [71] = "EPROTO", [72] = "EMULTIHOP", [73] = "EDOTDOT",
  [74] = "EBADMSG", [75] = "EOVERFLOW", [76] = "ENOTUNIQ", [77] = "EBADFD", [78] = "EREMCHG",
  [79] = "ELIBACC", [80] = "ELIBBAD", [81] = "ELIBSCN", [82] = "ELIBMAX", [83] = "ELIBEXEC",
  [84] = "EILSEQ", [85] = "ERESTART", [86] = "ESTRPIPE", [87] = "EUSERS", [88] = "ENOTSOCK",
  [89] = "EDESTADDRREQ", [90] = "EMSGSIZE", [91] = "EPROTOTYPE", [92] = "ENOPROTOOPT",
  [93] = "EPROTONOSUPPORT", [94] = "ESOCKTNOSUPPORT", [95] = "EOPNOTSUPP", [96] = "EPFNOSUPPORT",
  [97] = "EAFNOSUPPORT", [98] = "EADDRINUSE", [99] = "EADDRNOTAVAIL", [100] = "ENETDOWN",
  [101] = "ENETUNREACH", [102] = "ENETRESET", [103] = "ECONNABORTED", [104] = "ECONNRESET",
  [105] = "ENOBUFS", [106] = "EISCONN", [107] = "ENOTCONN", [108] = "ESHUTDOWN",
  [109] = "ETOOMANYREFS", [110] = "ETIMEDOUT", [111] = "ECONNREFUSED", [112] = "EHOSTDOWN",
  [113] = "EHOSTUNREACH", [114] = "EALREADY", [115] = "EINPROGRESS", [116] = "ESTALE",
  [117] = "EUCLEAN", [118] = "ENOTNAM", [119] = "ENAVAIL", [120] = "EISNAM", [121] = "EREMOTEIO",
  [122] = "EDQUOT", [123] = "ENOMEDIUM", [124] = "EMEDIUMTYPE", [125] = "ECANCELED",
  [126] = "ENOKEY", [127] = "EKEYEXPIRED", [128] = "EKEYREVOKED", [129] = "EKEYREJECTED",
  [130] = "EOWNERDEAD", [131] = "ENOTRECOVERABLE", [132] = "ERFKILL",
};
enum { ERRORS = sizeof errors / sizeof errors[0] };

// The letter's table, whether its values are bits, and what no bit is.
static const struct { char letter; bool bits; const struct name *names; const char *none; }
kinds[] = {
  { 'O', true, open_flags, "O_RDONLY" }, { 'P', true, protections, "PROT_NONE" },
  { 'M', true, map_flags, "0" }, { 'A', true, at_flags, "0" }, { 'C', true, clone_flags, "0" },
  { 'W', false, whences, NULL }, { 'K', false, clocks, NULL }, { 'V', false, advices, NULL },
  { 'H', false, mask_hows, NULL }, { 'R', false, resources, NULL }, { 'G', false, usages, NULL },
  { 'N', true, wait_flags, "0" }, { 'J', true, access_modes, "F_OK" },
  { 'X', true, remap_flags, "0" }, { 'Z', true, sync_flags, "0" }, { 'n', true, unlink_flags, "0" },
  { 'g', true, fd_flags, "0" }, { '(', true, eventfd_flags, "0" }, { ')', true, epoll_flags, "0" },
  { '~', true, timerfd_flags, "0" }, { '?', false, whose, NULL }, { 'q', true, sleep_flags, "0" },
  { 'l', false, timers, NULL },
  { 'U', false, bitsets, NULL }, { 'F', false, file_commands, NULL },
  { 'L', true, lock_operations, "0" }, { 'I', false, controls, NULL },
  { 'Y', false, process_options, NULL }, { 'E', false, epoll_operations, NULL },
  { '!', true, random_flags, "0" }, { 'D', false, families, NULL },
  { '$', true, socket_types, "0" }, { '=', false, ids, NULL },
  { '@', true, action_flags, "0" }, { '/', true, epoll_events, "0" },
  { ',', true, poll_events, "0" },
};

static const char *
name_of(const struct name *names, long value)
{
  for(; names->name; names++)
    if((int)names->value == (int)value)
      return names->name;
  return NULL;
}

static void
show_bits(struct text *t, const struct name *names, const char *none, uint64 bits)
{
  const char *between = "";

  if(bits == 0)
    text_format(t, "%s", none);
  for(; names->name; names++)
    if((bits & names->value) == (uint64)names->value){
      text_format(t, "%s%s", between, names->name);
      bits &= ~names->value;
      between = "|";
    }
  if(bits)
    text_format(t, "%s0x%lx", between, bits);
}

static void
show_futex(struct text *t, uint64 op)
{
  enum { PRIVATE = 128, REALTIME = 256, COMMANDS = 127 };
  const char *name = name_of(futexes, op & COMMANDS);

  if(name)
    text_format(t, "%s", name);
  else
    text_format(t, "0x%lx", op & COMMANDS);
  text_format(t, "%s%s", op & PRIVATE ? "_PRIVATE" : "",
              op & REALTIME ? "|FUTEX_CLOCK_REALTIME" : "");
}

// => false: the letter has no table
bool
show_named(struct text *t, char letter, uint64 v)
{
  if(letter == 'Q'){
    show_futex(t, v);
    return true;
  }
  if(letter == 'O' && (v & 3) == 0 && (uint)v)
    text_format(t, "O_RDONLY|");
  if(letter == 'S'){
    text_format(t, "%s", name_signal(v));
    return true;
  }
  for(size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++){
    if(kinds[i].letter != letter)
      continue;
    const char *name = kinds[i].bits ? NULL : name_of(kinds[i].names, v);
    if(kinds[i].bits)
      show_bits(t, kinds[i].names, kinds[i].none, (uint)v);
    else if(name)
      text_format(t, "%s", name);
    else
      text_format(t, letter == 'I' ? "0x%x" : "%d", (int)v);
    return true;
  }
  return false;
}

const char *
name_error(long error)
{
  return error > 0 && error < ERRORS ? errors[error] : NULL;
}

// ---- Signals ----

// Until the next: as it is called in sets.
static const char *
short_name(int sig)
{
  static struct text t;

  text_clear(&t);
  if(sig > 0 && sig < STANDARD)
    text_format(&t, "%s", signals[sig]);
  else if(sig == STANDARD)
    text_format(&t, "RTMIN");
  else if(sig > STANDARD && sig <= LAST_SIGNAL)
    text_format(&t, "RT_%d", sig - STANDARD);
  else
    text_format(&t, "%d", sig);
  return t.s;
}

const char *
name_signal(int sig)
{
  static struct text t;

  text_clear(&t);
  text_format(&t, "%s%s", sig > 0 && sig <= LAST_SIGNAL ? "SIG" : "", short_name(sig));
  return t.s;
}

const char *
name_signal_code(int sig, int code)
{
  static const struct name senders[] = {
    { 0, "SI_USER" }, { 0x80, "SI_KERNEL" }, { -1, "SI_QUEUE" }, { -2, "SI_TIMER" },
    { -6, "SI_TKILL" }, NAMES_END,
  };
  static const char *const causes[][9] = {
    [4] = { NULL, "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC" },
    [5] = { NULL, "TRAP_BRKPT", "TRAP_TRACE" },
    [7] = { NULL, "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR" },
    [8] = { NULL, "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV" },
    [11] = { NULL, "SEGV_MAPERR", "SEGV_ACCERR" },
    [17] = { NULL, "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED",
             "CLD_CONTINUED" },
  };
  static struct text t;
  const char *name = name_of(senders, code);

  if(code > 0 && code < 9 && (size_t)sig < sizeof causes / sizeof causes[0])
    name = causes[sig][code];
  text_clear(&t);
  if(name)
    text_format(&t, "%s", name);
  else
    text_format(&t, "%d", code);
  return t.s;
}

// Of more than two thirds those that are not in it.
void
show_signals(struct text *t, uint64 set)
{
  int n = 0;
  const char *between = "";

  for(int sig = 1; sig <= LAST_SIGNAL; sig++)
    n += set >> (sig - 1) & 1;
  bool most = n > LAST_SIGNAL * 2 / 3;
  text_format(t, most ? "~[" : "[");
  for(int sig = 1; sig <= LAST_SIGNAL; sig++)
    if((set >> (sig - 1) & 1) != most){
      text_format(t, "%s%s", between, short_name(sig));
      between = " ";
    }
  text_put(t, ']');
}
