// SPDX-License-Identifier: MIT
//
// strace's table of system calls, and a call as a line of text.

#include "user/strace.h"

// Behind the name a letter for each argument:
//   f descriptor  a descriptor of a directory  d u x o numbers: signed, unsigned, hex, octal
//   s string  b bytes, the next argument says how many  B the same, the result says it
//   O open flags  P protection  M flags of mmap  A at-flags  C flags of clone  W whence
//   S signal  K clock  V advice of madvise  H how a mask changes  R resource  Q futex
//   N what to wait for  T timespec  i two descriptors  w wait status  t stat
//   p pointer, nothing known of it
// and behind a colon x, if the result is an address.
static const struct { short nr; const char *call; } calls[] = {
  { 17, "getcwd Bu" }, { 19, "eventfd2 ux" }, { 20, "epoll_create1 x" }, { 21, "epoll_ctl fdfp" },
  { 22, "epoll_pwait fpddpu" }, { 23, "dup f" }, { 24, "dup3 ffO" }, { 25, "fcntl fdx" },
  { 29, "ioctl fxp" }, { 32, "flock fx" }, { 33, "mknodat asox" }, { 34, "mkdirat aso" },
  { 35, "unlinkat asA" }, { 36, "symlinkat sas" }, { 37, "linkat asasA" },
  { 38, "renameat asas" }, { 39, "umount2 sx" }, { 40, "mount sssxp" }, { 43, "statfs sp" },
  { 44, "fstatfs fp" }, { 45, "truncate su" }, { 46, "ftruncate fu" }, { 47, "fallocate fxuu" },
  { 48, "faccessat aso" }, { 49, "chdir s" }, { 50, "fchdir f" }, { 52, "fchmod fo" },
  { 53, "fchmodat aso" }, { 54, "fchownat asddA" }, { 55, "fchown fdd" }, { 56, "openat asOo" },
  { 57, "close f" }, { 59, "pipe2 iO" }, { 61, "getdents64 fpu" }, { 62, "lseek fdW" },
  { 63, "read fBu" }, { 64, "write fbu" }, { 65, "readv fpu" }, { 66, "writev fpu" },
  { 67, "pread64 fBud" }, { 68, "pwrite64 fbud" }, { 69, "preadv fpud" }, { 70, "pwritev fpud" },
  { 71, "sendfile ffpu" }, { 72, "pselect6 dpppTp" }, { 73, "ppoll puTpu" },
  { 78, "readlinkat asBu" }, { 79, "newfstatat astA" }, { 80, "fstat ft" }, { 81, "sync " },
  { 82, "fsync f" }, { 83, "fdatasync f" }, { 85, "timerfd_create Kx" },
  { 86, "timerfd_settime fxpp" }, { 88, "utimensat aspA" }, { 93, "exit d" },
  { 94, "exit_group d" }, { 95, "waitid ddpxp" }, { 96, "set_tid_address p" },
  { 98, "futex pQuTpu" }, { 99, "set_robust_list pu" }, { 101, "nanosleep Tp" },
  { 103, "setitimer dpp" }, { 113, "clock_gettime KT" }, { 115, "clock_nanosleep KxTp" },
  { 116, "syslog dpd" }, { 122, "sched_setaffinity dup" },
  { 123, "sched_getaffinity dup" }, { 124, "sched_yield " },
  { 129, "kill dS" }, { 130, "tkill dS" }, { 131, "tgkill ddS" }, { 132, "sigaltstack pp" },
  { 133, "rt_sigsuspend pu" }, { 134, "rt_sigaction Sppu" }, { 135, "rt_sigprocmask Hppu" },
  { 136, "rt_sigpending pu" }, { 137, "rt_sigtimedwait ppTu" }, { 139, "rt_sigreturn " },
  { 142, "reboot xxdp" }, { 153, "times p" }, { 154, "setpgid dd" }, { 155, "getpgid d" },
  { 156, "getsid d" }, { 157, "setsid " }, { 160, "uname p" }, { 165, "getrusage dp" },
  { 166, "umask o" }, { 167, "prctl dxxxx" }, { 169, "gettimeofday pp" }, { 172, "getpid " },
  { 173, "getppid " }, { 174, "getuid " }, { 175, "geteuid " }, { 176, "getgid " },
  { 177, "getegid " }, { 178, "gettid " }, { 179, "sysinfo p" }, { 214, "brk p:x" },
  { 215, "munmap pu" }, { 216, "mremap puuxp:x" }, { 220, "clone Cpppp" }, { 221, "execve spp" },
  { 222, "mmap puPMfx:x" }, { 224, "swapon sx" }, { 225, "swapoff s" }, { 226, "mprotect puP" },
  { 227, "msync pux" }, { 228, "mlock pu" }, { 229, "munlock pu" }, { 230, "mlockall x" },
  { 231, "munlockall " }, { 232, "mincore pup" }, { 233, "madvise puV" }, { 260, "wait4 dwNp" },
  { 261, "prlimit64 dRpp" }, { 276, "renameat2 asasx" }, { 278, "getrandom Bux" },
  { 279, "memfd_create sx" }, { 281, "execveat asppA" }, { 285, "copy_file_range fpfpux" },
  { 291, "statx asAxp" }, { 435, "clone3 pu" }, { 436, "close_range ffx" },
  { 439, "faccessat2 asoA" }, { 441, "epoll_pwait2 fpdTpu" },
};

