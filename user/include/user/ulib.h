// SPDX-License-Identifier: MIT
//
// What our own programs use beside or instead of the xv6 interface: the Linux
// system calls (sys.h) and a small library over them.  A program for the xv6
// interface links against none of it but the first section.

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "user/abi.h"
#include "user/sys.h"

// ---- Under both interfaces ----

extern char **ulib_environ;
extern const char *ulib_name;            // argv[0] without directories
extern void (*ulib_at_exit)(void);       // exit() calls it first

struct ulib_sink {
  void (*put)(struct ulib_sink *s, const char *text, size_t n);
  bool capitals;                         // of hexadecimal digits
};
void ulib_format(struct ulib_sink *s, const char *fmt, va_list ap);

int ulib_store(void *to, const void *from, uint n);   // => -1: bad pointer
uint64 ulib_memory(void);                // bytes that somebody could have
bool ulib_memory_for(uint64 bytes);      // that much, and some for the others?
uint64 ulib_malloc_size(void *p);

// ---- Strings and numbers ----

int compare_n(const char *a, const char *b, size_t n);
char *find_last(const char *s, char c);
bool starts_with(const char *s, const char *prefix);
const char *skip_blanks(const char *s);
const char *path_base(const char *path);              // the part after the last '/'

// The whole of s must be a number. => false: it is not, or does not fit
bool parse_long(const char *s, long *out);
bool parse_octal(const char *s, uint *out);
bool parse_size(const char *s, long *out);            // also 4k, 1M, 2G

// ---- Memory that does not fail: the program ends if there is none ----

void *must_malloc(size_t n);
void *must_resize(void *p, size_t n);                 // p may be NULL
char *must_copy(const char *s);
char *must_copy_n(const char *s, size_t n);
char *path_join(const char *dir, const char *name);   // to be freed

