// SPDX-License-Identifier: MIT
//
// Bugs on request, to show that a build finds them.

#pragma once

struct planted { const char *name; void (*commit)(void); };
extern const struct planted wild_bugs[];      // up to one without a name

#if defined(DEBUG) || defined(KASAN) || defined(UBSAN)
void plant(void);      // the bug that `plant=` on the command line names
#else
static inline void plant(void) {}
#endif
