// SPDX-License-Identifier: MIT
//
// usertests: heap, stack, mappings and malloc.

#include "user/usertest.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

static void
load(void *address)
{
  *(volatile char *)address;
}

static void *
map(size_t n, int prot, int flags)
{
  long r = sys_mmap(NULL, n, prot, flags | MAP_ANONYMOUS, -1, 0);
  require(r > 0);
  return (void *)r;
}

// Leave memory full of ones behind, for others to get.
static void
dirty(void *arg)
{
  size_t n = 8 * MIB;
  memset(map(n, PROT_READ | PROT_WRITE, MAP_PRIVATE), 0xff, n);
}

// ---- Heap ----

static void
test_sbrk_by_bytes(void)
{
  char *start = sbrk(0);

  for(int i = 0; i < 5000; i++){
    char *p = sbrk(1);
    require(p == start + i);
    require(*p == 0);
    *p = 1;
  }
  require(sbrk(-5000) == start + 5000);
  require(sbrk(0) == start);
}

static void
test_sbrk_zeroes(void)
{
  size_t n = 64 * PGSIZE + 100;
  char *p = sbrk(n);

  require(p != SBRK_ERROR && is_zero(p, n));
  fill(p, n, 1);
  // Half a page of the old bytes stays, the pages behind it are new.
  require(sbrk(-(int)n + 50) != SBRK_ERROR);
  require(is_filled(p, 50, 1));
  require(sbrk(n - 50) != SBRK_ERROR);
  char *page = (char *)PGROUNDUP((uint64)p + 50);
  require(is_zero(page, p + n - page));
}

static void
test_sbrk_unmaps(void)
{
  char *p;

  require(sbrk(PGSIZE - (int)((uint64)sbrk(0) % PGSIZE)) != SBRK_ERROR);
  p = sbrk(4 * PGSIZE);
  require(p != SBRK_ERROR);
  memset(p, 1, 4 * PGSIZE);
  require(sbrk(-3 * PGSIZE) != SBRK_ERROR);
  require(status_of(load, p) == 0);
  require(status_of(load, p + PGSIZE) == -1);
  int fd = open_file("f", O_CREATE | O_RDWR);
  require(sys_write(fd, p + PGSIZE, 10) == -EFAULT);
}

static void
test_sbrk_sparse(void)
{
  size_t n = 256 * MIB, step = 64 * PGSIZE;
  char *p = sbrklazy(n);

  require(p != SBRK_ERROR);
  for(size_t i = 0; i < n; i += step)
    *(uint64 *)(((uint64)p + i + 7) & ~7UL) = i + 1;
  for(size_t i = 0; i < n; i += step)
    require(*(uint64 *)(((uint64)p + i + 7) & ~7UL) == i + 1);
  require(sbrk(-(int)n) != SBRK_ERROR);
}

static void
test_sbrk_too_much(void)
{
  char *end = sbrk(0);

  if(ulib_memory() < 0x7fff0000)
    require(sbrk(0x7fff0000) == SBRK_ERROR);
  require(sys_brk((uint64)end + (1UL << 38)) == (uint64)end);
  require(sys_brk(0) == (uint64)end);
  require(sbrk(1) == end);
}

// The kernel writes to pages the program has not touched.
static void
test_sbrk_argument(void)
{
  char *p = sbrklazy(4 * PGSIZE);
  int *fds, fd;

  require(p != SBRK_ERROR);
  p = (char *)PGROUNDUP((uint64)p);
  fd = open_file("f", O_CREATE | O_RDWR);
  require(write(fd, p, PGSIZE) == PGSIZE);
  fds = (int *)(p + PGSIZE);
  require(pipe(fds) == 0);
  require(write(fds[1], "hello", 5) == 5);
  require(read(fds[0], p + 2 * PGSIZE - 2, 5) == 5);
  require(memcmp(p + 2 * PGSIZE - 2, "hello", 5) == 0);
}

static void
test_bss(void)
{
  static char bss[MIB];
  require(is_zero(bss, sizeof(bss)));
  fill(bss, sizeof(bss), 3);
  require(is_filled(bss, sizeof(bss), 3));
}

// ---- Stack ----

static int
dig(int depth)
{
  volatile char frame[KIB];
  frame[0] = depth;
  frame[KIB - 1] = depth + 1;
  int below = depth > 0 ? dig(depth - 1) : 0;
  require(frame[0] == (char)depth && frame[KIB - 1] == (char)(depth + 1));
  return below + 1;
}

static void
test_stack_grows(void)
{
  require(dig(2000) == 2001);
}

static void
dig_for_ever(void *arg)
{
  for(int depth = 1 << 10;; depth <<= 1)
    dig(depth);
}

static void
test_stack_ends(void)
{
  require(status_of(dig_for_ever, NULL) == -1);
}

static void __attribute__((noinline))
check_stack(void)
{
  volatile char frame[512 * KIB];
  for(size_t i = 0; i < sizeof(frame) - 16 * KIB; i += 8)
    require(*(volatile uint64 *)(frame + i) == 0);
}

