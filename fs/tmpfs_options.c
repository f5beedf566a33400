// SPDX-License-Identifier: MIT
//
// The options of a tmpfs, as mount(8) writes them: words with commas in between.

#include "fs/attr.h"
#include "fs/tmpfs.h"
#include "kernel/errno.h"
#include "kernel/string.h"
#include "mm/frame.h"

// A number of bytes, or a share of memory. => false: it is neither
static bool
parse_pages(const char *s, struct tmpfs_options *o)
{
  char digits[24];
  u64 n, len = strlcpy(digits, s, sizeof digits);
  if(len > 0 && len < sizeof digits && digits[len - 1] == '%'){
    digits[len - 1] = '\0';
    if(!parse_u64(digits, &n) || n > 100)
      return false;
    o->pages = frames_total() * n / 100;
  } else if(parse_size(s, &n)){
    o->pages = n / PAGE_SIZE + (n % PAGE_SIZE != 0);
  } else {
    return false;
  }
  o->pages = o->pages ? o->pages : TMPFS_UNLIMITED;
  return true;
}

static bool
parse_inodes(const char *s, struct tmpfs_options *o)
{
  u64 n;
  bool ok = parse_size(s, &n);
  o->inodes = ok && n ? n : TMPFS_UNLIMITED;
  return ok;
}

static bool
parse_mode(const char *s, struct tmpfs_options *o)
{
  for(o->mode = 0; *s >= '0' && *s <= '7' && o->mode <= MODE_BITS; s++)
    o->mode = o->mode * 8 + (u32)(*s - '0');
  return *s == '\0' && o->mode <= MODE_BITS;
}

static const struct {
  const char *key;
  bool (*parse)(const char *s, struct tmpfs_options *o);
} keys[] = {
  { "size=", parse_pages }, { "nr_inodes=", parse_inodes }, { "mode=", parse_mode },
};

static bool
parse_word(const char *s, struct tmpfs_options *o)
{
  for(u32 k = 0; k < count_of(keys); k++){
    u64 len = strlen(keys[k].key);
    if(strncmp(s, keys[k].key, len) == 0)
      return s[len] && keys[k].parse(s + len, o);
  }
  return false;
}

int
tmpfs_options_parse(struct tmpfs_options *o, char *text)
{
  char *next;
  *o = (struct tmpfs_options){
    .pages = frames_total() / 2, .inodes = frames_total() / 2, .mode = 01777,
  };
  for(char *s = text; s && *s; s = next){
    next = strchr(s, ',');
    if(next)
      *next++ = '\0';
    if(!parse_word(s, o))
      return -EINVAL;
  }
  return 0;
}
