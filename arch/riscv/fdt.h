// SPDX-License-Identifier: MIT
//
// Reading a flattened device tree (Devicetree Specification 0.4, chapter 5).
// Nothing in it is believed before it is checked: a malformed tree just ends
// early.

#pragma once

#include "kernel/types.h"

struct fdt {
  const u8 *base;
  u32 size;
  u32 structs, structs_end;     // offsets
  u32 strings, strings_end;
  u32 reservations;
};

// => false if that is no device tree
bool fdt_open(struct fdt *t, const void *blob);

// The nth entry of the memory reservation block. => false past the last
bool fdt_reservation(const struct fdt *t, u32 n, u64 *start, u64 *size);

struct fdt_property { const u8 *data; u32 len; };
struct fdt_node { const char *name; u32 properties; };

// A walk in tree order.  node[depth] is the current node, node[0] the root.
// Nodes deeper than this are passed over.
enum { FDT_DEPTH = 16 };
struct fdt_walk {
  const struct fdt *tree;
  u32 at;                       // next token
  int depth;
  struct fdt_node node[FDT_DEPTH];
};

void fdt_begin(struct fdt_walk *w, const struct fdt *t);
bool fdt_next(struct fdt_walk *w);           // => false at the end

// A property of the current node. => false if it has none of that name
bool fdt_get(const struct fdt_walk *w, const char *name, struct fdt_property *p);
u64 fdt_get_number(const struct fdt_walk *w, const char *name, u64 otherwise);  // one cell or two
const char *fdt_get_string(const struct fdt_walk *w, const char *name);      // or NULL
bool fdt_list_has(const struct fdt_property *list, const char *value);
u32 fdt_cell(const struct fdt_property *p, u32 i);                           // 0 past the end

bool fdt_enabled(const struct fdt_walk *w);  // its "status"

// Is this its path from the root?  As in "cpus/cpu": "@..." is left out, and "*" is
// any name.
bool fdt_is(const struct fdt_walk *w, const char *path);

// Entry i of "reg" as the parent addresses it, and as the CPU does.
// => false if there is no such entry, or no way to it
bool fdt_reg_raw(const struct fdt_walk *w, u32 i, u64 *address, u64 *size);
bool fdt_reg(const struct fdt_walk *w, u32 i, u64 *address, u64 *size);
