// SPDX-License-Identifier: MIT
//
// procfs: the tree of entries as inodes and files.
//
// An inode is made for every lookup and goes with its last user; what a file
// says is made when it is read from its start, and kept until it is closed or
// read from there again.  Long ones are made and kept a part at a time.

#include <machine.h>
#include "fs/proc.h"
#include "kernel/errno.h"
#include "kernel/printk.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/slab.h"
#include "mm/space.h"

struct node {
  struct inode inode;
  const struct proc_entry *entry;
  u32 pid;                    // of the process it is about; 0: of none
  u64 number;                 // that is its name, within the process; else 0
};

static struct super proc_super;
static struct cache node_cache = CACHE("proc inode", sizeof(struct node), NULL);
static const struct inode_ops directory_ops, file_ops, link_ops, self_ops;
static const struct file_ops text_ops, array_ops;

static struct node *
node_of(struct inode *i)
{
  return container_of(i, struct node, inode);
}

// The task a node is about.  => 0 and *t referenced, or NULL for none; -ENOENT if it is gone
static int
task_of(const struct node *n, struct task **t)
{
  *t = n->pid ? task_find(n->pid) : NULL;
  return n->pid && *t == NULL ? -ENOENT : 0;
}

// ---- The root's table ----

// The next task of t's process; without one, the next that leads its own.
bool
next_task(struct task *t, u64 *number)
{
  struct task *next;
  for(u64 n = *number; n <= 0xffffffff && (next = task_next(n)); n = *number + 1){
    bool fits = t ? next->process == t->process : next->process->leader == next;
    *number = next->tid;
    task_put(next);
    if(fits)
      return true;
  }
  return false;
}

static const struct proc_entry selves[] = {
  { .name = "self", .mode = PROC_LINK }, { .name = "thread-self", .mode = PROC_LINK },
};

static const struct proc_entry root = {
  .mode = PROC_DIR, .entries = &proc_pid, .next_number = next_task,
};

// Entries of a directory by position; the root's are spread over several files.
static const struct proc_entry *
entry_at(const struct proc_entry *dir, u32 k)
{
  if(dir != &root)
    return k < dir->nentries ? &dir->entries[k] : NULL;
  if(k < proc_system_count)
    return &proc_system[k];
  k -= proc_system_count;
  return k < count_of(selves) ? &selves[k] : k == count_of(selves) ? &proc_sys : NULL;
}

// ---- Inodes ----

static const struct inode_ops *
ops_of(const struct proc_entry *e)
{
  if(S_ISDIR(e->mode))
    return &directory_ops;
  if(S_ISLNK(e->mode))
    return e->link ? &link_ops : &self_ops;
  return &file_ops;
}

// One number for each (process, entry, number), so that programs can compare them:
// entries lie in the kernel's image, so the low bits of their addresses differ.
static u64
inode_number(const struct proc_entry *e, u32 pid, u64 number)
{
  enum { ENTRY_BITS = 20, PID_BITS = 22 };
  u64 entry = (u64)e / sizeof(u64) % (1 << ENTRY_BITS);
  return number << (ENTRY_BITS + PID_BITS) | (u64)pid << ENTRY_BITS | entry;
}

static int
make_node(const struct proc_entry *e, u32 pid, u64 number, struct inode **out)
{
  struct node *n = cache_zalloc(&node_cache);
  if(n == NULL)
    return -ENOMEM;
  inode_init(&n->inode, &proc_super, ops_of(e), inode_number(e, pid, number), e->mode);
  n->inode.fops = !S_ISREG(e->mode) ? NULL : e->numbers ? &array_ops : &text_ops;
  n->inode.nlink = S_ISDIR(e->mode) ? 2 : 1;
  time_now(&n->inode.mtime);
  n->inode.atime = n->inode.ctime = n->inode.mtime;
  n->entry = e;
  n->pid = pid;
  n->number = number;
  *out = &n->inode;
  return 0;
}

