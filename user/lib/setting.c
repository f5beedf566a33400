// SPDX-License-Identifier: MIT
//
// Files that are a setting or a figure of the kernel: who needs one ends without.

#include "user/ulib.h"
#include "user/user.h"

void
setting_read(const char *path, struct text *t)
{
  if(!read_file(path, t))
    die("%s cannot be read", path);
}

long
setting_figure(const char *path, const char *name)
{
  struct text t = { 0 };

  setting_read(path, &t);
  long n = figure(t.s, name);
  text_free(&t);
  return n;
}

void
setting_write(const char *path, long n)
{
  struct text t = { 0 };
  int fd = open(path, O_WRONLY);

  text_format(&t, "%ld\n", n);
  if(fd < 0 || write(fd, t.s, t.n) != (int)t.n)
    die("%s cannot be set", path);
  close(fd);
  text_free(&t);
}

long
figure(const char *text, const char *name)
{
  size_t n = strlen(name);
  long value = 0;

  for(const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL){
    if(compare_n(line, name, n) != 0 || (line[n] != ':' && line[n] != ' '))
      continue;
    for(line = skip_blanks(line + n + 1); *line >= '0' && *line <= '9'; line++)
      value = value * 10 + (*line - '0');
    break;
  }
  return value;
}

long
field(const char *s, int i)
{
  long n = 0;

  for(s = skip_blanks(s); i > 0; i--){
    while(*s && *s != ' ')
      s++;
    s = skip_blanks(s);
  }
  for(; *s >= '0' && *s <= '9'; s++)
    n = n * 10 + (*s - '0');
  return n;
}
