// SPDX-License-Identifier: MIT
//
// Makes one bad access, named on the command line, and should not live to tell.

#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "kernel/riscv.h"
#include "user/user.h"
#include "user/abi.h"

static volatile char sink;

// A pointer of which the compiler knows nothing.
static char *
wild(uint64 a)
{
  __asm__("" : "+r"(a));
  return (char *)a;
}

static void read_at(uint64 a) { sink = *(volatile char *)wild(a); }
static void write_at(uint64 a) { *(volatile char *)wild(a) = 1; }
static void run_at(uint64 a) { ((void (*)(void))wild(a))(); }

static uint64
map(int prot)
{
  return (uint64)mmap(0, PGSIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int
deep(int n)
{
  volatile char frame[1024];
  frame[0] = n;
  return n ? deep(n + 1) + frame[0] : 0;
}

static void null_read(void) { read_at(0); }
static void null_write(void) { write_at(8); }
static void null_run(void) { run_at(0); }
static void kernel_read(void) { read_at(0xffffffff80200000UL); }
static void kernel_write(void) { write_at(0xffffffc080200000UL); }
static void kernel_run(void) { run_at(0xffffffff80200000UL); }
static void top_read(void) { read_at((1UL << 38) - 8); }
static void hole_read(void) { read_at(1UL << 39); }
static void noncanonical_read(void) { read_at(1UL << 50); }
static void text_write(void) { write_at((uint64)null_read); }
static void data_run(void) { static int code[] = {0x8082}; run_at((uint64)code); }
static void stack_run(void) { int code[] = {0x8082}; run_at((uint64)code); }
static void read_only_write(void) { write_at(map(PROT_READ)); }
static void none_read(void) { read_at(map(PROT_NONE)); }
static void none_write(void) { write_at(map(PROT_NONE)); }
static void stack_overflow(void) { sink = deep(1); }
static void below_sp(void) { read_at(r_sp() - PGSIZE); }
static void below_stack(void) { char c; read_at((uint64)&c - (64 << 20)); }
static void illegal(void) { __asm__ volatile(".4byte 0"); }

static void
unmapped_read(void)
{
  uint64 a = map(PROT_READ | PROT_WRITE);
  write_at(a);
  munmap((void *)a, PGSIZE);
  read_at(a);
}

static void
past_file_end(void)
{
  int fd = open("badaccess.tmp", O_RDWR | O_CREATE | O_TRUNC);
  write(fd, "x", 1);
  read_at((uint64)mmap(0, 2 * PGSIZE, PROT_READ, MAP_SHARED, fd, 0) + PGSIZE);
}

static const struct { const char *name; void (*fn)(void); } kinds[] = {
#define KIND(k) {#k, k}
  KIND(null_read), KIND(null_write), KIND(null_run), KIND(kernel_read), KIND(kernel_write),
  KIND(kernel_run), KIND(top_read), KIND(hole_read), KIND(noncanonical_read), KIND(text_write),
  KIND(data_run), KIND(stack_run), KIND(read_only_write), KIND(none_read), KIND(none_write),
  KIND(stack_overflow), KIND(below_sp), KIND(below_stack), KIND(unmapped_read),
  KIND(past_file_end), KIND(illegal),
};

int
main(int argc, char *argv[])
{
  for(uint i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
    if(argc == 2 && strcmp(argv[1], kinds[i].name) == 0){
      kinds[i].fn();
      printf("badaccess: survived %s\n", argv[1]);
      exit(0);
    }
  fprintf(2, "usage: badaccess KIND\n");
  exit(1);
}
