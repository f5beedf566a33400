// SPDX-License-Identifier: MIT
//
// What mm/ calls of the rest of the kernel: messages, the end of the world, page
// primitives, files, the OOM killer.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hosted.h"
#include "kernel/bootargs.h"
#include "kernel/load.h"
#include "kernel/oom.h"
#include "kernel/sched.h"
#include "mkfs/host.h"

// ---- Messages ----

enum { PANIC_TAIL = 3000 };              // bytes of messages shown before a panic's own
static char messages[1 << 16];
static u64 message_len;

void
host_log_clear(void)
{
  message_len = 0;
  messages[0] = 0;
}

bool
host_log_has(const char *text)
{
  return strstr(messages, text) != NULL;
}

// The older half goes when there is no room.
void
printk(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  if(message_len > sizeof messages - 1024){
    u64 half = message_len / 2;
    memmove(messages, messages + message_len - half, half);
    message_len = half;
  }
  int n = vsnprintf(messages + message_len, sizeof messages - message_len, fmt, ap);
  va_end(ap);
  message_len += (u64)n;
}

int
vsnprintk(char *buf, size_t n, const char *fmt, va_list ap)
{
  return vsnprintf(buf, n, fmt, ap);
}

void
assert_failed(const char *what)
{
  panic("%s", what);
}

void
panic(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "%s\npanic: ", messages + message_len - min(message_len, (u64)PANIC_TAIL));
  vfprintf(stderr, fmt, ap);
  fprintf(stderr, "\n");
  va_end(ap);
  fflush(NULL);
  abort();
}

u32
machine_callers(u64 *pc, u32 most)
{
  pc[0] = (u64)__builtin_return_address(0);
  return 1;
}

void
machine_print_callers(const u64 *pc, u32 n)
{
  for(u32 i = 0; i < n && pc[i]; i++)
    printk("  called from %lx\n", pc[i]);
}

// A second goes by from one look at the clock to the next.
void
host_clock(i64 *sec, i64 *nsec)
{
  static i64 now;
  *sec = now++;
  *nsec = 0;
}

u64
bootarg_number(const char *key, u64 otherwise)
{
  return otherwise;
}

// ---- Pages ----

void
page_zero(void *kva)
{
  preemption_point();
  memset(kva, 0, PAGE_SIZE);
}

void
page_copy(void *dst, const void *src)
{
  preemption_point();
  memcpy(dst, src, PAGE_SIZE);
}

// ---- Files, and who has to go ----

struct file { u64 refs; };               // what mm/ keeps references to

struct file *
file_get(struct file *f)
{
  if(f)
    f->refs++;
  return f;
}

void
file_put(struct file *f)
{
  holds_nothing();
  assert(f == NULL || f->refs > 0);
  if(f)
    f->refs--;
}

u32 oom_kills;
bool (*oom_killer)(void);

bool
oom_kill(void)
{
  holds_nothing();
  oom_kills++;
  return oom_killer && oom_killer();
}

// Nobody has to be spared, and there are no tasks to tell.
void load_survey(u64 round) {}
void load_tell(void) {}
bool harts_to_spare(void) { return true; }
