// SPDX-License-Identifier: MIT
//
// xv6's limits, for programs that size their arrays and loops by them.  They are
// not limits of this kernel, except that exec() of the xv6 interface keeps
// MAXARG and USERSTACK.

#pragma once

#define NPROC        64
#define NCPU         8
#define NOFILE       16
#define NFILE        100
#define NINODE       50
#define NDEV         10
#define ROOTDEV      1
#define MAXARG       32
#define MAXOPBLOCKS  10
#define LOGBLOCKS    (MAXOPBLOCKS * 3)
#define LOGSIZE      LOGBLOCKS
#define NBUF         (MAXOPBLOCKS * 3)
#define FSSIZE       2000
#define MAXPATH      4096      // not xv6's: a test wants longer names refused
#define USERSTACK    1
