// SPDX-License-Identifier: MIT
//
// Simulated RAM, the machine's facts, and the process each test runs in.

#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host.h"
#include "mm/buddy.h"
#include "mm/reaper.h"
#include "mm/slab.h"
#include <fence.h>
#include "hosted.h"
#include "ram.h"

// RAM begins where QEMU's does, and its host address agrees with the kernel's
// direct map in the 39 bits that a page table looks at.
#define RAM_START  0x80000000UL
#define RAM_BASE   (0x104000000000UL + RAM_START)
#define FIRMWARE   (4 * MiB)               // reserved: firmware and image
#define HOLE       (2 * MiB)               // between the two ranges of RAM

__asm__(".globl __image_start, __text_start, __text_end, __rodata_start, __rodata_end\n"
        ".globl image_data_start, __image_end\n"
        ".set __image_start,  0xffffffff80200000\n"
        ".set __text_start,   0xffffffff80201000\n"
        ".set __text_end,     0xffffffff80240000\n"
        ".set __rodata_start, 0xffffffff80240000\n"
        ".set __rodata_end,   0xffffffff80250000\n"
        ".set image_data_start, 0xffffffff80250000\n"
        ".set __image_end,    0xffffffff80300000\n");

struct machine machine;
const struct host_test *host_test;

static struct mem_range ram[2], reserved[1];
static u64 random_state, boot_frames;

// ---- Random numbers ----

u64
host_random(void)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545f4914f6cdd1dUL >> 16;
}

static u64
from_environment(const char *name, u64 otherwise)
{
  const char *s = getenv(name);
  return s ? strtoul(s, NULL, 0) : otherwise;
}

u64
host_rounds(u64 n)
{
  return n * from_environment("ROUNDS", 1);
}

// ---- The machine ----

static void
make_ram(u64 frames)
{
  u64 size = page_up(FIRMWARE + (frames + frames / 64 + 64) * PAGE_SIZE);
  if(!ram_map(RAM_BASE, size + HOLE))
    panic("no place for simulated RAM");
  pa_t middle = RAM_START + FIRMWARE + round_up(frames / 3 * PAGE_SIZE, 64 * KiB);
  ram[0] = (struct mem_range){ RAM_START, middle };
  ram[1] = (struct mem_range){ middle + HOLE, RAM_START + size + HOLE };
  reserved[0] = (struct mem_range){ RAM_START, RAM_START + FIRMWARE };
  for(u32 i = 0; i < count_of(ram); i++)
    memset((char *)RAM_BASE + (ram[i].start - RAM_START), 0xa5, ram[i].end - ram[i].start);
  ram_unmap(RAM_BASE + (middle - RAM_START), HOLE);
  machine.ram = ram;
  machine.nram = count_of(ram);
  machine.reserved = reserved;
  machine.nreserved = count_of(reserved);
  machine.nharts = HOST_HARTS;
  direct_base = RAM_BASE - RAM_START;
}

static void
boot(const struct host_test *t)
{
  make_ram(t->frames ? t->frames : 1024);
  frame_init();
  pmap_boot();
  for(u32 i = nharts; i-- > 0;){
    on_hart(i);
    satp_write(pmap_kernel_satp());
  }
  slab_init();
  if(t->reaper)
    reaper_start();
}

// What caches and harts have at hand goes back first.
u64
free_frames(void)
{
  struct mem_info mi;
  harts_drain();
  frame_info(&mi);
  return mi.free;
}

void
expect_no_lies(void)
{
  u64 lies = vm_check();
  if(lies)
    panic("vm_check found %lu lies", lies);
}

static void
end_quietly(void)
{
  run_space(NULL);
  expect_no_lies();
  u64 left = free_frames() + host_test->keeps;
  if(left != boot_frames)
    panic("%ld frames were not given back", (i64)(boot_frames - left));
}

// ---- Processes ----

static u64
seed(const struct host_test *t)
{
  return from_environment("SEED", t->seed ? t->seed : 1);
}

static void
child(const struct host_test *t)
{
  for(int sig = 1; sig < 32; sig++)
    signal(sig, SIG_DFL);
  setenv("CMOCKA_TEST_ABORT", "1", 1);     // a failed assertion must not return to the runner
  alarm((u32)from_environment("LIMIT", 300));
  host_test = t;
  random_state = seed(t) * 0x9e3779b97f4a7c15UL | 1;
  tasks_init(t->harts ? t->harts : 1);
  mmu_init(t->asid_bits == NO_ASIDS ? 0 : t->asid_bits ? t->asid_bits : 16);
  if(!t->bare){
    boot(t);
    boot_frames = free_frames();
  }
  t->fn();
  if(!t->bare)
    end_quietly();
  fflush(NULL);
  _exit(0);
}

void
host_run(void **state)
{
  const struct host_test *t = *state;
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if(pid == 0)
    child(t);
  waitpid(pid, &status, 0);
  if(status != 0)
    fail_msg("the test's process ended with status %x (seed %lu; SEED and ROUNDS override)", status,
             seed(t));
}

void
expect_death(void (*fn)(void), const char *text)
{
  static char said[1 << 16];
  int out[2], status;
  u64 n = 0;
  if(pipe(out) != 0)
    panic("no pipe");
  pid_t pid = fork();
  if(pid == 0){
    dup2(out[1], 2);
    fn();
    _exit(0);
  }
  close(out[1]);
  for(i64 r; n < sizeof said - 1 && (r = read(out[0], said + n, sizeof said - 1 - n)) > 0;)
    n += (u64)r;
  close(out[0]);
  said[n] = 0;
  waitpid(pid, &status, 0);
  if(status == 0 || strstr(said, text) == NULL)
    panic("should have died of \"%s\", but ended with %x and said:\n%s", text, status, said);
}
