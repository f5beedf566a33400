// SPDX-License-Identifier: MIT
//
// dd: copy by blocks: if= and of= name the files, bs= the size of a block
// (with k, M, G), count= how many, skip= and seek= how many to leave out at the
// beginning of input and output; conv=notrunc keeps what the output holds.

#include "user/ulib.h"
#include "user/user.h"

static const struct options dd_usage = {
  .usage = "dd [if=file] [of=file] [bs=bytes] [count=n] [skip=n] [seek=n] [conv=notrunc]",
};

static const char *in_path, *out_path;
static long block = 512, count = -1, skip, seek;
static bool no_truncate;

static void
parse(const char *arg)
{
  static const struct {
    const char *name;
    long *value;
  } numbers[] = { { "bs=", &block }, { "count=", &count }, { "skip=", &skip }, { "seek=", &seek } };

  for(size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++){
    if(!starts_with(arg, numbers[i].name))
      continue;
    if(!parse_size(arg + strlen(numbers[i].name), numbers[i].value))
      usage(&dd_usage);
    return;
  }
  if(starts_with(arg, "if="))
    in_path = arg + 3;
  else if(starts_with(arg, "of="))
    out_path = arg + 3;
  else if(strcmp(arg, "conv=notrunc") == 0)
    no_truncate = true;
  else
    usage(&dd_usage);
}

static int
open_or_die(const char *path, int flags)
{
  long fd = sys_open(path, flags, 0666);
  if(fd < 0)
    die("%s: %s", path, error_text(fd));
  return fd;
}

static int
open_output(void)
{
  bool truncate = !no_truncate;
  int fd = open_or_die(out_path, O_WRONLY | O_CREAT | (truncate && seek == 0 ? O_TRUNC : 0));

  if(truncate && seek > 0){
    long r = sys_ftruncate(fd, seek * block);
    if(r < 0 && r != -EINVAL)          // a device has no length
      die("%s: %s", out_path, error_text(r));
  }
  return fd;
}

// Pipes cannot be sought in: read them up to the place.
static void
skip_input(int fd, char *buf)
{
  if(skip == 0 || sys_lseek(fd, skip * block, SEEK_CUR) >= 0)
    return;
  for(long i = 0; i < skip && sys_read(fd, buf, block) > 0; i++)
    ;
}

int
main(int argc, char **argv)
{
  long full = 0, partial = 0, total = 0, n = 0, r = 0;
  struct timespec start, end;

  for(int i = 1; i < argc; i++)
    parse(argv[i]);
  if(block <= 0 || block > 1 << 30 || (seek | skip) > (long)(~0UL >> 1) / block)
    usage(&dd_usage);
  char *buf = must_malloc(block);
  int in = in_path ? open_or_die(in_path, O_RDONLY) : 0;
  int to = out_path ? open_output() : 1;
  skip_input(in, buf);
  if(seek > 0 && (r = sys_lseek(to, seek * block, SEEK_CUR)) < 0)
    die("seek: %s", error_text(r));

  sys_clock(CLOCK_MONOTONIC, &start);
  for(r = 0; count < 0 || full + partial < count; total += n){
    n = sys_read(in, buf, block);
    if(n <= 0 || (r = write_all(to, buf, n)) < 0)
      break;
    full += n == block;
    partial += n < block;
  }
  sys_clock(CLOCK_MONOTONIC, &end);
  if(n < 0)
    warn_error(in_path ? in_path : "standard input", n);
  if(r < 0)
    warn_error(out_path ? out_path : "standard output", r);

  long ms = (end.sec - start.sec) * 1000 + (end.nsec - start.nsec) / 1000000;
  fprintf(2, "%ld+%ld blocks, %ld bytes, %ld.%03ld s\n", full, partial, total, ms / 1000,
          ms % 1000);
  return n < 0 || r < 0;
}
