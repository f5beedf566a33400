// SPDX-License-Identifier: MIT
//
// What page tables and fences tell the fence ledger (fence_ledger.c) in a DEBUG=1
// build.  Without, nothing at all.

#pragma once

#include "kernel/types.h"

#define LEDGER_ANY ~0UL            // as an ASID: whatever it is, global pages too

#ifdef DEBUG

struct ledger_record { u32 notes; };   // in every task: of its making, still open

void ledger_start(void);                                 // boot, one hart, frames and harts known
void ledger_table(pa_t root, const u64 *entry, va_t va); // a leaf table, and what `entry` maps
void ledger_set(const u64 *entry, u64 old, u64 new);     // a leaf entry changed
void ledger_unlinked(pa_t root, u64 pfn);                // a table, from the one above it
void ledger_unmapped(va_t va, u64 pfn);                  // a page, from the kernel's own map
void ledger_loads(pa_t root, u64 asid);                  // this hart, just before it does
void ledger_switched(void);                              // ... and when all its fences are done
void ledger_fenced(va_t start, va_t end, u64 asid);      // this hart, just after; end ~0: all
void ledger_fenced_remote(u64 harts, va_t start, u64 size);
void ledger_freed(u64 pfn);                              // panic if a hart may still reach it
void ledger_forget(pa_t root);                           // the space is gone
void ledger_settle(void);              // panic if the task has left a fence undone

#else

struct ledger_record {};

static inline void ledger_start(void) {}
static inline void ledger_table(pa_t root, const u64 *entry, va_t va) {}
static inline void ledger_set(const u64 *entry, u64 old, u64 new) {}
static inline void ledger_unlinked(pa_t root, u64 pfn) {}
static inline void ledger_unmapped(va_t va, u64 pfn) {}
static inline void ledger_loads(pa_t root, u64 asid) {}
static inline void ledger_switched(void) {}
static inline void ledger_fenced(va_t start, va_t end, u64 asid) {}
static inline void ledger_fenced_remote(u64 harts, va_t start, u64 size) {}
static inline void ledger_freed(u64 pfn) {}
static inline void ledger_forget(pa_t root) {}
static inline void ledger_settle(void) {}

#endif