static void
test_stack_zero(void)
{
  status_of(dirty, NULL);
  check_stack();
}

// ---- Fresh memory ----

static void
test_heap_zero(void)
{
  status_of(dirty, NULL);
  char *p = sbrk(4 * MIB);
  require(p != SBRK_ERROR && is_zero(p, 4 * MIB));
}

static void
test_mmap_zero(void)
{
  status_of(dirty, NULL);
  require(is_zero(map(4 * MIB, PROT_READ, MAP_PRIVATE), 4 * MIB));
  require(is_zero(map(4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED), 4 * MIB));
  char *p = map(4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  for(size_t i = 0; i < 4 * MIB; i += PGSIZE){
    p[i + 5] = 1;
    require(is_zero(p + i, 5) && is_zero(p + i + 6, PGSIZE - 6));
  }
}

// ---- Copies ----

static void
test_fork_copies(void)
{
  static char data[PGSIZE];
  char *heap = sbrk(MIB);
  int status, pid;

  require(heap != SBRK_ERROR);
  fill(heap, MIB, 1);
  fill(data, sizeof(data), 2);
  pid = must_fork();
  if(pid == 0){
    require(is_filled(heap, MIB, 1) && is_filled(data, sizeof(data), 2));
    fill(heap, MIB, 3);
    fill(data, sizeof(data), 4);
    pause(1);
    require(is_filled(heap, MIB, 3) && is_filled(data, sizeof(data), 4));
    exit(0);
  }
  fill(heap + MIB / 2, MIB / 2, 5);
  require(wait(&status) == pid && status == 0);
  require(is_filled(heap, MIB / 2, 1) && is_filled(heap + MIB / 2, MIB / 2, 5));
  require(is_filled(data, sizeof(data), 2));
}

static void
test_shared_memory(void)
{
  volatile int *p = map(2 * PGSIZE, PROT_READ | PROT_WRITE, MAP_SHARED);

  if(must_fork() == 0){
    p[0] = 42;
    p[PGSIZE / 4] = 43;
    exit(0);
  }
  wait_all(1);
  require(p[0] == 42 && p[PGSIZE / 4] == 43);
}

// ---- malloc ----

static void
test_malloc_random(void)
{
  enum { SLOTS = 200 };
  static char *slots[SLOTS];
  static uint sizes[SLOTS];
  uint random = 1;

  for(int i = 0; i < 20000; i++){
    random = random * 1103515245 + 12345;
    uint k = (random >> 8) % SLOTS;
    if(slots[k]){
      require(is_filled(slots[k], sizes[k], k));
      free(slots[k]);
      slots[k] = NULL;
      continue;
    }
    sizes[k] = (random >> 16) % 16 ? (random >> 12) % 600 : (random >> 4) % (200 * KIB);
    slots[k] = malloc(sizes[k]);
    require(slots[k] && (uint64)slots[k] % 16 == 0);
    fill(slots[k], sizes[k], k);
  }
  for(int k = 0; k < SLOTS; k++){
    require(!slots[k] || is_filled(slots[k], sizes[k], k));
    free(slots[k]);
  }
}

// Freed memory is used again: the heap does not creep.
static void
test_malloc_reuses(void)
{
  void *p[64];
  char *end = NULL;

  for(int round = 0; round < 100; round++){
    for(int i = 0; i < 64; i++){
      p[i] = malloc(100 + i * 32);
      require(p[i]);
    }
    for(int i = 0; i < 64; i++)
      free(p[(i * 37) % 64]);
    if(round == 0)
      end = sbrk(0);
  }
  require(sbrk(0) == end);
}

// Beside a program's own use of sbrk.
static void
test_malloc_and_sbrk(void)
{
  char *a = malloc(1000), *gap = sbrk(100), *b;

  require(a && gap != SBRK_ERROR);
  fill(gap, 100, 9);
  for(int i = 0; i < 200; i++){
    b = malloc(1000);
    require(b);
    memset(b, i, 1000);
  }
  require(is_filled(gap, 100, 9));
  free(a);
}

const struct test memory_tests[] = {
  { "sbrk_by_bytes", test_sbrk_by_bytes },
  { "sbrk_zeroes", test_sbrk_zeroes },
  { "sbrk_unmaps", test_sbrk_unmaps },
  { "sbrk_sparse", test_sbrk_sparse },
  { "sbrk_too_much", test_sbrk_too_much },
  { "sbrk_argument", test_sbrk_argument },
  { "bss", test_bss },
  { "stack_grows", test_stack_grows },
  { "stack_ends", test_stack_ends },
  { "stack_zero", test_stack_zero },
  { "heap_zero", test_heap_zero },
  { "mmap_zero", test_mmap_zero },
  { "fork_copies", test_fork_copies },
  { "shared_memory", test_shared_memory },
  { "malloc_random", test_malloc_random },
  { "malloc_reuses", test_malloc_reuses },
  { "malloc_and_sbrk", test_malloc_and_sbrk },
  { 0 },
};
