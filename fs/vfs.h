// SPDX-License-Identifier: MIT
//
// The thin layer between system calls and file systems: inodes, open files,
// mounts and path names.  A file system fills in inode_ops and, for what is not
// plain data, file_ops.

#pragma once

#include "kernel/errno.h"
#include "kernel/list.h"
#include "kernel/lock.h"
#include "kernel/types.h"
#include "fs/hash.h"
#include "mm/object.h"

struct inode;
struct file;
struct block_device;
struct super;
struct dentry;
struct pipe;
struct poll_wait;

// Linux's st_mode bits.
enum {
  S_IFMT = 0170000, S_IFIFO = 0010000, S_IFCHR = 0020000, S_IFDIR = 0040000,
  S_IFBLK = 0060000, S_IFREG = 0100000, S_IFLNK = 0120000,
};
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)

enum { NAME_MAX = 255, PATH_MAX = 4096, SYMLINKS_MAX = 40 };
#define FILE_SIZE_MAX (1UL << 44)   // a page's index in its object has 32 bits

// Linux's open flags.
enum {
  O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200,
  O_NOCTTY = 0400, O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000,
  O_DSYNC = 010000, O_SYNC = 04010000, O_LARGEFILE = 0100000,
  O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_CLOEXEC = 02000000, O_PATH = 010000000,
  O_TMPFILE = 020000000 | O_DIRECTORY,
};

struct timespec { i64 sec; i64 nsec; };

// Directory entries go out one by one; false = the buffer is full, stop here.
struct dir_sink {
  bool (*add)(struct dir_sink *d, const char *name, u32 len, u64 ino, u32 mode, u64 next_off);
};

// All are called with dir->lock held, for writing where they change it; so are the
// locks of target, moved and replaced.  May sleep.  Names are not NUL-ended and
// never "." or "..", which the walk knows by itself.
// => 0 or -errno; an inode given out carries a reference.
struct inode_ops {
  int (*lookup)(struct inode *dir, const char *name, u32 len, struct inode **out);
  int (*create)(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev,
                struct inode **out);
  int (*nameless)(struct inode *dir, u32 mode, struct inode **out);      // a file, for O_TMPFILE
  int (*symlink)(struct inode *dir, const char *name, u32 len, const char *target, u32 tlen);
  int (*link)(struct inode *dir, const char *name, u32 len, struct inode *target);
  // unlink: empty directories too
  int (*unlink)(struct inode *dir, const char *name, u32 len, struct inode *target);
  int (*rename)(struct inode *from, const char *fname, u32 flen, struct inode *moved,
                struct inode *to, const char *tname, u32 tlen, struct inode *replaced);
  int (*exchange)(struct inode *from, const char *fname, u32 flen, struct inode *a,
                  struct inode *to, const char *tname, u32 tlen, struct inode *b);
  int (*readlink)(struct inode *i, char *buf, u32 n);            // => length
  int (*jump)(struct inode *i, struct inode **out);              // links of /proc; else NULL
  int (*readdir)(struct inode *dir, u64 off, struct dir_sink *d);
  int (*truncate)(struct inode *i, u64 size);                    // after object_truncate
  // Pages [at, at + n) of a file become those of `from`, of the same file system, from page
  // `off` on, without being copied; or, if that is NULL, holes.  Both locks are held; the
  // size is the caller's to set.  => 0; or -errno, and some have
  int (*move)(struct inode *i, u64 at, u64 n, struct inode *from, u64 off);
  int (*update)(struct inode *i);                                // mode, owner, times, size changed
  int (*sync)(struct inode *i, bool data_only);
  int (*open)(struct inode *i, struct file *f);                  // may set f->ops, f->priv
  // Where page `index` of a file is kept, for who goes there directly. => how many of the
  // next `max` follow it there; 0: it has no place
  i64 (*place)(struct inode *i, u64 index, u32 max, struct block_device **d, u64 *sector);

  // Places that were made in advance (object.ahead) are given back.
  void (*give_back)(struct inode *i);

  // Nobody can reach the inode any more and nothing of it is dirty.  If nlink is
  // 0 its pages are gone too: free its blocks and number on disk.  Then free the
  // memory: object_put(&i->object) where it has one, whose release frees it.
  // Called without any lock.
  void (*evict)(struct inode *i);
};

