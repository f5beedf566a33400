// SPDX-License-Identifier: MIT
//
// Bugs on request, to show that a build finds them.

#pragma once

#if defined(DEBUG) || defined(KASAN) || defined(UBSAN)
void plant(void);      // the bug that `plant=` on the command line names
#else
static inline void plant(void) {}
#endif
