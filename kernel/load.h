// SPDX-License-Identifier: MIT
//
// What load control (mm/load.c) needs of tasks.

#pragma once

#include "kernel/types.h"

// Mark the spaces whose tasks must not be suspended: load_spared = round.
void load_survey(u64 round);

// Spaces were suspended or resumed: their tasks wait from their next return to user mode
// on, or go on.
void load_tell(void);

void load_wait(void);          // of the current task, on that return
