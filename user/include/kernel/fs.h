// SPDX-License-Identifier: MIT
//
// The shape of xv6's file system as its programs see it: the 16-byte entries
// that read() of a directory yields, and the sizes their loops are built on.

#pragma once

#include "kernel/types.h"

#define ROOTINO   1
#define BSIZE     1024

#define FSMAGIC   0x10203040
#define NDIRECT   12
#define NINDIRECT (BSIZE / sizeof(uint))
#define MAXFILE   (NDIRECT + NINDIRECT)

#define DIRSIZ    14

// inum 0 marks a free entry; a name of DIRSIZ bytes has no NUL.
struct dirent {
  ushort inum;
  char name[DIRSIZ] __attribute__((nonstring));
};

struct superblock {
  uint magic, size, nblocks, ninodes, nlog, logstart, inodestart, bmapstart;
};

struct dinode {
  short type, major, minor, nlink;
  uint size;
  uint addrs[NDIRECT + 1];
};

#define IPB           (BSIZE / sizeof(struct dinode))
#define IBLOCK(i, sb) ((i) / IPB + (sb).inodestart)
#define BPB           (BSIZE * 8)
#define BBLOCK(b, sb) ((b) / BPB + (sb).bmapstart)
