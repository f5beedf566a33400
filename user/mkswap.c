// SPDX-License-Identifier: MIT
//
// mkswap: write the header of a swap area, util-linux's SWAPSPACE2, on a device or a
// file.

#include "user/ulib.h"
#include "user/user.h"

enum { PAGE = 4096, PAGES_MIN = 10 };

static struct {
  char boot[1024];
  uint version, last_page, nbad;
  uchar uuid[16];
  char label[16];
  char rest[PAGE - 1024 - 3 * 4 - 32 - 10];
  char signature[10];
} __attribute__((packed)) header;

static void
write_header(const char *path, const char *label)
{
  long fd = sys_open(path, O_RDWR | O_EXCL, 0);      // no device that is in use
  if(fd < 0)
    die("%s: %s", path, error_text(fd));
  long size = sys_lseek(fd, 0, SEEK_END), pages = size / PAGE;
  if(pages < PAGES_MIN)
    die("%s: too small, a swap area has at least %d KiB", path, PAGES_MIN * PAGE / 1024);
  header.version = 1;
  header.last_page = pages - 1;
  memmove(header.signature, "SWAPSPACE2", sizeof header.signature);
  memmove(header.label, label, strlen(label));
  sys_getrandom(header.uuid, sizeof header.uuid, 0);
  long r = sys_pwrite(fd, &header, sizeof header, 0);
  if(r == sizeof header)
    r = sys_fsync(fd);
  if(r < 0)
    die("%s: %s", path, error_text(r));
  printf("%s: swap area of %ld KiB\n", path, (pages - 1) * (PAGE / 1024));
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "L:", "mkswap [-L label] device" };
  const char *label = "";

  for(int c; (c = option(&o)) != 0;)
    label = o.value;
  if(o.at + 1 != argc || strlen(label) > sizeof header.label)
    usage(&o);
  write_header(argv[o.at], label);
  return 0;
}
