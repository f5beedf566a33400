// SPDX-License-Identifier: MIT
//
// Threads of one process: locks, conditions, memory changing under all of them,
// locks shared with other processes, threads that end in every way.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, PAGE = 4096 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile long total, turn;
static __thread long own;

static void
each(void *(*fn)(void *))
{
  pthread_t t[THREADS];
  for(long i = 0; i < THREADS; i++)
    if(pthread_create(&t[i], NULL, fn, (void *)i))
      abort();
  long sum = 0;
  for(int i = 0; i < THREADS; i++){
    void *r;
    pthread_join(t[i], &r);
    sum += (long)r;
  }
  printf("returned %ld\n", sum);
}

static void *
count(void *arg)
{
  for(int i = 0; i < 5000; i++){
    pthread_mutex_lock(&mutex);
    total++;
    own++;
    pthread_mutex_unlock(&mutex);
  }
  return (void *)own;
}

static void *
take_turns(void *arg)
{
  for(int i = 0; i < 50; i++){
    pthread_mutex_lock(&mutex);
    while(turn % THREADS != (long)arg)
      pthread_cond_wait(&cond, &mutex);
    turn++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

// Each maps, fills, protects, reads and unmaps memory of its own, in the one space.
static void *
remap(void *arg)
{
  long wrong = 0;
  for(int i = 0; i < 60; i++){
    size_t n = (1 + (i * 7 + (long)arg) % 20) * PAGE;
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for(size_t k = 0; k < n; k += PAGE)
      p[k + i] = (char)(long)arg + 1;
    mprotect(p, n, PROT_READ);
    for(size_t k = 0; k < n; k += PAGE)
      wrong += p[k + i] != (char)(long)arg + 1 || p[k + i + 1] != 0;
    madvise(p, PAGE, MADV_DONTNEED);
    wrong += p[i] != 0;
    munmap(p, n);
    char *h = malloc(3000 + i);
    memset(h, i, 3000 + i);
    wrong += h[2999] != (char)i;
    free(h);
  }
  return (void *)wrong;
}

static char *shared_pages;

static void *
fault_together(void *arg)
{
  long sum = 0;
  for(int i = 0; i < 500; i++){
    __atomic_fetch_add((int *)(shared_pages + i * PAGE), 1, __ATOMIC_SEQ_CST);
    sum += shared_pages[i * PAGE + 8];
  }
  return (void *)sum;
}

static void
in_one_space(void)
{
  shared_pages = mmap(NULL, 500 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
  each(fault_together);
  long sum = 0;
  for(int i = 0; i < 500; i++)
    sum += *(int *)(shared_pages + i * PAGE);
  printf("increments %ld\n", sum);
}

static void
timeouts(void)
{
  struct timespec t;
  int word = 1;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 20000000;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  pthread_mutex_lock(&mutex);
  printf("timed wait: %s\n", strerror(pthread_cond_timedwait(&cond, &mutex, &t)));
  pthread_mutex_unlock(&mutex);
  t = (struct timespec){ 0, 20000000 };
  printf("futex: %ld", syscall(SYS_futex, &word, FUTEX_WAIT, 1, &t));
  printf(" %s\n", strerror(errno));
  printf("changed: %ld", syscall(SYS_futex, &word, FUTEX_WAIT, 2, &t));
  printf(" %s\n", strerror(errno));
  printf("no bits: %ld", syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 2, NULL, NULL, 0));
  printf(" %s\n", strerror(errno));
  printf("unaligned: %ld", syscall(SYS_futex, (char *)&word + 1, FUTEX_WAKE, 2));
  printf(" %s\n", strerror(errno));
}

static int words[2];

static void *
wait_bits(void *arg)
{
  return (void *)syscall(SYS_futex, &words[0], FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL,
                         1 << (long)arg);
}

static void
bits_and_moves(void)
{
  pthread_t t[4];
  for(long i = 0; i < 4; i++)
    pthread_create(&t[i], NULL, wait_bits, (void *)i);
  usleep(100000);
  printf("one bit wakes %ld\n", syscall(SYS_futex, &words[0], FUTEX_WAKE_BITSET_PRIVATE, 9, NULL,
                                        NULL, 1 << 2));
  pthread_join(t[2], NULL);
  printf("wrong value: %ld", syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, 9L,
                                     &words[1], 5));
  printf(" %s\n", strerror(errno));
  printf("moved: %ld\n", syscall(SYS_futex, &words[0], FUTEX_CMP_REQUEUE_PRIVATE, 1, 9L,
                                 &words[1], 0));
  printf("left: %ld\n", syscall(SYS_futex, &words[0], FUTEX_WAKE_PRIVATE, INT_MAX));
  printf("there: %ld\n", syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, INT_MAX));
  pthread_join(t[0], NULL);
  pthread_join(t[1], NULL);
  pthread_join(t[3], NULL);
}

