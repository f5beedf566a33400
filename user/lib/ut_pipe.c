// SPDX-License-Identifier: MIT
//
// usertests: pipes.

#include "user/usertest.h"

static char buf[20000];

static void
test_pipe(void)
{
  enum { N = 50, SIZE = 1033 };
  int fds[2], n, total = 0;

  require(pipe(fds) == 0);
  if(must_fork() == 0){
    close(fds[0]);
    fill(buf, N * 300, 1);
    for(int i = 0; i < N; i++)
      require(write(fds[1], buf + i * 300, 300) == 300);
    exit(0);
  }
  close(fds[1]);
  while((n = read(fds[0], buf + total, SIZE)) > 0)
    total += n;
  require(n == 0 && total == N * 300 && is_filled(buf, total, 1));
  wait_all(1);
}

// More than a pipe holds goes through all the same.
static void
test_pipe_big_write(void)
{
  enum { SIZE = 1 << 20 };
  char *data = malloc(SIZE);
  int fds[2], n, total = 0;

  require(data && pipe(fds) == 0);
  if(must_fork() == 0){
    fill(data, SIZE, 2);
    require(write(fds[1], data, SIZE) == SIZE);
    exit(0);
  }
  close(fds[1]);
  while((n = read(fds[0], data + total, SIZE - total)) > 0)
    total += n;
  require(total == SIZE && is_filled(data, SIZE, 2));
  wait_all(1);
}

static void
write_to_nobody(void *arg)
{
  int fds[2];
  require(pipe(fds) == 0);
  close(fds[0]);
  write(fds[1], "x", 1);
}

static void
test_pipe_ends(void)
{
  int fds[2];

  require(pipe(fds) == 0);
  require(sys_write(fds[0], "x", 1) == -EBADF && sys_read(fds[1], buf, 1) == -EBADF);
  require(sys_lseek(fds[0], 0, SEEK_SET) == -ESPIPE);
  require(write(fds[1], "abc", 3) == 3);
  close(fds[1]);
  require(read(fds[0], buf, 2) == 2 && read(fds[0], buf, 2) == 1);
  require(read(fds[0], buf, 2) == 0);
  require(status_of(write_to_nobody, NULL) == -1);     // SIGPIPE
}

static void
test_pipe_nonblocking(void)
{
  int fds[2], n, total = 0;

  require(sys_pipe(fds, O_NONBLOCK) == 0);
  require(sys_read(fds[0], buf, 1) == -EAGAIN);
  while((n = sys_write(fds[1], buf, 1000)) > 0)
    total += n;
  require(n == -EAGAIN && total >= PGSIZE);
  while((n = sys_read(fds[0], buf, sizeof(buf))) > 0)
    total -= n;
  require(n == -EAGAIN && total == 0);
}

// What fits into PIPE_BUF arrives in one piece.
static void
test_pipe_writers(void)
{
  enum { WRITERS = 6, N = 100, SIZE = 64 };
  int fds[2], counts[WRITERS] = { 0 };

  require(pipe(fds) == 0);
  for(int k = 0; k < WRITERS; k++)
    if(must_fork() == 0){
      memset(buf, 'a' + k, SIZE);
      for(int i = 0; i < N; i++)
        require(write(fds[1], buf, SIZE) == SIZE);
      exit(0);
    }
  close(fds[1]);
  for(int i = 0; i < WRITERS * N; i++){
    int n = 0, r;
    while(n < SIZE && (r = read(fds[0], buf + n, SIZE - n)) > 0)
      n += r;
    require(n == SIZE && buf[0] == buf[SIZE - 1]);
    counts[buf[0] - 'a']++;
  }
  for(int k = 0; k < WRITERS; k++)
    require(counts[k] == N);
  wait_all(WRITERS);
}

// Each number goes round a ring of processes.
static void
test_pipe_ring(void)
{
  enum { HOPS = 10, ROUNDS = 100 };
  int first[2], in, out, n;

  require(pipe(first) == 0);
  in = first[0];
  for(int k = 0; k < HOPS; k++){
    int fds[2];
    require(pipe(fds) == 0);
    if(must_fork() == 0){
      close(first[1]);
      close(fds[0]);
      while(read(in, &n, sizeof(n)) == sizeof(n)){
        n++;
        require(write(fds[1], &n, sizeof(n)) == sizeof(n));
      }
      exit(0);
    }
    close(in);
    close(fds[1]);
    in = fds[0];
  }
  out = first[1];
  for(int i = 0; i < ROUNDS; i++){
    n = i;
    require(write(out, &n, sizeof(n)) == sizeof(n));
    require(read(in, &n, sizeof(n)) == sizeof(n) && n == i + HOPS);
  }
  close(out);
  wait_all(HOPS);
}

static void
test_many_pipes(void)
{
  for(int i = 0; i < 300; i++){
    int fds[2];
    require(pipe(fds) == 0);
    require(write(fds[1], &i, sizeof(i)) == sizeof(i));
    require(close(fds[1]) == 0);
    require(read(fds[0], buf, 100) == sizeof(i) && *(int *)buf == i);
    require(close(fds[0]) == 0);
  }
}

const struct test pipe_tests[] = {
  { "pipe", test_pipe },
  { "pipe_big_write", test_pipe_big_write },
  { "pipe_ends", test_pipe_ends },
  { "pipe_nonblocking", test_pipe_nonblocking },
  { "pipe_writers", test_pipe_writers },
  { "pipe_ring", test_pipe_ring },
  { "many_pipes", test_many_pipes },
  { 0 },
};
