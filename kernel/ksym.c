// SPDX-License-Identifier: MIT
//
// Names and stack frames of the kernel's own code.  The table is made by
// tools/ksyms.py from the first link of the image, in which it is empty.

#include "kernel/ksym.h"
#include "kernel/string.h"

// Ordered by start.  Behind the functions lies what the bytes from PAIR on stand for in a
// name: two bytes each, which may be such ones again; then the names, in the order of the
// functions (kernel.ld).
struct function {
  u32 start : 20;          // from __text_start, in units of an instruction's least
  u32 arguments : 4;       // dwords above the return address, of variable arguments
  u32 ra : 8;              // dwords from sp to the return address, or 0: it stays in its
                           // register, and `arguments` is the frame's size in 16 bytes
};

enum { UNIT = 2, PAIR = 128 };
struct names { u8 pair[256 - PAIR][2]; char first[]; };
extern const char __text_start[], __text_end[];
extern const struct function __ksyms_start[], __ksyms_end[];

static va_t
start_of(const struct function *f)
{
  return f == __ksyms_end ? (va_t)__text_end : (va_t)__text_start + f->start * UNIT;
}

static const struct function *
function_at(va_t va)
{
  const struct function *f = __ksyms_start;
  if(va < (va_t)__text_start || va >= (va_t)__text_end)
    return NULL;
  for(u64 n = (u64)(__ksyms_end - f); n > 1; ){    // it is one of n, from f on
    u64 half = n / 2;
    bool above = start_of(f + half) <= va;
    f += above ? half : 0;
    n = above ? n - half : half;
  }
  return f;
}

static char *
spell(char *to, u8 c)
{
  const struct names *names = (const struct names *)__ksyms_end;
  if(c >= PAIR)
    return spell(spell(to, names->pair[c - PAIR][0]), names->pair[c - PAIR][1]);
  *to = (char)c;
  return to + 1;
}

bool
ksym(va_t va, struct ksym *k)
{
  const struct function *f = function_at(va);
  const char *at = ((const struct names *)__ksyms_end)->first;
  *k = (struct ksym){ .name = "?" };
  if(f == NULL)
    return false;
  k->off = va - start_of(f);
  for(; f > __ksyms_start; f--)
    at += strlen(at) + 1;
  char *to = k->name;
  do
    to = spell(to, (u8)*at);
  while(*at++);
  return true;
}

bool
code_at(va_t va, struct code *c)
{
  const struct function *f = function_at(va);
  if(f)
    *c = (struct code){ .start = start_of(f), .end = start_of(f + 1), .ra = f->ra * 8u,
                        .frame = f->ra ? (f->ra + 1u + f->arguments) * 8
                                        : f->arguments * 16u };
  return f != NULL;
}
