// SPDX-License-Identifier: MIT
//
// Which bytes of the kernel's memory may be touched: told by the allocators, and
// in a KASAN=1 build asked at every load and store.  Without, nothing at all.

#pragma once

#include "kernel/types.h"

// Why not: values of the shadow.  Around locals the compiler writes 0xf1 to 0xf3.
enum poison {
  POISON_FREE_FRAME = 0xff,    // not allocated
  POISON_FREE_OBJECT = 0xfb,   // of a slab cache
  POISON_SLACK = 0xfc,         // of an object, beyond what was asked for
  POISON_GLOBAL = 0xf9,        // between global variables
  POISON_SCOPE = 0xf8,         // a local variable outside its block
};

#ifdef KASAN

enum { KASAN_GAP = 16 };       // bytes that allocators leave between objects

// Units of 8 bytes: p is a multiple of that.  n need not be, to unpoison: bytes
// beyond it in the last unit may not be touched.
void kasan_poison(const void *p, u64 n, enum poison why);
void kasan_unpoison(const void *p, u64 n);

// Of `room` bytes, the first n were asked for.
void kasan_resize(const void *p, u64 n, u64 room);

// Are all these bytes allowed?  For what the compiler does not see.
void kasan_check(const void *p, u64 n, bool write);

// Pages have come into the kernel's map at va: give them a shadow. => 0 or -ENOMEM
int kasan_cover(va_t va, u64 len);

// They have gone: a shadow page that no mapped page needs any more goes too.
void kasan_uncover(va_t va, u64 len);

// Part of every fence of va: all harts see the shadow as it is now.
void kasan_fence(va_t va);

// Boot, on the final map: a shadow for all RAM and the image; from here on it counts.
void kasan_start(void);

#else

enum { KASAN_GAP = 0 };
static inline void kasan_poison(const void *p, u64 n, enum poison why) {}
static inline void kasan_unpoison(const void *p, u64 n) {}
static inline void kasan_resize(const void *p, u64 n, u64 room) {}
static inline void kasan_check(const void *p, u64 n, bool write) {}
static inline int kasan_cover(va_t va, u64 len) { return 0; }
static inline void kasan_uncover(va_t va, u64 len) {}
static inline void kasan_fence(va_t va) {}
static inline void kasan_start(void) {}

#endif
