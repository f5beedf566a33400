// SPDX-License-Identifier: MIT
//
// The files of /proc about the whole system, in Linux's formats.

#include <machine.h>
#include "fs/filelock.h"
#include "fs/load.h"
#include "fs/proc.h"
#include "kernel/block.h"
#include "kernel/clock.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "kernel/timespec.h"
#include "kernel/uname.h"
#include "mm/frame.h"
#include "mm/load.h"
#include "mm/object.h"
#include "mm/policy/policy.h"
#include "mm/ring.h"
#include "mm/slab.h"
#include "mm/space.h"
#include "mm/swap.h"
#include "mm/vmap.h"

enum { PAGE_KIB = PAGE_SIZE / KiB, NS_A_TICK = 10000000, MS = 1000000, TICKS_A_SECOND = 100 };

// ---- Memory ----

// What memory is used for, in pages; `kernel`: all that has no line of its own.
struct usage {
  struct mem_info mi;
  struct frame_census frames;
  u64 objects, kernel, dirty, writing, shared;
};

static void
get_usage(struct usage *u)
{
  preempt_off();                     // a frame that changes hands here does so as a whole
  frame_info(&u->mi);
  frame_census(&u->frames);
  preempt_on();
  u->objects = u->frames.held[KIND_OBJECT];
  u->kernel = u->frames.held[KIND_KERNEL] + u->frames.held[KIND_ZERO];
  u->dirty = atomic_load(&pages_dirty);
  u->writing = atomic_load(&pages_writing);
  u->shared = object_shared_pages();
}

static void
kib(struct text *t, const char *name, u64 pages)
{
  text_add(t, "%s:", name);
  text_pad(t, 16);
  text_add(t, "%8lu kB\n", pages * PAGE_KIB);
}

static int
show_meminfo(struct text *t, struct task *unused)
{
  struct usage u;
  get_usage(&u);
  u64 stay = min(u.dirty + u.writing + atomic_load(&pages_kept) + u.shared, u.objects);
  u64 easy = u.mi.free + u.objects - stay + slab_spare() + kstack_spare();
  kib(t, "MemTotal", u.mi.total);
  kib(t, "MemFree", u.mi.free);
  kib(t, "MemAvailable", easy - min(u.mi.watermark_min, easy));
  kib(t, "Buffers", 0);
  kib(t, "Cached", u.objects);
  kib(t, "SwapCached", atomic_load(&swap_cached));
  kib(t, "SwapTotal", atomic_load(&swap_total));
  kib(t, "SwapFree", atomic_load(&swap_free));
  kib(t, "Dirty", u.dirty);
  kib(t, "Writeback", u.writing);
  kib(t, "AnonPages", u.frames.held[KIND_ANON]);
  kib(t, "Mapped", object_mapped_pages());
  kib(t, "Shmem", u.shared);
  kib(t, "Slab", u.frames.held[KIND_SLAB]);
  kib(t, "PageTables", u.frames.held[KIND_TABLE]);
  kib(t, "Kernel", u.kernel);
  return 0;
}

// By class: not used and not modified, modified, used, both.
static void
add_counts(struct text *t, const char *name, const u64 *count, u32 first, u32 n)
{
  for(u32 i = 0; i < n; i++)
    text_add(t, "policy_%s_%u %lu\n", name, first + i, count[i]);
}

static void
add_policy(struct text *t)
{
  const struct policy_stats *p = &policy_stats;
  text_add(t, "policy_hand %lu\npolicy_moves %lu\npolicy_forgotten %lu\npolicy_refused %lu\n"
              "policy_ticks %lu\n", ring_hand(), p->moves, p->forgotten, p->refused, p->ticks);
  add_counts(t, "seen_class", p->seen, 0, USES);
  add_counts(t, "victims_class", p->victims, 0, USES);
  add_counts(t, "pass", p->passes, 1, count_of(p->passes));
}

static void
add_load(struct text *t)
{
  struct load_stats ls;
  load_stats(&ls);
  text_add(t, "nr_working_sets %lu\npage_fault_frequency %lu\nload_suspended %lu\n"
              "load_suspends %lu\nload_resumes %lu\n",
           ls.sets, ls.fault_rate, ls.suspended, ls.suspends, ls.resumes);
}

