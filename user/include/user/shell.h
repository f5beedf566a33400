// SPDX-License-Identifier: MIT
//
// Between the parts of sh: the tree a command line is parsed into
// (lib/sh_parse.c), the words it expands to (lib/sh_expand.c), and what runs it
// (sh.c).

#pragma once

#include "user/ulib.h"

enum node_kind {
  NODE_SIMPLE,       // words and redirections; maybe only one of the two
  NODE_PIPE,         // left | right
  NODE_AND,          // left && right
  NODE_OR,           // left || right
  NODE_THEN,         // left ; right (right may be NULL)
  NODE_BACKGROUND,   // left &
  NODE_NOT,          // ! left
  NODE_SUBSHELL,     // ( left ), with redirections
  NODE_GROUP,        // { left; }, with redirections
  NODE_IF,           // if left; then right; else other; fi
  NODE_WHILE,        // while left; do right; done
  NODE_FOR,          // for words[0] in words[1..]; do right; done
};

enum redirect_kind { REDIRECT_IN, REDIRECT_OUT, REDIRECT_APPEND, REDIRECT_DUP };

struct redirect {
  enum redirect_kind kind;
  int fd;
  char *word;        // a file, or the number of a descriptor
};

// Words are as typed, with their quotes.
struct node {
  enum node_kind kind;
  struct node *left, *right, *other;
  struct list words;       // char *
  struct list redirects;   // struct redirect *
};

// => the tree, NULL for an empty line or one that is not right: then *error says
// why, and *incomplete that more lines would help
struct node *shell_parse(const char *text, const char **error, bool *incomplete);
const char *shell_skip_group(const char *s);
void node_free(struct node *n);

enum { STATUS_SYNTAX = 2, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127,
       STATUS_SIGNALLED = 128 };
enum leave { LEAVE_NOTHING, LEAVE_LOOP, LEAVE_ROUND };      // break, continue

struct shell {
  int status;              // $?
  int captured;            // what the last $( ) of a command ended with
  long pid;                // $$, also in children
  int argc;                // $0, $1 ...
  char **argv;
  struct list variables;   // "name=value"; all are given to programs
  enum leave leaving;
  bool interrupted;        // ^C ended a job: skip what is left of the line
  bool has_terminal;       // job control: false in children and for scripts
  struct editor editor;    // if has_terminal
};
extern struct shell shell;

int shell_run_text(const char *text);                       // => exit status

// ---- Words (sh_expand.c) ----

const char *variable_get(const char *name, size_t n);       // NULL: not set
void variable_set(const char *assignment, size_t name_n);   // name=value
void variable_unset(const char *name);
size_t assignment_name(const char *word);                   // length of the name; 0: is none

size_t name_length(const char *s);                          // of the name that s begins with
bool shell_count(const char *text, long *n);                // $(( )); false after a complaint

void shell_expand(const struct list *words, size_t from, struct list *out);
char *shell_expand_one(const char *word);                   // no splitting, no patterns

void shell_capture(const char *command, struct text *output);   // $( ); supplied by sh.c

// ---- Jobs (sh_job.c) ----

// The processes of a pipeline.
struct job {
  const struct node *node;
  bool background;
  long pgid;               // its group
  long *pids;              // of n processes; 0: has ended. The last one's status counts
  size_t n, left;          // left: have not ended
  int status;
  int stopped, told;       // the signal that stopped it; and has been shown
  int number;              // in the list; 0: never left the foreground
  struct text text;        // as typed, if it has a number
};

void terminal_init(void);
void terminal_take(void);                           // to read a line
struct job *job_new(const struct node *n, bool background);
void job_control_end(void);                         // this process is to be another program
long job_fork(struct job *j);                       // as fork; negative after a complaint
int job_wait(struct job *j);                        // => exit status; j is gone, or stopped
int job_continue(struct job *j, bool background);   // => exit status, as job_wait
struct job *job_find(const char *name);             // %2 or 2; NULL: the last. => or NULL
void jobs_tidy(bool show_all);                      // show what stopped, forget what ended
void jobs_named(struct list *argv);                 // %2 in it become processes
void jobs_wait(void);                               // for all that run

// ---- A tree as text (sh_text.c) ----

void node_text(const struct node *n, struct text *t);

// ---- Redirections (sh_redirect.c) ----

// Descriptors from SAVED_FDS on are the shell's own.
enum { SAVED_FDS = 10 };

// The lower ones, put away while a builtin or group runs with others.
struct saved_fds {
  long copy[SAVED_FDS];    // negative: was not open; 0: not changed
};
bool redirect(const struct node *n);                // => false after a complaint
void save_fds(const struct node *n, struct saved_fds *s);
void restore_fds(const struct saved_fds *s);

// ---- Builtins (sh_builtin.c) ----

typedef int builtin_fn(int argc, char **argv);
builtin_fn builtin_colon;                           // does nothing
builtin_fn *find_builtin(const char *name);         // NULL: a program
