// SPDX-License-Identifier: MIT
//
// The shell: reads commands and runs the trees that lib/sh_parse.c makes of them,
// with the words of lib/sh_expand.c and the processes of lib/sh_job.c.

#include "user/shell.h"
#include "user/user.h"

static int run(struct node *n);
static void run_file(const char *path) __attribute__((noreturn));

// ---- Programs ----

// A damaged or foreign program is not to be taken for commands.
static bool
is_text(const char *path)
{
  char start[64];
  long fd = sys_open(path, O_RDONLY, 0);
  long n = fd < 0 ? fd : sys_read(fd, start, sizeof(start));

  if(fd >= 0)
    sys_close(fd);
  for(long i = 0; i < n; i++)
    if(start[i] == 0)
      return false;
  return n >= 0;
}

// => only if it could not be started. A file that is no program is a script.
static long
try_exec(const char *path, char **argv)
{
  long r = sys_execve(path, argv, (char **)shell.variables.p);
  if(r == -ENOEXEC && is_text(path)){
    shell.argv = argv;
    for(shell.argc = 0; argv[shell.argc];)
      shell.argc++;
    run_file(path);
  }
  return r;
}

static void __attribute__((noreturn))
exec_program(char **argv, size_t argc)
{
  // [ is test with a bracket at the end.
  if(strcmp(argv[0], "[") == 0 && strcmp(argv[argc - 1], "]") == 0){
    argv[0] = "test";
    argv[argc - 1] = NULL;
  }
  long r = search_path(variable_get("PATH", 4), argv, try_exec);
  if(r == -ENOENT || r == -ENOTDIR){
    fprintf(2, "%s: not found\n", argv[0]);
    exit(STATUS_NOT_FOUND);
  }
  fprintf(2, "%s: %s\n", argv[0], error_text(r));
  exit(STATUS_NOT_EXECUTABLE);
}

// ---- The tree ----

static void
assign(const struct node *n, size_t count)
{
  for(size_t i = 0; i < count; i++){
    char *word = shell_expand_one(n->words.p[i]);
    variable_set(word, assignment_name(word));
    free(word);
  }
}

static int
run_in_shell(const struct node *n, builtin_fn *fn, struct list *argv)
{
  struct saved_fds saved;
  int status = 1;

  save_fds(n, &saved);
  if(redirect(n))
    status = fn(argv->n, (char **)argv->p);
  restore_fds(&saved);
  return status;
}

static int
run_program(const struct node *n, size_t assignments, struct list *argv, bool in_child)
{
  if(!in_child){
    struct job *j = job_new(n, false);
    long pid = job_fork(j);
    if(pid != 0){
      int status = job_wait(j);
      return pid < 0 ? STATUS_NOT_EXECUTABLE : status;
    }
  }
  assign(n, assignments);
  if(!redirect(n))
    exit(1);
  exec_program((char **)argv->p, argv->n);
}

// exec: a program takes the shell's place; without one, the redirections stay.
static int
run_exec(const struct node *n, size_t assignments, const struct list *argv)
{
  struct list rest = { argv->p + 1, argv->n - 1, 0 };

  if(rest.n > 0){
    job_control_end();
    run_program(n, assignments, &rest, true);
  }
  assign(n, assignments);
  return !redirect(n);
}

// in_child: this process has nothing else to do.
static int
run_simple(const struct node *n, bool in_child)
{
  struct list argv = { 0 };
  size_t assignments = 0;
  builtin_fn *fn = builtin_colon;
  int status;

  while(assignments < n->words.n && assignment_name(n->words.p[assignments]))
    assignments++;
  shell.captured = 0;
  shell_expand(&n->words, assignments, &argv);
  if(argv.n > 0)
    fn = find_builtin(argv.p[0]);
  if(argv.n > 0 && strcmp(argv.p[0], "kill") == 0)
    jobs_named(&argv);
  if(fn && argv.n == 0)
    assign(n, assignments);
  if(argv.n > 0 && strcmp(argv.p[0], "exec") == 0)
    status = run_exec(n, assignments, &argv);
  else
    status = fn ? run_in_shell(n, fn, &argv) : run_program(n, assignments, &argv, in_child);
  if(argv.n == 0 && status == 0)
    status = shell.captured;
  list_free(&argv, true);
  return status;
}

static void __attribute__((noreturn))
run_child(struct node *n)
{
  exit(n->kind == NODE_SIMPLE ? run_simple(n, true) : run(n));
}

