// SPDX-License-Identifier: MIT
//
// chmod: set permissions, as an octal number or as changes: u+x,go-w,a=r.

#include "user/ulib.h"
#include "user/user.h"

static const struct options chmod_usage = { .usage = "chmod mode file ..." };

// The letters of `from` that *p stands at, as the bits of `bits`.
static uint
take_letters(const char **p, const char *from, const uint *bits)
{
  uint mask = 0;
  for(const char *l; **p && (l = strchr(from, **p)) != NULL; (*p)++)
    mask |= bits[l - from];
  return mask;
}

// One change of the form [ugoa]{+-=}[rwx].
static const char *
apply(const char *p, uint *mode)
{
  static const uint who_bits[] = { 0700, 0070, 0007, 0777 };
  static const uint what_bits[] = { 0444, 0222, 0111 };
  uint who = take_letters(&p, "ugoa", who_bits);
  char how = *p;

  if(how != '+' && how != '-' && how != '=')
    usage(&chmod_usage);
  p++;
  if(who == 0)
    who = 0777;
  uint bits = take_letters(&p, "rwx", what_bits) & who;
  if(how == '=')
    *mode = (*mode & ~who) | bits;
  else
    *mode = how == '+' ? *mode | bits : *mode & ~bits;
  return p;
}

static uint
changed(uint mode, const char *how)
{
  uint number;

  if(parse_octal(how, &number) && number <= 07777)
    return number;
  do {
    how = apply(how, &mode);
  } while(*how == ',' && *++how);
  if(*how)
    usage(&chmod_usage);
  return mode;
}

int
main(int argc, char **argv)
{
  bool ok = true;

  // A mode may begin with '-': there are no options.
  if(argc < 3)
    usage(&chmod_usage);
  changed(0, argv[1]);
  for(int i = 2; i < argc; i++){
    struct kstat st;
    long r = sys_stat(argv[i], &st);
    if(r == 0)
      r = sys_chmod(argv[i], changed(st.mode & 07777, argv[1]));
    if(r < 0)
      warn_error(argv[i], r);
    ok &= r >= 0;
  }
  return !ok;
}