struct common {
  pthread_mutex_t mutex;
  pthread_barrier_t barrier;
  sem_t sem;
  long n;
};

// Locks in memory that processes share.
static void
between_processes(void)
{
  struct common *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0);
  pthread_mutexattr_t a;
  pthread_barrierattr_t b;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&c->mutex, &a);
  pthread_barrierattr_init(&b);
  pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&c->barrier, &b, 4);
  sem_init(&c->sem, 1, 0);
  for(int i = 0; i < 3; i++)
    if(fork() == 0){
      pthread_barrier_wait(&c->barrier);
      for(int k = 0; k < 3000; k++){
        pthread_mutex_lock(&c->mutex);
        c->n++;
        pthread_mutex_unlock(&c->mutex);
      }
      sem_post(&c->sem);
      _exit(0);
    }
  pthread_barrier_wait(&c->barrier);
  for(int i = 0; i < 3; i++)
    sem_wait(&c->sem);
  printf("shared count %ld\n", c->n);
  while(wait(NULL) > 0)
    ;
}

static volatile int handled;
static void note(int sig) { handled += pthread_self() != 0; }

static void *
until_told(void *arg)
{
  for(;;)
    pause();
}

static void *
busy(void *arg)
{
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  for(;;)
    ;
}

static void
ended_by_others(void)
{
  pthread_t t;
  void *r;
  signal(SIGUSR1, note);
  pthread_create(&t, NULL, until_told, NULL);
  usleep(20000);
  pthread_kill(t, SIGUSR1);
  while(!handled)
    usleep(1000);
  usleep(50000);                 // libgcc does not unwind from the very return of a handler
  pthread_cancel(t);
  pthread_join(t, &r);
  printf("cancelled %d, handled %d\n", r == PTHREAD_CANCELED, handled);
  pthread_create(&t, NULL, busy, NULL);
  usleep(20000);
  pthread_cancel(t);
  pthread_join(t, &r);
  printf("busy cancelled %d\n", r == PTHREAD_CANCELED);
}

static void *
exit_all(void *arg)
{
  usleep(20000);
  _exit((long)arg);
}

static void *
exec_true(void *arg)
{
  usleep(20000);
  execl("/bin/sh", "sh", "-c", "exit 6", NULL);
  return NULL;
}

static int
status_with_threads(void *(*fn)(void *), long arg)
{
  int s;
  fflush(stdout);
  pid_t p = fork();
  if(p == 0){
    pthread_t t;
    for(int i = 0; i < 3; i++)
      pthread_create(&t, NULL, i == 1 ? busy : until_told, NULL);
    pthread_create(&t, NULL, fn, (void *)arg);
    pause();
  }
  waitpid(p, &s, 0);
  return WIFEXITED(s) ? WEXITSTATUS(s) : 1000 + WTERMSIG(s);
}

static void *
crash(void *arg)
{
  *(volatile char *)arg = 1;
  return NULL;
}

int
main(void)
{
  each(count);
  printf("total %ld\n", total);
  each(take_turns);
  printf("turns %ld\n", turn);
  each(remap);
  in_one_space();
  timeouts();
  bits_and_moves();
  fflush(stdout);
  between_processes();
  ended_by_others();
  printf("exit %d\n", status_with_threads(exit_all, 5));
  printf("exec %d\n", status_with_threads(exec_true, 0));
  printf("crash %d\n", status_with_threads(crash, 16));
  return 0;
}
