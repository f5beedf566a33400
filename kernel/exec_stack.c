// SPDX-License-Identifier: MIT
//
// What a new program finds on its stack (System V ABI, "Process Initialization";
// the auxiliary vector as Linux has it):
//
//   sp -> argc, argv[argc], 0, envp[...], 0, auxv pairs, 0, 0
//         16 random bytes, argument strings, environment strings, path   <- USER_TOP

#include <machine.h>
#include "kernel/args.h"
#include "kernel/elf.h"
#include "kernel/errno.h"
#include "kernel/exec.h"
#include "kernel/random.h"
#include "kernel/string.h"
#include "kernel/task.h"
#include "mm/space.h"

enum {
  AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7, AT_FLAGS = 8,
  AT_ENTRY = 9, AT_UID = 11, AT_EUID = 12, AT_GID = 13, AT_EGID = 14, AT_HWCAP = 16,
  AT_CLKTCK = 17, AT_SECURE = 23, AT_RANDOM = 25, AT_EXECFN = 31,
};

#define HWCAP_IMAFDC 0x112d
enum { RANDOM_BYTES = 16, AUXV_WORDS = 34 };

// Words on their way to the stack, some at a time.
struct words {
  va_t at;
  u32 n;
  u64 buf[32];
};

static int
flush_words(struct words *w)
{
  u64 bytes = w->n * sizeof(u64);
  if(copy_to_user(w->at, w->buf, bytes))
    return -EFAULT;
  w->at += bytes;
  w->n = 0;
  return 0;
}

static int
push_word(void *words, u64 v)
{
  struct words *w = words;
  w->buf[w->n++] = v;
  return w->n == count_of(w->buf) ? flush_words(w) : 0;
}

static int
push_strings(struct words *w, const struct args *a, va_t at)
{
  int err = args_each(a, at, push_word, w);
  return err ? err : push_word(w, 0);
}

struct layout {
  va_t sp, random, argv, envp, path;
};

static int
push_auxv(struct words *w, const struct elf *e, va_t linker, const struct layout *at)
{
  const struct process *p = current->process;
  const u64 auxv[AUXV_WORDS] = {
    AT_HWCAP, HWCAP_IMAFDC, AT_PAGESZ, PAGE_SIZE, AT_CLKTCK, 100,
    AT_PHDR, e->headers, AT_PHENT, sizeof(struct elf_segment), AT_PHNUM, e->nsegments,
    AT_BASE, linker, AT_FLAGS, 0, AT_ENTRY, e->entry,
    AT_UID, p->uid, AT_EUID, p->uid, AT_GID, p->gid, AT_EGID, p->gid,
    AT_SECURE, 0, AT_RANDOM, at->random, AT_EXECFN, at->path, AT_NULL, 0,
  };
  int err = 0;
  for(u32 i = 0; i < AUXV_WORDS && err == 0; i++)
    err = push_word(w, auxv[i]);
  return err;
}

static struct layout
lay_out(const struct args *argv, const struct args *envp, u64 path_bytes)
{
  struct layout at;
  u64 words = 1 + argv->count + 1 + envp->count + 1 + AUXV_WORDS;
  at.path = USER_TOP - path_bytes;
  at.envp = at.path - envp->bytes;
  at.argv = at.envp - argv->bytes;
  at.random = round_down(at.argv - RANDOM_BYTES, 16);
  at.sp = round_down(at.random - words * sizeof(u64), 16);
  return at;
}

static int
copy_strings(const struct layout *at, const struct args *argv, const struct args *envp,
             const char *path)
{
  u8 random[RANDOM_BYTES];
  random_bytes(random, sizeof random);
  if(copy_to_user(at->random, random, sizeof random) ||
     copy_to_user(at->path, path, strlen(path) + 1))
    return -EFAULT;
  int err = args_copy_out(envp, at->envp);
  return err ? err : args_copy_out(argv, at->argv);
}

int
exec_stack(const struct args *argv, const struct args *envp, const char *path,
           const struct elf *e, va_t linker, va_t *sp)
{
  struct space *s = current->space;
  struct layout at = lay_out(argv, envp, strlen(path) + 1);
  if(USER_TOP - at.sp > s->stack_limit / 2)
    return -E2BIG;
  int err = copy_strings(&at, argv, envp, path);
  struct words w = { .at = at.sp };
  if(err == 0)
    err = push_word(&w, argv->count);
  if(err == 0)
    err = push_strings(&w, argv, at.argv);
  if(err == 0)
    err = push_strings(&w, envp, at.envp);
  if(err == 0)
    err = push_auxv(&w, e, linker, &at);
  if(err == 0)
    err = flush_words(&w);
  s->arg_start = at.argv;
  s->arg_end = s->env_start = at.envp;
  s->env_end = at.path;
  *sp = s->stack_start = at.sp;
  return err;
}
