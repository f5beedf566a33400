// SPDX-License-Identifier: MIT
//
// tail: the last lines of files, ten or as many as -n says; -n +5: from the
// fifth on.

#include "user/ulib.h"
#include "user/user.h"

static long lines = 10;
static bool from_start;

static void
put(const char *line, size_t n)
{
  out_bytes(line, n);
  out("\n");
}

static void
tail_from(struct input *in)
{
  char *line;
  size_t n;

  for(long i = 1; (line = input_line(in, &n)) != NULL; i++)
    if(i >= lines)
      put(line, n);
}

// Keeps the last lines seen in a ring.
static void
tail_last(struct input *in)
{
  struct text *ring;
  char *line;
  size_t n;
  long seen = 0;

  if(lines == 0)
    return;
  if(lines > 1 << 20)
    die("%ld lines are too many", lines);
  ring = must_malloc(lines * sizeof(*ring));
  memset(ring, 0, lines * sizeof(*ring));
  for(; (line = input_line(in, &n)) != NULL; seen++){
    struct text *t = &ring[seen % lines];
    text_clear(t);
    text_add(t, line, n);
  }
  for(long i = seen > lines ? seen - lines : 0; i < seen; i++)
    put(ring[i % lines].s, ring[i % lines].n);
  for(long i = 0; i < lines; i++)
    text_free(&ring[i]);
  free(ring);
}

static bool
tail(const char *path, bool with_heading)
{
  struct input in;
  int fd = open_operand(path);

  if(fd < 0)
    return false;
  if(with_heading)
    out("==> %s <==\n", path);
  input_init(&in, fd);
  if(from_start)
    tail_from(&in);
  else
    tail_last(&in);
  if(in.error)
    warn_error(path, in.error);
  input_free(&in);
  close_operand(fd);
  return in.error == 0;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "n:", "tail [-n [+]lines] [file ...]" };
  bool ok = true;

  // The old form: -5
  if(argc > 1 && argv[1][0] == '-' && parse_long(argv[1] + 1, &lines) && lines >= 0)
    o.at = 2;
  while(option(&o)){
    from_start = o.value[0] == '+';
    if(!parse_long(o.value, &lines) || lines < 0)
      usage(&o);
  }
  if(o.at == argc)
    return !tail("-", false);
  for(int i = o.at; i < argc; i++)
    ok &= tail(argv[i], argc - o.at > 1);
  return !ok;
}
