// SPDX-License-Identifier: MIT
//
// hexdump: bytes of files in hexadecimal, sixteen a line, with their offset; -C:
// singly and as text, else as 16-bit words.  Lines like the one before are one *.

#include "user/ulib.h"
#include "user/user.h"

enum { WIDTH = 16 };

static bool canonical;

static void
put_canonical(const uchar *p, int n)
{
  for(int i = 0; i < WIDTH; i++){
    if(i % 8 == 0)
      out(" ");
    if(i < n)
      out(" %02x", p[i]);
    else
      out("   ");
  }
  out("  |");
  for(int i = 0; i < n; i++)
    out("%c", p[i] >= ' ' && p[i] < 127 ? p[i] : '.');
  out("|\n");
}

static void
put_words(const uchar *p, int n)
{
  for(int i = 0; i < n; i += 2)
    out(" %04x", p[i] | (i + 1 < n ? p[i + 1] << 8 : 0));
  out("\n");
}

// A whole line, or less at the end of the file.
static long
read_line(int fd, uchar *line)
{
  long n = 0, r = 0;
  while(n < WIDTH && (r = sys_read(fd, line + n, WIDTH - n)) > 0)
    n += r;
  return r < 0 ? r : n;
}

static bool
dump(int fd, const char *name)
{
  uchar line[WIDTH], last[WIDTH];
  long offset = 0, n;
  bool same = false;

  while((n = read_line(fd, line)) > 0){
    bool again = offset > 0 && n == WIDTH && memcmp(line, last, WIDTH) == 0;
    if(again && !same)
      out("*\n");
    same = again;
    if(!again){
      out(canonical ? "%08lx" : "%07lx", offset);
      (canonical ? put_canonical : put_words)(line, n);
    }
    memcpy(last, line, WIDTH);
    offset += n;
  }
  out(canonical ? "%08lx\n" : "%07lx\n", offset);
  if(n < 0)
    warn_error(name, n);
  return n == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "C", "hexdump [-C] [file ...]" };
  bool ok = true;

  while(option(&o))
    canonical = true;
  if(o.at == argc)
    ok = dump(0, "standard input");
  for(int i = o.at; i < argc; i++){
    int fd = open_operand(argv[i]);
    ok &= fd >= 0 && dump(fd, argv[i]);
    if(fd >= 0)
      close_operand(fd);
  }
  return !ok;
}
