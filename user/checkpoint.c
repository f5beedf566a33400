// SPDX-License-Identifier: MIT
//
// checkpoint: save a process to a file while it runs on; or say what is in such files.

#include "user/checkpoint.h"
#include "user/user.h"

static const char usage_text[] =
  "checkpoint pid file\n"
  "       checkpoint -l file     what it holds, and which files it needs\n"
  "       checkpoint -c file     is every byte of it as it was written?";

static int
save(long pid, const char *path)
{
  struct ck_made made;
  const char *why = checkpoint_write(pid, path, &made);

  if(why){
    warn("%s", why);
    return 1;
  }
  out("%s: %ld KiB, %ld pages; frozen for %ld us\n", path, (long)made.bytes / 1024,
      (long)made.pages, made.frozen_us);
  return 0;
}

static int
look(const char *path, bool check)
{
  struct chain c;
  const char *why = chain_open(&c, path);

  if(!why && check)
    why = chain_check(&c);
  if(why){
    warn("%s", why);
    return 1;
  }
  for(size_t i = 0; !check && i < c.files.n; i++){
    const struct checkpoint *f = c.files.p[i];
    out("%s: process %d (%s), %ld pages here, %ld runs\n", f->path, f->header.pid,
        f->header.name, (long)f->header.pages, (long)f->nruns);
  }
  chain_close(&c);
  return 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "lc", usage_text };
  int how = 0, c;
  long pid;

  while((c = option(&o)) != 0)
    how = c;
  if(argc - o.at != (how ? 1 : 2))
    usage(&o);
  if(how)
    return look(argv[o.at], how == 'c');
  if(!parse_long(argv[o.at], &pid) || pid <= 0)
    usage(&o);
  return save(pid, argv[o.at + 1]);
}
