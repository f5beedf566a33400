// SPDX-License-Identifier: MIT
//
// sh's redirections.

#include "user/shell.h"
#include "user/user.h"

static bool
redirect_one(const struct redirect *r)
{
  static const int flags[] = {
    [REDIRECT_IN] = O_RDONLY,
    [REDIRECT_OUT] = O_WRONLY | O_CREAT | O_TRUNC,
    [REDIRECT_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
  };
  char *word = shell_expand_one(r->word);
  long from, result;

  if(r->kind == REDIRECT_DUP){
    result = parse_long(word, &from) && from >= 0 ? from : -EBADF;
    if(result >= 0 && result != r->fd)
      result = sys_dup3(from, r->fd, 0);
  } else {
    result = from = sys_open(word, flags[r->kind], 0666);
    if(from >= 0 && from != r->fd){
      result = sys_dup3(from, r->fd, 0);
      sys_close(from);
    }
  }
  if(result < 0)
    warn_error(word, result);
  free(word);
  return result >= 0;
}

bool
redirect(const struct node *n)
{
  for(size_t i = 0; i < n->redirects.n; i++)
    if(!redirect_one(n->redirects.p[i]))
      return false;
  return true;
}

void
save_fds(const struct node *n, struct saved_fds *s)
{
  *s = (struct saved_fds){ 0 };
  for(size_t i = 0; i < n->redirects.n; i++){
    int fd = ((struct redirect *)n->redirects.p[i])->fd;
    if(s->copy[fd] == 0)
      s->copy[fd] = sys_fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FDS);
  }
}

void
restore_fds(const struct saved_fds *s)
{
  for(int fd = 0; fd < SAVED_FDS; fd++){
    if(s->copy[fd] < 0)
      sys_close(fd);
    if(s->copy[fd] <= 0)
      continue;
    sys_dup3(s->copy[fd], fd, 0);
    sys_close(s->copy[fd]);
  }
}
