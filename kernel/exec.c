// SPDX-License-Identifier: MIT
//
// execve: a new program in the current process.
//
// The new space is built while the old one stands; only then does the task move
// over, write the start of its stack, and go back if even that fails.  Past the
// beginning of commit() nothing can fail.

#include <machine.h>
#include <pmap.h>
#include <trapframe.h>
#include "kernel/args.h"
#include "kernel/elf.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/files.h"
#include "kernel/process.h"
#include "kernel/signal.h"
#include "kernel/string.h"
#include "fs/vfs.h"
#include "mm/slab.h"
#include "mm/local.h"
#include "mm/space.h"

enum { HEAD_BYTES = 512, SCRIPTS_MAX = 5, SCRIPT_LINE = 255, ARGS_SHARE = 4 };

// Where a position-independent program goes; its dynamic linker goes to the top.
#define PIE_BASE 0x2aaaaaa000UL

struct exec {
  const char *path;                // as called: AT_EXECFN
  struct file *file;               // the ELF file, after all scripts
  struct file *linker_file;        // that of its dynamic linker, or NULL
  char head[HEAD_BYTES];           // the first bytes of what was opened last
  u64 head_bytes;
  u32 nscripts;                    // how many `#!` led here, outermost first
  struct { char line[SCRIPT_LINE]; const char *interpreter, *argument; } script[SCRIPTS_MAX];
  struct args argv, envp;
  struct elf elf, linker;
  struct space *space;
  va_t sp;
};

// ---- The file ----

// In place of what *f was.  claim: nobody may write to it while it runs.
static int
open_program(struct exec *x, const char *path, bool claim, struct file **f)
{
  struct inode *i;
  file_put(*f);
  *f = NULL;
  int err = path_lookup(NULL, path, LOOKUP_FOLLOW, &i);
  if(err)
    return err;
  if(!S_ISREG(i->mode) || !(i->mode & 0111)){
    inode_put(i);                      // unopened: opening a FIFO waits, a device acts
    return -EACCES;
  }
  if((err = inode_open(i, O_RDONLY, f)) != 0)
    return err;
  if(claim && inode_claim(i, -1) != 0)
    return -ETXTBSY;
  (*f)->claim = claim ? -1 : 0;
  i64 n = file_read_kernel(*f, x->head, HEAD_BYTES, 0);
  x->head_bytes = n < 0 ? 0 : (u64)n;
  return n < 0 ? (int)n : 0;
}

static bool
is_blank(char c)
{
  return c == ' ' || c == '\t';
}

// `#! interpreter [argument to the end of the line]`.  An argument that is too long
// is cut, an interpreter's name is not.
static int
read_script_line(struct exec *x)
{
  char *s = x->script[x->nscripts].line;
  u64 n = min(x->head_bytes, (u64)SCRIPT_LINE) - 2;
  memcpy(s, x->head + 2, n);
  s[n] = '\0';
  char *full = s + SCRIPT_LINE - 2, *end = strchr(s, '\n');
  if(!end)
    end = s + strlen(s);
  while(end > s && is_blank(end[-1]))
    end--;
  *end = '\0';
  while(is_blank(*s))
    s++;
  if(*s == '\0')
    return -ENOEXEC;
  x->script[x->nscripts].interpreter = s;
  while(*s && !is_blank(*s))
    s++;
  if(s == full)
    return -ENOEXEC;
  while(is_blank(*s))
    *s++ = '\0';
  x->script[x->nscripts].argument = *s ? s : NULL;
  return 0;
}

// Follow `#!` to a file that is none.
static int
find_program(struct exec *x)
{
  int err = open_program(x, x->path, true, &x->file);
  while(err == 0 && x->head_bytes > 2 && x->head[0] == '#' && x->head[1] == '!'){
    if(x->nscripts == SCRIPTS_MAX)
      return -ELOOP;
    err = read_script_line(x);
    if(err == 0)
      err = open_program(x, x->script[x->nscripts++].interpreter, true, &x->file);
  }
  return err;
}

static int
open_linker(struct exec *x)
{
  char *path = kmalloc(PATH_MAX);
  if(!path)
    return -ENOMEM;
  int err = elf_linker(&x->elf, x->file, path);
  if(err == 0)
    err = open_program(x, path, false, &x->linker_file);
  kfree(path);
  if(err)
    return err;
  err = elf_open(&x->linker, x->linker_file, x->head, x->head_bytes);
  return err == -ENOEXEC ? -ELIBBAD : err;
}

// ---- Arguments ----

// What scripts put before the arguments: innermost interpreter first, in the end
// the script's own name in place of argv[0].
static int
push_script_args(struct exec *x)
{
  int err = 0;
  for(u32 i = x->nscripts; i-- > 0 && err == 0;){
    err = args_push(&x->argv, x->script[i].interpreter);
    if(err == 0 && x->script[i].argument)
      err = args_push(&x->argv, x->script[i].argument);
  }
  return err ? err : args_push(&x->argv, x->path);
}

static int
push_user_args(struct exec *x, va_t argv, va_t envp)
{
  int err = x->nscripts ? push_script_args(x) : 0;
  if(err == 0)
    err = args_push_user_array(&x->argv, argv, x->nscripts ? 1 : 0);
  if(err == 0)
    err = args_push_user_array(&x->envp, envp, 0);
  if(err == 0 && x->argv.count == 0)
    err = args_push(&x->argv, "");       // a program may rely on argv[0]
  return err;
}

