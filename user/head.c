// SPDX-License-Identifier: MIT
//
// head: the first lines of files, ten or as many as -n says; -c: bytes.  What comes
// after them is left for the next program to read: (head -1; tail -4).

#include "user/ulib.h"
#include "user/user.h"

static long lines = 10, bytes = -1;

static long
head_bytes(int fd)
{
  char buf[4096];
  long left = bytes, n = 0;

  while(left > 0 && (n = sys_read(fd, buf, left < 4096 ? left : 4096)) > 0){
    out_bytes(buf, n);
    left -= n;
  }
  return n;
}

static long
head_lines(int fd)
{
  struct input in;
  char *line;
  size_t n;

  input_init(&in, fd);
  in.sparing = sys_lseek(fd, 0, SEEK_CUR) < 0;
  for(long i = 0; i < lines && (line = input_line(&in, &n)) != NULL; i++){
    out_bytes(line, n);
    out("\n");
  }
  sys_lseek(fd, -(long)(in.end - in.start), SEEK_CUR);
  input_free(&in);
  return in.error;
}

static bool
head(const char *path, bool with_heading)
{
  int fd = open_operand(path);

  if(fd < 0)
    return false;
  if(with_heading)
    out("==> %s <==\n", path);
  long r = bytes >= 0 ? head_bytes(fd) : head_lines(fd);
  if(r < 0)
    warn_error(path, r);
  close_operand(fd);
  return r >= 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "n:c:", "head [-n lines | -c bytes] [file ...]" };
  bool ok = true;

  // The old form: -5
  if(argc > 1 && argv[1][0] == '-' && parse_long(argv[1] + 1, &lines) && lines >= 0)
    o.at = 2;
  for(int c; (c = option(&o)) != 0;){
    long *to = c == 'n' ? &lines : &bytes;
    if(!parse_long(o.value, to) || *to < 0)
      usage(&o);
  }
  if(o.at == argc)
    return !head("-", false);
  for(int i = o.at; i < argc; i++)
    ok &= head(argv[i], argc - o.at > 1);
  return !ok;
}
