// SPDX-License-Identifier: MIT
//
// System calls about the system itself: what it is called, what it has, what its
// limits are, and its end.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/files.h"
#include "kernel/itimer.h"
#include "kernel/printk.h"
#include "kernel/process.h"
#include "kernel/random.h"
#include "kernel/rusage.h"
#include "kernel/syscall.h"
#include "kernel/uname.h"
#include "fs/load.h"
#include "fs/vfs.h"
#include "mm/frame.h"
#include "mm/object.h"
#include "mm/space.h"
#include "mm/swap.h"

// ---- What it is ----

i64
sys_uname(const u64 *a)
{
  enum { FIELD = 65 };
  static const char names[6][FIELD] = {
    UTS_SYSNAME, UTS_NODENAME, UTS_RELEASE, UTS_VERSION, UTS_MACHINE, UTS_DOMAIN,
  };
  return copy_to_user(a[0], names, sizeof names) ? -EFAULT : 0;
}

struct sysinfo {
  i64 uptime;
  u64 loads[3];
  u64 totalram, freeram, sharedram, bufferram, totalswap, freeswap;
  u16 procs;
  u16 pad;
  u64 totalhigh, freehigh;
  u32 unit;
};

i64
sys_sysinfo(const u64 *a)
{
  struct mem_info mi;
  frame_info(&mi);
  struct sysinfo si = {
    .uptime = (i64)(machine_time_ns() / 1000000000),
    .totalram = mi.total * PAGE_SIZE,
    .freeram = mi.free * PAGE_SIZE,
    .sharedram = object_shared_pages() * PAGE_SIZE,
    .procs = (u16)min(count_tasks().all, 0xffffU),
    .unit = 1,
    .totalswap = atomic_load(&swap_total) * PAGE_SIZE,
    .freeswap = atomic_load(&swap_free) * PAGE_SIZE,
  };
  return copy_to_user(a[0], &si, sizeof si) ? -EFAULT : 0;
}

i64
sys_getrandom(const u64 *a)
{
  enum { GRND_KNOWN = 7, GRND_OTHERS = 6, PIECE = 256 };     // either of two others
  u8 buf[PIECE];
  u64 n = min(a[1], (u64)0x7ffff000), done = 0;
  if((a[2] & ~(u64)GRND_KNOWN) || (a[2] & GRND_OTHERS) == GRND_OTHERS)
    return -EINVAL;
  while(done < n && !current->killed){
    u64 part = min(n - done, (u64)PIECE);
    random_bytes(buf, part);
    u64 left = copy_to_user(a[0] + done, buf, part);
    done += part - left;
    if(left)
      return done ? (i64)done : -EFAULT;
  }
  return (i64)done;
}

// ---- Limits ----

static struct rlimit
limit_get(struct task *t, u32 resource)
{
  struct rlimit r = t->process->limits[resource];
  struct files *fs = resource == RLIMIT_NOFILE ? task_files(t) : NULL;
  if(fs)
    r.soft = fs->limit;
  files_put(fs);
  return r;
}

// Most bound nothing here, or not root, and are only told again.
static int
limit_set(u32 resource, struct rlimit to)
{
  struct process *p = current->process;
  struct space *s = current->space;
  if(to.soft > to.hard)
    return -EINVAL;
  if((to.hard > p->limits[resource].hard && p->uid != 0) ||
     (to.hard > FILES_LIMIT_MAX && resource == RLIMIT_NOFILE))
    return -EPERM;
  p->limits[resource] = to;
  switch(resource){
  case RLIMIT_STACK: s->stack_limit = min(to.soft, STACK_MAX); break;
  case RLIMIT_NOFILE: current->files->limit = (u32)to.soft; break;
  case RLIMIT_AS: s->size_max = to.soft; break;
  case RLIMIT_DATA: s->heap_max = to.soft; break;
  case RLIMIT_CPU: return itimers_limit(p, process_used(p));
  }
  return 0;
}

