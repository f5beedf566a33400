// SPDX-License-Identifier: MIT
//
// System calls about file systems as a whole.

#include <machine.h>
#include "fs/vfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "kernel/syscall.h"
#include "kernel/user_path.h"

// ---- statfs ----

// Linux's struct statfs, asm-generic.
struct kstatfs {
  u64 type, bsize, blocks, bfree, bavail, files, ffree;
  u32 fsid[2];
  u64 namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct kstatfs) == 120, "struct statfs");
enum { ST_RDONLY = 1, ST_VALID = 0x20 };

static i64
tell(struct inode *i, const u64 *a)
{
  struct super *s = i->super;
  struct statfs st = { .bsize = PAGE_SIZE, .namelen = NAME_MAX };
  int e = s->statfs ? s->statfs(s, &st) : 0;
  struct kstatfs k = {
    .type = st.type, .bsize = st.bsize, .blocks = st.blocks, .bfree = st.bfree,
    .bavail = st.bavail, .files = st.files, .ffree = st.ffree, .fsid = { s->dev, 0 },
    .namelen = st.namelen, .frsize = st.bsize,
    .flags = ST_VALID | (s->read_only ? ST_RDONLY : 0),
  };
  return e ? e : copy_to_user(a[0], &k, sizeof k) ? -EFAULT : 0;
}

i64 sys_statfs(const u64 *a) { return on_path(AT_FDCWD, a[0], 0, 0, tell, a + 1); }
i64 sys_fstatfs(const u64 *a) { return on_fd(fd_get_any(a[0]), tell, a + 1); }

i64
sys_sync(const u64 *a)
{
  vfs_sync_all();
  return 0;
}

// ---- mount ----

static int
make_super(const char *type, const char *source, char *options, struct super **out)
{
  if(strcmp(type, "tmpfs") == 0)
    return tmpfs_mount(options, out);
  if(strcmp(type, "proc") == 0)
    return proc_mount(out);
  if(strcmp(type, "devtmpfs") == 0)
    return dev_mount(out);
  if(strcmp(type, "qfs") == 0)
    return qfs_mount(source, out);
  return -ENODEV;
}

enum { TYPE_MAX = 16, SOURCE_MAX = 64, OPTIONS_MAX = 256 };

enum {
  MS_NOSUID = 2, MS_NODEV = 4, MS_NOATIME = 1 << 10, MS_SILENT = 1 << 15, MS_RELATIME = 1 << 21,
  NO_DIFFERENCE = MS_NOSUID | MS_NODEV | MS_NOATIME | MS_SILENT | MS_RELATIME,
};

i64
sys_mount(const u64 *a)
{
  char source[SOURCE_MAX] = "none", type[TYPE_MAX], options[OPTIONS_MAX] = "";
  struct user_path p;
  struct super *s;
  if((a[0] && copy_str_from_user(source, a[0], sizeof source) < 0) ||
     copy_str_from_user(type, a[2], sizeof type) < 0 ||
     (a[4] && copy_str_from_user(options, a[4], sizeof options) < 0) || (a[3] & ~NO_DIFFERENCE))
    return -EINVAL;
  int e = user_path_get(&p, AT_FDCWD, a[1]);
  if(e == 0)
    e = make_super(type, source, options, &s);
  if(e == 0 && (e = vfs_mount(s, p.s)))
    super_put(s);
  user_path_put(&p);
  return e;
}

i64
sys_umount2(const u64 *a)
{
  enum { MNT_FORCE = 1 };              // nothing here could be waited for
  struct user_path p;
  if((u32)a[1] & ~MNT_FORCE)
    return -EINVAL;
  int e = user_path_get(&p, AT_FDCWD, a[0]);
  if(e == 0)
    e = vfs_umount(p.s);
  user_path_put(&p);
  return e;
}
