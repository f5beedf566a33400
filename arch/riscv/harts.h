// SPDX-License-Identifier: MIT
//
// The other harts: starting, interrupting and stopping them.

#pragma once

#include "kernel/types.h"

void machine_stop_check(void);     // returns unless the machine has been stopped