i64
sys_prlimit64(const u64 *a)
{
  u32 pid = (u32)a[0], resource = (u32)a[1];
  struct rlimit to, old;
  if(resource >= RLIMITS)
    return -EINVAL;
  struct task *t = pid == 0 ? task_get(current) : task_find(pid);
  if(!t)
    return -ESRCH;
  bool own = t->process == current->process;       // others' are only read
  old = limit_get(t, resource);
  task_put(t);
  if(a[2] && copy_from_user(&to, a[2], sizeof to))
    return -EFAULT;
  int err = !a[2] ? 0 : own ? limit_set(resource, to) : -EPERM;
  if(err)
    return err;
  return a[3] && copy_to_user(a[3], &old, sizeof old) ? -EFAULT : 0;
}

i64
sys_getrlimit(const u64 *a)
{
  u64 b[4] = { 0, a[0], 0, a[1] };
  return a[1] ? sys_prlimit64(b) : -EFAULT;
}

i64
sys_setrlimit(const u64 *a)
{
  u64 b[4] = { 0, a[0], a[1], 0 };
  return a[1] ? sys_prlimit64(b) : -EFAULT;
}

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };

i64
sys_getrusage(const u64 *a)
{
  struct process *p = current->process;
  struct rusage r;
  struct used u;
  switch((i32)a[0]){
  case RUSAGE_SELF:
    u = process_used(p);
    break;
  case RUSAGE_CHILDREN:
    u = p->waited;
    break;
  case RUSAGE_THREAD:
    u = task_used(current);
    break;
  default:
    return -EINVAL;
  }
  rusage_set(&r, &u);
  return copy_to_user(a[1], &r, sizeof r) ? -EFAULT : 0;
}

// ---- Messages ----

enum {
  SYSLOG_CLOSE = 0, SYSLOG_OPEN = 1, SYSLOG_READ_ALL = 3, SYSLOG_SIZE_BUFFER = 10,
};

// As much as fits of the newest messages; with va 0, only their length.
static i64
read_messages(va_t va, u64 n)
{
  enum { PIECE = 512 };
  char piece[PIECE];
  u64 total = 0, got, pos = 0;
  while((got = dmesg_read(&pos, piece, PIECE)) > 0)
    total += got;
  if(va == 0)
    return (i64)total;
  u64 skip = total > n ? total - n : 0, done = 0;
  for(pos = 0; done < n && (got = dmesg_read(&pos, piece, PIECE)) > 0;){
    u64 from = min(skip, got), part = min(got - from, n - done);
    skip -= from;
    if(copy_to_user(va + done, piece + from, part))
      return -EFAULT;
    done += part;
  }
  return (i64)done;
}

i64
sys_syslog(const u64 *a)
{
  switch((int)a[0]){
  case SYSLOG_CLOSE:
  case SYSLOG_OPEN:
    return 0;
  case SYSLOG_READ_ALL:
    return a[1] == 0 || (i32)a[2] < 0 ? -EINVAL : read_messages(a[1], (u32)a[2]);
  case SYSLOG_SIZE_BUFFER:
    return read_messages(0, 0);
  default:
    return -EINVAL;
  }
}

// ---- The end ----

enum {
  REBOOT_MAGIC = 0xfee1deadU, REBOOT_POWER_OFF = 0x4321fedc, REBOOT_HALT = 0xcdef0123,
  REBOOT_RESTART = 0x01234567,
};

// Restarting is left to whoever started the machine.
i64
sys_reboot(const u64 *a)
{
  static const u32 magic2[] = { 672274793, 85072278, 369367448, 537993216 };
  bool known = false;
  for(u32 i = 0; i < count_of(magic2); i++)
    known |= (u32)a[1] == magic2[i];
  if((u32)a[0] != REBOOT_MAGIC || !known)
    return -EINVAL;
  if(current->process->uid != 0)
    return -EPERM;
  switch((u32)a[2]){
  case REBOOT_POWER_OFF:
  case REBOOT_HALT:
  case REBOOT_RESTART:
    vfs_end();
    printk("power off\n");
    machine_poweroff(0);
  default:
    return -EINVAL;
  }
}