// KiB, whatever they were for.
static void
add_disks(struct text *t)
{
  struct block_device *d;
  u64 in = 0, out = 0;
  for(u32 k = 0; (d = block_at(k)); k++){
    in += d->sectors_read;
    out += d->sectors_written;
  }
  text_add(t, "pgpgin %lu\npgpgout %lu\n", in * SECTOR / KiB, out * SECTOR / KiB);
}

static int
show_vmstat(struct text *t, struct task *unused)
{
  struct usage u;
  get_usage(&u);
  text_add(t, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_dirty %lu\n"
              "nr_writeback %lu\nnr_dirtied %lu\nnr_shmem %lu\nnr_page_table_pages %lu\n"
              "nr_slab %lu\nnr_kernel %lu\nnr_zeroed_pages %lu\n",
           u.mi.free, u.frames.held[KIND_ANON], u.objects, u.dirty, u.writing,
           u.dirty + vm_counter(VM_UNDIRTIED), u.shared, u.frames.held[KIND_TABLE],
           u.frames.held[KIND_SLAB], u.kernel, u.mi.zeroed);
  text_add(t, "pgalloc_normal %lu\npgfree %lu\n", u.frames.taken, u.frames.freed);
  for(u32 e = 0; e < VM_EVENTS; e++)
    text_add(t, "%s %lu\n", vm_event_name(e), vm_counter(e));
  add_disks(t);
  add_policy(t);
  add_load(t);
  return 0;
}

static int
show_buddyinfo(struct text *t, struct task *unused)
{
  struct mem_info mi;
  frame_info(&mi);
  text_add(t, "Node 0, zone   Normal ");
  for(u32 order = 0; order <= MAX_ORDER; order++)
    text_add(t, "%6lu ", mi.free_blocks[order]);
  text_add(t, "\n");
  return 0;
}

