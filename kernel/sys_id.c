// SPDX-License-Identifier: MIT
//
// System calls about whose a process is: users and groups.
//
// Root may become anybody, for good. The real, effective and saved ids are one and the same:
// calls that would part them fail with EPERM. There are no groups beside the process's own.

#include <machine.h>
#include "kernel/errno.h"
#include "kernel/syscall.h"
#include "kernel/task.h"

i64 sys_getuid(const u64 *a) { return current->process->uid; }
i64 sys_geteuid(const u64 *a) { return current->process->uid; }
i64 sys_getgid(const u64 *a) { return current->process->gid; }
i64 sys_getegid(const u64 *a) { return current->process->gid; }

static i64
put_ids(const u64 *a, u32 id)
{
  for(u32 k = 0; k < 3; k++)
    if(store_user_u32(a[k], id))
      return -EFAULT;
  return 0;
}

i64 sys_getresuid(const u64 *a) { return put_ids(a, current->process->uid); }
i64 sys_getresgid(const u64 *a) { return put_ids(a, current->process->gid); }

// The first n of a are to be the process's ids; -1: what it is.
static i64
set_ids(u32 *mine, const u64 *a, u32 n)
{
  enum { KEEP = -1 };
  u32 was = *mine, to = (i32)a[0] == KEEP ? was : (u32)a[0];
  for(u32 k = 1; k < n; k++)
    if(to != ((i32)a[k] == KEEP ? was : (u32)a[k]))
      return -EPERM;
  if(to != was && current->process->uid != 0)
    return -EPERM;
  *mine = to;
  return 0;
}

// Of one, -1 is no id.
static i64
set_id(u32 *mine, const u64 *a)
{
  return (i32)a[0] == -1 ? -EINVAL : set_ids(mine, a, 1);
}

i64 sys_setuid(const u64 *a) { return set_id(&current->process->uid, a); }
i64 sys_setgid(const u64 *a) { return set_id(&current->process->gid, a); }
i64 sys_setreuid(const u64 *a) { return set_ids(&current->process->uid, a, 2); }
i64 sys_setregid(const u64 *a) { return set_ids(&current->process->gid, a, 2); }
i64 sys_setresuid(const u64 *a) { return set_ids(&current->process->uid, a, 3); }
i64 sys_setresgid(const u64 *a) { return set_ids(&current->process->gid, a, 3); }

// They stay what they are, and that is the answer: callers have to look.
i64 sys_setfsuid(const u64 *a) { return current->process->uid; }
i64 sys_setfsgid(const u64 *a) { return current->process->gid; }

i64 sys_getgroups(const u64 *a) { return (i32)a[0] < 0 ? -EINVAL : 0; }

// None, or the one that it is in anyway.
i64
sys_setgroups(const u64 *a)
{
  enum { GROUPS_MAX = 65536 };
  struct process *p = current->process;
  u32 group;
  if(p->uid != 0)
    return -EPERM;
  if((u32)a[0] > GROUPS_MAX)
    return -EINVAL;
  for(u32 k = 0; k < (u32)a[0]; k++){
    if(copy_from_user(&group, a[1] + k * sizeof group, sizeof group))
      return -EFAULT;
    if(group != p->gid)
      return -EPERM;
  }
  return 0;
}
