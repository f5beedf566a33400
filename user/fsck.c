// SPDX-License-Identifier: MIT
//
// fsck: is the file system on a device consistent?  The check itself is mkfs/fsck/, the same
// as on the host.  A device that somebody may write to is left alone.

#include "../mkfs/fsck/fsck.h"
#include "user/ulib.h"
#include "user/user.h"

enum { BLOCK = 4096 };

static long device;
static const char *name;

static void __attribute__((noreturn))
fail(const char *why)
{
  warn("%s: %s", name, why);
  exit(FSCK_FAILED);
}

// ---- What the check asks for ----

int
fsck_read(unsigned long block, void *to)
{
  return sys_pread(device, to, BLOCK, block * BLOCK) == BLOCK ? 0 : -EIO;
}

int
fsck_write(unsigned long block, const void *from)
{
  return sys_pwrite(device, from, BLOCK, block * BLOCK) == BLOCK ? 0 : -EIO;
}

int
fsck_flush(void)
{
  return sys_fsync(device);
}

void *
fsck_memory(unsigned long bytes)
{
  void *p = bytes > 1 << 30 ? NULL : malloc(bytes);
  if(p == NULL)
    fail("no memory");
  return memset(p, 0, bytes);
}

void
fsck_say(const char *fmt, va_list ap)
{
  vprintf(1, fmt, ap);
}

// ---- The program ----

// Is it mounted, but only for reading?
static bool
mounted_read_only(void)
{
  struct text mounts = { 0 };
  bool found = false;
  if(!read_file("/proc/mounts", &mounts))
    return false;
  for(char *line = mounts.s, *end; *line; line = end + 1){
    end = strchr(line, '\n');
    char *word = strchr(line, ' ');
    if(word - line == strlen(name) && compare_n(line, name, word - line) == 0)
      for(int i = 0; i < 2 && word; i++)
        word = strchr(word + 1, ' ');
    else
      continue;
    found = word && starts_with(word, " ro");
  }
  text_free(&mounts);
  return found;
}

// The device is ours, or at least does not change.
static unsigned long
open_device(bool repair)
{
  device = sys_open(name, (repair ? O_RDWR : O_RDONLY) | O_EXCL, 0);
  if(device == -EBUSY && !repair && mounted_read_only())
    device = sys_open(name, O_RDONLY, 0);
  if(device < 0)
    fail(device == -EBUSY ? "in use: unmount it first" : error_text(device));
  long size = sys_lseek(device, 0, SEEK_END);
  return size < 0 ? 0 : size / BLOCK;
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "qy", "fsck [-q] [-y] DEVICE" };
  bool quiet = false, repair = false;
  struct fsck_result r;

  for(int c; (c = option(&o)) != 0;)
    *(c == 'q' ? &quiet : &repair) = true;
  if(o.at + 1 != argc){
    warn("usage: %s", o.usage);
    return FSCK_USAGE;
  }
  name = argv[o.at];
  enum fsck_status status = fsck_device(open_device(repair), repair, &r);
  if(status == FSCK_FAILED)
    fail("cannot be checked or mended");
  if(r.faults)
    printf("%s: %lu errors%s\n", name, r.faults, status == FSCK_MENDED ? ", mended" : "");
  else if(!quiet)
    printf("%s: consistent: %lu files, %lu of %lu blocks free%s\n", name, r.files, r.free_blocks,
           r.blocks, r.replay && !repair ? ", once its journal is replayed" : "");
  return status;
}