static int
show_slabinfo(struct text *t, struct task *unused)
{
  struct cache_info ci;
  text_add(t, "slabinfo - version: 2.1\n"
              "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
              " : tunables <limit> <batchcount> <sharedfactor>"
              " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
  for(u32 i = 0; cache_info_at(i, &ci); i++){
    u64 start = t->len;
    text_add(t, "%s", ci.name);
    for(u64 at = start; !t->failed && at < t->len; at++)
      if(t->s[at] == ' ')
        t->s[at] = '_';
    text_pad(t, 17);
    text_add(t, " %6lu %6lu %6lu %4lu %4lu : tunables %4lu    0    0 : slabdata %6lu %6lu      0\n",
             ci.active, ci.total, ci.size, ci.per_slab, ci.pages_per_slab, ci.rounds,
             ci.slabs - ci.empty, ci.slabs);
  }
  return 0;
}

// ---- Time and harts ----

static int
show_uptime(struct text *t, struct task *unused)
{
  u64 up = machine_time_ns() / NS_A_TICK, idle = 0, ns, waiting;
  for(u32 k = 0; k < nharts; k++){
    hart_busy(&harts[k], &ns, &waiting);
    idle += ns / NS_A_TICK;
  }
  text_add(t, "%lu.%02lu %lu.%02lu\n", up / TICKS_A_SECOND, up % TICKS_A_SECOND,
           idle / TICKS_A_SECOND, idle % TICKS_A_SECOND);
  return 0;
}

// Time in ticks of 10 ms: what a hart has been doing since boot.  Busy time is
// exact, how much of it was in user mode is what timer interrupts saw.
struct cpu { u64 user, system, idle, waiting; };

static struct cpu
cpu_times(u32 k)
{
  struct hart *h = &harts[k];
  u64 idle, waiting, busy = hart_busy(h, &idle, &waiting);
  struct told t = time_split(&h->told, busy, h->user_ticks, h->kernel_ticks);
  return (struct cpu){ t.user / NS_A_TICK, t.kernel / NS_A_TICK, idle / NS_A_TICK,
                       waiting / NS_A_TICK };
}

static void
add_cpu(struct text *t, const struct cpu *c)
{
  text_add(t, " %lu 0 %lu %lu %lu 0 0 0 0 0\n", c->user, c->system, c->idle, c->waiting);
}

static int
show_interrupts(struct text *t, struct task *unused)
{
  struct irq_info i;
  text_add(t, "           ");
  for(u32 h = 0; h < nharts; h++)
    text_add(t, "CPU%-8u", h);
  text_add(t, "\n");
  for(u32 k = 0; irq_info(k, &i); k++){
    if(i.line)
      text_add(t, "%3u:", i.line);
    else
      text_add(t, "%s:", i.label);
    for(u32 h = 0; h < nharts; h++)
      text_add(t, " %10lu", i.count(&i, h));
    if(i.line)
      text_add(t, " SiFive PLIC %3u Level   ", i.line);
    text_add(t, "  %s\n", i.name);
  }
  return 0;
}

static u64
interrupts_of(const struct irq_info *i)
{
  u64 n = 0;
  for(u32 h = 0; h < nharts; h++)
    n += i->count(i, h);
  return n;
}

// All, then those of each line from 0 on.
static void
add_interrupts(struct text *t)
{
  struct irq_info i;
  u64 all = 0;
  for(u32 k = 0; irq_info(k, &i); k++)
    all += interrupts_of(&i);
  text_add(t, "intr %lu", all);
  for(u32 k = 0, line = 0; irq_info(k, &i) && i.line; k++, line++){
    for(; line < i.line; line++)
      text_add(t, " 0");
    text_add(t, " %lu", interrupts_of(&i));
  }
  text_add(t, "\n");
}

static int
show_stat(struct text *t, struct task *unused)
{
  struct cpu all = { 0 };
  u64 switches = 0;
  for(u32 k = 0; k < nharts; k++){
    struct cpu c = cpu_times(k);
    all.user += c.user;
    all.system += c.system;
    all.idle += c.idle;
    all.waiting += c.waiting;
  }
  text_add(t, "cpu ");
  add_cpu(t, &all);
  for(u32 k = 0; k < nharts; k++){
    struct cpu c = cpu_times(k);
    text_add(t, "cpu%u", k);
    add_cpu(t, &c);
    switches += harts[k].switches;
  }
  struct task_count tasks = count_tasks();
  add_interrupts(t);
  text_add(t, "ctxt %lu\nbtime %lu\nprocesses %u\nprocs_running %u\nprocs_blocked %u\n", switches,
           time_at_boot / SECOND, tasks.last, tasks.running, tasks.blocked);
  return 0;
}

static int
show_cpuinfo(struct text *t, struct task *unused)
{
  for(u32 k = 0; k < nharts; k++)
    text_add(t, "processor\t: %u\nhart\t\t: %u\nisa\t\t: rv64ima%sc_zicsr_zifencei%s\n"
                "mmu\t\t: sv39\n\n",
             k, harts[k].id, machine.fpu ? "fd" : "", machine.sstc ? "_sstc" : "");
  return 0;
}

// ---- Disks ----

// Nothing is merged or discarded here: those fields are 0.  Times are milliseconds.
static int
show_diskstats(struct text *t, struct task *unused)
{
  struct block_device *d;
  for(u32 k = 0; (d = block_at(k)); k++)
    text_add(t, "%4u %7u %s %lu 0 %lu %lu %lu 0 %lu %lu %u %lu %lu 0 0 0 0 %lu %lu\n", BLOCK_MAJOR,
             k, d->name, d->reads, d->sectors_read, d->ns[BLOCK_READ] / MS, d->writes,
             d->sectors_written, d->ns[BLOCK_WRITE] / MS, d->in_flight, d->busy_ns / MS,
             (d->ns[BLOCK_READ] + d->ns[BLOCK_WRITE] + d->ns[BLOCK_FLUSH]) / MS, d->flushes,
             d->ns[BLOCK_FLUSH] / MS);
  return 0;
}

// ---- Locks ----

static int
show_locks(struct text *t, struct task *unused)
{
  filelocks_show(t, NULL, NULL, NULL);
  return 0;
}

// ---- Swap ----

static int
show_swaps(struct text *t, struct task *unused)
{
  enum { NAME_COLUMN = 40, WIDE = 10000000 };
  struct swap_info info;
  char *path = kmalloc(PATH_MAX);
  if(path == NULL)
    return -ENOMEM;
  text_add(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
  for(u32 i = 0; swap_info_at(i, &info); i++){
    bool named = vfs_path_of(info.file->inode, path, PATH_MAX) > 0;
    u64 size = info.pages * PAGE_KIB, used = info.used * PAGE_KIB;
    text_add(t, "%s ", named ? path : "?");
    text_pad(t, NAME_COLUMN);
    text_add(t, "%s\t%lu\t%s%lu\t%s%d\n", info.is_device ? "partition" : "file\t",
             size, size < WIDE ? "\t" : "", used, used < WIDE ? "\t" : "", info.priority);
    file_put(info.file);
  }
  kfree(path);
  return 0;
}

// ---- Names ----

static int
show_cmdline(struct text *t, struct task *unused)
{
  text_add(t, "%s\n", machine.bootargs ? machine.bootargs : "");
  return 0;
}

// A line for each file system; fn gets its options.
static int
show_supers(struct text *t, void (*fn)(struct text *t, const struct super *s, const char *path,
                                       const char *options))
{
  char *path = kmalloc(PATH_MAX);
  struct super *s;
  if(path == NULL)
    return -ENOMEM;
  for(u32 k = 0; (s = super_at(k)); k++){
    if(vfs_path_of(s->root, path, PATH_MAX) > 0)
      fn(t, s, path, s->read_only ? "ro" : "rw");
    super_put(s);
  }
  kfree(path);
  return 0;
}

static void
add_mount(struct text *t, const struct super *s, const char *path, const char *options)
{
  text_add(t, "%s %s %s %s 0 0\n", s->source, path, s->type, options);
}

// A file system is mounted in one place, so its device number tells the mount too.
static void
add_mountinfo(struct text *t, const struct super *s, const char *path, const char *options)
{
  text_add(t, "%lu %lu 0:%lu / %s %s - %s %s %s\n", s->dev, s->covers ? s->covers->super->dev : 0,
           s->dev, path, options, s->type, s->source, options);
}

int
show_mounts(struct text *t, struct task *unused)
{
  return show_supers(t, add_mount);
}

int
show_mountinfo(struct text *t, struct task *unused)
{
  return show_supers(t, add_mountinfo);
}

const struct proc_entry proc_system[] = {
  { .name = "buddyinfo", .mode = PROC_FILE, .show = show_buddyinfo },
  { .name = "cmdline", .mode = PROC_FILE, .show = show_cmdline },
  { .name = "cpuinfo", .mode = PROC_FILE, .show = show_cpuinfo },
  { .name = "diskstats", .mode = PROC_FILE, .show = show_diskstats },
  { .name = "filesystems", .mode = PROC_FILE,
    .says = "nodev\tproc\nnodev\tdevtmpfs\nnodev\ttmpfs\n\tqfs\n" },
  { .name = "frames", .mode = PROC_FILE, .next = next_frames },
  { .name = "interrupts", .mode = PROC_FILE, .show = show_interrupts },
  { .name = "kpagecount", .mode = S_IFREG | 0400, .numbers = kpagecount },
  { .name = "kpageflags", .mode = S_IFREG | 0400, .numbers = kpageflags },
  { .name = "loadavg", .mode = PROC_FILE, .show = show_loadavg },
  { .name = "locks", .mode = PROC_FILE, .show = show_locks },
  { .name = "meminfo", .mode = PROC_FILE, .show = show_meminfo },
  { .name = "mounts", .mode = PROC_FILE, .show = show_mounts },
  { .name = "slabinfo", .mode = PROC_FILE, .show = show_slabinfo },
  { .name = "stat", .mode = PROC_FILE, .show = show_stat },
  { .name = "swaps", .mode = PROC_FILE, .show = show_swaps },
  { .name = "trace", .mode = PROC_FILE, .next = next_trace },
  { .name = "uptime", .mode = PROC_FILE, .show = show_uptime },
  { .name = "version", .mode = PROC_FILE,
    .says = UTS_SYSNAME " version " UTS_RELEASE " (" UTS_MACHINE ") " UTS_VERSION "\n" },
  { .name = "vmstat", .mode = PROC_FILE, .show = show_vmstat },
};
const u32 proc_system_count = count_of(proc_system);
