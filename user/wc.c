// SPDX-License-Identifier: MIT
//
// wc: lines, words and bytes of files; with -l, -w or -c only those.

#include "user/ulib.h"
#include "user/user.h"

static char buf[16384];
static bool lines, words, bytes;

static bool
is_space(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// => false after a complaint
static bool
count(int fd, const char *name)
{
  long n, l = 0, w = 0, c = 0;
  bool in_word = false;

  while((n = sys_read(fd, buf, sizeof(buf))) > 0){
    c += n;
    for(long i = 0; i < n; i++){
      l += buf[i] == '\n';
      w += !is_space(buf[i]) && !in_word;
      in_word = !is_space(buf[i]);
    }
  }
  if(n < 0){
    warn_error(*name ? name : "standard input", n);
    return false;
  }
  if(lines)
    out("%ld ", l);
  if(words)
    out("%ld ", w);
  if(bytes)
    out("%ld ", c);
  out("%s\n", name);
  return true;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "lwc", "wc [-l] [-w] [-c] [file ...]" };
  bool ok = true;

  for(int c; (c = option(&o)) != 0;){
    lines |= c == 'l';
    words |= c == 'w';
    bytes |= c == 'c';
  }
  if(!lines && !words && !bytes)
    lines = words = bytes = true;
  if(o.at == argc)
    ok = count(0, "");
  for(int i = o.at; i < argc; i++){
    int fd = open_operand(argv[i]);
    ok &= fd >= 0 && count(fd, argv[i]);
    if(fd >= 0)
      close_operand(fd);
  }
  return !ok;
}
