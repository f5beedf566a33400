// SPDX-License-Identifier: MIT
//
// The last resort when no memory is left.

#pragma once

#include "kernel/types.h"

// Kill the processes of the space mm picks, never init, and wait until they are
// gone (or a second).  => false if there is nobody to kill.  May sleep.
bool oom_kill(void);