static void
evict(struct inode *i)
{
  cache_free(&node_cache, node_of(i));
}

// ---- Directories ----

// A name of digits as the number it is. => false if it is none, or not its usual form
static bool
parse_number(const char *name, u32 len, u64 *number)
{
  u64 n = 0;
  for(u32 k = 0; k < len; k++){
    if(name[k] < '0' || name[k] > '9' || n > 0xffffffff)
      return false;
    n = n * 10 + (name[k] - '0');
  }
  *number = n;
  return len > 0 && (name[0] != '0' || len == 1);
}

// A number is a task, or something of the directory's task.
static u32
process_of(const struct node *dir, u64 *number)
{
  if(!S_ISDIR(dir->entry->entries->mode))
    return dir->pid;
  u32 pid = *number;
  *number = 0;
  return pid;
}

static int
lookup_number(struct node *dir, struct task *t, u64 number, struct inode **out)
{
  const struct proc_entry *e = dir->entry;
  u64 found = number;
  if(e->next_number == NULL || !e->next_number(t, &found) || found != number)
    return -ENOENT;
  u32 pid = process_of(dir, &number);
  int err = make_node(e->entries, pid, number, out);
  if(err == 0 && e->entries->mode_of)
    (*out)->mode = e->entries->mode_of(t, number);
  return err;
}

static int
lookup_entry(struct node *dir, const char *name, u32 len, struct inode **out)
{
  const struct proc_entry *e;
  for(u32 k = 0; (e = entry_at(dir->entry, k)); k++)
    if(strlen(e->name) == len && memcmp(e->name, name, len) == 0)
      return make_node(e, dir->pid, 0, out);
  return -ENOENT;
}

static int
lookup(struct inode *i, const char *name, u32 len, struct inode **out)
{
  struct node *dir = node_of(i);
  struct task *t;
  u64 number;
  int e = task_of(dir, &t);
  if(e)
    return e;
  e = parse_number(name, len, &number) ? lookup_number(dir, t, number, out)
                                       : lookup_entry(dir, name, len, out);
  task_put(t);
  return e;
}

// Positions in a directory: the dots, the entries, the numbers.
enum { AT_ENTRIES = 2, AT_NUMBERS = 1 << 16 };

static void
list_numbers(struct node *dir, struct task *t, u64 off, struct dir_sink *d)
{
  const struct proc_entry *e = dir->entry;
  u64 number = off - AT_NUMBERS;
  char name[24];
  for(; e->next_number && e->next_number(t, &number); number++){
    u32 len = snprintk(name, sizeof name, "%lu", number);
    u64 child = number;
    u32 pid = process_of(dir, &child);
    u64 ino = inode_number(e->entries, pid, child);
    if(!d->add(d, name, len, ino, e->entries->mode, AT_NUMBERS + number + 1))
      return;
  }
}

static int
readdir(struct inode *i, u64 off, struct dir_sink *d)
{
  struct node *dir = node_of(i);
  const struct proc_entry *e;
  struct task *t;
  int err = task_of(dir, &t);
  if(err)
    return err;
  bool room = true;
  for(; room && off < AT_ENTRIES; off++)
    room = d->add(d, "..", off + 1, i->ino, S_IFDIR, off + 1);
  for(; room && off < AT_NUMBERS && (e = entry_at(dir->entry, off - AT_ENTRIES)); off++)
    room = d->add(d, e->name, strlen(e->name), inode_number(e, dir->pid, 0), e->mode, off + 1);
  if(room)
    list_numbers(dir, t, max(off, (u64)AT_NUMBERS), d);
  task_put(t);
  return 0;
}

static const struct inode_ops directory_ops = {
  .lookup = lookup, .readdir = readdir, .evict = evict,
};

// ---- Links ----