static int
push_kernel_args(struct exec *x, const char *const *argv, const char *const *envp)
{
  int err = x->nscripts ? push_script_args(x) : 0;
  for(u32 i = x->nscripts ? 1 : 0; err == 0 && argv[i]; i++)
    err = args_push(&x->argv, argv[i]);
  for(u32 i = 0; err == 0 && envp[i]; i++)
    err = args_push(&x->envp, envp[i]);
  return err;
}

// ---- The new space ----

static int
place_and_map(struct elf *e, struct file *f, va_t want, struct space *s)
{
  int err = elf_place(e, want, s->mmap_top);
  return err ? err : elf_map(e, s, f);
}

// Nested functions of C, which are called through pointers, have code on the stack.
static int
make_stack(struct space *s, bool executable)
{
  const struct rlimit *limits = current->process->limits;
  s->size_max = limits[RLIMIT_AS].soft;
  s->heap_max = limits[RLIMIT_DATA].soft;
  int err = vm_stack(s, USER_TOP, min(limits[RLIMIT_STACK].soft, STACK_MAX));
  if(err || !executable)
    return err;
  return vm_protect(s, USER_TOP - PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int
build_space(struct exec *x)
{
  struct space *s = x->space = space_create();
  if(!s)
    return -ENOMEM;
  int err = make_stack(s, x->elf.executable_stack);
  if(err == 0)
    err = place_and_map(&x->elf, x->file, PIE_BASE, s);
  if(err == 0 && x->linker_file)
    err = place_and_map(&x->linker, x->linker_file, s->mmap_top, s);
  s->brk_start = s->brk = x->elf.end;
  s->pid = current->process->pid;
  s->exe = file_get(x->file);
  return err;
}

struct space *
space_adopt(struct space *s)
{
  struct space *old = current->space;
  bool on = spin_lock_irq(&family_lock);
  current->space = s;
  pmap_switch(old ? &old->pmap : NULL, s ? &s->pmap : NULL);
  spin_unlock_irq(&family_lock, on);
  return old;
}

// ---- Moving over ----

void
become_only_thread(struct process *p)
{
  bool on = spin_lock_irq(&family_lock);
  threads_kill_locked(p, current);
  while(p->nthreads > 1 && !current->killed)
    wait_on(&p->child_event, &family_lock);
  if(!current->killed)
    process_take_lead(p, current);
  spin_unlock_irq(&family_lock, on);
}

static void
set_name(struct task *t, const char *path)
{
  const char *base = path;
  for(const char *s = path; *s; s++)
    if(*s == '/' && s[1])
      base = s + 1;
  strlcpy(t->comm, base, sizeof t->comm);
}

static void
commit(struct exec *x, struct space *old)
{
  struct task *t = current;
  if(t->process->nthreads > 1)
    become_only_thread(t->process);
  files_close_exec(t->files);
  set_name(t, x->path);
  t->process->execed = true;
  trace(EXEC, x->elf.entry, 0);
  t->clear_tid = t->robust_list = 0;
  signal_exec(t);
  fp_reset();
  tf_exec(t->tf, x->linker_file ? x->linker.entry : x->elf.entry, x->sp);
  if(old)
    local_exec(t->space, old);
  vfork_done(t);
  space_put(old);
}

static int
load(struct exec *x)
{
  int err = elf_open(&x->elf, x->file, x->head, x->head_bytes);
  if(err == 0 && x->elf.linker)
    err = open_linker(x);
  if(err == 0)
    err = build_space(x);
  if(err)
    return err;
  struct space *old = space_adopt(x->space);
  err = elf_clear_tails(&x->elf);
  if(err == 0 && x->linker_file)
    err = elf_clear_tails(&x->linker);
  if(err == 0)
    err = exec_stack(&x->argv, &x->envp, x->path, &x->elf, x->linker.bias, &x->sp);
  if(err == 0)
    err = files_unshare();
  if(err){
    space_adopt(old);
    return err;
  }
  x->space = NULL;                 // it is the task's now
  commit(x, old);
  return 0;
}

// => 0 and *out, whose file is found; or -errno
static int
begin(const char *path, struct exec **out)
{
  struct exec *x = kmalloc(sizeof *x);
  if(!x)
    return -ENOMEM;
  u64 room = min(current->process->limits[RLIMIT_STACK].soft, (u64)STACK_LIMIT) / ARGS_SHARE;
  x->path = path;
  x->file = x->linker_file = NULL;
  x->space = NULL;
  x->nscripts = 0;
  x->elf = x->linker = (struct elf){ 0 };
  args_init(&x->argv, room);
  args_init(&x->envp, room);
  *out = x;
  return find_program(x);
}

// err: of what was done so far.
static int
end(struct exec *x, int err)
{
  if(err == 0)
    err = load(x);
  file_put(x->file);
  file_put(x->linker_file);
  space_put(x->space);
  args_free(&x->argv);
  args_free(&x->envp);
  elf_close(&x->elf);
  elf_close(&x->linker);
  kfree(x);
  return err;
}

int
exec_user(const char *path, va_t argv, va_t envp)
{
  struct exec *x = NULL;
  int err = begin(path, &x);
  if(err == 0)
    err = push_user_args(x, argv, envp);
  return x ? end(x, err) : err;
}

int
exec_kernel(const char *path, const char *const *argv, const char *const *envp)
{
  struct exec *x = NULL;
  if(!current->fs && !(current->fs = fs_pos_create()))
    return -ENOMEM;
  int err = begin(path, &x);
  if(err == 0)
    err = push_kernel_args(x, argv, envp);
  err = x ? end(x, err) : err;
  if(err == 0)
    user_enter();
  return err;
}