struct inode {
  u64 refs;                       // 1 -> 0 and 0 -> 1 under super->lock
  u64 ino;
  u64 id;                         // of this struct, never used again: keys its names
  struct super *super;
  const struct inode_ops *ops;
  const struct file_ops *fops;    // what open files of it do; NULL: what the mode says
  bool ready;                     // filled in; until then all but its maker wait. super->lock
  struct hash_node hash;          // super->table, under super->lock
  struct list unused;             // super->unused, under super->lock
  struct dentry *dentry;          // the name it is known by, see dentry.c
  struct list locks;              // of programs, see filelock.c

  struct rwlock lock;             // below: contents and attributes
  u32 mode, nlink, uid, gid;
  u64 rdev;
  u64 blocks;                     // of 512 bytes
  struct timespec atime, mtime, ctime;
  struct object object;           // regular files: the pages; object.size is the size
  u64 stored_size;                // that the file system knows of
  struct list link;               // super->inodes, under super->lock
  bool linkable;                  // has no name yet, and may get one
  u8 seals;                       // F_SEAL_*; SEALABLE: it can have some. lock
  i32 writers;                    // open files that may write; or, negative, that run it
  bool dirty;                     // attributes differ from the disk's: ops->update is due
  struct pipe *pipe;              // of an open FIFO

  struct super *mounted;          // a file system is mounted on this directory
};

struct statfs { u64 type, bsize, blocks, bfree, bavail, files, ffree, namelen; };

struct super {
  u64 refs;                       // its maker's, then one for being mounted
  const char *type;               // "qfs", "proc", "devtmpfs", "tmpfs"
  const char *source;             // "/dev/vda"
  u64 dev;
  struct inode *root;
  struct inode *covers;           // mount point, NULL for the root
  bool read_only;
  bool in_memory;                 // and nowhere else: inodes stay while they have names
  bool uncached;                  // names come and go by themselves: always ask ops->lookup
  struct spinlock lock;           // below, to the blank line
  struct list inodes;             // all in memory
  struct list unused;             // those without references, oldest use first
  struct hash table;              // by number
  struct waitq loaded;            // an inode became ready, or was given up

  struct list link;
  int (*statfs)(struct super *s, struct statfs *st);
  int (*sync)(struct super *s);
  // What changed before that time (ns since boot) is on the disk, and where it belongs if
  // nothing has changed since.
  void (*commit_old)(struct super *s, u64 before);
  void (*release)(struct super *s);   // unmounted, all inodes evicted: free it; NULL: stays mounted
  void *priv;
};

// => bytes, or -errno.  pos is where to work and is advanced by the callee;
// no lock held except file->lock where the file's own position is used.
struct file_ops {
  int (*open)(struct file *f);                          // of a character device
  i64 (*read)(struct file *f, va_t buf, u64 n, u64 *pos);
  i64 (*write)(struct file *f, va_t buf, u64 n, u64 *pos);
  int (*turn)(struct file *f, bool take);               // to be the only writer. => 0 or -errno
  int (*readdir)(struct file *f, struct dir_sink *d);
  i64 (*ioctl)(struct file *f, u64 cmd, u64 arg);
  u32 (*poll)(struct file *f, struct poll_wait *w);     // => POLLIN | ...; see kernel/poll.h
  struct object *(*map)(struct file *f);                // => referenced object for mmap, or NULL
  bool maps_zeroes;                                     // mmap gives anonymous memory instead
  bool no_position;                                     // any will do, and it stays at 0
  void (*release)(struct file *f);
};

struct file {
  u64 refs;
  u32 flags;
  struct inode *inode;            // referenced
  const struct file_ops *ops;
  bool seekable;                  // has a position; set by open
  i8 claim;                       // of inode_claim, or 0
  bool reserves;                  // file_reserve
  u32 errors;                     // of write-back, that its users have been told of
  struct sleeplock lock;          // pos
  u64 pos;
  void *priv;
  struct list watches;            // of epolls, see epoll.c
};

struct fs_pos {                   // shared with CLONE_FS
  u64 refs;
  struct spinlock lock;
  struct inode *cwd, *root;
  u32 umask;
};

// ---- Inodes and files ----

// Lists, lock, table and device number of a zeroed super.  => refs 1
void super_init(struct super *s, const char *type, const char *source);

