// SPDX-License-Identifier: MIT
//
// The journal of an image in memory.

#pragma once

#include "kernel/types.h"

// Put what the journal of a mapped image holds where it belongs.  The superblock's layout
// has been checked; the journal itself stays as it is.
// => how many transactions, and *next is the number of the one that would follow;
//    -EUCLEAN: it has no header; -ENOMEM
i64 replay_journal(char *image, u64 *next);
