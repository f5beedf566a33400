// SPDX-License-Identifier: MIT
//
// What trace points give, made into the arguments that are shown.

#include <pmap.h>
#include "kernel/block.h"
#include "kernel/errno.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/task.h"
#include "mm/frame.h"
#include "mm/gather.h"
#include "mm/space.h"
#include "kernel/trace/ring.h"

// ---- System calls ----

static bool is_on(enum trace_event e) { return trace_events >> e & 1; }

enum { ARGS = 6, CHUNK = 24, TEXT_MAX = 96, NUMBERS_MAX = 72 };

// Bytes [at, at + n) of what argument i points to.
static void
data_hit(u64 i, u64 at, u64 n, const u64 chunk[CHUNK / 8])
{
  trace_record(TRACE_ARG_DATA, i | at << 8 | n << 16, chunk[0], chunk[1], chunk[2]);
}

// What begins with a letter is text, up to a zero byte; else it is numbers.
static void
pointee_hit(u64 i, va_t va)
{
  u64 chunk[CHUNK / 8], have = CHUNK, most = CHUNK;
  for(u64 at = 0; at < most && have == CHUNK; at += have){
    memset(chunk, 0, CHUNK);
    have = CHUNK - copy_from_user(chunk, va + at, CHUNK);
    if(have > 0)
      data_hit(i, at, have, chunk);
    if(at == 0)
      most = *(u8 *)chunk >= ' ' && *(u8 *)chunk < 127 ? TEXT_MAX : NUMBERS_MAX;
    if(most == TEXT_MAX && strnlen((char *)chunk, have) < have)
      break;
  }
}

// What the arguments point to, if they do, as far as it is in memory: nothing changes.
static void
arguments_hit(const u64 *args)
{
  current->faults_off++;
  for(u64 i = 0; i < ARGS; i++)
    if(args[i] >= PAGE_SIZE)
      pointee_hit(i, args[i]);
  current->faults_off--;
}

// For execve's argument i, an array of strings: these, one behind the other with their zero
// bytes, as far as they go; or of the environment only how many they are.
static void
strings_hit(u64 i, va_t array, bool count_only)
{
  char all[TEXT_MAX + CHUNK] = "";
  u64 count = 0, len = 0, s = 0;
  current->faults_off++;
  for(; copy_from_user(&s, array + count * sizeof s, sizeof s) == 0 && s; count++)
    for(char c = 1; !count_only && c && len < TEXT_MAX; all[len++] = c)
      if(copy_from_user(&c, s++, 1))
        c = 0;
  current->faults_off--;
  if(count_only)
    memcpy(all, &count, len = sizeof count);
  for(u64 at = 0; at < len; at += CHUNK)
    data_hit(i, at, min(len - at, (u64)CHUNK), (u64 *)(all + at));
}

static void
call_hit(u64 nr, const u64 *args)
{
  if(is_on(TRACE_SYS_ENTER))
    trace_record(TRACE_SYS_ENTER, nr, args[0], args[1], args[2]);
  if(is_on(TRACE_ARG_MORE))
    trace_record(TRACE_ARG_MORE, args[3], args[4], args[5], 0);
  if(is_on(TRACE_ARG_DATA))
    arguments_hit(args);
  if(is_on(TRACE_ARG_DATA) && nr == SYS_execve){
    strings_hit(1, args[1], false);
    strings_hit(2, args[2], true);
  }
}

// A call that is made again with the whole frame is one call.
i64
syscall_traced(u64 nr, const u64 *args)
{
  if(!(current->notify & NOTIFY_WHOLE))
    call_hit(nr, args);
  i64 result = syscall_dispatch(nr, args);
  if(result == -EFRAME)
    return result;
  if(is_on(TRACE_ARG_DATA) && nr != SYS_execve)
    arguments_hit(args);
  if(is_on(TRACE_SYS_EXIT))
    trace_record(TRACE_SYS_EXIT, nr, result, 0, 0);
  return result;
}

// ---- Points ----

static u64 kind_name(u64 word) { return (u64)frame_kind_names[word >> KIND_SHIFT & 0xf]; }

static void
block_hit(enum trace_event e, const struct block_device *d, const struct block_request *r)
{
  i64 last = e == TRACE_BLOCK_ISSUE ? (i64)r->len : r->status;
  trace_record(e, (u64)d->name, "RWF"[r->op], r->sector, last);
}

// One page if it does not say how many; of many, which need not all be new.
static void
map_hit(va_t va, const struct frame *f)
{
  trace_record(TRACE_MAP, page_down(va), max(va & PAGE_MASK, 1UL), frame_pfn(f), 0);
}

static void
unmap_hit(const struct gather *g)
{
  trace_record(TRACE_UNMAP, g->lo, g->hi, g->n, g->space->pid);
}

static void
signal_hit(const struct siginfo *si)
{
  trace_record(TRACE_SIGNAL, si->signo, si->code, si->addr, si->value);
}

void
trace_hit(u32 code, u64 a, u64 b)
{
  enum trace_event e = code & 0xff;
  const struct task *task = (void *)a, *next = (void *)b;
  const struct frame *f = (void *)a;
  const struct hart *hart = (void *)b;
  switch(e){
  case TRACE_FAULT_ENTER: b = " rw x"[b]; break;
  case TRACE_FAULT_KIND: b = (u64)vm_event_name(code >> TRACE_MORE_SHIFT); break;
  case TRACE_MAP: map_hit(a, (void *)b); return;
  case TRACE_UNMAP: unmap_hit((void *)a); return;
  case TRACE_FRAME_ALLOC: b = KIND(b); // fall through
  case TRACE_FRAME_FREE: a = frame_pfn(f); b = kind_name(b); break;
  case TRACE_EVICT: a = frame_pfn(f); b = f->slot; break;
  case TRACE_SIGNAL: signal_hit((void *)a); return;
  case TRACE_SWITCH: a = "RRSTZ"[task->state]; b = next->tid; break;
  case TRACE_WAKE: a = task->tid; b = hart->index; break;
  case TRACE_BLOCK_ISSUE:
  case TRACE_BLOCK_DONE: block_hit(e, (void *)a, (void *)b); return;
  default:
  }
  trace_record(e, a, b, 0, 0);
}
