// SPDX-License-Identifier: MIT
//
// Locks whose owners die: whoever comes next is told, waiting already or not.

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t *lock;

static void *
die_with_lock(void *arg)
{
  pthread_mutex_lock(lock);
  usleep((long)arg);
  return NULL;
}

static void
tell(const char *what)
{
  printf("%s: %s\n", what, strerror(pthread_mutex_lock(lock)));
  pthread_mutex_consistent(lock);
  pthread_mutex_unlock(lock);
}

int
main(void)
{
  pthread_mutexattr_t a;
  pthread_t t;
  lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(lock, &a);
  if(fork() == 0){
    pthread_mutex_lock(lock);
    _exit(0);
  }
  wait(NULL);
  tell("process");
  pthread_create(&t, NULL, die_with_lock, NULL);
  pthread_join(t, NULL);
  tell("thread");
  pthread_create(&t, NULL, die_with_lock, (void *)100000L);
  usleep(30000);
  tell("while waiting");
  tell("in order again");
  return 0;
}
