// SPDX-License-Identifier: MIT
//
// "kernel/task.h" of the host: the real one, but `current` is a variable.

#pragma once

#define register extern
#define asm(name)
#include "../../../../kernel/task.h"
#undef register
#undef asm
