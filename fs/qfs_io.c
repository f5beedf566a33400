// SPDX-License-Identifier: MIT
//
// Runs of neighbouring blocks to and from the device: one request a run, many in
// flight.  Needs no memory but the caller's stack.

#include "fs/qfs.h"

enum { BLOCK_SECTORS = QFS_BLOCK / SECTOR };

void
qfs_io_begin(struct qfs_io *io, struct qfs *fs, enum block_op op)
{
  io->fs = fs;
  io->op = op;
  io->err = 0;
  io->nruns = io->nsegs = 0;
}

// Wait for what is in flight.
static void
drain(struct qfs_io *io)
{
  for(u32 i = 0; i < io->nruns; i++){
    int e = block_wait(io->fs->device, &io->runs[i]);
    io->err = io->err ? io->err : e;
  }
  io->nruns = io->nsegs = 0;
}

// Frames become segments, physical neighbours one, from s on.  => how many segments
static u32
scatter(struct block_seg *s, struct frame **f, u32 n)
{
  u32 used = 0;
  for(u32 i = 0; i < n; i++){
    pa_t pa = frame_pa(f[i]);
    if(used > 0 && s[used - 1].pa + s[used - 1].len == pa)
      s[used - 1].len += QFS_BLOCK;
    else
      s[used++] = (struct block_seg){ pa, QFS_BLOCK };
  }
  return used;
}

void
qfs_io_add(struct qfs_io *io, u64 block, struct frame **f, u32 n)
{
  while(n > 0 && io->err == 0){
    u32 room = QFS_IO_SEGS - io->nsegs;
    if(io->nruns == QFS_IO_RUNS || room == 0){
      drain(io);
      continue;
    }
    u32 take = min(n, min(room, io->fs->device->segs_max));
    struct block_request *r = &io->runs[io->nruns];
    *r = (struct block_request){ .op = io->op, .sector = block * BLOCK_SECTORS,
                                 .segs = &io->segs[io->nsegs] };
    r->nsegs = scatter(r->segs, f, take);
    io->err = block_start(io->fs->device, r);
    if(io->err)
      break;
    io->nruns++;
    io->nsegs += r->nsegs;
    block += take;
    f += take;
    n -= take;
  }
}

int
qfs_io_end(struct qfs_io *io)
{
  drain(io);
  return io->err;
}