static const char *
signature(long nr)
{
  for(size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if(calls[i].nr == nr)
      return calls[i].call;
  return NULL;
}

bool
call_exists(const char *name)
{
  size_t n = strlen(name);

  for(size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if(starts_with(calls[i].call, name) && calls[i].call[n] == ' ')
      return true;
  return false;
}

const char *
call_name(long nr)
{
  static struct text t;
  const char *s = signature(nr);

  text_clear(&t);
  if(s)
    text_add(&t, s, strchr(s, ' ') - s);
  else
    text_format(&t, "call %ld", nr);
  return t.s;
}

// ---- Names of numbers ----

struct name { long value; const char *name; };

static const struct name open_flags[] = {
  { 1, "O_WRONLY" }, { 2, "O_RDWR" }, { 0100, "O_CREAT" }, { 0200, "O_EXCL" },
  { 0400, "O_NOCTTY" }, { 01000, "O_TRUNC" }, { 02000, "O_APPEND" }, { 04000, "O_NONBLOCK" },
  { 010000, "O_DSYNC" }, { 0200000, "O_DIRECTORY" }, { 0400000, "O_NOFOLLOW" },
  { 02000000, "O_CLOEXEC" }, { 010000000, "O_PATH" }, { 0, NULL },
};
static const struct name protections[] = {
  { 1, "PROT_READ" }, { 2, "PROT_WRITE" }, { 4, "PROT_EXEC" }, { 0, NULL },
};
static const struct name map_flags[] = {
  { 1, "MAP_SHARED" }, { 2, "MAP_PRIVATE" }, { 0x10, "MAP_FIXED" }, { 0x20, "MAP_ANONYMOUS" },
  { 0x100, "MAP_GROWSDOWN" }, { 0x2000, "MAP_LOCKED" }, { 0x4000, "MAP_NORESERVE" },
  { 0x8000, "MAP_POPULATE" }, { 0x20000, "MAP_STACK" }, { 0x100000, "MAP_FIXED_NOREPLACE" },
  { 0, NULL },
};
static const struct name at_flags[] = {
  { 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" }, { 0x400, "AT_SYMLINK_FOLLOW" },
  { 0x1000, "AT_EMPTY_PATH" }, { 0, NULL },
};
static const struct name clone_flags[] = {
  { 0x100, "CLONE_VM" }, { 0x200, "CLONE_FS" }, { 0x400, "CLONE_FILES" },
  { 0x800, "CLONE_SIGHAND" }, { 0x4000, "CLONE_VFORK" }, { 0x10000, "CLONE_THREAD" },
  { 0x40000, "CLONE_SYSVSEM" }, { 0x80000, "CLONE_SETTLS" }, { 0x100000, "CLONE_PARENT_SETTID" },
  { 0x200000, "CLONE_CHILD_CLEARTID" }, { 0x1000000, "CLONE_CHILD_SETTID" }, { 17, "SIGCHLD" },
  { 0, NULL },
};
static const struct name whences[] = {
  { 0, "SEEK_SET" }, { 1, "SEEK_CUR" }, { 2, "SEEK_END" }, { 3, "SEEK_DATA" }, { 4, "SEEK_HOLE" },
  { -1, NULL },
};
static const struct name clocks[] = {
  { 0, "CLOCK_REALTIME" }, { 1, "CLOCK_MONOTONIC" }, { 2, "CLOCK_PROCESS_CPUTIME_ID" },
  { 3, "CLOCK_THREAD_CPUTIME_ID" }, { 7, "CLOCK_BOOTTIME" }, { -1, NULL },
};
static const struct name advices[] = {
  { 0, "MADV_NORMAL" }, { 1, "MADV_RANDOM" }, { 2, "MADV_SEQUENTIAL" }, { 3, "MADV_WILLNEED" },
  { 4, "MADV_DONTNEED" }, { 8, "MADV_FREE" }, { 10, "MADV_DONTFORK" }, { 18, "MADV_WIPEONFORK" },
  { 20, "MADV_COLD" }, { 21, "MADV_PAGEOUT" }, { 25, "MADV_COLLAPSE" }, { -1, NULL },
};
static const struct name mask_hows[] = {
  { 0, "SIG_BLOCK" }, { 1, "SIG_UNBLOCK" }, { 2, "SIG_SETMASK" }, { -1, NULL },
};
static const struct name resources[] = {
  { 0, "RLIMIT_CPU" }, { 1, "RLIMIT_FSIZE" }, { 2, "RLIMIT_DATA" }, { 3, "RLIMIT_STACK" },
  { 4, "RLIMIT_CORE" }, { 6, "RLIMIT_NPROC" }, { 7, "RLIMIT_NOFILE" }, { 8, "RLIMIT_MEMLOCK" },
  { 9, "RLIMIT_AS" }, { -1, NULL },
};
static const struct name futexes[] = {
  { 0, "FUTEX_WAIT" }, { 1, "FUTEX_WAKE" }, { 128, "FUTEX_WAIT_PRIVATE" },
  { 129, "FUTEX_WAKE_PRIVATE" }, { 137, "FUTEX_WAIT_BITSET_PRIVATE" }, { -1, NULL },
};
static const struct name wait_flags[] = {
  { 1, "WNOHANG" }, { 2, "WUNTRACED" }, { 8, "WCONTINUED" }, { 0, NULL },
};
static const struct name signals[] = {
  { 1, "SIGHUP" }, { 2, "SIGINT" }, { 3, "SIGQUIT" }, { 4, "SIGILL" }, { 5, "SIGTRAP" },
  { 6, "SIGABRT" }, { 7, "SIGBUS" }, { 8, "SIGFPE" }, { 9, "SIGKILL" }, { 10, "SIGUSR1" },
  { 11, "SIGSEGV" }, { 12, "SIGUSR2" }, { 13, "SIGPIPE" }, { 14, "SIGALRM" }, { 15, "SIGTERM" },
  { 17, "SIGCHLD" }, { 18, "SIGCONT" }, { 19, "SIGSTOP" }, { 20, "SIGTSTP" }, { 21, "SIGTTIN" },
  { 22, "SIGTTOU" }, { 28, "SIGWINCH" }, { -1, NULL },
};
static const struct name errors[] = {
  { 1, "EPERM" }, { 2, "ENOENT" }, { 3, "ESRCH" }, { 4, "EINTR" }, { 5, "EIO" }, { 6, "ENXIO" },
  { 7, "E2BIG" }, { 8, "ENOEXEC" }, { 9, "EBADF" }, { 10, "ECHILD" }, { 11, "EAGAIN" },
  { 12, "ENOMEM" }, { 13, "EACCES" }, { 14, "EFAULT" }, { 15, "ENOTBLK" }, { 16, "EBUSY" },
  { 17, "EEXIST" }, { 18, "EXDEV" }, { 19, "ENODEV" }, { 20, "ENOTDIR" }, { 21, "EISDIR" },
  { 22, "EINVAL" }, { 23, "ENFILE" }, { 24, "EMFILE" }, { 25, "ENOTTY" }, { 26, "ETXTBSY" },
  { 27, "EFBIG" }, { 28, "ENOSPC" }, { 29, "ESPIPE" }, { 30, "EROFS" }, { 31, "EMLINK" },
  { 32, "EPIPE" }, { 34, "ERANGE" }, { 35, "EDEADLK" }, { 36, "ENAMETOOLONG" },
  { 37, "ENOLCK" }, { 38, "ENOSYS" }, { 39, "ENOTEMPTY" }, { 40, "ELOOP" }, { 61, "ENODATA" },
  { 75, "EOVERFLOW" }, { 95, "EOPNOTSUPP" }, { 110, "ETIMEDOUT" }, { -1, NULL },
};

// The letter's table, and whether its values are bits.
static const struct { char letter; bool bits; const struct name *names; const char *none; }
kinds[] = {
  { 'O', true, open_flags, "O_RDONLY" }, { 'P', true, protections, "PROT_NONE" },
  { 'M', true, map_flags, "0" }, { 'A', true, at_flags, "0" }, { 'C', true, clone_flags, "0" },
  { 'W', false, whences, NULL }, { 'K', false, clocks, NULL }, { 'V', false, advices, NULL },
  { 'H', false, mask_hows, NULL }, { 'R', false, resources, NULL }, { 'Q', false, futexes, NULL },
  { 'S', false, signals, NULL }, { 'N', true, wait_flags, "0" },
};

static const char *
name_of(const struct name *names, long value)
{
  for(; names->name; names++)
    if(names->value == value)
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

// => false: the letter has no table
static bool
show_named(struct text *t, char letter, uint64 v)
{
  for(size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++){
    if(kinds[i].letter != letter)
      continue;
    const char *name = kinds[i].bits ? NULL : name_of(kinds[i].names, (int)v);
    if(kinds[i].bits)
      show_bits(t, kinds[i].names, kinds[i].none, (uint)v);
    else if(name)
      text_format(t, "%s", name);
    else
      text_format(t, "%d", (int)v);
    return true;
  }
  return false;
}

// ---- What pointers point to ----

static void
show_bytes(struct text *t, const unsigned char *s, size_t n, bool all)
{
  enum { MOST = 32 };

  text_put(t, '"');
  for(size_t i = 0; i < n && i < MOST; i++)
    if(s[i] == '\n')
      text_format(t, "\\n");
    else if(s[i] == '\t')
      text_format(t, "\\t");
    else if(s[i] == '"' || s[i] == '\\')
      text_format(t, "\\%c", s[i]);
    else if(s[i] >= ' ' && s[i] < 127)
      text_put(t, s[i]);
    else
      text_format(t, "\\%o", s[i]);
  text_format(t, all && n <= MOST ? "\"" : "\"...");
}

static size_t
string_length(const struct pointee *p)
{
  size_t n = 0;

  while(n < p->n && p->bytes[n])
    n++;
  return n;
}

static void
show_stat(struct text *t, const struct pointee *p)
{
  static const struct name types[] = {
    { 0010000, "S_IFIFO" }, { 0020000, "S_IFCHR" }, { 0040000, "S_IFDIR" },
    { 0060000, "S_IFBLK" }, { 0100000, "S_IFREG" }, { 0120000, "S_IFLNK" }, { 0, NULL },
  };
  uint mode = *(uint *)(p->bytes + 16);
  const char *type = name_of(types, mode & 0170000);

  text_format(t, "{st_ino=%lu, st_mode=%s|0%o, ...}", *(uint64 *)(p->bytes + 8),
              type ? type : "0", mode & 07777);
}

static void
show_status(struct text *t, int status)
{
  if((status & 0x7f) == 0)
    text_format(t, "[exited with %d]", status >> 8 & 0xff);
  else if((status & 0xff) == 0x7f)
    text_format(t, "[stopped by %s]", name_of(signals, status >> 8 & 0xff));
  else
    text_format(t, "[killed by %s]", name_of(signals, status & 0x7f));
}

// => false: it is not there, or not known
static bool
show_pointee(struct text *t, char letter, const struct call *c, int i, bool ended)
{
  const struct pointee *p = &c->data[i];
  uint64 room = i + 1 < CALL_ARGS ? c->args[i + 1] : 0;
  uint64 given = letter == 'B' ? (uint64)c->result : room;
  bool good = ended && c->result >= 0;

  if(letter == 's' && p->n)
    show_bytes(t, p->bytes, string_length(p), string_length(p) < p->n);
  else if((letter == 'b' || (letter == 'B' && good)) && (p->n || given == 0))
    show_bytes(t, p->bytes, given < p->n ? given : p->n, given <= p->n);
  else if(letter == 'T' && p->n >= 16)
    text_format(t, "{tv_sec=%ld, tv_nsec=%ld}", ((long *)p->bytes)[0], ((long *)p->bytes)[1]);
  else if(letter == 'i' && p->n >= 8 && good)
    text_format(t, "[%d, %d]", ((int *)p->bytes)[0], ((int *)p->bytes)[1]);
  else if(letter == 'w' && p->n >= 4 && good && c->result > 0)
    show_status(t, *(int *)p->bytes);
  else if(letter == 't' && p->n >= 20 && good)
    show_stat(t, p);
  else
    return false;
  return true;
}

// ---- The call ----

static void
show_argument(struct text *t, char letter, const struct call *c, int i, bool ended)
{
  uint64 v = c->args[i];

  if(show_named(t, letter, v) || (v && show_pointee(t, letter, c, i, ended)))
    return;
  if(letter == 'a' && (int)v == -100)
    text_format(t, "AT_FDCWD");
  else if(strchr("afd", letter))
    text_format(t, "%ld", letter == 'd' ? (long)v : (long)(int)v);
  else if(letter == 'u')
    text_format(t, "%lu", v);
  else if(letter == 'o')
    text_format(t, "0%o", (uint)v);
  else if(letter == 'x')
    text_format(t, "0x%lx", v);
  else if(v == 0)
    text_format(t, "NULL");
  else
    text_format(t, "0x%lx", v);
}

static void
show_result(struct text *t, const struct call *c, bool address)
{
  const char *name = name_of(errors, -c->result);

  if(c->result <= -512 && c->result >= -516)
    text_format(t, "? (to be made again)");
  else if(name)
    text_format(t, "-1 %s (%s)", name, error_text(c->result));
  else
    text_format(t, address ? "0x%lx" : "%ld", c->result);
}

void
call_show(struct text *t, const struct call *c, bool ended)
{
  const char *s = signature(c->nr);
  const char *letters = s ? strchr(s, ' ') + 1 : "xxxxxx";

  text_format(t, "%s(", call_name(c->nr));
  for(int i = 0; letters[i] && letters[i] != ':'; i++){
    text_format(t, "%s", i ? ", " : "");
    show_argument(t, letters[i], c, i, ended);
  }
  text_format(t, ") = ");
  if(ended)
    show_result(t, c, strchr(letters, ':') != NULL);
  else
    text_format(t, "?");
}
