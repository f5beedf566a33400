// SPDX-License-Identifier: MIT
//
// The commands that sh runs itself, because they change the shell.

#include "user/shell.h"
#include "user/user.h"

int
builtin_colon(int argc, char **argv)
{
  return 0;
}

static int
builtin_cd(int argc, char **argv)
{
  const char *home = variable_get("HOME", 4);
  const char *to = argc > 1 ? argv[1] : home ? home : "/";
  long r = sys_chdir(to);

  if(r < 0)
    fprintf(2, "cd: %s: %s\n", to, error_text(r));
  return r < 0;
}

static int
builtin_pwd(int argc, char **argv)
{
  char path[PATH_MAX];
  long r = sys_getcwd(path, sizeof(path));

  if(r < 0){
    warn_error("pwd", r);
    return 1;
  }
  printf("%s\n", path);
  return 0;
}

static int
builtin_exit(int argc, char **argv)
{
  long status = shell.status;

  if(argc > 1 && !parse_long(argv[1], &status)){
    fprintf(2, "exit: %s: not a number\n", argv[1]);
    status = STATUS_SYNTAX;
  }
  exit(status);
}

static int
builtin_export(int argc, char **argv)
{
  for(int i = 1; i < argc; i++)
    if(assignment_name(argv[i]))
      variable_set(argv[i], assignment_name(argv[i]));
  for(size_t i = 0; argc == 1 && i < shell.variables.n; i++)
    printf("%s\n", (char *)shell.variables.p[i]);
  return 0;
}

static int
builtin_unset(int argc, char **argv)
{
  for(int i = 1; i < argc; i++)
    variable_unset(argv[i]);
  return 0;
}

static int
builtin_shift(int argc, char **argv)
{
  if(shell.argc < 2)
    return 1;
  shell.argv[1] = shell.argv[0];
  shell.argv++;
  shell.argc--;
  return 0;
}

static int
builtin_wait(int argc, char **argv)
{
  jobs_wait();
  return 0;
}

static int
builtin_jobs(int argc, char **argv)
{
  jobs_tidy(true);
  return 0;
}

// fg and bg: job `name`, or the last, goes on.
static int
continue_job(const char *command, const char *name, bool background)
{
  struct job *j = shell.has_terminal ? job_find(name) : NULL;

  if(!j){
    fprintf(2, "%s: %s: no such job\n", command, name ? name : "%");
    return 1;
  }
  printf("%s%s\n", j->text.s, background ? " &" : "");
  return job_continue(j, background);
}

static int builtin_fg(int argc, char **argv) { return continue_job("fg", argv[1], false); }
static int builtin_bg(int argc, char **argv) { return continue_job("bg", argv[1], true); }

static int
builtin_break(int argc, char **argv)
{
  shell.leaving = LEAVE_LOOP;
  return 0;
}

static int
builtin_continue(int argc, char **argv)
{
  shell.leaving = LEAVE_ROUND;
  return 0;
}

static int
builtin_source(int argc, char **argv)
{
  struct text t = { 0 };
  int status = 1;

  if(argc < 2)
    fprintf(2, "usage: . file\n");
  else if(!read_file(argv[1], &t))
    fprintf(2, "%s: cannot be read\n", argv[1]);
  else
    status = shell_run_text(t.s);
  text_free(&t);
  return status;
}

builtin_fn *
find_builtin(const char *name)
{
  static const struct {
    const char *name;
    builtin_fn *fn;
  } builtins[] = {
    { ":", builtin_colon }, { "cd", builtin_cd }, { "pwd", builtin_pwd },
    { "exit", builtin_exit }, { "export", builtin_export }, { "unset", builtin_unset },
    { "shift", builtin_shift }, { "wait", builtin_wait }, { ".", builtin_source },
    { "jobs", builtin_jobs }, { "fg", builtin_fg }, { "bg", builtin_bg },
    { "break", builtin_break }, { "continue", builtin_continue },
  };
  for(size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
    if(strcmp(builtins[i].name, name) == 0)
      return builtins[i].fn;
  return NULL;
}
