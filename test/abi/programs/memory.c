// SPDX-License-Identifier: MIT
//
// Memory as a C program uses it: the heap, large allocations, sbrk, mprotect,
// a deep stack, and sorting 8 MiB.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t seed = 88172645463325252ULL;
static unsigned char large[6 << 20];
static const int table[65536] = { [0] = 1, [65535] = 2 };

static uint64_t
next(void)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

static void
heap(void)
{
  enum { N = 500 };
  static unsigned char *p[N];
  static size_t size[N];
  unsigned long wrong = 0;
  for(int round = 0; round < 20000; round++){
    unsigned i = next() % N;
    for(size_t k = 0; k < size[i]; k += 64)
      wrong += p[i][k] != (unsigned char)(i + k);
    size[i] = next() % (round % 50 == 0 ? 300000 : 2000);
    p[i] = realloc(p[i], size[i] + 1);
    for(size_t k = 0; k < size[i]; k++)
      p[i][k] = (unsigned char)(i + k);
  }
  for(int i = 0; i < N; i++)
    free(p[i]);
  printf("heap: %lu wrong\n", wrong);
  int *zero = calloc(1000000, sizeof *zero);
  unsigned long sum = 0;
  for(int i = 0; i < 1000000; i++)
    sum += zero[i];
  printf("calloc: %lu\n", sum);
  free(zero);
  char *big = malloc(24 << 20);
  memset(big, 'x', 24 << 20);
  big = realloc(big, 30 << 20);
  printf("realloc keeps %c%c\n", big[0], big[(24 << 20) - 1]);
  free(big);
  void *a = NULL;
  printf("aligned: %d %d\n", posix_memalign(&a, 65536, 100), (int)((uintptr_t)a % 65536));
  free(a);
  printf("too much: %d %d\n", malloc(SIZE_MAX / 2) == NULL, errno == ENOMEM);
  printf("trimmed: %d\n", malloc_trim(0) >= 0);
}

static int
compare(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void
sorting(void)
{
  size_t n = (8 << 20) / sizeof(uint64_t);
  uint64_t *v = malloc(n * sizeof *v), sum = 0;
  for(size_t i = 0; i < n; i++)
    sum += v[i] = next();
  qsort(v, n, sizeof *v, compare);
  size_t wrong = 0;
  for(size_t i = 0; i < n; i++){
    wrong += i > 0 && v[i - 1] > v[i];
    sum -= v[i];
  }
  printf("sorted: %zu wrong, %s\n", wrong, sum == 0 ? "all there" : "some lost");
  printf("%016lx %016lx %016lx\n", v[0], v[n / 2], v[n - 1]);
  free(v);
}

static void
brk_area(void)
{
  char *start = sbrk(0), *p = sbrk(100000);
  printf("sbrk: %d %d %d\n", p == start, p[0], p[99999]);
  memset(p, 1, 100000);
  printf("back: %d %d\n", (char *)sbrk(-100000) == start + 100000, sbrk(0) == start);
  printf("fresh: %d\n", ((char *)sbrk(100000))[50000]);
}

static void
protection(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  char *p = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(p + 3 * page, "kept");
  printf("page %zu: %d %d\n", page, mprotect(p, 8 * page, PROT_NONE),
         mprotect(p + 3 * page, page, PROT_READ));
  printf("%s\n", p + 3 * page);
  printf("unaligned: %d %s\n", mprotect(p + 1, page, PROT_READ), strerror(errno));
  printf("unmap: %d\n", munmap(p + 2 * page, page));
  printf("hole: %d %s\n", mprotect(p, 8 * page, PROT_READ), strerror(errno));
  printf("length 0: %d %s\n", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
         MAP_FAILED, strerror(errno));
  munmap(p, 8 * page);
}

static unsigned
deep(unsigned n)
{
  volatile char frame[4000];
  frame[0] = (char)n;
  frame[3999] = 1;
  return n == 0 ? 0 : deep(n - 1) + frame[3999] + (frame[0] != (char)n);
}

int
main(void)
{
  struct rlimit r;
  heap();
  sorting();
  brk_area();
  protection();
  printf("deep: %u\n", deep(1500));
  memset(large, 5, sizeof large);
  printf("static: %d %d %d\n", large[0] + large[sizeof large - 1], table[0], table[65535]);
  getrlimit(RLIMIT_STACK, &r);
  printf("stack limit: %lu\n", (unsigned long)r.rlim_cur);
  return 0;
}