static int
self_readlink(struct inode *i, char *buf, u32 n)
{
  u32 pid = current->process ? current->process->pid : 0;
  return node_of(i)->entry == selves ? snprintk(buf, n, "%u", pid)
                                     : snprintk(buf, n, "%u/task/%u", pid, current->tid);
}

static const struct inode_ops self_ops = { .readlink = self_readlink, .evict = evict };

static int
link_jump(struct inode *i, struct inode **out)
{
  struct node *n = node_of(i);
  struct task *t;
  int e = task_of(n, &t);
  if(e == 0)
    e = n->entry->link(t, n->number, out);
  task_put(t);
  return e;
}

static int
link_readlink(struct inode *i, char *buf, u32 n)
{
  struct inode *to;
  int e = link_jump(i, &to);
  if(e)
    return e;
  e = vfs_path_of(to, buf, n);
  if(e == -ENOENT)
    e = snprintk(buf, n, "%s:[%lu]", S_ISFIFO(to->mode) ? "pipe" : "inode", to->ino);
  inode_put(to);
  return e;
}

static const struct inode_ops link_ops = {
  .readlink = link_readlink, .jump = link_jump, .evict = evict,
};

// ---- Files ----

struct open_text {
  struct sleeplock lock;      // all of it
  struct text text;           // what the file says from `start` on
  u64 start;
  u64 cursor[2];              // of the part behind it
};

static int
file_open(struct inode *i, struct file *f)
{
  struct open_text *o = kzalloc(sizeof *o);
  if(o == NULL)
    return -ENOMEM;
  sleep_init(&o->lock, "proc");
  f->priv = o;
  return 0;
}

static void
text_release(struct file *f)
{
  struct open_text *o = f->priv;
  text_free(&o->text);
  kfree(o);
}

static int
show_of_space(const struct proc_space_number *what, struct text *x, struct task *t)
{
  struct space *s = task_space(t);
  text_add(x, "%ld\n", s ? (i64)what->get(s) * what->unit : 0);
  space_put(s);
  return 0;
}

// From its start: all, or nothing yet of what is made in parts.
static int
begin(struct node *n, struct open_text *o)
{
  struct task *t;
  int e = task_of(n, &t);
  text_free(&o->text);
  o->start = o->cursor[0] = o->cursor[1] = 0;
  if(e)
    return -ESRCH;
  if(n->entry->says)
    text_add(&o->text, "%s", n->entry->says);
  else if(n->entry->number)
    text_add(&o->text, "%lu\n", atomic_load(n->entry->number->value));
  else if(n->entry->of_space)
    e = show_of_space(n->entry->of_space, &o->text, t);
  else if(n->entry->show)
    e = n->entry->show(&o->text, t);
  else if(n->entry->show_number)
    e = n->entry->show_number(&o->text, t, n->number);
  task_put(t);
  return e ? e : o->text.failed ? -ENOMEM : 0;
}

// On to the part that `pos` is in, or past the last one.
static int
go_on(struct node *n, struct open_text *o, u64 pos)
{
  bool more = n->entry->next != NULL;
  while(more && pos >= o->start + o->text.len && !o->text.failed){
    o->start += o->text.len;
    o->text.len = 0;
    more = n->entry->next(&o->text, o->cursor);
  }
  return o->text.failed ? -ENOMEM : 0;
}

static i64
text_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct node *node = node_of(f->inode);
  struct open_text *o = f->priv;
  sleep_lock(&o->lock);
  bool anew = *pos == 0 || *pos < o->start || o->text.s == NULL || o->text.failed;
  i64 r = anew ? begin(node, o) : 0;
  if(r == 0)
    r = go_on(node, o, *pos);
  u64 at = *pos - o->start;
  if(r == 0 && at < o->text.len){
    n = min(n, o->text.len - at);
    r = copy_to_user(buf, o->text.s + at, n) ? -EFAULT : (i64)n;
  }
  sleep_unlock(&o->lock);
  if(r > 0)
    *pos += r;
  return r;
}

