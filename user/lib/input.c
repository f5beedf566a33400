// SPDX-License-Identifier: MIT
//
// Lines and files read into memory.

#include "user/ulib.h"
#include "user/user.h"

enum { FIRST_ROOM = 4096 };

void
input_init(struct input *in, int fd)
{
  *in = (struct input){ .fd = fd };
}

void
input_free(struct input *in)
{
  free(in->buf);
  in->buf = NULL;
}

// Read more behind what is there. => false at the end or on an error
static bool
fill(struct input *in)
{
  size_t n = in->end - in->start;

  if(in->start > 0){
    memmove(in->buf, in->buf + in->start, n);
    in->start = 0;
    in->end = n;
  }
  if(in->end + 1 >= in->room){
    in->room = in->room ? in->room * 2 : FIRST_ROOM;
    in->buf = must_resize(in->buf, in->room);
  }
  long r = sys_read(in->fd, in->buf + in->end, in->sparing ? 1 : in->room - in->end - 1);
  if(r < 0)
    in->error = r;
  if(r <= 0)
    return false;
  in->end += r;
  return true;
}

char *
input_line(struct input *in, size_t *n)
{
  size_t seen = 0;

  for(;;){
    size_t have = in->end - in->start;
    while(seen < have && in->buf[in->start + seen] != '\n')
      seen++;
    if(seen < have)
      break;
    if(!fill(in)){
      if(in->end == in->start)
        return NULL;
      break;                   // the last line lacks its end
    }
  }
  char *line = in->buf + in->start;
  line[seen] = 0;
  in->start += seen;
  if(in->start < in->end)
    in->start++;
  *n = seen;
  return line;
}

int
open_operand(const char *path)
{
  if(strcmp(path, "-") == 0)
    return 0;
  long fd = sys_open(path, O_RDONLY, 0);
  if(fd < 0){
    warn_error(path, fd);
    return -1;
  }
  return fd;
}

void
close_operand(int fd)
{
  if(fd != 0)
    sys_close(fd);
}

bool
read_file(const char *path, struct text *t)
{
  char buf[1024];
  long n, fd = sys_open(path, O_RDONLY, 0);

  text_clear(t);
  if(fd < 0)
    return false;
  while((n = sys_read(fd, buf, sizeof(buf))) > 0)
    text_add(t, buf, n);
  sys_close(fd);
  return n == 0;
}
