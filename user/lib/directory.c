// SPDX-License-Identifier: MIT
//
// Reading directories.

#include "user/ulib.h"
#include "user/user.h"

long
directory_open(struct directory *d, const char *path)
{
  d->at = d->n = d->error = 0;
  d->fd = sys_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  return d->fd < 0 ? d->fd : 0;
}

struct dirent64 *
directory_next(struct directory *d)
{
  if(d->at >= d->n){
    d->at = 0;
    d->n = sys_getdents(d->fd, d->buf, sizeof(d->buf));
    if(d->n <= 0){
      d->error = d->n;
      d->n = 0;
      return NULL;
    }
  }
  struct dirent64 *entry = (struct dirent64 *)(d->buf + d->at);
  d->at += entry->reclen;
  return entry;
}

void
directory_close(struct directory *d)
{
  sys_close(d->fd);
}

long
directory_read(struct directory *d, struct list *names)
{
  struct dirent64 *e;
  while((e = directory_next(d)) != NULL)
    if(strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
      list_add(names, must_copy(e->name));
  list_sort(names, compare_names);
  return d->error;
}

long
directory_names(const char *path, struct list *names)
{
  struct directory d;
  long r = directory_open(&d, path);

  if(r < 0)
    return r;
  r = directory_read(&d, names);
  directory_close(&d);
  return r;
}
