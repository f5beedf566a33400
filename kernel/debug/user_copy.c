// SPDX-License-Identifier: MIT
//
// The user copies of uaccess.S in DEBUG=1 and KASAN=1 builds.  There the linker
// lets every call of copy_to_user() come to __wrap_copy_to_user(), and so on: it
// checks the kernel's side, which the compiler does not see, and makes user
// memory reachable for the time of the copy.  Elsewhere a stray access to it
// faults.
//
// A fault inside puts sstatus aside and clears SUM: whoever runs meanwhile does
// not have it (trap.S).

#include <machine.h>
#include "kernel/debug/kasan.h"
#include "kernel/task.h"
#include <csr.h>

static void
begin(void)
{
  if(current->faults_off == 0)
    lock_may_sleep("a user copy");
#ifdef DEBUG
  csr_set(sstatus, SSTATUS_SUM);
#endif
}

static u64
end(u64 result)
{
#ifdef DEBUG
  csr_clear(sstatus, SSTATUS_SUM);
#endif
  return result;
}

u64 __real_copy_from_user(void *dst, va_t src, u64 n);
u64 __real_copy_to_user(va_t dst, const void *src, u64 n);
u64 __real_zero_user(va_t dst, u64 n);
i64 __real_copy_str_from_user(char *dst, va_t src, u64 n);
int __real_load_user_u32(u32 *v, va_t src);
int __real_store_user_u32(va_t dst, u32 v);
int __real_cas_user_u32(va_t dst, u32 old, u32 new, u32 *seen);

u64 __wrap_copy_from_user(void *dst, va_t src, u64 n);
u64 __wrap_copy_to_user(va_t dst, const void *src, u64 n);
u64 __wrap_zero_user(va_t dst, u64 n);
i64 __wrap_copy_str_from_user(char *dst, va_t src, u64 n);
int __wrap_load_user_u32(u32 *v, va_t src);
int __wrap_store_user_u32(va_t dst, u32 v);
int __wrap_cas_user_u32(va_t dst, u32 old, u32 new, u32 *seen);

u64
__wrap_copy_from_user(void *dst, va_t src, u64 n)
{
  kasan_check(dst, n, true);
  begin();
  return end(__real_copy_from_user(dst, src, n));
}

u64
__wrap_copy_to_user(va_t dst, const void *src, u64 n)
{
  kasan_check(src, n, false);
  begin();
  return end(__real_copy_to_user(dst, src, n));
}

u64
__wrap_zero_user(va_t dst, u64 n)
{
  begin();
  return end(__real_zero_user(dst, n));
}

i64
__wrap_copy_str_from_user(char *dst, va_t src, u64 n)
{
  kasan_check(dst, n, true);
  begin();
  return (i64)end((u64)__real_copy_str_from_user(dst, src, n));
}

int
__wrap_load_user_u32(u32 *v, va_t src)
{
  kasan_check(v, sizeof *v, true);
  begin();
  return (int)end((u64)__real_load_user_u32(v, src));
}

int
__wrap_store_user_u32(va_t dst, u32 v)
{
  begin();
  return (int)end((u64)__real_store_user_u32(dst, v));
}

int
__wrap_cas_user_u32(va_t dst, u32 old, u32 new, u32 *seen)
{
  kasan_check(seen, sizeof *seen, true);
  begin();
  return (int)end((u64)__real_cas_user_u32(dst, old, new, seen));
}