// Up to n numbers from the first-th. => how many
static i64
read_numbers(const struct proc_entry *e, struct task *t, va_t buf, u64 first, u64 n)
{
  enum { CHUNK = PAGE_SIZE / sizeof(u64) };
  u64 *chunk = kmalloc(PAGE_SIZE), done = 0;
  i64 got = chunk ? 1 : -ENOMEM;
  while(got > 0 && done < n){
    got = e->numbers(t, first + done, min(n - done, (u64)CHUNK), chunk);
    if(got > 0 && copy_to_user(buf + done * sizeof(u64), chunk, got * sizeof(u64)))
      got = -EFAULT;
    done += max(got, 0L);
  }
  kfree(chunk);
  return done ? (i64)done : got;
}

static i64
array_read(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct node *node = node_of(f->inode);
  struct task *t;
  if((*pos | n) % sizeof(u64))
    return -EINVAL;
  if(task_of(node, &t))
    return -ESRCH;
  i64 r = n ? read_numbers(node->entry, t, buf, *pos / sizeof(u64), n / sizeof(u64)) : 0;
  task_put(t);
  if(r <= 0)
    return r;
  *pos += r * sizeof(u64);
  return r * sizeof(u64);
}

enum { SETTING_MAX = 256 };

static int
store_number(const struct proc_number *to, const char *s)
{
  u64 n;
  if(!parse_u64(s, &n) || n < to->least || n > to->most)
    return -EINVAL;
  atomic_store(to->value, n);
  if(to->instead_of)
    atomic_store(to->instead_of, 0);
  if(to->changed)
    to->changed();
  return 0;
}

static int
store_of_space(const struct proc_space_number *to, const char *text, struct task *t)
{
  bool negative = *text == '-';
  u64 n;
  if(!parse_u64(text + negative, &n) || (i64)n < 0 || n % to->unit ||
     (negative && -(i64)n < to->least))
    return -EINVAL;
  struct space *s = task_space(t);
  int err = s ? to->set(s, (negative ? -(i64)n : (i64)n) / to->unit) : -ESRCH;
  space_put(s);
  return err;
}

static int
store(const struct proc_entry *to, const char *s, struct task *t)
{
  return to->number ? store_number(to->number, s) :
         to->of_space ? store_of_space(to->of_space, s, t) :
         to->store ? to->store(s, t) : -EINVAL;
}

static i64
text_write(struct file *f, va_t buf, u64 n, u64 *pos)
{
  struct node *node = node_of(f->inode);
  char s[SETTING_MAX];
  struct task *t;
  if(n == 0 || n >= sizeof s)
    return -EINVAL;
  if(copy_from_user(s, buf, n))
    return -EFAULT;
  s[s[n - 1] == '\n' ? n - 1 : n] = '\0';
  int e = task_of(node, &t);
  if(e)
    return -ESRCH;
  e = store(node->entry, s, t);
  task_put(t);
  return e ? e : (i64)n;
}

static const struct file_ops text_ops = {
  .read = text_read, .write = text_write, .release = text_release,
};

static const struct file_ops array_ops = { .read = array_read, .release = text_release };

static const struct inode_ops file_ops = { .open = file_open, .evict = evict };

// ---- Mounting ----

enum { PROC_SUPER_MAGIC = 0x9fa0 };

static int
proc_statfs(struct super *s, struct statfs *st)
{
  *st = (struct statfs){ .type = PROC_SUPER_MAGIC, .bsize = PAGE_SIZE, .namelen = NAME_MAX };
  return 0;
}

int
proc_mount(struct super **out)
{
  struct super *s = &proc_super;
  if(s->root == NULL){
    super_init(s, "proc", "proc");
    s->statfs = proc_statfs;
    s->uncached = true;
    int e = make_node(&root, 0, 0, &s->root);
    if(e)
      return e;
  } else {
    atomic_add(&s->refs, 1);
  }
  *out = s;
  return 0;
}
