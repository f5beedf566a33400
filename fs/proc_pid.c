// SPDX-License-Identifier: MIT
//
// /proc/<pid>: one process, in Linux's formats.
//
// A process that ends while it is looked at shows up as one without memory or
// files, then as -ESRCH.

#include <pmap.h>
#include "fs/path.h"
#include "fs/proc.h"
#include "fs/stat.h"
#include "kernel/chardev.h"
#include "kernel/errno.h"
#include "kernel/failnth.h"
#include "kernel/files.h"
#include "kernel/job.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "mm/frame.h"
#include "mm/local.h"
#include "mm/slab.h"
#include "mm/space.h"

enum { PAGE_KIB = PAGE_SIZE / KiB, NS_A_TICK = 10000000 };

// ---- What is told about a process ----

// A copy of what needs the family lock.
struct family {
  u32 tid, pid, ppid, pgid, sid, foreground, threads, uid, gid, flags;
  u64 pending, shared_pending, queued, blocked, ignored, caught;
  struct used used, waited;
  int exit_status;
};

// Linux's flags of a task, those that ps shows.  family_lock held.
static u32
flags_of(const struct task *t)
{
  enum { PF_EXITING = 0x4, PF_FORKNOEXEC = 0x40, PF_KTHREAD = 0x200000 };
  const struct process *p = t->process;
  return (p->exiting || p->zombie ? PF_EXITING : 0) | (p->execed ? 0 : PF_FORKNOEXEC) |
         (process_is_kernels(p) ? PF_KTHREAD : 0);
}

// Times and faults are those of the task, or of the whole process.
static void
get_family(struct task *t, struct family *f, bool whole)
{
  struct process *p = t->process;
  struct used used = whole ? process_used(p) : task_used(t);
  bool on = spin_lock_irq(&family_lock);
  *f = (struct family){
    .tid = t->tid, .pid = p->pid, .ppid = p->parent ? p->parent->pid : 0, .pgid = p->pgid,
    .sid = p->sid, .foreground = terminal_foreground_of(p), .threads = p->nthreads, .uid = p->uid,
    .gid = p->gid, .flags = flags_of(t), .pending = t->pending.set,
    .shared_pending = p->pending.set, .queued = t->pending.n + p->pending.n,
    .blocked = t->sig_blocked, .ignored = p->sig_ignored, .caught = p->sig_handled,
    .used = used, .waited = p->waited,
    .exit_status = p->zombie ? p->exit_status : 0,
  };
  spin_unlock_irq(&family_lock, on);
}

// Sizes of a process's memory, in pages; and where its program's own text and data lie.
struct sizes {
  u64 size, anon, file, shared, swapped, locked, text, libraries, data, stack, tables;
  struct span { va_t start, end; } code, variables;
};

static u64
resident(const struct sizes *z)
{
  return z->anon + z->file + z->shared;
}

static void
add_entry(void *sizes, va_t va, pte_t p, const struct frame *table)
{
  struct sizes *z = sizes;
  const struct frame *f = pte_has_frame(p) ? pte_frame(p) : NULL;
  if(f == NULL)
    z->swapped++;
  else if(frame_kind(f) == KIND_ANON)
    z->anon++;
  else if(frame_kind(f) == KIND_OBJECT)
    ++*(frame_has_store(f) ? &z->file : &z->shared);
}

static void
add_area(struct sizes *z, const struct space *s, const struct area *a)
{
  u64 pages = (a->end - a->start) / PAGE_SIZE;
  bool text = (a->prot & (PROT_EXEC | PROT_WRITE)) == PROT_EXEC;
  bool own = s->exe && a->file && a->file->inode == s->exe->inode;
  struct span *part = text ? &z->code : &z->variables;
  z->size += pages;
  z->locked += a->flags & AREA_LOCKED ? pages : 0;
  if(a->flags & AREA_STACK){
    z->stack += pages;
  } else if(text){
    *(own ? &z->text : &z->libraries) += pages;
  } else if((a->prot & PROT_WRITE) && !(a->flags & AREA_SHARED)){
    z->data += pages;
  }
  if(own && (text || (a->prot & PROT_WRITE)))
    *part = (struct span){ part->start ? part->start : a->start, a->end };
}

static void
get_sizes(struct space *s, struct sizes *z)
{
  struct area a;
  *z = (struct sizes){ 0 };
  for(va_t va = 0; s && vm_area_at(s, va, &a); va = a.end){
    add_area(z, s, &a);
    file_put(a.file);
  }
  if(s){
    pmap_scan(&s->pmap, 0, USER_MAX, NULL, add_entry, z);
    z->tables = atomic_load(&s->pmap.tables);
  }
}

