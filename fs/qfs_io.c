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
  io->nruns = 0;
}

// Wait for what is in flight.
static void
drain(struct qfs_io *io)
{
  for(u32 i = 0; i < io->nruns; i++){
    int e = block_wait(io->fs->device, &io->runs[i]);
    io->err = io->err ? io->err : e;
  }
  io->nruns = 0;
}

void
qfs_io_add(struct qfs_io *io, u64 block, struct frame **f, u32 n)
{
  while(n > 0 && io->err == 0){
    if(io->nruns == QFS_IO_RUNS){
      drain(io);
      continue;
    }
    u32 take = min(n, io->fs->device->pages_max);
    struct block_request *r = &io->runs[io->nruns];
    *r = (struct block_request){ .op = io->op, .sector = block * BLOCK_SECTORS, .page = f,
                                 .len = take * QFS_BLOCK };
    io->err = block_start(io->fs->device, r);
    io->nruns += io->err == 0;
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