// Start the stages of a pipeline, the leftmost first. => the reading end that
// the next stage gets, -1 at the right end, negative error
static long
start_stages(struct job *j, struct node *n, bool last)
{
  long in = -1;
  int fds[2] = { -1, -1 };

  if(n->kind == NODE_PIPE){
    in = start_stages(j, n->left, false);
    if(in < 0)
      return in;
    n = n->right;
  }
  long r = last ? 0 : sys_pipe(fds, O_CLOEXEC);
  if(r < 0)
    warn_error("pipe", r);
  long pid = r < 0 ? r : job_fork(j);
  if(pid == 0){
    if(in >= 0)
      sys_dup3(in, 0, 0);
    if(fds[1] >= 0)
      sys_dup3(fds[1], 1, 0);
    run_child(n);
  }
  if(in >= 0)
    sys_close(in);
  if(fds[1] >= 0)
    sys_close(fds[1]);
  if(pid < 0 && fds[0] >= 0)
    sys_close(fds[0]);
  return pid < 0 ? pid : fds[0];
}

static int
run_job(struct node *n, bool background)
{
  struct job *j = job_new(n, background);
  long r = start_stages(j, n, true);
  int status = background ? 0 : job_wait(j);

  return r < -1 ? STATUS_NOT_EXECUTABLE : status;
}

// The whole tree in a child.
static int
run_apart(struct node *n, bool background, void (*fn)(struct node *))
{
  struct job *j = job_new(n, background);
  long pid = job_fork(j);

  if(pid == 0)
    fn(n);
  int status = background ? 0 : job_wait(j);
  return pid < 0 ? STATUS_NOT_EXECUTABLE : status;
}

static int
run_group(struct node *n)
{
  struct saved_fds saved;
  int status = 1;

  save_fds(n, &saved);
  if(redirect(n))
    status = run(n->left);
  restore_fds(&saved);
  return status;
}

static void
run_subshell(struct node *n)
{
  exit(redirect(n) ? run(n->left) : 1);
}

static void
run_and_exit(struct node *n)
{
  exit(run(n));
}

static int
run_background(struct node *n)
{
  if(n->kind == NODE_PIPE || n->kind == NODE_SIMPLE)
    return run_job(n, true);
  return run_apart(n, true, run_and_exit);
}

// => false: the loop ends
static bool
next_round(void)
{
  bool go_on = !shell.interrupted && shell.leaving != LEAVE_LOOP;
  shell.leaving = LEAVE_NOTHING;
  return go_on;
}

static int
run_while(struct node *n)
{
  int status = 0;

  while(run(n->left) == 0 && shell.leaving == LEAVE_NOTHING && !shell.interrupted){
    status = run(n->right);
    if(!next_round())
      break;
  }
  return status;
}

static int
run_for(struct node *n)
{
  struct list values = { 0 };
  int status = 0;

  shell_expand(&n->words, 1, &values);
  for(size_t i = 0; i < values.n; i++){
    struct text t = { 0 };
    text_format(&t, "%s=%s", (char *)n->words.p[0], (char *)values.p[i]);
    if(assignment_name(t.s))
      variable_set(t.s, assignment_name(t.s));
    text_free(&t);
    status = run(n->right);
    if(!next_round())
      break;
  }
  list_free(&values, true);
  return status;
}

static int
run_kind(struct node *n)
{
  int status;

  switch(n->kind){
  case NODE_SIMPLE:
    return run_simple(n, false);
  case NODE_PIPE:
    return run_job(n, false);
  case NODE_AND:
    status = run(n->left);
    return status == 0 ? run(n->right) : status;
  case NODE_OR:
    status = run(n->left);
    return status != 0 ? run(n->right) : status;
  case NODE_BACKGROUND:
    return run_background(n->left);
  case NODE_NOT:
    return !run(n->left);
  case NODE_SUBSHELL:
    return run_apart(n, false, run_subshell);
  case NODE_GROUP:
    return run_group(n);
  case NODE_IF:
    if(run(n->left) == 0)
      return run(n->right);
    return n->other ? run(n->other) : 0;
  case NODE_WHILE:
    return run_while(n);
  case NODE_FOR:
    return run_for(n);
  default:
    return 0;
  }
}

// => the exit status, which is also $? from here on
static int
run(struct node *n)
{
  for(; n->kind == NODE_THEN; n = n->right){
    run(n->left);
    if(!n->right || shell.interrupted || shell.leaving != LEAVE_NOTHING)
      return shell.status;
  }
  if(!shell.interrupted && shell.leaving == LEAVE_NOTHING)
    shell.status = run_kind(n);
  return shell.status;
}