// ---- stat, statm, status ----

static int
show_stat_of(struct text *x, struct task *t, bool whole)
{
  struct family f;
  struct sizes z;
  struct space *s = task_space(t);
  get_family(t, &f, whole);
  get_sizes(s, &z);
  char letter = task_letter(t);
  text_add(x, "%u (%s) %c %u %u %u %u %d %u %lu %lu %lu %lu %lu %lu %lu %lu %d %d %u 0 "
              "%lu %lu %lu ",
           f.tid, t->comm, letter, f.ppid, f.pgid, f.sid, f.foreground ? DEV_CONSOLE : 0,
           f.foreground ? (i32)f.foreground : -1, f.flags, f.used.minor, f.waited.minor,
           f.used.major, f.waited.major, f.used.user / NS_A_TICK, f.used.kernel / NS_A_TICK,
           f.waited.user / NS_A_TICK, f.waited.kernel / NS_A_TICK, 20 + t->nice, t->nice, f.threads,
           t->process->start_time / NS_A_TICK, z.size * PAGE_SIZE, resident(&z));
  text_add(x, "%lu %lu %lu %lu 0 0 %lu %lu %lu %lu %u 0 0 %d %u 0 0 0 0 0 %lu %lu ",
           t->process->limits[RLIMIT_RSS].soft, z.code.start, z.code.end, s ? s->stack_start : 0,
           f.pending | f.shared_pending, f.blocked, f.ignored, f.caught, letter != 'R',
           f.tid == f.pid ? SIGCHLD : -1, t->hart ? t->hart->index : 0, z.variables.start,
           z.variables.end);
  text_add(x, "%lu %lu %lu %lu %lu %d\n", s ? s->brk_start : 0, s ? s->arg_start : 0,
           s ? s->arg_end : 0, s ? s->env_start : 0, s ? s->env_end : 0, f.exit_status);
  space_put(s);
  return 0;
}

static int show_stat(struct text *x, struct task *t) { return show_stat_of(x, t, true); }
static int show_task_stat(struct text *x, struct task *t) { return show_stat_of(x, t, false); }

static int
show_statm(struct text *x, struct task *t)
{
  struct sizes z;
  struct space *s = task_space(t);
  get_sizes(s, &z);
  space_put(s);
  text_add(x, "%lu %lu %lu %lu 0 %lu 0\n", z.size, resident(&z),
           z.file + z.shared, z.text, z.data + z.stack);
  return 0;
}

static const char *
state_name(char letter)
{
  switch(letter){
  case 'R': return "running";
  case 'T': return "stopped";
  case 'Z': return "zombie";
  case 'D': return "disk sleep";
  default: return "sleeping";
  }
}

static void
add_memory(struct text *x, const struct space *s, const struct sizes *z)
{
  const struct { const char *name; u64 pages; } sizes[] = {
    { "VmPeak", max(s->mapped_most, z->size) }, { "VmSize", z->size }, { "VmLck", z->locked },
    { "VmRSS", resident(z) }, { "RssAnon", z->anon }, { "RssFile", z->file },
    { "RssShmem", z->shared }, { "VmData", z->data }, { "VmStk", z->stack }, { "VmExe", z->text },
    { "VmLib", z->libraries }, { "VmPTE", z->tables }, { "VmSwap", z->swapped },
  };
  for(u32 k = 0; k < count_of(sizes); k++)
    text_add(x, "%s:\t%8lu kB\n", sizes[k].name, sizes[k].pages * PAGE_KIB);
}

// Before the hand has come round all that is in memory may be the working set.
static void
add_demand(struct text *x, const struct space *s, const struct sizes *z)
{
  u64 set = s->suspended ? s->load_set :
            demand_turn > s->demand.begun ? demand_set(&s->demand) : resident(z);
  text_add(x, "VmWset:\t%8lu kB\nFaultFreq:\t%u\nSuspended:\t%u\n", set * PAGE_KIB,
           rate_last(&s->demand.faults, demand_second()), s->suspended);
}

// A set of harts as Linux writes it: in words of 32 bits, then as ranges.
static void
add_harts(struct text *x, u64 set)
{
  text_add(x, "Cpus_allowed:\t");
  for(u32 k = (nharts + 3) / 4; k-- > 0;)
    text_add(x, k == 8 ? "%lx," : "%lx", set >> 4 * k & 0xf);
  text_add(x, "\nCpus_allowed_list:");
  char before = '\t';
  for(u32 h = 0, end; h < nharts; h = end + 1){
    for(end = h; end < nharts && (set >> end & 1); end++)
      ;
    if(end == h)
      continue;
    text_add(x, end - h > 1 ? "%c%u-%u" : "%c%u", before, h, end - 1);
    before = ',';
  }
  text_add(x, "\n");
}

