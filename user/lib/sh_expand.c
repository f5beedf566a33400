// SPDX-License-Identifier: MIT
//
// From words as typed to the fields a program gets: $-expressions, quotes,
// splitting, patterns.
//
// A field is built as a pattern: what was quoted and would mean something in a
// pattern has a backslash before it.

#include "user/shell.h"
#include "user/user.h"

struct shell shell;

struct fields {
  struct list *out;
  struct text field;
  bool begun;          // even if empty, as by ""
  bool split;          // unquoted values are split, patterns expanded
};

// ---- Variables ----

static bool
is_name_char(char c, bool first)
{
  return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (!first && c >= '0' && c <= '9');
}

size_t
name_length(const char *s)
{
  size_t n = 0;
  while(is_name_char(s[n], n == 0))
    n++;
  return n;
}

size_t
assignment_name(const char *word)
{
  size_t n = name_length(word);
  return word[n] == '=' ? n : 0;
}

static char **
find_variable(const char *name, size_t n)
{
  for(size_t i = 0; i < shell.variables.n; i++){
    char *v = shell.variables.p[i];
    if(compare_n(v, name, n) == 0 && v[n] == '=')
      return (char **)&shell.variables.p[i];
  }
  return NULL;
}

const char *
variable_get(const char *name, size_t n)
{
  char **v = find_variable(name, n);
  return v ? *v + n + 1 : NULL;
}

void
variable_set(const char *assignment, size_t name_n)
{
  char **v = find_variable(assignment, name_n);
  char *copy = must_copy(assignment);
  if(v){
    free(*v);
    *v = copy;
  } else {
    list_add(&shell.variables, copy);
  }
}

void
variable_unset(const char *name)
{
  struct list *l = &shell.variables;
  char **v = find_variable(name, strlen(name));
  if(!v)
    return;
  free(*v);
  *v = l->p[--l->n];
  l->p[l->n] = NULL;
}

// ---- Fields ----

static void
put_literal(struct fields *f, char c)
{
  if(strchr("*?[\\", c))
    text_put(&f->field, '\\');
  text_put(&f->field, c);
  f->begun = true;
}

static void
remove_escapes(char *s)
{
  char *to = s;
  for(; *s; s++){
    if(s[0] == '\\' && s[1])
      s++;
    *to++ = *s;
  }
  *to = 0;
}

static void
end_field(struct fields *f)
{
  if(!f->begun)
    return;
  size_t before = f->out->n;
  text_put(&f->field, 0);
  if(f->split && pattern_is(f->field.s))
    pattern_expand(f->field.s, f->out);
  if(f->out->n == before){
    remove_escapes(f->field.s);
    list_add(f->out, must_copy(f->field.s));
  }
  text_clear(&f->field);
  f->begun = false;
}

static void
put_value(struct fields *f, const char *s, bool quoted)
{
  for(; *s; s++){
    if(!quoted && f->split && strchr(" \t\n", *s))
      end_field(f);
    else if(quoted || *s == '\\')
      put_literal(f, *s);
    else {
      text_put(&f->field, *s);
      f->begun = true;
    }
  }
}

static void
put_number(struct fields *f, long n)
{
  struct text t = { 0 };
  text_format(&t, "%ld", n);
  put_value(f, t.s, true);
  text_free(&t);
}

// $@ and $*: the arguments, each a field of its own unless it is "$*".
static void
put_arguments(struct fields *f, char which, bool quoted)
{
  for(int i = 1; i < shell.argc; i++){
    if(i > 1 && quoted && which == '*')
      put_literal(f, ' ');
    else if(i > 1 && f->split)
      end_field(f);
    put_value(f, shell.argv[i], quoted);
    f->begun |= quoted;
  }
}

static void
put_command_output(struct fields *f, const char *command, size_t n, bool quoted)
{
  struct text output = { 0 };
  char *copy = must_copy_n(command, n);

  text_clear(&output);
  shell_capture(copy, &output);
  while(output.n > 0 && output.s[output.n - 1] == '\n')
    output.s[--output.n] = 0;
  put_value(f, output.s, quoted);
  text_free(&output);
  free(copy);
}

