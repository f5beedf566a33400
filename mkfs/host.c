// SPDX-License-Identifier: MIT
//
// The C library's side of host.h, and what the kernel's sources find in
// kernel/printk.h and mm/slab.h.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "kernel/block.h"
#include "kernel/printk.h"
#include "mkfs/host.h"
#include "mm/frame.h"
#include "mm/slab.h"

// ---- Messages ----

void
printk(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
}

void
assert_failed(const char *what)
{
  panic("%s", what);
}

void
panic(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  vfprintf(stderr, fmt, ap);
  va_end(ap);
  fputc('\n', stderr);
  abort();
}

// ---- Memory ----

void *kmalloc(u64 size) { return malloc(size); }
void *kzalloc(u64 size) { return calloc(1, size); }
void kfree(void *p) { free(p); }

void *cache_alloc(struct cache *c) { return malloc(c->size); }
void *cache_zalloc(struct cache *c) { return calloc(1, c->size); }
void cache_free(struct cache *c, void *p) { free(p); }

void *
host_pages(u64 bytes)
{
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}

void
host_clock(i64 *sec, i64 *nsec)
{
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  *sec = ts.tv_sec;
  *nsec = ts.tv_nsec;
}

// ---- The disk ----

struct disk {
  struct block_device block;
  int fd;
};

static int
transfer(int fd, enum block_op op, void *mem, u64 len, u64 off)
{
  while(len > 0){
    ssize_t n = op == BLOCK_READ ? pread(fd, mem, len, off) : pwrite(fd, mem, len, off);
    if(n < 0 && errno == EINTR)
      continue;
    if(n <= 0)
      return n < 0 ? -errno : -EIO;
    mem = (char *)mem + n;
    len -= n;
    off += n;
  }
  return 0;
}

static int
submit(struct block_device *d, struct block_request *r)
{
  int fd = container_of(d, struct disk, block)->fd, e = 0;
  u64 off = r->sector * SECTOR;
  for(u32 i = 0, len; i < block_pieces(r) && e == 0; i++, off += len){
    void *mem = block_piece(r, i, &len);
    e = transfer(fd, r->op, mem, len, off);
  }
  block_complete(d, r, e);
  return 0;
}

int
host_lock(int fd, bool writable)
{
  struct flock whole = { .l_type = writable ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
  if(fcntl(fd, F_OFD_SETLK, &whole) == 0)
    return 0;
  return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static int
open_image(const char *file, bool writable, struct disk *k)
{
  struct stat st = { 0 };
  k->fd = open(file, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if(k->fd < 0)
    return -errno;
  int e = fstat(k->fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
  if(e == 0)
    e = host_lock(k->fd, writable);
  if(e)
    close(k->fd);
  k->block.sectors = st.st_size / SECTOR;
  return e;
}

int
host_disk_open(const char *file, bool writable, struct block_device **out)
{
  struct disk *k = calloc(1, sizeof(*k));
  if(k == NULL)
    return -ENOMEM;
  int e = open_image(file, writable, k);
  if(e){
    free(k);
    return e;
  }
  snprintf(k->block.name, sizeof(k->block.name), "image");
  k->block.pages_max = BLOCK_PAGES_MAX;
  k->block.read_only = !writable;
  k->block.submit = submit;
  spin_init(&k->block.lock, "disk");
  *out = &k->block;
  return 0;
}

int
host_disk_close(struct block_device *d)
{
  struct disk *k = container_of(d, struct disk, block);
  int e = close(k->fd) < 0 ? -errno : 0;
  free(k);
  return e;
}
