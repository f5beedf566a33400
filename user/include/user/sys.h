// SPDX-License-Identifier: MIT
//
// The system calls themselves.  Each returns what the kernel does: a value, or
// an error of abi.h negated.

#pragma once

#include "user/abi.h"

static inline long
syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = d;
  register long a4 __asm__("a4") = e;
  register long a5 __asm__("a5") = f;
  register long a7 __asm__("a7") = nr;
  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return a0;
}

static inline long
syscall3(long nr, long a, long b, long c)
{
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a7 __asm__("a7") = nr;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

static inline long
syscall4(long nr, long a, long b, long c, long d)
{
  return syscall6(nr, a, b, c, d, 0, 0);
}

static inline long syscall2(long nr, long a, long b) { return syscall3(nr, a, b, 0); }
static inline long syscall1(long nr, long a) { return syscall3(nr, a, 0, 0); }
static inline long syscall0(long nr) { return syscall3(nr, 0, 0, 0); }

// ---- Files ----

static inline long
sys_openat(int dir, const char *path, int flags, int mode)
{
  return syscall4(NR_openat, dir, (long)path, flags, mode);
}

static inline long
sys_open(const char *path, int flags, int mode)
{
  return sys_openat(AT_FDCWD, path, flags, mode);
}

static inline long
sys_close(int fd)
{
  return syscall1(NR_close, fd);
}

static inline long
sys_read(int fd, void *buf, size_t n)
{
  return syscall3(NR_read, fd, (long)buf, n);
}

static inline long
sys_write(int fd, const void *buf, size_t n)
{
  return syscall3(NR_write, fd, (long)buf, n);
}

static inline long
sys_pread(int fd, void *buf, size_t n, long off)
{
  return syscall4(NR_pread64, fd, (long)buf, n, off);
}

static inline long
sys_pwrite(int fd, const void *buf, size_t n, long off)
{
  return syscall4(NR_pwrite64, fd, (long)buf, n, off);
}

static inline long
sys_lseek(int fd, long off, int whence)
{
  return syscall3(NR_lseek, fd, off, whence);
}

static inline long
sys_ftruncate(int fd, long size)
{
  return syscall2(NR_ftruncate, fd, size);
}

static inline long
sys_fsync(int fd)
{
  return syscall1(NR_fsync, fd);
}

static inline long
sys_fdatasync(int fd)
{
  return syscall1(NR_fdatasync, fd);
}

static inline void
sys_sync(void)
{
  syscall0(NR_sync);
}

static inline long
sys_getdents(int fd, void *buf, size_t n)
{
  return syscall3(NR_getdents64, fd, (long)buf, n);
}

static inline long
sys_fstat(int fd, struct kstat *st)
{
  return syscall2(NR_fstat, fd, (long)st);
}

static inline long
sys_stat(const char *path, struct kstat *st)
{
  return syscall4(NR_newfstatat, AT_FDCWD, (long)path, (long)st, 0);
}

static inline long
sys_lstat(const char *path, struct kstat *st)
{
  return syscall4(NR_newfstatat, AT_FDCWD, (long)path, (long)st, AT_SYMLINK_NOFOLLOW);
}

static inline long
sys_statfs(const char *path, struct fs_stat *st)
{
  return syscall2(NR_statfs, (long)path, (long)st);
}

static inline long
sys_mount(const char *source, const char *where, const char *type, const char *options)
{
  return syscall6(NR_mount, (long)source, (long)where, (long)type, 0, (long)options, 0);
}

static inline long
sys_umount(const char *where)
{
  return syscall2(NR_umount2, (long)where, 0);
}

static inline long
sys_swapon(const char *path, int flags)
{
  return syscall2(NR_swapon, (long)path, flags);
}

// flags: MCL_
static inline long
sys_mlockall(int flags)
{
  return syscall1(NR_mlockall, flags);
}

static inline long
sys_swapoff(const char *path)
{
  return syscall1(NR_swapoff, (long)path);
}

static inline long
sys_mkdir(const char *path, int mode)
{
  return syscall3(NR_mkdirat, AT_FDCWD, (long)path, mode);
}

static inline long
sys_mknod(const char *path, int mode, uint64 dev)
{
  return syscall4(NR_mknodat, AT_FDCWD, (long)path, mode, dev);
}

static inline long
sys_unlink(const char *path)
{
  return syscall3(NR_unlinkat, AT_FDCWD, (long)path, 0);
}

static inline long
sys_rmdir(const char *path)
{
  return syscall3(NR_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR);
}

static inline long
sys_link(const char *old, const char *new)
{
  return syscall6(NR_linkat, AT_FDCWD, (long)old, AT_FDCWD, (long)new, 0, 0);
}

static inline long
sys_symlink(const char *target, const char *path)
{
  return syscall3(NR_symlinkat, (long)target, AT_FDCWD, (long)path);
}

static inline long
sys_readlink(const char *path, char *buf, size_t n)
{
  return syscall4(NR_readlinkat, AT_FDCWD, (long)path, (long)buf, n);
}

static inline long
sys_rename(const char *old, const char *new)
{
  return syscall6(NR_renameat2, AT_FDCWD, (long)old, AT_FDCWD, (long)new, 0, 0);
}

static inline long
sys_chmod(const char *path, int mode)
{
  return syscall3(NR_fchmodat, AT_FDCWD, (long)path, mode);
}

// times: access and modification, or NULL for now.
static inline long
sys_utimes(const char *path, const struct timespec *times)
{
  return syscall4(NR_utimensat, AT_FDCWD, (long)path, (long)times, 0);
}

static inline long
sys_chdir(const char *path)
{
  return syscall1(NR_chdir, (long)path);
}

static inline long
sys_getcwd(char *buf, size_t n)
{
  return syscall2(NR_getcwd, (long)buf, n);
}

static inline long
sys_umask(int mask)
{
  return syscall1(NR_umask, mask);
}

static inline long
sys_pipe(int *fds, int flags)
{
  return syscall2(NR_pipe2, (long)fds, flags);
}

static inline long
sys_dup(int fd)
{
  return syscall1(NR_dup, fd);
}

static inline long
sys_dup3(int from, int to, int flags)
{
  return syscall3(NR_dup3, from, to, flags);
}

static inline long
sys_fcntl(int fd, int cmd, long arg)
{
  return syscall3(NR_fcntl, fd, cmd, arg);
}

static inline long
sys_ioctl(int fd, uint64 cmd, void *arg)
{
  return syscall3(NR_ioctl, fd, cmd, (long)arg);
}

static inline long
sys_poll(struct poll_fd *fds, int n, const struct timespec *limit)
{
  return syscall6(NR_ppoll, (long)fds, n, (long)limit, 0, 0, 0);
}

// ---- Processes ----

static inline long
sys_fork(void)
{
  return syscall6(NR_clone, SIGCHLD, 0, 0, 0, 0, 0);
}

static inline long
sys_execve(const char *path, char *const *argv, char *const *env)
{
  return syscall3(NR_execve, (long)path, (long)argv, (long)env);
}

static inline void __attribute__((noreturn))
sys_exit(int status)
{
  for(;;)
    syscall1(NR_exit_group, status);
}

static inline long
sys_wait4(int pid, int *status, int options, struct rusage *used)
{
  return syscall4(NR_wait4, pid, (long)status, options, (long)used);
}

static inline long
sys_wait(int pid, int *status, int options)
{
  return sys_wait4(pid, status, options, NULL);
}

static inline long
sys_kill(int pid, int sig)
{
  return syscall2(NR_kill, pid, sig);
}

static inline long
sys_sigaction(int sig, const struct sig_action *act, struct sig_action *old)
{
  return syscall4(NR_rt_sigaction, sig, (long)act, (long)old, sizeof(uint64));
}

static inline long
sys_getpid(void)
{
  return syscall0(NR_getpid);
}

static inline long
sys_getppid(void)
{
  return syscall0(NR_getppid);
}

static inline long
sys_getpgid(int pid)
{
  return syscall1(NR_getpgid, pid);
}

// which 0: of a process.  getpriority => 20 less what it is
static inline long
sys_getpriority(int which, int who)
{
  return syscall2(NR_getpriority, which, who);
}

static inline long
sys_setpriority(int which, int who, int nice)
{
  return syscall3(NR_setpriority, which, who, nice);
}

static inline long
sys_setpgid(int pid, int pgid)
{
  return syscall2(NR_setpgid, pid, pgid);
}

static inline long
sys_setsid(void)
{
  return syscall0(NR_setsid);
}

static inline long
sys_rlimit(int resource, const struct rlimit *set, struct rlimit *old)
{
  return syscall4(NR_prlimit64, 0, resource, (long)set, (long)old);
}

static inline long
sys_yield(void)
{
  return syscall0(NR_sched_yield);
}

// ---- Memory ----

static inline uint64
sys_brk(uint64 end)
{
  return syscall1(NR_brk, end);
}

static inline long
sys_mmap(void *addr, size_t n, int prot, int flags, int fd, long off)
{
  return syscall6(NR_mmap, (long)addr, n, prot, flags, fd, off);
}

static inline long
sys_munmap(void *addr, size_t n)
{
  return syscall2(NR_munmap, (long)addr, n);
}

static inline long
sys_mprotect(void *addr, size_t n, int prot)
{
  return syscall3(NR_mprotect, (long)addr, n, prot);
}

static inline long
sys_madvise(void *addr, size_t n, int advice)
{
  return syscall3(NR_madvise, (long)addr, n, advice);
}

// ---- Time and the system ----

static inline long
sys_nanosleep(const struct timespec *request, struct timespec *left)
{
  return syscall2(NR_nanosleep, (long)request, (long)left);
}

static inline long
sys_clock(int clock, struct timespec *now)
{
  return syscall2(NR_clock_gettime, clock, (long)now);
}

static inline long
sys_setitimer(int which, const struct timer_value *set)
{
  return syscall3(NR_setitimer, which, (long)set, 0);
}

static inline long
sys_getrandom(void *buf, size_t n, int flags)
{
  return syscall3(NR_getrandom, (long)buf, n, flags);
}

static inline long
sys_uname(struct uts_name *u)
{
  return syscall1(NR_uname, (long)u);
}

static inline long
sys_sysinfo(struct sys_info *info)
{
  return syscall1(NR_sysinfo, (long)info);
}

static inline long
sys_syslog(int action, char *buf, int n)
{
  return syscall3(NR_syslog, action, (long)buf, n);
}

static inline long
sys_reboot(uint how)
{
  return syscall4(NR_reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, how, 0);
}
