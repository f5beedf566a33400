// SPDX-License-Identifier: MIT
//
// /proc/sys: settings, and the check of the whole of memory.

#include "fs/proc.h"
#include "kernel/errno.h"
#include "kernel/failnth.h"
#include "kernel/pid.h"
#include "kernel/string.h"
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

static int
show_overcommit(struct text *t, struct task *unused)
{
  text_add(t, "%u\n", vm_overcommit);
  return 0;
}

// Linux's 2, strict accounting, we do not have.
static int
store_overcommit(const char *s, struct task *unused)
{
  u64 mode;
  if(!parse_u64(s, &mode) || mode > 1)
    return -EINVAL;
  atomic_store(&vm_overcommit, (u32)mode);
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
  kstack_shrink();
  harts_drain();
  return 0;
}

static int
show_fail_nth(struct text *t, struct task *unused)
{
  text_add(t, "%lu\n", failnth_shared());
  return 0;
}

static int
store_fail_nth(const char *s, struct task *unused)
{
  u64 n;
  if(!parse_u64(s, &n))
    return -EINVAL;
  failnth_share(n);
  return 0;
}

// Settings that are a number within bounds.
static int
store_number(const char *s, u64 least, u64 most, u64 *n)
{
  return parse_u64(s, n) && *n >= least && *n <= most ? 0 : -EINVAL;
}

enum { NS_A_MS = 1000000, AGING_MS_MAX = 10000 };

static int
show_aging(struct text *t, struct task *unused)
{
  text_add(t, "%lu\n", ring_tick_ns / NS_A_MS);
  return 0;
}

static int
store_aging(const char *s, struct task *unused)
{
  u64 ms;
  int err = store_number(s, 1, AGING_MS_MAX, &ms);
  if(err == 0)
    atomic_store(&ring_tick_ns, ms * NS_A_MS);
  return err;
}

static int
show_window(struct text *t, struct task *unused)
{
  text_add(t, "%u\n", esc_window);
  return 0;
}

static int
store_window(const char *s, struct task *unused)
{
  u64 n;
  int err = store_number(s, 1, ESC_WINDOW_MAX, &n);
  if(err == 0)
    atomic_store(&esc_window, (u32)n);
  return err;
}

static int
show_load_control(struct text *t, struct task *unused)
{
  text_add(t, "%u\n", load_is_on());
  return 0;
}

static int
store_load_control(const char *s, struct task *unused)
{
  u64 on;
  int err = store_number(s, 0, 1, &on);
  if(err == 0)
    load_switch(on);
  return err;
}

static int
show_write_ahead(struct text *t, struct task *unused)
{
  text_add(t, "%u\n", atomic_load(&ring_writes_ahead));
  return 0;
}

static int
store_write_ahead(const char *s, struct task *unused)
{
  u64 on;
  int err = store_number(s, 0, 1, &on);
  if(err == 0)
    atomic_store(&ring_writes_ahead, on != 0);
  return err;
}

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

static const struct proc_entry vm[] = {
  { .name = "aging_ms", .mode = PROC_SETTING, .show = show_aging, .store = store_aging },
  { .name = "allotment", .mode = PROC_SETTING, .show = show_allotment, .store = store_allotment },
  { .name = "check", .mode = PROC_FILE, .show = show_check },
  { .name = "drop_caches", .mode = PROC_SETTING, .says = "0\n", .store = store_drop_caches },
  { .name = "esc_window", .mode = PROC_SETTING, .show = show_window, .store = store_window },
  { .name = "fail_nth", .mode = PROC_SETTING, .show = show_fail_nth, .store = store_fail_nth },
  { .name = "load_control", .mode = PROC_SETTING, .show = show_load_control,
    .store = store_load_control },
  { .name = "overcommit_memory", .mode = PROC_SETTING, .show = show_overcommit,
    .store = store_overcommit },
  { .name = "policy", .mode = PROC_SETTING, .show = show_policy, .store = store_policy },
  { .name = "write_ahead", .mode = PROC_SETTING, .show = show_write_ahead,
    .store = store_write_ahead },
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