static int
show_status(struct text *x, struct task *t)
{
  struct family f;
  struct sizes z;
  struct space *s = task_space(t);
  struct files *fs = task_files(t);
  struct fs_pos *at = task_fs(t);
  char letter = task_letter(t);
  get_family(t, &f, true);
  get_sizes(s, &z);
  text_add(x, "Name:\t%s\n", t->comm);
  if(at)
    text_add(x, "Umask:\t%04o\n", at->umask);
  text_add(x, "State:\t%c (%s)\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
           letter, state_name(letter), f.pid, f.tid, f.ppid);
  text_add(x, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t \n"
              "Kthread:\t%u\n", f.uid, f.uid, f.uid, f.uid, f.gid, f.gid, f.gid, f.gid,
           fs ? fs->size : 0, process_is_kernels(t->process));
  if(s){
    add_memory(x, s, &z);
    add_demand(x, s, &z);
  }
  u64 caps = f.uid == 0 ? ALL_CAPS : 0;
  text_add(x, "Threads:\t%u\nSigQ:\t%lu/%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\n"
              "SigIgn:\t%016lx\nSigCgt:\t%016lx\nCapInh:\t%016x\nCapPrm:\t%016lx\n"
              "CapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016x\n",
           f.threads, f.queued, SIGQUEUE_MAX, f.pending, f.shared_pending, f.blocked, f.ignored,
           f.caught, 0, caps, caps, ALL_CAPS, 0);
  add_harts(x, atomic_load(&t->harts) & all_harts());
  u64 preempted = atomic_load(&t->preempted), all = atomic_load(&t->switches);
  text_add(x, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
           all - min(preempted, all), preempted);
  fs_pos_put(at);
  space_put(s);
  files_put(fs);
  return 0;
}

static int
show_comm(struct text *x, struct task *t)
{
  text_add(x, "%s\n", t->comm);
  return 0;
}

// ---- cmdline, environ: strings in the process's own memory ----

// Add a piece of one page, if it is present. => was it?
static bool
add_present(struct text *x, struct space *s, va_t va, u64 n)
{
  bool there = false;
  rw_read_lock(&s->lock);
  pte_t *e = pmap_find(&s->pmap, va);
  if(e){
    there = pte_state(*e) == PTE_PRESENT;
    if(there)
      text_add_bytes(x, (char *)frame_kva(pte_frame(*e)) + (va & PAGE_MASK), n);
    pmap_unlock(e);
  }
  rw_read_unlock(&s->lock);
  return there;
}

void
proc_add_range(struct text *x, struct space *s, va_t start, va_t end)
{
  enum { RANGE_MAX = 128 * KiB };
  end = min(end, start + RANGE_MAX);
  while(start < end){
    u64 n = min(end - start, PAGE_SIZE - (start & PAGE_MASK));
    while(!add_present(x, s, start, n))
      if(vm_fault(s, start, ACCESS_READ) != FAULT_OK)
        return;
    start += n;
  }
}

static int
show_cmdline(struct text *x, struct task *t)
{
  struct space *s = task_space(t);
  if(s)
    proc_add_range(x, s, s->arg_start, s->arg_end);
  space_put(s);
  return 0;
}

static int
show_environ(struct text *x, struct task *t)
{
  struct space *s = task_space(t);
  if(s)
    proc_add_range(x, s, s->env_start, s->env_end);
  space_put(s);
  return 0;
}

// ---- The OOM killer's view ----

static int
show_oom_score(struct text *x, struct task *t)
{
  struct space *s = task_space(t);
  text_add(x, "%lu\n", s && t->process != init_process ? oom_score(s) : 0);
  space_put(s);
  return 0;
}

enum { OOM_ADJ_MAX = 1000 };

static u64 oom_adj(const struct space *s) { return s->oom_score_adj; }

static int
set_oom_adj(struct space *s, u64 n)
{
  if((i64)n > OOM_ADJ_MAX)
    return -EINVAL;
  s->oom_score_adj = (i32)n;
  return 0;
}

// ---- Limits of local replacement ----

static u64 ws_min(const struct space *s) { return s->ws_min; }
static u64 ws_max(const struct space *s) { return s->ws_max; }
static u64 ws_priority(const struct space *s) { return s->ws_priority; }

// ---- Changes of memory ----

static int
store_clear_refs(const char *text, struct task *t)
{
  struct space *s = text[0] == '4' && text[1] == '\0' ? task_space(t) : NULL;
  int err = s ? changes_from_now(s) : -EINVAL;
  space_put(s);
  return err;
}

