// SPDX-License-Identifier: MIT
//
// strace's table of system calls.

#include "user/strace.h"

// Linux's numbers and names, and behind the name a letter for each argument:
//   f descriptor  a descriptor of a directory  d u x o numbers: signed, unsigned, hex, octal
//   s path  . string  ` string*  b bytes, the next argument says how many
//   B h bytes*, the result says it  v strings of a program  e its environment
//   m a mode, if a file is made  p pointer, nothing known of it  z what belongs to a command
// what is pointed to, as given or (*) as it was left:
//   T timespec  < timespec*  % timeval*  r timeval of rusage*  j itimerval  1 rlimit  2 rlimit*
//   3 sigaction  0 sigaction*  4 signals  5 signals*  6 pollfd  & descriptors  7 iovec
//   8 utsname*  9 epoll_event  + epoll_events*  i two descriptors*  w wait status*  t stat*
//   c clone_args  k processors*  y directory entries*
// Capitals, and the others, are names: st_name.c.  Behind a colon x or o, how the result is
// shown.
static const char *const calls[CALLS] = {
  [0] = "io_setup up", "io_destroy x", "io_submit xdp", "io_cancel xpp", "io_getevents xddpp",
  "setxattr ssbux", "lsetxattr ssbux", "fsetxattr f.bux", "getxattr ssBu", "lgetxattr ssBu",
  "fgetxattr f.Bu", "listxattr spu", "llistxattr spu", "flistxattr fpu", "removexattr ss",
  "lremovexattr ss", "fremovexattr f.", "getcwd `u", "lookup_dcookie xpu", "eventfd2 u(",
  "epoll_create1 )", "epoll_ctl fEf9", "epoll_pwait f+dd4u", "dup f", "dup3 ffg", "fcntl fFz",
  "inotify_init1 g", "inotify_add_watch fsx", "inotify_rm_watch fd", "ioctl fIp",
  "ioprio_set ddd", "ioprio_get dd", "flock fL", "mknodat asox", "mkdirat aso", "unlinkat asn",
  "symlinkat sas", "linkat asasA", "renameat asas", "umount2 sx", "mount sssxp",
  "pivot_root ss", "nfsservctl dpp", "statfs sp", "fstatfs fp", "truncate su", "ftruncate fu",
  "fallocate fxuu", "faccessat asJ", "chdir s", "fchdir f", "chroot s", "fchmod fo",
  "fchmodat aso", "fchownat asddA", "fchown fdd", "openat asOm", "close f", "vhangup ",
  "pipe2 ig", "quotactl xsdp", "getdents64 fyu", "lseek fdW", "read fBu", "write fbu",
  "readv fpu", "writev f7u", "pread64 fBud", "pwrite64 fbud", "preadv fpud", "pwritev f7ud",
  "sendfile ffpu", "pselect6 d&&&Tp", "ppoll 6uT4u", "signalfd4 f4ug", "vmsplice f7ux",
  "splice fpfpux", "tee ffux", "readlinkat asBu", "newfstatat astA", "fstat ft", "sync ",
  "fsync f", "fdatasync f", "sync_file_range fuux", "timerfd_create K~", "timerfd_settime fqpp",
  "timerfd_gettime fp", "utimensat aspA", "acct s", "capget pp", "capset pp", "personality x",
  "exit d", "exit_group d", "waitid =dpNp", "set_tid_address p", "unshare C", "futex pQuTpU",
  "set_robust_list pu", "get_robust_list dpp", "nanosleep Tp", "getitimer lp", "setitimer ljp",
  "kexec_load puup", "init_module pu.", "delete_module .x", "timer_create Kpp",
  "timer_gettime dp", "timer_getoverrun d", "timer_settime dxpp", "timer_delete d",
  "clock_settime KT", "clock_gettime K<", "clock_getres K<", "clock_nanosleep KqTp",
  "syslog dpd", "ptrace ddpp", "sched_setparam dp", "sched_setscheduler ddp",
  "sched_getscheduler d", "sched_getparam dp", "sched_setaffinity duk", "sched_getaffinity duk",
  "sched_yield ", "sched_get_priority_max d", "sched_get_priority_min d",
  "sched_rr_get_interval dp", "restart_syscall ", "kill dS", "tkill dS", "tgkill ddS",
  "sigaltstack pp", "rt_sigsuspend 4u", "rt_sigaction S30u", "rt_sigprocmask H45u",
  "rt_sigpending 5u", "rt_sigtimedwait 4pTu", "rt_sigqueueinfo dSp", "rt_sigreturn ",
  "setpriority ?dd", "getpriority ?d", "reboot xxdp", "setregid dd", "setgid d", "setreuid dd",
  "setuid d", "setresuid ddd", "getresuid ppp", "setresgid ddd", "getresgid ppp", "setfsuid d",
  "setfsgid d", "times p", "setpgid dd", "getpgid d", "getsid d", "setsid ", "getgroups dp",
  "setgroups dp", "uname 8", "sethostname .u", "setdomainname .u", "getrlimit R2",
  "setrlimit R1", "getrusage Gr", "umask o:o", "prctl Yz", "getcpu ppp", "gettimeofday %p",
  "settimeofday pp", "adjtimex p", "getpid ", "getppid ", "getuid ", "geteuid ", "getgid ",
  "getegid ", "gettid ", "sysinfo p", "mq_open .Om", "mq_unlink .", "mq_timedsend dbuuT",
  "mq_timedreceive dBupT", "mq_notify dp", "mq_getsetattr dpp", "msgget xx", "msgctl dxp",
  "msgrcv dpudx", "msgsnd dpux", "semget xdx", "semctl ddxx", "semtimedop dpuT", "semop dpu",
  "shmget xux", "shmctl dxp", "shmat dpx:x", "shmdt p", "socket D$d", "socketpair D$di",
  "bind fpu", "listen fd", "accept fpp", "connect fpu", "getsockname fpp", "getpeername fpp",
  "sendto fbuxpu", "recvfrom fBuxpp", "setsockopt fddpu", "getsockopt fddpp", "shutdown fd",
  "sendmsg fpx", "recvmsg fpx", "readahead fuu", "brk p:x", "munmap pu", "mremap puuXp:x",
  "add_key ..pud", "request_key ...d", "keyctl dxxxx", "clone Cpppp", "execve sve",
  "mmap puPMfx:x", "fadvise64 fuud", "swapon sx", "swapoff s", "mprotect puP", "msync puZ",
  "mlock pu", "munlock pu", "mlockall x", "munlockall ", "mincore pup", "madvise puV",
  "remap_file_pages puPux", "mbind puxpux", "get_mempolicy ppupx", "set_mempolicy xpu",
  "migrate_pages dupp", "move_pages duppp", "rt_tgsigqueueinfo ddSp", "perf_event_open pddfx",
  "accept4 fppg", "recvmmsg fpuxp",
  [258] = "riscv_hwprobe puupx", "riscv_flush_icache ppx", "wait4 dwNp", "prlimit64 dR12",
  "fanotify_init xx", "fanotify_mark fxxas", "name_to_handle_at asppx", "open_by_handle_at apO",
  "clock_adjtime Kp", "syncfs f", "setns fx", "sendmmsg fpux", "process_vm_readv dpupux",
  "process_vm_writev dpupux", "kcmp dddxx", "finit_module f.x", "sched_setattr dpx",
  "sched_getattr dpux", "renameat2 asasx", "seccomp xxp", "getrandom hu!", "memfd_create .x",
  "bpf dpu", "execveat asveA", "userfaultfd x", "membarrier dxd", "mlock2 pux",
  "copy_file_range fpfpux", "preadv2 fpudux", "pwritev2 f7udux", "pkey_mprotect puPd",
  "pkey_alloc xx", "pkey_free d", "statx asAxp", "io_pgetevents xddppp", "rseq pxdx",
  "kexec_file_load ffu.x",
  [424] = "pidfd_send_signal fSpx", "io_uring_setup up", "io_uring_enter fuuxpu",
  "io_uring_register fxpu", "open_tree asx", "move_mount asasx", "fsopen .x", "fsconfig fx.pd",
  "fsmount fxx", "fspick asx", "pidfd_open dx", "clone3 cu", "close_range ffx", "openat2 aspu",
  "pidfd_getfd ffx", "faccessat2 asJA", "process_madvise f7uVx", "epoll_pwait2 f+dT4u",
  "mount_setattr asxpu", "quotactl_fd fxdp", "landlock_create_ruleset pux",
  "landlock_add_rule fdpx", "landlock_restrict_self fx", "memfd_secret x",
  "process_mrelease fx", "futex_waitv puxTK", "set_mempolicy_home_node puxx",
  "cachestat fppx", "fchmodat2 asoA", "map_shadow_stack pux", "futex_wake pxdx",
  "futex_wait pxxxTK", "futex_requeue pxdd",
};

