// SPDX-License-Identifier: MIT
//
// The target of a migration: takes the checkpoint files, builds the process, stopped, and
// lets it go on when the source says that it is gone there.  If that is never heard the files
// stay, and somebody has to say.

#include "user/migrate.h"
#include "user/user.h"

#define SILENCE 60000000000UL            // ns: then the source is gone

struct target {
  const struct migration *m;
  struct link link;
  struct mg_hello hello;
  struct receiving files;
  int rounds, fd;                        // fd: of this round's file, or -1
  uint64 pages;
  long pid;                              // of the process, stopped; or 0
};

static void
name_file(const struct target *t, struct text *name, int round)
{
  text_format(name, "%s/migrated.%d-%x.%d", t->m->dir, t->hello.pid, (uint)t->link.session,
              round);
}

static void
remove_files(struct target *t)
{
  struct text name = { 0 };

  for(int i = 1; i <= t->rounds; i++){
    text_clear(&name);
    name_file(t, &name, i);
    sys_unlink(name.s);
  }
  text_free(&name);
}

// ---- Files ----

static const char *
begin(struct target *t, const struct mg_message *m)
{
  struct text name = { 0 };
  const char *why = NULL;

  if(t->fd >= 0 || m->number != (uint64)t->rounds + 1)
    return link_fail(&t->link, "what the source says makes no sense");
  name_file(t, &name, t->rounds + 1);
  t->fd = sys_open(name.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if(t->fd < 0)
    why = link_fail(&t->link, "%s: %s", name.s, error_text(t->fd));
  else
    t->rounds++;
  text_free(&name);
  return why;
}

static const char *
store(struct target *t, const struct mg_message *m, const void *data)
{
  long r = t->fd < 0 ? -EBADF : pwrite_all(t->fd, data, m->bytes, m->offset);

  t->pages += m->bytes / CK_PAGE;
  return r < 0 ? link_fail(&t->link, "%s: %s", t->m->dir, error_text(r)) : NULL;
}

static const char *
end(struct target *t)
{
  if(t->fd >= 0)
    sys_close(t->fd);
  t->fd = -1;
  return link_send(&t->link, MG_OK, 0, 0, NULL, 0);
}

// ---- The process ----

static const char *
build(struct target *t)
{
  struct text name = { 0 };
  struct chain c;

  name_file(t, &name, t->rounds);
  if(t->fd >= 0)
    sys_close(t->fd);
  t->fd = -1;
  const char *why = chain_open(&c, name.s);
  if(why)
    why = link_fail(&t->link, "%s", why);
  text_free(&name);
  if(why)
    return why;
  long pid = chain_restore(&c, true);
  chain_close(&c);
  if(pid < 0)
    return link_fail(&t->link, "it cannot go on here: see there");
  t->pid = pid;
  return link_send(&t->link, MG_OK, 0, 0, NULL, 0);
}

static void
drop(struct target *t)
{
  int status;

  sys_kill(t->pid, SIGKILL);
  sys_wait(t->pid, &status, 0);
}

// The link may go and come back meanwhile.
static uint
verdict(struct target *t)
{
  uint64 deadline = now_ns() + t->m->limit;
  struct mg_message m;
  void *data;

  do {
    mg_interrupted = false;
    if(link_receive(&t->link, &m, &data, t->m->limit) != NULL)
      link_pause();
    else if(m.type == MG_GO || m.type == MG_ABORT)
      return m.type;
  } while(now_ns() < deadline);
  return 0;
}

// => a status
static int
settle(struct target *t)
{
  struct text name = { 0 };
  uint what = verdict(t);
  long pid = t->pid;

  if(what != MG_GO)
    drop(t);
  if(what){
    remove_files(t);
    files_forget(&t->files, what != MG_GO);
  }
  if(what == MG_ABORT){
    warn("process %d goes on where it was", t->hello.pid);
    return 1;
  }
  name_file(t, &name, t->rounds);
  if(what == 0){
    warn("there was no word that process %d has ended where it was.  If it has, let it go on "
         "here by `restore %s'", t->hello.pid, name.s);
    return 1;
  }
  sys_kill(pid, SIGCONT);
  link_send(&t->link, MG_OK, 0, 0, NULL, 0);
  link_close(&t->link);
  out("process %ld (%s) goes on here: %d rounds, %ld pages\n", pid, t->hello.name, t->rounds,
      (long)t->pages);
  out_flush();
  return restored_wait(pid);
}

// ---- All ----

static const char *
hear(struct target *t, const struct mg_message *m, void *data)
{
  if(m->type == MG_FILE || m->type == MG_CONTENT || m->type == MG_END_CONTENT)
    return files_answer(&t->link, &t->files, m, data);
  if(m->type == MG_BEGIN)
    return begin(t, m);
  if(m->type == MG_DATA)
    return store(t, m, data);
  if(m->type == MG_END)
    return end(t);
  if(m->type == MG_LAST)
    return build(t);
  return link_fail(&t->link, m->type == MG_ABORT ? "the source has given it up" :
                   "what the source says makes no sense");
}

// Until somebody has greeted, and then says more: what else there is was left by others.
static const char *
listen(struct target *t, struct mg_message *m, void **data)
{
  struct link *l = &t->link;
  const char *why;

  do {
    l->listens = true;
    why = link_receive(l, m, data, ~0UL);
    l->session = m->session;
    l->listens = false;
    if(why)
      return why;
    memcpy(&t->hello, *data, m->bytes < sizeof t->hello ? m->bytes : sizeof t->hello);
    t->hello.name[sizeof t->hello.name - 1] = 0;
    why = link_send(l, MG_OK, 0, 0, NULL, 0);
    if(!why)
      why = link_receive(l, m, data, SILENCE);
  } while(!mg_interrupted && (why || m->type == MG_ABORT));
  out("process %d (%s) comes\n", t->hello.pid, t->hello.name);
  out_flush();
  return why;
}

static const char *
receive(struct target *t)
{
  struct mg_message m;
  void *data;
  const char *why = link_open(&t->link, t->m->link, t->m->limit, false);

  if(!why)
    why = listen(t, &m, &data);
  while(!why){
    why = hear(t, &m, data);
    if(t->pid || why)
      break;
    why = link_receive(&t->link, &m, &data, SILENCE);
  }
  return why;
}

int
migrate_from(const struct migration *m)
{
  static struct target t;

  t.m = m;
  t.fd = t.files.fd = -1;
  const char *why = receive(&t);
  if(t.pid)
    return settle(&t);
  char *reason = must_copy(why);
  mg_interrupted = false;
  if(t.link.fd >= 0)
    link_send(&t.link, MG_REFUSE, 0, 0, reason, strlen(reason));
  remove_files(&t);
  files_forget(&t.files, true);
  warn("%s", reason);
  link_close(&t.link);
  return 1;
}
