// SPDX-License-Identifier: MIT
//
// ELF programs: 64-bit RISC-V, at fixed addresses or anywhere (PIE), static or with
// a dynamic linker, which is such a program itself.

#pragma once

#include "kernel/types.h"

struct file;
struct space;

struct elf_header {
  u8 ident[16];
  u16 type, machine;
  u32 version;
  u64 entry, phoff, shoff;
  u32 flags;
  u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
  u32 type, flags;
  u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf {
  struct elf_segment *segments;   // kmalloc'd
  u32 nsegments;
  const struct elf_segment *linker;   // names the dynamic linker; or NULL
  bool movable;                   // may be anywhere
  bool executable_stack;
  u64 align;                      // of the place; a power of two

  // The file's addresses; after elf_place() the real ones.
  va_t bias;                      // from the former to the latter
  va_t entry;
  va_t headers;                   // of the segment table in memory, or 0
  va_t start, end;                // of the segments; behind them the heap begins
};

// head: the first bytes of f, as many as there are.
// => 0, -ENOEXEC, -ENOMEM, or an error of the disk
int elf_open(struct elf *e, struct file *f, const void *head, u64 n);
void elf_close(struct elf *e);

// The dynamic linker's name, if there is one: PATH_MAX bytes of room.
// => 0, -ENOEXEC, or an error of the disk
int elf_linker(const struct elf *e, struct file *f, char *path);

// Where it goes: below limit, and if it can be moved, at `want` or where it fits.
// Once.  => 0 or -ENOEXEC
int elf_place(struct elf *e, va_t want, va_t limit);

// Map the segments. => 0 or -errno
int elf_map(const struct elf *e, struct space *s, struct file *f);

// Clear what lies between the end of a segment's bytes in the file and the end of
// their page.  The space is the current one.  => 0 or -EFAULT
int elf_clear_tails(const struct elf *e);
