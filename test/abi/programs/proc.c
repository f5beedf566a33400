// SPDX-License-Identifier: MIT
//
// What /proc tells of a process, beside what the process knows of itself.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- Reading ----

static char contents_of[16384];

static const char *
contents(const char *path)
{
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? 0 : read(fd, contents_of, sizeof contents_of - 1), more = n;
  while(n > 0 && (more = read(fd, contents_of + n, sizeof contents_of - 1 - n)) > 0)
    n += more;
  close(fd);
  contents_of[n > 0 ? n : 0] = 0;
  return contents_of;
}

// What stands behind a name of status. => "none" without it
static const char *
status_of(const char *pid, const char *name)
{
  char value[256], path[64], line[64];
  snprintf(path, sizeof path, "/proc/%s/status", pid);
  snprintf(line, sizeof line, "\n%s:", name);
  const char *s = strstr(contents(path), line);
  if(s == NULL)
    return "none";
  s += strlen(line);
  snprintf(value, sizeof value, "%.*s", (int)strcspn(s, "\n"), s);
  return strdup(value);
}

// The number behind it, in whatever unit.
static long
number_of(const char *name)
{
  return strtol(status_of("self", name), NULL, 0);
}

// A field of stat, counted from 1 as proc(5) does.
static long
field_of(const char *path, int n)
{
  const char *s = strrchr(contents(path), ')');
  for(int k = 2; s && k < n; k++)
    s = strchr(s + 1, ' ');
  return s ? strtoul(s + 1, NULL, 10) : -99;
}

static long
field(int n)
{
  return field_of("/proc/self/stat", n);
}

static void
end_child(pid_t p)
{
  int status;
  fflush(stdout);
  if(p == 0)
    _exit(0);
  waitpid(p, &status, 0);
}

static pid_t
child(void)
{
  fflush(stdout);
  return fork();
}

// ---- What is told ----

static void
identity(void)
{
  enum { FORKNOEXEC = 0x40, KTHREAD = 0x200000 };
  umask(0137);
  printf("umask %s, kernel's %s\n", status_of("self", "Umask"), status_of("self", "Kthread"));
  printf("flags %lx\n", field(9) & (FORKNOEXEC | KTHREAD));
  pid_t p = child();
  if(p == 0){
    setsid();
    printf("flags of a child %lx, session %d, group %d, terminal %ld, foreground %d\n",
           field(9) & (FORKNOEXEC | KTHREAD), field(6) == getpid(), field(5) == getpid(), field(7),
           (int)field(8));
  }
  end_child(p);
}

static void
capabilities(void)
{
  printf("inherited%s, ambient%s\n", status_of("self", "CapInh"), status_of("self", "CapAmb"));
  bool same = strcmp(status_of("self", "CapPrm"), status_of("self", "CapEff")) == 0;
  printf("permitted as effective %d, %zu digits\n", same, strlen(status_of("self", "CapBnd")) - 1);
}

static void
harts(void)
{
  cpu_set_t all, one;
  sched_getaffinity(0, sizeof all, &all);
  int last = -1;
  for(int k = 0; k < 64; k++)
    if(CPU_ISSET(k, &all))
      last = k;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  printf("one hart: %d\n", sched_setaffinity(0, sizeof one, &one));
  printf("allowed%s,%s\n", status_of("self", "Cpus_allowed"),
         status_of("self", "Cpus_allowed_list"));
  sched_setaffinity(0, sizeof all, &all);
  char want[32];
  snprintf(want, sizeof want, last ? "\t0-%d" : "\t0", last);
  printf("all again %d\n", strcmp(status_of("self", "Cpus_allowed_list"), want) == 0);
}

static void
signals(void)
{
  sigset_t set;
  sigfillset(&set);
  sigprocmask(SIG_BLOCK, &set, NULL);
  long before = number_of("SigQ");
  for(int k = 0; k < 5; k++)
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = k });
  long queued = number_of("SigQ");           // of all of this user's, on Linux
  printf("queued %d, pending%s\n", queued >= 5 && before >= 0, status_of("self", "ShdPnd"));
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGRTMIN + 1);
  for(int k = 0; k < 5; k++)
    sigwaitinfo(&one, NULL);
  printf("taken %d, pending%s\n", number_of("SigQ") < queued, status_of("self", "ShdPnd"));
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