void
shell_capture(const char *command, struct text *output)
{
  char buf[512];
  int fds[2];
  long n, pid, r = sys_pipe(fds, O_CLOEXEC);

  if(r < 0){
    warn_error("pipe", r);
    return;
  }
  struct job *j = job_new(&(struct node){ .kind = NODE_SIMPLE }, false);
  pid = job_fork(j);
  if(pid == 0){
    sys_dup3(fds[1], 1, 0);
    exit(shell_run_text(command));
  }
  sys_close(fds[1]);
  while((n = sys_read(fds[0], buf, sizeof(buf))) > 0)
    text_add(output, buf, n);
  sys_close(fds[0]);
  int status = job_wait(j);
  if(pid > 0)
    shell.captured = status;
}

// ---- Where commands come from ----

// => false: `text` is not complete yet
static bool
run_if_complete(const char *text, bool at_end)
{
  const char *error;
  bool incomplete;
  struct node *n = shell_parse(text, &error, &incomplete);

  if(incomplete && !at_end)
    return false;
  if(error){
    warn("%s", error);
    shell.status = STATUS_SYNTAX;
  }
  shell.interrupted = false;
  shell.leaving = LEAVE_NOTHING;
  if(n)
    run(n);
  node_free(n);
  return true;
}

int
shell_run_text(const char *text)
{
  const char *error;
  bool incomplete;
  struct node *n = shell_parse(text, &error, &incomplete);

  if(error){
    warn("%s", error);
    shell.status = STATUS_SYNTAX;
  } else if(n){
    run(n);
  } else {
    shell.status = 0;
  }
  node_free(n);
  return shell.status;
}

static void __attribute__((noreturn))
run_file(const char *path)
{
  struct input in;
  struct text command = { 0 };
  char *line;
  size_t n;
  long fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);

  if(fd < 0){
    warn_error(path, fd);
    exit(STATUS_NOT_FOUND);
  }
  input_init(&in, fd);
  text_clear(&command);
  while((line = input_line(&in, &n)) != NULL){
    text_add(&command, line, n);
    text_put(&command, '\n');
    if(run_if_complete(command.s, false))
      text_clear(&command);
  }
  if(command.n > 0)
    run_if_complete(command.s, true);
  exit(shell.status);
}

// Byte by byte: what follows the line is for the commands to read.
static bool
read_plain_line(struct text *line)
{
  char c;

  text_clear(line);
  while(sys_read(0, &c, 1) == 1){
    if(c == '\n')
      return true;
    text_put(line, c);
  }
  return line->n > 0;
}

static enum line_end
read_command_line(const char *prompt, struct text *line)
{
  struct kstat st;

  if(shell.has_terminal){
    terminal_take();
    shell.editor.prompt = prompt;
    return editor_read(&shell.editor, line);
  }
  if(sys_fstat(0, &st) == 0 && (st.mode & S_IFMT) == S_IFCHR)
    write_all(1, prompt, strlen(prompt));
  return read_plain_line(line) ? LINE_READ : LINE_EOF;
}

static void __attribute__((noreturn))
run_input(void)
{
  struct text command = { 0 }, line = { 0 };
  enum line_end end;

  text_clear(&command);
  while((end = read_command_line(command.n ? "> " : "$ ", &line)) != LINE_EOF){
    jobs_tidy(false);
    if(end == LINE_ABANDONED){
      text_clear(&command);
      shell.status = STATUS_SIGNALLED + SIGINT;
      continue;
    }
    text_add(&command, line.s, line.n);
    text_put(&command, '\n');
    if(run_if_complete(command.s, false))
      text_clear(&command);
  }
  if(shell.has_terminal)
    write_all(1, "\n", 1);
  if(command.n > 0)
    run_if_complete(command.s, true);
  exit(shell.status);
}

int
main(int argc, char **argv)
{
  struct options o = { argc, argv, "c:", "sh [-c command | file] [argument ...]" };
  int c = option(&o);

  for(char **v = ulib_environ; *v; v++)
    list_add(&shell.variables, must_copy(*v));
  if(!variable_get("PATH", 4))
    variable_set("PATH=/:/bin", 4);
  shell.pid = sys_getpid();
  shell.argc = o.at < argc ? argc - o.at : 1;
  shell.argv = o.at < argc ? argv + o.at : argv;
  if(c == 'c')
    exit(shell_run_text(o.value));
  if(o.at < argc)
    run_file(argv[o.at]);
  terminal_init();
  run_input();
}