// Our own: docs/checkpoint.md
enum { OWN = 4000 };
static const char *const own[] = { "freeze xxx", "restore xxx", "become xxx" };

static const char *
signature(long nr)
{
  if(nr >= OWN && (size_t)nr - OWN < sizeof own / sizeof own[0])
    return own[nr - OWN];
  return nr >= 0 && nr < CALLS ? calls[nr] : NULL;
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
    text_format(&t, "syscall_0x%lx", nr);
  return t.s;
}

const char *
call_letters(long nr)
{
  const char *s = signature(nr);

  return s ? strchr(s, ' ') + 1 : "xxxxxx";
}

// ---- Choosing ----

// Some are known by a letter they have, others by name.
static const struct { const char *class, *letters, *names; } classes[] = {
  { "file", "s", " chdir fchdir getcwd " },
  { "desc", "fa", " pipe2 epoll_create1 eventfd2 ppoll pselect6 memfd_create " },
  { "memory", "PV", " brk munmap mremap msync mlock mlock2 munlock mlockall munlockall mincore " },
  { "process", "CwN", " execve execveat exit exit_group clone3 waitid kill tkill tgkill " },
  { "signal", "S45", " sigaltstack rt_sigreturn " },
  { "network", "D", " bind listen accept accept4 connect sendto recvfrom sendmsg recvmsg "
                    "shutdown getsockname getpeername setsockopt getsockopt " },
};

static bool
has_word(const char *words, const char *word)
{
  size_t n = strlen(word);

  for(const char *w = skip_blanks(words); *w; w = skip_blanks(strchr(w, ' ')))
    if(starts_with(w, word) && w[n] == ' ')
      return true;
  return false;
}

static bool
in_class(long nr, const char *class)
{
  bool in = false;

  for(size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
    if(strcmp(classes[i].class, class) == 0){
      in = has_word(classes[i].names, call_name(nr));
      for(const char *l = call_letters(nr); *l && *l != ':'; l++)
        in |= strchr(classes[i].letters, *l) != NULL;
    }
  return in;
}

bool
calls_named(const char *name, bool set[CALLS])
{
  const char *class = name + (*name == '%');
  bool some = false;

  for(long nr = 0; nr < CALLS; nr++)
    if(signature(nr) && (strcmp(call_name(nr), name) == 0 || strcmp("all", name) == 0 ||
                         in_class(nr, class)))
      some = set[nr] = true;
  return some;
}