// Of a zeroed inode.  => refs 1, nlink 1, not ready, in no table; object.refs stays 0
// until object_init
void inode_init(struct inode *i, struct super *s, const struct inode_ops *ops, u64 ino, u32 mode);

// There is one struct inode for an inode on disk.  To get at it: inode_find; if
// that gives NULL, make and inode_init one and inode_enter it.  That returns
// either the same, which is now yours alone to fill in and declare inode_ready
// (or inode_fail, and free its memory), or another that was quicker (free yours).
// One that is never entered lives as long as its references.
// => referenced and ready, but for inode_enter's own argument.  May sleep.
struct inode *inode_find(struct super *s, u64 ino);     // NULL: not in memory
struct inode *inode_enter(struct inode *i);
bool inode_enter_new(struct inode *i);   // false: its number has one, ready or not; does not sleep
void inode_ready(struct inode *i);
void inode_fail(struct inode *i);

// The caller has a reference already.
static inline struct inode *
inode_get(struct inode *i)
{
  atomic_add(&i->refs, 1);
  return i;
}

// For writing; two of one kind, in the order of their addresses.  NULL is nothing.
void inode_lock_both(struct inode *a, struct inode *b);
void inode_unlock_both(struct inode *a, struct inode *b);

void inode_put_last(struct inode *i);

// How many places files of s have in advance; they give them back.
u64 super_ahead(struct super *s);
void super_give_back(struct super *s);

// The last reference of an inode with nlink 0 evicts it; others stay cached.
// => may sleep: no lock and no journal handle held; NULL is nothing
static inline void
inode_put(struct inode *i)
{
  u64 n = i ? atomic_load(&i->refs) : 0;
  while(n > 1)
    if(__atomic_compare_exchange_n(&i->refs, &n, n - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
      return;
  if(i)
    inode_put_last(i);
}

// Under memory pressure: forget unused names, and clean unused inodes with their
// pages.  Neither does I/O.  => how many
u64 dentry_shrink(u64 want);
u64 inode_shrink(u64 want);

void epoll_forget(struct file *f);                      // it is about to go

struct file *file_create(const struct file_ops *ops, u32 flags);   // => refs 1, or NULL
struct file *file_get(struct file *f);
void file_put(struct file *f);                          // may sleep; NULL is nothing

i64 file_read(struct file *f, va_t buf, u64 n, u64 *pos);   // pos NULL: the file's own
i64 file_write(struct file *f, va_t buf, u64 n, u64 *pos);
i64 file_read_kernel(struct file *f, void *buf, u64 n, u64 pos);   // regular files
// From a file that can be mapped.  *from moves on by what was copied, and so does *to, or
// out's own position if it is NULL.
bool file_can_copy(const struct file *in);
i64 file_copy(struct file *out, u64 *to, struct file *in, u64 *from, u64 n);
enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };
i64 file_seek(struct file *f, i64 off, int whence);         // => the new position
extern const struct file_ops regular_file_ops;          // over inode->object
extern const struct file_ops directory_file_ops;

// ---- Names ----

// Walk a path (kernel memory) from base (NULL: the current directory; absolute
// paths start at the root).  All of these may sleep; => 0 or -errno; what is given
// out is referenced.
enum { LOOKUP_FOLLOW = 1, LOOKUP_DIRECTORY = 2 };
int path_lookup(struct inode *base, const char *path, u32 flags, struct inode **out);

// mode: permissions, and for vfs_create the type; the umask is the caller's affair
int vfs_open(struct inode *base, const char *path, u32 flags, u32 mode, struct file **out);
int inode_open(struct inode *i, u32 flags, struct file **out);    // takes over the reference
int vfs_create(struct inode *base, const char *path, u32 mode, u64 rdev);      // mknod, mkdir
int vfs_symlink(struct inode *base, const char *path, const char *target);
int vfs_link(struct inode *i, struct inode *base, const char *path);    // a name for i
int vfs_unlink(struct inode *base, const char *path, bool directory);
int vfs_rename(struct inode *ob, const char *old, struct inode *nb, const char *new, u32 flags);
enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };
// What programs may forbid for memory without a name, for ever: fcntl(F_ADD_SEALS). Sealed
// against writing it is `fixed`.
enum {
  F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8, F_SEAL_ALL = 15,
  SEALABLE = 64,
};
int inode_seal(struct inode *i, u32 seals);      // => 0, -EINVAL: not for i, -EPERM, -EBUSY