// A library's text is not the program's.
static void
memory(const char *arguments)
{
  enum { MANY = 64 << 20 };
  int on_stack = 0;
  long text = ((field(27) + 4095) & ~4095L) - (field(26) & ~4095L);
  printf("text around us %d %d, not the stack %d\n", field(26) <= (long)memory,
         field(27) >= (long)memory, field(27) < (long)&on_stack);
  printf("text alone %d\n", number_of("VmExe") * 1024 == text);
  printf("variable in the data %d\n", field(45) <= (long)&contents_of && field(47) > field(45));
  printf("stack begins above us %d, below the arguments %d\n", field(28) > (long)&on_stack,
         field(28) < (long)arguments);
  printf("arguments %d\n", field(48) == (long)arguments);
  printf("registers %ld %ld\n", field(29), field(30));
  long size = number_of("VmSize");
  char *p = mmap(NULL, MANY, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  long more = number_of("VmSize") - size;
  munmap(p, MANY);
  printf("mapped %ld, at most %d, now %ld\n", more, number_of("VmPeak") >= size + more,
         number_of("VmSize") - size);
}

static void
turns(void)
{
  enum { NAPS = 10, TRIES = 1000000 };
  long before = number_of("voluntary_ctxt_switches"), slept = 0;
  for(int k = 0; k < TRIES && slept < NAPS; k++){
    usleep(1000);
    slept = number_of("voluntary_ctxt_switches") - before;
  }
  printf("naps counted %d\n", slept >= NAPS);
  cpu_set_t one, all;
  sched_getaffinity(0, sizeof all, &all);
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  pid_t p = child();
  if(p == 0)
    for(;;)
      ;
  long had = number_of("nonvoluntary_ctxt_switches");
  for(int k = 0; k < TRIES && number_of("nonvoluntary_ctxt_switches") < had + 3; k++)
    ;
  printf("preempted %d\n", number_of("nonvoluntary_ctxt_switches") >= had + 3);
  kill(p, SIGKILL);
  end_child(p);
  sched_setaffinity(0, sizeof all, &all);
}

static void
descriptors(void)
{
  static const int how[] = { O_RDONLY, O_WRONLY, O_RDWR };
  char path[64];
  struct stat st;
  int ends[2];
  for(int k = 0; k < 3; k++){
    int fd = open("/dev/null", how[k]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    lstat(path, &st);
    printf("opened %d: %o\n", how[k], st.st_mode);
    close(fd);
  }
  pipe(ends);
  for(int k = 0; k < 2; k++){
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[k]);
    lstat(path, &st);
    printf("end %d: %o\n", k, st.st_mode);
  }
}

// Where a file stands and how it was opened; and who has locks on it, or waits.
static void
locks(void)
{
  char path[64], line[256], inode[64];
  struct stat st;
  int fd = open("locked", O_RDWR | O_CREAT | O_APPEND | O_EXCL, 0600);
  write(fd, "some bytes", 10);
  fstat(fd, &st);
  lseek(fd, 7, SEEK_SET);
  struct flock l = { .l_type = F_WRLCK, .l_start = 2, .l_len = 5 }, all = { .l_type = F_WRLCK };
  fcntl(fd, F_SETLK, &l);
  pid_t p = child();
  if(p == 0){
    all.l_type = F_RDLCK;
    fcntl(fd, F_SETLKW, &all);
    _exit(0);
  }
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  snprintf(inode, sizeof inode, ":%ld ", st.st_ino);
  FILE *f = fopen(path, "r");
  while(fgets(line, sizeof line, f))
    if(strncmp(line, "pos", 3) == 0)
      printf("%s", line);
    else if(strncmp(line, "flags", 5) == 0)
      printf("flags %lo\n", strtol(line + 7, NULL, 8) & (O_APPEND | O_ACCMODE));
    else if(strncmp(line, "ino", 3) == 0)
      printf("its inode %d\n", atol(line + 5) == (long)st.st_ino);
    else if(strncmp(line, "lock", 4) == 0 && strstr(line, inode))
      printf("its lock%s", strstr(line, inode) + strlen(inode) - 1);
  fclose(f);
  bool waits = false;
  while(!waits){
    f = fopen("/proc/locks", "r");
    while(fgets(line, sizeof line, f))
      waits |= strstr(line, inode) && strstr(line, "->");
    fclose(f);
  }
  f = fopen("/proc/locks", "r");
  while(fgets(line, sizeof line, f))
    if(strstr(line, inode)){
      char *who = strstr(line, "WRITE") ? strstr(line, "WRITE") : strstr(line, "READ");
      int pid = who ? atoi(strchr(who, ' ') + 1) : 0;
      printf("%.*s of %s%s", (int)(strchr(who, ' ') - strchr(line, ' ')), strchr(line, ' '),
             pid == getpid() ? "mine" : pid == p ? "the child" : "others",
             strstr(line, inode) + strlen(inode) - 1);
    }
  fclose(f);
  close(fd);
  end_child(p);
  fd = open("locked", O_RDWR);
  flock(fd, LOCK_SH);
  f = fopen("/proc/locks", "r");
  while(fgets(line, sizeof line, f))
    if(strstr(line, inode) && strstr(line, "FLOCK "))
      printf("whole file: mine %d%s", atoi(strstr(line, "READ ") + 5) == getpid(),
             strstr(line, inode) + strlen(inode) - 1);
  fclose(f);
  close(fd);
  unlink("locked");
}

// What one sleeps in has a name.
static void
waiting(void)
{
  char path[64], name[128] = "";
  int ends[2];
  pipe(ends);
  pid_t p = child();
  if(p == 0){
    read(ends[0], path, 1);
    _exit(0);
  }
  snprintf(path, sizeof path, "/proc/%d/stat", p);
  while(field_of(path, 35) != 1 || strchr(contents(path), ')')[2] != 'S')
    usleep(1000);
  snprintf(path, sizeof path, "/proc/%d/wchan", p);
  snprintf(name, sizeof name, "%s", contents(path));
  printf("of a pipe %d, itself %s\n", strstr(name, "pipe") != NULL, contents("/proc/self/wchan"));
  snprintf(path, sizeof path, "/proc/%d/stack", p);
  contents(path);
  printf("called from read %d, in Linux's form %d\n",
         strstr(contents_of, "_read+0x") != NULL,
         strncmp(contents_of, "[<0>] ", 6) == 0 && strstr(contents_of, "/0x") != NULL);
  write(ends[1], "x", 1);
  end_child(p);
}

static void *
thread(void *out)
{
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", gettid());
  *(long *)out = field_of(path, 38);
  return NULL;
}

static void
threads(void)
{
  pthread_t t;
  long signal;
  pthread_create(&t, NULL, thread, &signal);
  pthread_join(t, NULL);
  printf("ends with signal %ld, a thread with %d\n", field(38), (int)signal);
  printf("asleep %ld\n", field(35));
}

int
main(int argc, char **argv)
{
  identity();
  capabilities();
  harts();
  signals();
  memory(argv[0]);
  turns();
  descriptors();
  locks();
  waiting();
  threads();
  return 0;
}