// Behind `$((`, up to the `))`.  Variables and commands are put in first, as between quotes.
static void
put_sum(struct fields *f, const char *s, size_t n)
{
  char *copy = must_copy_n(s, n), *text = shell_expand_one(copy);
  long result;

  if(shell_count(text, &result))
    put_number(f, result);
  else
    shell.captured = STATUS_SYNTAX;
  free(text);
  free(copy);
}

// s is at a `: what is between it and the next is a command. => behind that
static const char *
put_backquoted(struct fields *f, const char *s, bool quoted)
{
  const char *end = shell_skip_group(s);
  struct text command = { 0 };

  text_clear(&command);
  for(s++; s < end - 1; s++){
    if(s[0] == '\\' && strchr("\\`$", s[1]))
      s++;
    text_put(&command, *s);
  }
  put_command_output(f, command.s, command.n, quoted);
  text_free(&command);
  return end;
}

// s is behind the '$'. => how much of it was used
static size_t
put_dollar(struct fields *f, const char *s, bool quoted)
{
  size_t n;
  const char *value;

  switch(*s){
  case '?':
    put_number(f, shell.status);
    return 1;
  case '$':
    put_number(f, shell.pid);
    return 1;
  case '#':
    put_number(f, shell.argc - 1);
    return 1;
  case '@':
  case '*':
    put_arguments(f, *s, quoted);
    return 1;
  case '0' ... '9':
    if(*s - '0' < shell.argc)
      put_value(f, shell.argv[*s - '0'], quoted);
    return 1;
  case '(':
    n = shell_skip_group(s) - s;
    if(s[1] == '(' && shell_skip_group(s + 1) == s + n - 1)
      put_sum(f, s + 2, n - 4);
    else
      put_command_output(f, s + 1, n - 2, quoted);
    return n;
  case '{':
    n = name_length(s + 1);
    if(n == 0 || s[n + 1] != '}')
      break;
    if((value = variable_get(s + 1, n)) != NULL)
      put_value(f, value, quoted);
    return n + 2;
  }
  n = name_length(s);
  if(n == 0)
    put_literal(f, '$');
  else if((value = variable_get(s, n)) != NULL)
    put_value(f, value, quoted);
  return n;
}

// s is behind the quote. => behind the closing one
static const char *
put_double_quoted(struct fields *f, const char *s)
{
  f->begun = true;
  while(*s && *s != '"'){
    if(s[0] == '\\' && s[1] && strchr("\\\"$`\n", s[1])){
      if(s[1] != '\n')
        put_literal(f, s[1]);
      s += 2;
    } else if(*s == '$'){
      s += 1 + put_dollar(f, s + 1, true);
    } else if(*s == '`'){
      s = put_backquoted(f, s, true);
    } else {
      put_literal(f, *s++);
    }
  }
  return *s ? s + 1 : s;
}

static const char *
put_single_quoted(struct fields *f, const char *s)
{
  f->begun = true;
  while(*s && *s != '\'')
    put_literal(f, *s++);
  return *s ? s + 1 : s;
}

static void
expand_word(struct fields *f, const char *s)
{
  while(*s){
    if(*s == '\''){
      s = put_single_quoted(f, s + 1);
    } else if(*s == '"'){
      s = put_double_quoted(f, s + 1);
    } else if(*s == '$'){
      s += 1 + put_dollar(f, s + 1, false);
    } else if(*s == '`'){
      s = put_backquoted(f, s, false);
    } else if(s[0] == '\\' && s[1]){
      if(s[1] != '\n')
        put_literal(f, s[1]);
      s += 2;
    } else {
      text_put(&f->field, *s++);
      f->begun = true;
    }
  }
  end_field(f);
}

void
shell_expand(const struct list *words, size_t from, struct list *out)
{
  struct fields f = { .out = out, .split = true };
  for(size_t i = from; i < words->n; i++)
    expand_word(&f, words->p[i]);
  text_free(&f.field);
}

char *
shell_expand_one(const char *word)
{
  struct list out = { 0 };
  struct fields f = { .out = &out };

  f.begun = true;              // nothing is a field too
  expand_word(&f, word);
  text_free(&f.field);
  char *s = out.p[0];
  list_free(&out, false);
  return s;
}