// What a store to i, which is fixed, fails with.
static inline int
inode_fixed_error(const struct inode *i)
{
  return i->seals ? -EPERM : -ETXTBSY;
}

// May it get this size? => false: RLIMIT_FSIZE is in the way, SIGXFSZ is sent
bool file_may_grow(const struct inode *i, u64 size);
int vfs_truncate(struct inode *i, u64 size);

// To write to a file, or to run it, is announced before and ended after. => 0 or -ETXTBSY
int inode_claim(struct inode *i, int what);             // 1: write, -1: run
void inode_unclaim(struct inode *i, int what);

// Until f is closed its blocks, or its device, are the caller's to write to: the file is
// not written, mapped for storing, cut, moved or removed, the device not mounted.
// => 0; -EBUSY: somebody else's already; -ETXTBSY: mapped for storing; -EINVAL: no store
int file_reserve(struct file *f);
void file_unreserve(struct file *f);
int vfs_allocate(struct inode *i, u64 off, u64 len);    // so that writes there find room
int vfs_punch(struct inode *i, u64 off, u64 len);       // zeros, and whole pages holes
// n bytes of `to` (0: up to the end of `from`) become those of `from`, whose blocks they share.
int inode_clone(struct inode *to, u64 at, struct inode *from, u64 off, u64 n);   // locks held
int vfs_clone(struct file *to, u64 at, struct file *from, u64 off, u64 n);

// Pages in [start, end) bytes, and attributes, are on disk afterwards. => 0 or -errno
// (data_only: those without which the pages cannot be read).
int inode_sync_range(struct inode *i, u64 start, u64 end, bool data_only);
// The same; and errors of write-back since f was opened, or last told, are told.
int file_sync_range(struct file *f, u64 start, u64 end, bool data_only);
// What f has seen of the errors of o when it is opened; and the new -errno since it last
// saw them, or 0.
u32 errors_seen(const struct object *o);
int errors_look(struct object *o, u32 *seen);
int super_sync(struct super *s);
void super_give_up(struct super *s);     // nobody uses it: forget what could not be written
int vfs_sync_all(void);
void vfs_commit_old(u64 before);                        // as super.commit_old, of all
void vfs_end(void);                                     // before the machine is switched off
// Absolute path by which an inode is known, for getcwd and /proc.
// => length without the NUL, or -ERANGE, -ENOENT (never had a name)
i64 vfs_path_of(struct inode *i, char *buf, u64 n);

// ---- Position in the tree of names: current and root directory, umask ----

struct fs_pos *fs_pos_create(void);                     // at the root; NULL without memory
struct fs_pos *fs_pos_copy(struct fs_pos *p);           // NULL without memory
struct fs_pos *fs_pos_get(struct fs_pos *p);
void fs_pos_put(struct fs_pos *p);                      // may sleep; NULL is nothing
struct inode *fs_pos_cwd(struct fs_pos *p);             // => referenced
int fs_pos_move(struct fs_pos *p, struct inode *dir);   // chdir; takes over the reference

struct kstat;                                           // Linux's struct stat, see stat.h
void inode_stat(struct inode *i, struct kstat *st);

// What changed: contents (mtime and ctime) or attributes only (ctime).  i->lock held.
void inode_modified(struct inode *i);
void inode_changed(struct inode *i);
// Attributes to the disk now, if it is due.  i->lock held for writing. => 0 or -errno
int inode_update(struct inode *i);

// ---- Mounts ----

// Takes over s.  => 0; or -errno, and super_put is the caller's to do
int vfs_mount(struct super *s, const char *at);         // "/" first
int vfs_umount(const char *path);
struct super *super_at(u32 i);                          // => referenced, or NULL past the last
void super_put(struct super *s);                        // may sleep
u64 super_shrink(struct super *s, u64 want);            // inode_shrink of one
int qfs_mount(const char *device, struct super **out);  // fs/qfs*.c
int proc_mount(struct super **out);
int dev_mount(struct super **out);
int tmpfs_mount(char *options, struct super **out);       // cuts them up
int tmpfs_nameless(struct inode **out);                   // a file in memory, for memfd_create
void vfs_init(void);

// A character device by number; drivers call it at start.
void chardev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *ops);
u64 time_now(struct timespec *ts);                      // wall clock; => ns
