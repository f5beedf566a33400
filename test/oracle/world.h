// SPDX-License-Identifier: MIT
//
// What the steps of the oracle stand on: random numbers, a way to say what is seen,
// loads and stores that may fault, the arena and what is believed to be in it, files.

#pragma once

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

enum { PAGE = 4096, MAX_STEPS = 1000 };

// ---- Random numbers: of a step, from the seed and its number ----
extern u64 seed;
extern int now;
void roll_from(u64 x);
int roll(int n);
bool one_in(int n);

// ---- Saying: lines are hashed, and with `verbose` shown ----
struct flag { int bit; const char *name; };
extern u64 hash;
extern bool verbose;
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_result(long r);             // an errno's name for -1
void say_error(void);
void say_flags(const struct flag *table, int n, int flags);
bool line_empty(void);
void end_line(void);
void show_line(void);                // whatever `verbose`, and not hashed
const char *take_said(int since);    // what was said on this line since; said no more
int said(void);

// ---- Contents: each byte of a sequence follows from the one before it ----
void make_pattern(u8 *to, int n, int tag);
void say_contents(const u8 *b, int n);

// ---- Accesses that may fault: => false, then say_fault tells where, behind `from` ----
bool load(u8 *to, const u8 *from, int n);
bool store(u8 *to, const u8 *from, int n);
bool count_up(u32 *n);
bool call(u8 *code);
void say_fault(const u8 *from);
bool faulted_by_protection(void);
void catch_faults(void);

// ---- The arena ----
//
// Mappings are made at places of the program's own, around two boundaries between leaf
// page tables; the model is there to keep clear of what Linux leaves open.
enum { ARENA = 1536, FAR = 600, CORE = 18 };
#define BASE ((u8 *)0x1000000000)

struct page {
  enum { HOLE, ANON, FILED } kind;
  bool shared, readonly;             // readonly: shared, of a file opened so
  int prot;
  int file, index;                   // of FILED
  int id;                            // pages of one id are surely in one mapping
};
extern struct page pages[ARENA];

u8 *at(int p);
int core(int i);                     // the i-th of the CORE pages that steps choose
int pick_page(void);
int pick_count(int p);               // mostly few, sometimes to the other boundary
int pick_prot(void);
int pick_in_page(void);
int first_hole(int p, int n);        // or p + n
bool all_holes(int p, int n);
void new_ids(int p, int n);
void set_pages(int p, int n, struct page first);
bool behind_end(int p, int in_page, int n);
bool overlaps(int file, long off, int p, int in_page, int n);

// What emulators of Linux are known to do in their own way, kept clear of with -e.
extern bool emulated;
bool emulator_differs(int p, int n, int prot);

// ---- Files: names come and go, files stay open until the seed is done ----
enum { MAX_FILES = 24, NAMES = 3 };
extern int files[MAX_FILES][2];      // descriptors: to read and write, to read
extern int nfiles, copy_nr;
const char *file_name(int k);
int add_file(int k, int flags);      // open(2)'s; => 0, or -1 and errno
long file_size(int file);
int pick_file(void);

// ---- Steps ----
void do_map(void);
void do_unmap(void);
void do_protect(void);
void do_advise(void);
void do_mincore(void);
void do_msync(void);
void do_lock(void);
void do_remap(void);
void do_odd(void);
void do_load(void);
void do_store(void);
void do_call(void);
void do_io(void);
void do_seek(void);
void do_truncate(void);
void do_fsync(void);
void do_name(void);
void look(void);
void look_at_files(void);
