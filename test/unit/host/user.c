// SPDX-License-Identifier: MIT
//
// User memory as programs and the kernel's copy routines touch it: through the
// software TLB, with a page fault where that refuses.

#include "hosted.h"

enum { TRIES = 16 };

enum fault
user_touch(va_t va, enum access how, void **kva)
{
  for(u32 i = 0; i < TRIES; i++){
    *kva = mmu_translate(va, how, true);
    if(*kva)
      return FAULT_OK;
    enum fault f = vm_fault(current->space, va, how);
    if(f != FAULT_OK)
      return f;
  }
  panic("hart %u faults for ever at %lx", current->hart->index, va);
}

enum fault
user_load(va_t va, u64 *value)
{
  u64 *p;
  enum fault f = user_touch(va, ACCESS_READ, (void **)&p);
  if(f == FAULT_OK)
    *value = *p;
  return f;
}

enum fault
user_store(va_t va, u64 value)
{
  u64 *p;
  enum fault f = user_touch(va, ACCESS_WRITE, (void **)&p);
  if(f == FAULT_OK)
    *p = value;
  return f;
}

// ---- <machine.h> ----

static va_t sp;

void
set_user_sp(va_t va)
{
  sp = va;
}

va_t
user_sp(void)
{
  return sp;
}

// => where the bytes of va's page are, or NULL where the copy has to end
static char *
reach(va_t va, enum access how)
{
  void *kva;
  if(va >= USER_MAX || current->space == NULL)
    return NULL;
  if(current->faults_off)
    return mmu_translate(va, how, true);
  holds_nothing();
  return user_touch(va, how, &kva) == FAULT_OK ? kva : NULL;
}

static u64
in_page(va_t va, u64 n)
{
  return min(n, PAGE_SIZE - (va & PAGE_MASK));
}

u64
copy_from_user(void *dst, va_t src, u64 n)
{
  const char *p;
  for(u64 len; n && (p = reach(src, ACCESS_READ)) != NULL; n -= len, src += len){
    len = in_page(src, n);
    memcpy(dst, p, len);
    dst = (char *)dst + len;
  }
  return n;
}

u64
copy_to_user(va_t dst, const void *src, u64 n)
{
  char *p;
  for(u64 len; n && (p = reach(dst, ACCESS_WRITE)) != NULL; n -= len, dst += len){
    len = in_page(dst, n);
    memcpy(p, src, len);
    src = (const char *)src + len;
  }
  return n;
}
