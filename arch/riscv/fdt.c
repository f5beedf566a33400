// SPDX-License-Identifier: MIT
//
// The flattened device tree: tokens, properties, and addresses through "ranges".
// Pure functions over the blob.

#include "kernel/string.h"
#include "fdt.h"

enum { MAGIC = 0xd00dfeed, OUR_VERSION = 17 };
enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4 };

// The header's words.
enum {
  H_MAGIC, H_TOTAL_SIZE, H_STRUCTS, H_STRINGS, H_RESERVATIONS, H_VERSION, H_LAST_COMPATIBLE,
  H_BOOT_CPU, H_STRINGS_SIZE, H_STRUCTS_SIZE, H_WORDS,
};

static u32
big32(const u8 *p)
{
  return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

static u64
big64(const u8 *p)
{
  return (u64)big32(p) << 32 | big32(p + 4);
}

static bool
inside(const struct fdt *t, u32 start, u32 size)
{
  return start <= t->size && size <= t->size - start;
}

bool
fdt_open(struct fdt *t, const void *blob)
{
  u32 h[H_WORDS];
  for(u32 i = 0; i < H_WORDS; i++)
    h[i] = big32((const u8 *)blob + 4 * i);
  if(h[H_MAGIC] != MAGIC || h[H_VERSION] < OUR_VERSION || h[H_LAST_COMPATIBLE] > OUR_VERSION)
    return false;
  *t = (struct fdt){
    .base = blob, .size = h[H_TOTAL_SIZE],
    .structs = h[H_STRUCTS], .structs_end = h[H_STRUCTS] + h[H_STRUCTS_SIZE],
    .strings = h[H_STRINGS], .strings_end = h[H_STRINGS] + h[H_STRINGS_SIZE],
    .reservations = h[H_RESERVATIONS],
  };
  return inside(t, t->structs, h[H_STRUCTS_SIZE]) && inside(t, t->strings, h[H_STRINGS_SIZE]);
}

bool
fdt_reservation(const struct fdt *t, u32 n, u64 *start, u64 *size)
{
  if(n > t->size / 16 || !inside(t, t->reservations, 16 * (n + 1)))
    return false;
  *start = big64(t->base + t->reservations + 16 * n);
  *size = big64(t->base + t->reservations + 16 * n + 8);
  return *start | *size;
}

// ---- Tokens ----

// A string inside [at, end). => NULL if it does not end there
static const char *
string_at(const struct fdt *t, u32 at, u32 end)
{
  if(at >= end || strnlen((const char *)t->base + at, end - at) == end - at)
    return NULL;
  return (const char *)t->base + at;
}

// The token at w->at; moves past it and what belongs to it. => 0 at the end
static u32
next_token(const struct fdt *t, u32 *at, struct fdt_property *p, const char **name)
{
  if(t->structs_end - *at < 4 || *at > t->structs_end)
    return 0;
  u32 token = big32(t->base + *at);
  *at += 4;
  if(token == BEGIN_NODE){
    *name = string_at(t, *at, t->structs_end);
    if(*name == NULL)
      return 0;
    *at = (u32)round_up(*at + strlen(*name) + 1, 4);
  } else if(token == PROPERTY){
    if(t->structs_end - *at < 8)
      return 0;
    p->len = big32(t->base + *at);
    p->data = t->base + *at + 8;
    u32 offset = big32(t->base + *at + 4);
    *at += 8;
    if(p->len > t->structs_end - *at || offset >= t->strings_end - t->strings)
      return 0;
    *name = string_at(t, t->strings + offset, t->strings_end);
    if(*name == NULL)
      return 0;
    *at = (u32)round_up(*at + p->len, 4);
  } else if(token != END_NODE && token != NOP){
    return 0;
  }
  return token;
}

void
fdt_begin(struct fdt_walk *w, const struct fdt *t)
{
  w->tree = t;
  w->at = t->structs;
  w->depth = -1;
}

bool
fdt_next(struct fdt_walk *w)
{
  struct fdt_property p;
  const char *name;
  u32 token, too_deep = 0;
  while((token = next_token(w->tree, &w->at, &p, &name)) != 0){
    if(token == END_NODE && too_deep){
      too_deep--;
    } else if(token == END_NODE){
      if(--w->depth < 0)
        return false;
    } else if(token == BEGIN_NODE && w->depth + 1 == FDT_DEPTH){
      too_deep++;
    } else if(token == BEGIN_NODE){
      w->node[++w->depth] = (struct fdt_node){ name, w->at };
      return true;
    }
  }
  return false;
}

// ---- Properties ----

static bool
get_of(const struct fdt_walk *w, int depth, const char *name, struct fdt_property *p)
{
  u32 at = w->node[depth].properties, token;
  const char *found;
  while((token = next_token(w->tree, &at, p, &found)) == PROPERTY || token == NOP)
    if(token == PROPERTY && strcmp(found, name) == 0)
      return true;
  return false;
}

bool
fdt_get(const struct fdt_walk *w, const char *name, struct fdt_property *p)
{
  return get_of(w, w->depth, name, p);
}

u32
fdt_cell(const struct fdt_property *p, u32 i)
{
  return i < p->len / 4 ? big32(p->data + 4 * i) : 0;
}

u64
fdt_get_number(const struct fdt_walk *w, const char *name, u64 otherwise)
{
  struct fdt_property p;
  if(!fdt_get(w, name, &p) || p.len < 4)
    return otherwise;
  return p.len >= 8 ? big64(p.data) : big32(p.data);
}

const char *
fdt_get_string(const struct fdt_walk *w, const char *name)
{
  struct fdt_property p;
  if(!fdt_get(w, name, &p) || strnlen((const char *)p.data, p.len) == p.len)
    return NULL;
  return (const char *)p.data;
}

bool
fdt_list_has(const struct fdt_property *list, const char *value)
{
  u32 n;
  for(u32 at = 0; at < list->len; at += n + 1){
    const char *s = (const char *)list->data + at;
    n = (u32)strnlen(s, list->len - at);
    if(at + n < list->len && strcmp(s, value) == 0)
      return true;
  }
  return false;
}

bool
fdt_enabled(const struct fdt_walk *w)
{
  struct fdt_property p;
  return !fdt_get(w, "status", &p) || fdt_list_has(&p, "okay") || fdt_list_has(&p, "ok");
}

bool
fdt_is(const struct fdt_walk *w, const char *path)
{
  for(int depth = 1; depth <= w->depth; depth++){
    const char *name = w->node[depth].name, *end = strchr(path, '/');
    u64 n = end ? (u64)(end - path) : strlen(path);
    bool any = n == 1 && *path == '*';
    if(!any && (strncmp(name, path, n) != 0 || (name[n] != 0 && name[n] != '@')))
      return false;
    if(!end)
      return depth == w->depth;
    path = end + 1;
  }
  return false;
}

// ---- Addresses ----

static u32
cells_of(const struct fdt_walk *w, int depth, const char *name, u32 otherwise)
{
  struct fdt_property p;
  return get_of(w, depth, name, &p) && p.len >= 4 ? min(big32(p.data), 4U) : otherwise;
}

// The defaults are the specification's (2.3.5).
static u32
address_cells(const struct fdt_walk *w, int depth)
{
  return cells_of(w, depth, "#address-cells", 2);
}

static u32
size_cells(const struct fdt_walk *w, int depth)
{
  return cells_of(w, depth, "#size-cells", 1);
}

// A number of n cells; of more than two, the low two.
static u64
number(const u8 *p, u32 n)
{
  u64 v = 0;
  for(u32 i = 0; i < n; i++)
    v = v << 32 | big32(p + 4 * i);
  return v;
}

bool
fdt_reg_raw(const struct fdt_walk *w, u32 i, u64 *address, u64 *size)
{
  struct fdt_property p;
  if(w->depth == 0 || !fdt_get(w, "reg", &p))
    return false;
  u32 na = address_cells(w, w->depth - 1), ns = size_cells(w, w->depth - 1);
  u32 entry = 4 * (na + ns);
  if(entry == 0 || i >= p.len / entry)
    return false;
  *address = number(p.data + i * entry, na);
  *size = number(p.data + i * entry + 4 * na, ns);
  return true;
}

// From the addresses below the node at `depth` to those above it.
static bool
translate(const struct fdt_walk *w, int depth, u64 *address)
{
  struct fdt_property p;
  if(!get_of(w, depth, "ranges", &p))
    return false;
  if(p.len == 0)
    return true;
  u32 child = address_cells(w, depth), parent = address_cells(w, depth - 1);
  u32 size = size_cells(w, depth), entry = 4 * (child + parent + size);
  for(u32 at = 0; entry && at + entry <= p.len; at += entry){
    u64 start = number(p.data + at, child);
    if(*address >= start && *address - start < number(p.data + at + 4 * (child + parent), size)){
      *address += number(p.data + at + 4 * child, parent) - start;
      return true;
    }
  }
  return false;
}

bool
fdt_reg(const struct fdt_walk *w, u32 i, u64 *address, u64 *size)
{
  if(!fdt_reg_raw(w, i, address, size))
    return false;
  for(int depth = w->depth - 1; depth > 0; depth--)
    if(!translate(w, depth, address))
      return false;
  return true;
}
