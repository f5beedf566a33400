// SPDX-License-Identifier: MIT
//
// A store in memory behind an object, as a file system would be: it counts what
// it is asked for, fails when told to, and insists on the contract of object_ops.

#pragma once

#include "mm/object.h"

struct store {
  struct object object;                  // first; the store lives in the machine's memory
  char *bytes;                           // what is on the "disk"; the host's memory
  bool *reserved;                        // a page: has it got its place?
  u64 size, pages;                       // bytes that mean something; room
  u64 reads, writes, reservations;       // pages read and written; calls of page_mkwrite
  u64 fail_read, fail_write, fail_reserve;   // the kth call from now on fails; 0 = none
  int error;                             // with this
  void (*while_writing)(void);               // called before the bytes are taken
  void (*after_writing)(void);               // and after that, still inside write_pages
};

struct store *store_create(u64 size, u64 pages);   // => one reference, the test's
void store_put(struct store *s);
extern u64 stores_alive;

// ftruncate: the object first, then the store.
void store_truncate(struct store *s, u64 size);

// What a reader of the disk would find.
u64 store_word(const struct store *s, u64 off);
