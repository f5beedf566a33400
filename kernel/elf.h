// SPDX-License-Identifier: MIT
//
// ELF programs: 64-bit RISC-V, static, at fixed addresses or anywhere (PIE).

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
  va_t bias;                      // from the file's addresses to the real ones
  va_t entry;
  va_t headers;                   // of the segment table in memory, or 0
  va_t end;                       // of the last segment: where the heap begins
};

// head: the first bytes of f, as many as there are.
// => 0, -ENOEXEC, -ENOMEM, or an error of the disk
int elf_open(struct elf *e, struct file *f, const void *head, u64 n);
void elf_close(struct elf *e);

// Map the segments. => 0 or -errno
int elf_map(const struct elf *e, struct space *s, struct file *f);

// Clear what lies between the end of a segment's bytes in the file and the end of
// their page.  The space is the current one.  => 0 or -EFAULT
int elf_clear_tails(const struct elf *e);
