// SPDX-License-Identifier: MIT
//
// /proc/sys: settings, and the check of the whole of memory.

#include "fs/flusher.h"
#include "fs/proc.h"
#include "kernel/errno.h"
#include "kernel/failnth.h"
#include "kernel/pid.h"
#include "kernel/uname.h"
#include "mm/load.h"
#include "mm/local.h"
#include "mm/object.h"
#include "mm/policy/policy.h"
#include "mm/reaper.h"
#include "mm/ring.h"
#include "mm/space.h"
#include "mm/vmap.h"

// ---- vm ----

static int
show_check(struct text *t, struct task *unused)
{
  u64 lies = vm_check();
  if(lies == 0)
    text_add(t, "ok\n");
  else
    text_add(t, "%lu wrong\n", lies);
  return 0;
}

enum { DROP_PAGES = 1, DROP_NAMES = 2 };

static int
store_drop_caches(const char *s, struct task *unused)
{
  u32 what = s[0] - '0';
  if(what < DROP_PAGES || what > (DROP_PAGES | DROP_NAMES) || s[1])
    return -EINVAL;
  if(what & DROP_NAMES){
    dentry_shrink(~0UL);
    inode_shrink(~0UL);
  }
  if(what & DROP_PAGES)
    objects_shrink(~0UL);
  kstack_trim(0);
  harts_drain();
  return 0;
}

enum { AGING_MS_MAX = 10000 };

static int
show_allotment(struct text *t, struct task *unused)
{
  text_add(t, "%s\n", local_allotment());
  return 0;
}

static int
store_allotment(const char *s, struct task *unused)
{
  return local_set_allotment(s);
}

static int
show_policy(struct text *t, struct task *unused)
{
  text_add(t, "%s\n", ring_policy()->name);
  return 0;
}

static int
store_policy(const char *s, struct task *unused)
{
  return ring_set_policy(s);
}

// What has its like in Linux has its name and bounds; but its overcommit_memory 2, strict
// accounting, we do not have.
static const struct proc_entry vm[] = {
  { .name = "aging_ms", PROC_NUMBER(1, AGING_MS_MAX, &ring_tick_ms) },
  { .name = "allotment", .mode = PROC_SETTING, .show = show_allotment, .store = store_allotment },
  { .name = "check", .mode = PROC_FILE, .show = show_check },
  { .name = "dirty_background_bytes", PROC_NUMBER(1, ~0UL, &flusher_set.background_bytes,
      .instead_of = &flusher_set.background_ratio, .changed = flusher_wake) },
  { .name = "dirty_background_ratio", PROC_NUMBER(0, 100, &flusher_set.background_ratio,
      .instead_of = &flusher_set.background_bytes, .changed = flusher_wake) },
  { .name = "dirty_bytes", PROC_NUMBER(2 * PAGE_SIZE, ~0UL, &flusher_set.bytes,
      .instead_of = &flusher_set.ratio, .changed = flusher_wake) },
  { .name = "dirty_expire_centisecs",
    PROC_NUMBER(0, CENTISECS_MAX, &flusher_set.expire, .changed = flusher_wake) },
  { .name = "dirty_ratio", PROC_NUMBER(0, 100, &flusher_set.ratio,
      .instead_of = &flusher_set.bytes, .changed = flusher_wake) },
  { .name = "dirty_writeback_centisecs",
    PROC_NUMBER(0, CENTISECS_MAX, &flusher_set.interval, .changed = flusher_wake) },
  { .name = "drop_caches", .mode = PROC_SETTING, .says = "0\n", .store = store_drop_caches },
  { .name = "esc_window", PROC_NUMBER(1, ESC_WINDOW_MAX, &esc_window) },
  { .name = "fail_nth", PROC_NUMBER(0, ~0UL, &failnth_shared, .changed = failnth_share) },
  { .name = "load_control", PROC_NUMBER(0, 1, &load_control, .changed = reaper_wake) },
  { .name = "overcommit_memory", PROC_NUMBER(0, 1, &vm_overcommit) },
  { .name = "policy", .mode = PROC_SETTING, .show = show_policy, .store = store_policy },
  { .name = "write_ahead", PROC_NUMBER(0, 1, &ring_writes_ahead) },
};

// ---- kernel ----

static int
show_pid_max(struct text *t, struct task *unused)
{
  text_add(t, "%d\n", PID_MAX);
  return 0;
}

static int
show_trace(struct text *t, struct task *unused)
{
  trace_chosen(t);
  return 0;
}

static int
store_trace(const char *s, struct task *unused)
{
  return trace_choose(s);
}

static const struct proc_entry kernel[] = {
  { .name = "hostname", .mode = PROC_FILE, .says = UTS_NODENAME "\n" },
  { .name = "ns_last_pid", PROC_NUMBER(1, PID_MAX - 1, &pid_last) },
  { .name = "osrelease", .mode = PROC_FILE, .says = UTS_RELEASE "\n" },
  { .name = "ostype", .mode = PROC_FILE, .says = UTS_SYSNAME "\n" },
  { .name = "pid_max", .mode = PROC_FILE, .show = show_pid_max },
  { .name = "trace", .mode = PROC_SETTING, .show = show_trace, .store = store_trace },
};

static const struct proc_entry directories[] = {
  { .name = "kernel", .mode = PROC_DIR, PROC_ENTRIES(kernel) },
  { .name = "vm", .mode = PROC_DIR, PROC_ENTRIES(vm) },
};

const struct proc_entry proc_sys = {
  .name = "sys", .mode = PROC_DIR, PROC_ENTRIES(directories),
};