// A string that grows. Zeroed to begin with; always NUL-ended once used.
struct text {
  char *s;
  size_t n, room;
};
void text_put(struct text *t, char c);
void text_add(struct text *t, const char *s, size_t n);
void text_format(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_format_list(struct text *t, const char *fmt, va_list ap);
void text_clear(struct text *t);
void text_free(struct text *t);

// A list of pointers that grows; list.p[list.n] is NULL once used.
struct list {
  void **p;
  size_t n, room;
};
void list_add(struct list *l, void *item);
void list_free(struct list *l, bool items_too);
void list_sort(struct list *l, int (*compare)(const void *a, const void *b));
int compare_names(const void *a, const void *b);      // of strings, for list_sort

// ---- Output: collected, written at exit and when the buffer is full ----

void out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_bytes(const char *s, size_t n);
void out_flush(void);                                 // ends the program if it fails

// Everything or a negative error.
long write_all(int fd, const void *buf, size_t n);
long pwrite_all(int fd, const void *buf, size_t n, uint64 offset);

// ---- Complaints, on descriptor 2, with the program's name before ----

const char *error_text(long error);                   // negative or positive number
const char *signal_text(int sig);
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warn_error(const char *what, long error);        // "cat: what: No such file..."
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

// ---- Options ----

// `letters` as for getopt: a colon follows one that takes a value. "--" ends them.
struct options {
  int argc;
  char **argv;
  const char *letters, *usage;
  int at;                   // the first operand, when option() has returned 0
  char *value;
  const char *rest;         // further letters of the same word
  const char *word;         // NULL, or an option of that name behind `--', with or without =value
};
enum { OPTION_WORD = 1 };
// => the letter, or OPTION_WORD, or 0 at the end; a bad one prints the usage and exits 1
int option(struct options *o);
void usage(const struct options *o) __attribute__((noreturn));
// fn of every operand, of which there has to be one; an error is told, and the next one has
// its turn.  => the program's status
int each_operand(struct options *o, long (*fn)(const char *operand));

// ---- Input by lines ----

struct input {
  int fd;
  char *buf;
  size_t start, end, room;
  bool sparing;             // what is not asked for is left for others to read
  long error;               // negative, after input_line returned NULL
};
void input_init(struct input *in, int fd);
char *input_line(struct input *in, size_t *n);        // without '\n', NUL-ended; NULL at the end
void input_free(struct input *in);

// fd for a file operand: "-" is descriptor 0. => fd, or -1 after a complaint
int open_operand(const char *path);
void close_operand(int fd);

// The whole of a (small) file. => false: t->s says nothing
bool read_file(const char *path, struct text *t);

// A setting or figure in /proc; these do not return if it is not there.
void setting_read(const char *path, struct text *t);
void setting_write(const char *path, long n);

// The figure of a line "name 123" or "name:  123 kB" in such a text or file; 0 if there
// is none.
long figure(const char *text, const char *name);
// Number i of a line of words, from 0; 0 if it is none
long field(const char *s, int i);
long setting_figure(const char *path, const char *name);

// What is in /proc/trace, open as fd, since it was read last; and once tracing is off, how many
// events were overwritten before they were read.
void events_read(int fd, void (*each)(long tid, uint64 ns, const char *name, const char *args));
long events_lost(int fd);

// ---- Processes ----

struct process {
  long pid, ppid, pgid, sid, threads, priority, nice;
  long minor, major;        // faults
  long user, system, start; // ticks of 10 ms; start: since boot
  long vsize, rss;          // KiB
  char state;
  char *name, *arguments;   // NULL: it has none, as the kernel's own
};
// Start argv[0], looked for in the directories of PATH, or in those given by `start`.
// => only if it could not be started: negative
long program_run(char **argv);
long search_path(const char *dirs, char **argv, long (*start)(const char *path, char **argv));

struct process *process_read(long pid);               // => NULL: there is none
void process_free(struct process *p);
void processes_read(struct list *l);                  // all, by number
void processes_free(struct list *l);

// ---- Directories ----

struct directory {
  int fd;
  long at, n, error;
  char buf[2048] __attribute__((aligned(8)));
};
long directory_open(struct directory *d, const char *path);     // => 0 or negative
struct dirent64 *directory_next(struct directory *d);           // NULL: end, or d->error
void directory_close(struct directory *d);
long directory_read(struct directory *d, struct list *names);    // the rest, as below

// The names of a directory, sorted, without "." and "..". => 0 or negative
long directory_names(const char *path, struct list *names);

// ---- Trees: these complain themselves and return false then ----

bool remove_tree(const char *path);
extern enum reflink { REFLINK_NEVER, REFLINK_AUTO, REFLINK_ALWAYS } copy_reflink;  // share blocks?
bool copy_tree(const char *from, const char *to, bool recursive, struct kstat *root);
bool is_directory(const char *path);
// Where cp, mv and ln put `from`: in `to` if that is a directory. To be freed.
char *target_path(const char *from, const char *to);

// ---- Time ----

struct calendar {
  int year, month, day, hour, minute, second, weekday;    // month from 1; Sunday is 0
};
struct calendar calendar_of(long seconds);                // UTC, of seconds since 1970
uint64 now_ns(void);                                      // CLOCK_MONOTONIC
void format_time(long seconds, char buf[20]);             // 2024-02-29 23:59

// ---- Patterns ----

bool pattern_match(const char *pattern, const char *s);   // * ? [a-z] and backslash
bool pattern_is(const char *s);                           // does it hold any of them?
void pattern_expand(const char *pattern, struct list *paths);   // adds none if none matches

// ---- Lines with editing ----

struct editor {
  const char *prompt;
  struct list history;
  struct termios cooked;
};
bool editor_init(struct editor *e, const char *prompt);   // => false: not a terminal
enum line_end { LINE_READ, LINE_ABANDONED, LINE_EOF };
enum line_end editor_read(struct editor *e, struct text *line);
