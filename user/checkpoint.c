// SPDX-License-Identifier: MIT
//
// checkpoint: save a process to a file while it runs on, once or again and again; merge
// such files, and say what is in them.

#include "user/checkpoint.h"
#include "user/user.h"

enum { MERGE_AT = 8 };             // files of a series in a chain, before they are merged

static const char usage_text[] =
  "checkpoint [-t] [-i | -1] pid file\n"
  "         -i: only what has changed since the last time;  -1: none will follow\n"
  "         -t: with all its descendants\n"
  "       checkpoint [-t] -e seconds pid name     again and again: name.1, name.2 ...\n"
  "       checkpoint merge file [new]        it and those it needs become one\n"
  "       checkpoint -l file                 what it holds, and which files it needs\n"
  "       checkpoint -c file                 is every byte of it as it was written?";

static bool tree;

static int
complain(const char *why)
{
  if(why)
    warn("%s", why);
  return why != NULL;
}

static void
tell(const char *path, const struct ck_made *made)
{
  out("%s: %ld KiB, %ld pages", path, (long)made->bytes / 1024, (long)made->pages);
  if(made->depth)
    out(", adds to %d", made->depth);
}

static int
save(long pid, const char *path, enum ck_how how)
{
  struct ck_made made;

  if(complain(checkpoint_write(pid, path, how, tree, &made)))
    return 1;
  tell(path, &made);
  out("; frozen for %ld us\n", (long)made.frozen_ns / 1000);
  out_flush();
  return 0;
}

static int
merge(const char *path, const char *new)
{
  struct ck_made made;
  struct chain c;
  const char *why = chain_open(&c, path);

  if(!why)
    why = chain_check(&c);
  if(!why)
    why = chain_merge(&c, new, &made);
  if(complain(why))
    return 1;
  tell(new, &made);
  out("\n");
  chain_close(&c);
  return 0;
}

// ---- A series ----

// Files before the one that was merged are needed no more.
static void
forget(const char *name, long first, long last)
{
  struct text t = { 0 };

  for(; first < last; first++){
    text_clear(&t);
    text_format(&t, "%s.%ld", name, first);
    sys_unlink(t.s);
  }
  text_free(&t);
}

// Until the process is gone.  Once it has gone well, what fails is tried again the next time.
static int
save_often(long pid, long seconds, const char *name)
{
  struct timespec pause = { seconds, 0 };
  struct text t = { 0 };
  long first = series_latest(name) + 1, oldest = first;

  for(long n = oldest; sys_kill(pid, 0) == 0; n++){
    text_clear(&t);
    text_format(&t, "%s.%ld", name, n);
    if(save(pid, t.s, n == oldest ? CK_FULL : CK_INCREMENT)){
      if(sys_kill(pid, 0) < 0 || n-- == first)
        return sys_kill(pid, 0) == 0;
    } else if(n - oldest == MERGE_AT){
      if(merge(t.s, t.s))
        return 1;
      forget(name, oldest, n);
      oldest = n;
      out_flush();
    }
    sys_nanosleep(&pause, NULL);
  }
  return 0;
}

// ---- Looking ----

static void
show_others(const struct checkpoint *f)
{
  static const char *const states[] = { [CK_RUNS] = "", [CK_STOPPED] = ", stopped",
                                        [CK_ZOMBIE] = ", not waited for" };
  const struct ck_process *p = record_next(f, NULL, CK_PROCESS);

  while(p && (p = record_next(f, p, CK_PROCESS)) != NULL){
    const struct ck_task *t = record_in(f, p, NULL, CK_TASK);
    out("  process %d (%s), child of %d, %ld runs%s\n", p->pid, t ? t->name : "", p->ppid,
        (long)p->nruns, p->state <= CK_ZOMBIE ? states[p->state] : "");
  }
}

static int
look(const char *path, bool check)
{
  struct chain c;
  const char *why = chain_open(&c, path);

  if(!why && check)
    why = chain_check(&c);
  if(complain(why))
    return 1;
  for(size_t i = 0; !check && i < c.files.n; i++){
    const struct checkpoint *f = c.files.p[i];
    out("%s: process %d (%s), %ld pages here, %ld runs\n", f->path, f->header.pid,
        f->header.name, (long)f->header.pages, (long)f->nruns);
    show_others(f);
  }
  chain_close(&c);
  return 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "i1e:lct", usage_text };
  long pid, seconds = 0;
  int how = 0, c;

  while((c = option(&o)) != 0){
    tree |= c == 't';
    how = c == 't' ? how : c;
    if(c == 'e' && (!parse_long(o.value, &seconds) || seconds <= 0))
      usage(&o);
  }
  int operands = argc - o.at;
  if(operands > 1 && how == 0 && !tree && strcmp(argv[o.at], "merge") == 0)
    return operands > 3 ? (usage(&o), 1) : merge(argv[o.at + 1], argv[argc - 1]);
  if(operands != (how == 'l' || how == 'c' ? 1 : 2))
    usage(&o);
  if(operands == 1)
    return look(argv[o.at], how == 'c');
  if(!parse_long(argv[o.at], &pid) || pid <= 0)
    usage(&o);
  return how == 'e' ? save_often(pid, seconds, argv[o.at + 1]) :
         save(pid, argv[o.at + 1], how == 'i' ? CK_INCREMENT : how ? CK_ALONE : CK_FULL);
}