// ---- Failing allocations ----

static int
show_fail_nth(struct text *x, struct task *t)
{
  u64 n = atomic_load(&t->fail_nth);
  text_add(x, "%lu\n", n == FAIL_SHARED ? atomic_load(&failnth_shared) : n);
  return 0;
}

static int
store_fail_nth(const char *s, struct task *t)
{
  u64 n;
  if(!parse_u64(s, &n) || n == FAIL_SHARED)
    return -EINVAL;
  atomic_store(&t->fail_nth, n);
  return 0;
}

// ---- Links ----

static int
link_exe(struct task *t, u64 number, struct inode **out)
{
  struct space *s = task_space(t);
  struct inode *i = s && s->exe ? s->exe->inode : NULL;
  if(i)
    inode_get(i);
  space_put(s);
  *out = i;
  return i ? 0 : -ENOENT;
}

static int
link_cwd(struct task *t, u64 number, struct inode **out)
{
  struct fs_pos *fs = task_fs(t);
  if(fs == NULL)
    return -ENOENT;
  *out = fs_pos_cwd(fs);
  fs_pos_put(fs);
  return 0;
}

static int
link_root(struct task *t, u64 number, struct inode **out)
{
  *out = root_get();
  return 0;
}

static const struct proc_entry proc_task;

// What only a process has is in front, what only a task has at the end.
static const struct proc_entry entries[] = {
  { .name = "task", .mode = PROC_DIR, .entries = &proc_task, .next_number = next_task },
  { .name = "stat", .mode = PROC_FILE, .show = show_stat },
  { .name = "clear_refs", .mode = S_IFREG | 0200, .says = "", .store = store_clear_refs },
  { .name = "cmdline", .mode = PROC_FILE, .show = show_cmdline },
  { .name = "comm", .mode = PROC_FILE, .show = show_comm },
  { .name = "cwd", .mode = PROC_LINK, .link = link_cwd },
  { .name = "environ", .mode = S_IFREG | 0400, .show = show_environ },
  { .name = "exe", .mode = PROC_LINK, .link = link_exe },
  { .name = "fail-nth", .mode = PROC_SETTING, .show = show_fail_nth, .store = store_fail_nth },
  { .name = "fd", .mode = PROC_DIR, .entries = &proc_fd, .next_number = next_fd },
  { .name = "fdinfo", .mode = PROC_DIR, .entries = &proc_fdinfo, .next_number = next_fd },
  { .name = "maps", .mode = PROC_FILE, .show = show_maps },
  { .name = "mountinfo", .mode = PROC_FILE, .show = show_mountinfo },
  { .name = "mounts", .mode = PROC_FILE, .show = show_mounts },
  { .name = "oom_score", .mode = PROC_FILE, .show = show_oom_score },
  { .name = "oom_score_adj", PROC_OF_SPACE(-OOM_ADJ_MAX, 1, oom_adj, set_oom_adj) },
  { .name = "pagemap", .mode = S_IFREG | 0400, .numbers = pagemap },
  { .name = "root", .mode = PROC_LINK, .link = link_root },
  { .name = "smaps", .mode = PROC_FILE, .show = show_smaps },
  { .name = "smaps_rollup", .mode = PROC_FILE, .show = show_smaps_rollup },
  { .name = "stack", .mode = S_IFREG | 0400, .show = show_stack },
  { .name = "statm", .mode = PROC_FILE, .show = show_statm },
  { .name = "status", .mode = PROC_FILE, .show = show_status },
  { .name = "syscall", .mode = S_IFREG | 0400, .show = show_syscall },
  { .name = "wchan", .mode = PROC_FILE, .show = show_wchan },
  { .name = "ws_max", PROC_OF_SPACE(0, PAGE_KIB, ws_max, local_set_max) },
  { .name = "ws_min", PROC_OF_SPACE(0, PAGE_KIB, ws_min, local_set_min) },
  { .name = "ws_priority", PROC_OF_SPACE(0, 1, ws_priority, local_set_priority) },
  { .name = "stat", .mode = PROC_FILE, .show = show_task_stat },
};

enum { PROCESS_ONLY = 2, TASK_ONLY = 1 };

const struct proc_entry proc_pid = {
  .mode = PROC_DIR, .entries = entries, .nentries = count_of(entries) - TASK_ONLY,
};

static const struct proc_entry proc_task = {
  .mode = PROC_DIR, .entries = entries + PROCESS_ONLY,
  .nentries = count_of(entries) - PROCESS_ONLY,
};
