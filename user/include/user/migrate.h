// SPDX-License-Identifier: MIT
//
// migrate: what goes over the link, and both ends of it: lib/mg_*.c.

#pragma once

#include "user/checkpoint.h"

// ---- Messages (mg_link.c) ----
//
// The source speaks; it waits for an answer (MG_OK, or MG_REFUSE and a reason) after MG_HELLO,
// MG_FILE, MG_END_CONTENT, MG_END, MG_LAST and MG_GO.  MG_WAIT: the answer takes its time.

#define MG_MAGIC "quireMIG"
enum { MG_VERSION = 1, MG_BYTES = 65536 };

enum {
  MG_HELLO = 1,              // struct mg_hello
  MG_FILE,                   // struct mg_file: is it there?  Answer: struct mg_have
  MG_CONTENT,                // the bytes at `offset` of the file that was asked about last
  MG_END_CONTENT,            // `offset` bytes are all.  Answer: struct mg_have
  MG_BEGIN,                  // a checkpoint file: the number of the round
  MG_DATA,                   // the bytes at `offset` of it
  MG_END,                    // it is whole
  MG_LAST,                   // and the last: restore it, stopped.  Answer: where it is kept
  MG_GO,                     // it is gone here
  MG_ABORT,                  // it goes on here
  MG_OK, MG_REFUSE, MG_WAIT,
};

struct mg_message {
  char magic[8];
  uint version, type;
  uint64 session, number, offset;
  uint64 bytes;              // that follow; then zeroes up to a multiple of 8
  uint64 sum;                // of those, with the zeroes
  uint64 check;              // of all above
};

struct mg_hello { uint pid, pad; char name[16]; };

struct mg_file {             // and its path, with its NUL
  uint mode, writes;         // writes: the process does, so it may go along
  uint64 size, sum;
  char path[];
};

struct mg_have { uint64 mtime, wanted; };    // ns; wanted: the contents are to follow

struct link {
  int fd;
  bool source;
  bool listens;              // skips what is no MG_HELLO, or, a source, no answer to its own
  uint64 session;
  uint64 limit;              // ns of silence that are too many
  char *in;
  size_t start, end;         // in it: not looked at yet
  struct text why;
};

extern volatile bool mg_interrupted;     // by a signal: what waits fails

// All of these => NULL, or what is wrong.  A source waits until somebody is there, a target
// does when it listens.
const char *link_open(struct link *l, const char *path, uint64 limit, bool source);
void link_close(struct link *l);
const char *link_send(struct link *l, uint type, uint64 number, uint64 offset, const void *data,
                      size_t n);
// The next message; *data is good until the next call.
const char *link_receive(struct link *l, struct mg_message *m, void **data, uint64 limit);
// The answer to what was sent; *n bytes, or data NULL.
const char *link_answer(struct link *l, void *data, size_t n);
const char *link_fail(struct link *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void link_pause(void);

// ---- What the process has open (mg_files.c) ----

// A file that both sides have.
struct agreed {
  char *path;
  uint64 size, mtime, theirs;            // the times; theirs: on the other side
};

// The source: the target has all that f needs, or gets it.  `agreed` is kept from round to
// round; f is told their times.
const char *files_agree(struct link *l, struct list *agreed, struct checkpoint *f);

// The target: answers MG_FILE, MG_CONTENT, MG_END_CONTENT.
struct receiving {
  int fd;                                // a file whose contents come, or -1
  char *path;                            // that was asked about last
  struct list theirs;                    // paths: the same on both sides, and the process writes
  struct list made;                      // paths: were not there before
};
const char *files_answer(struct link *l, struct receiving *r, const struct mg_message *m,
                         void *data);
void files_forget(struct receiving *r, bool undo);

// ---- Both ends ----

struct migration {
  const char *link, *dir;
  uint64 limit, pause;                   // ns
};
int migrate_to(const struct migration *m, long pid);      // mg_source.c => a status
int migrate_from(const struct migration *m);              // mg_target.c
