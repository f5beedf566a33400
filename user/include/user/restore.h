// SPDX-License-Identifier: MIT
//
// What is open in processes that come back to life (lib/ck_open.c), for those who make them
// (lib/ck_restore.c).  What fails ends the caller, after a complaint.

#pragma once

#include "user/checkpoint.h"

// From now on descriptors of the program's own are to be above all that the processes had.
void keep_clear(const struct checkpoint *c);
int ours(void);                            // the first of them
int move_up(long fd);                      // => fd up there, or what became of it
void pipe_up(int *fd);

void open_all(void);                       // what the processes had
struct ck_shared *shared_memory(uint *n);
void take_files(const struct ck_process *p);   // the caller has it, and nothing else below

long share(size_t bytes);                  // => memory for the caller and its children, or negative
void must(const char *what, long error);   // not be negative
void complain_as_before(void);             // to where the program's own complaints went
