// SPDX-License-Identifier: MIT
//
// The boot command line, read where the device tree has it.

#include <machine.h>
#include "kernel/bootargs.h"
#include "kernel/string.h"

// Is the word at s of n bytes `key` or `key=...`?
static bool
names(const char *s, u64 n, const char *key)
{
  u64 len = strlen(key);
  return n >= len && strncmp(s, key, len) == 0 && (n == len || s[len] == '=');
}

const char *
bootarg(const char *key, u32 *len)
{
  const char *found = NULL, *end;
  for(const char *s = machine.bootargs; s && *s; s = *end ? end + 1 : end){
    for(end = s; *end && *end != ' '; end++)
      ;
    if(end - s == 2 && strncmp(s, "--", 2) == 0)
      break;
    if(!names(s, (u64)(end - s), key))
      continue;
    found = min(s + strlen(key) + 1, end);
    *len = (u32)(end - found);
  }
  return found;
}

bool
bootarg_is(const char *key, const char *value)
{
  u32 len;
  const char *s = bootarg(key, &len);
  return s && len == strlen(value) && strncmp(s, value, len) == 0;
}

bool
bootarg_copy(const char *key, const char *otherwise, char *buf, u64 n)
{
  u32 len;
  const char *s = bootarg(key, &len);
  strlcpy(buf, otherwise, n);
  if(s == NULL || n == 0)
    return false;
  len = (u32)min((u64)len, n - 1);
  memcpy(buf, s, len);
  buf[len] = 0;
  return true;
}

u64
bootarg_number(const char *key, u64 otherwise)
{
  char text[24];
  u64 n;
  return bootarg_copy(key, "", text, sizeof text) && parse_u64(text, &n) ? n : otherwise;
}

u64
bootarg_size(const char *key)
{
  char text[24];
  u64 n;
  return bootarg_copy(key, "", text, sizeof text) && parse_size(text, &n) ? n : 0;
}
