// SPDX-License-Identifier: MIT
//
// sh's grammar, by recursive descent:
//
//   list      pipelines joined by && and ||, separated by ; & and line ends
//   pipeline  [!] command { | command }
//   command   word and redirection { ... } | ( list ) | { list } | if | while | for
//
// The first error ends the parse: `at` moves to the end, so that every loop ends.

#include "user/shell.h"
#include "user/user.h"

struct parser {
  const char *at;
  const char *error;
  bool incomplete;
};

static struct node *parse_list(struct parser *p);

static struct node *
node_new(enum node_kind kind, struct node *left, struct node *right)
{
  struct node *n = must_malloc(sizeof(*n));
  *n = (struct node){ .kind = kind, .left = left, .right = right };
  return n;
}

void
node_free(struct node *n)
{
  if(!n)
    return;
  node_free(n->left);
  node_free(n->right);
  node_free(n->other);
  for(size_t i = 0; i < n->redirects.n; i++)
    free(((struct redirect *)n->redirects.p[i])->word);
  list_free(&n->redirects, true);
  list_free(&n->words, true);
  free(n);
}

// ---- Tokens ----

static void
fail(struct parser *p, const char *error)
{
  if(!p->error)
    p->error = error;
  p->at += strlen(p->at);
}

static void
fail_incomplete(struct parser *p, const char *error)
{
  if(!p->error)
    p->incomplete = true;
  fail(p, error);
}

// s is at a backslash before a line end.
static const char *
continue_line(struct parser *p, const char *s)
{
  if(s[2] == 0){
    fail_incomplete(p, "the next line is missing");
    return p->at;
  }
  return s + 2;
}

static void
skip_space(struct parser *p)
{
  for(;;){
    p->at = skip_blanks(p->at);
    if(p->at[0] != '\\' || p->at[1] != '\n')
      break;
    p->at = continue_line(p, p->at);
  }
  if(*p->at == '#')
    while(*p->at && *p->at != '\n')
      p->at++;
}

static void
skip_lines(struct parser *p)
{
  for(skip_space(p); *p->at == '\n'; skip_space(p))
    p->at++;
}

static bool
take(struct parser *p, const char *operator)
{
  skip_space(p);
  if(!starts_with(p->at, operator))
    return false;
  p->at += strlen(operator);
  return true;
}

static bool
ends_word(char c)
{
  return strchr(" \t\n;&|()<>", c) != NULL || c == 0;
}

// Is the next word this one, unquoted?
static bool
at_keyword(struct parser *p, const char *word)
{
  skip_space(p);
  return starts_with(p->at, word) && ends_word(p->at[strlen(word)]);
}

static bool
take_keyword(struct parser *p, const char *word)
{
  if(!at_keyword(p, word))
    return false;
  p->at += strlen(word);
  return true;
}

static void
need_keyword(struct parser *p, const char *word)
{
  if(take_keyword(p, word))
    return;
  if(*p->at)
    fail(p, "a keyword is missing");
  else
    fail_incomplete(p, "a compound command is not closed");
}

// Where no command can begin.
static bool
at_end_of_list(struct parser *p)
{
  static const char *const closers[] = { "then", "else", "elif", "fi", "do", "done", "}" };

  skip_space(p);
  if(*p->at == 0 || *p->at == ')')
    return true;
  for(size_t i = 0; i < sizeof(closers) / sizeof(closers[0]); i++)
    if(at_keyword(p, closers[i]))
      return true;
  return false;
}

// s is at a quote or a parenthesis. => behind the one that closes it, NULL without one
const char *
shell_skip_group(const char *s)
{
  char open = *s++, close = open == '(' ? ')' : open;

  while(s && *s && *s != close){
    if(open != '\'' && s[0] == '\\' && s[1])
      s += 2;
    else if(open == '(' ? strchr("'\"(`", *s) != NULL : open == '"' && *s == '`')
      s = shell_skip_group(s);
    else if(open == '"' && s[0] == '$' && s[1] == '(')
      s = shell_skip_group(s + 1);
    else
      s++;
  }
  return s && *s ? s + 1 : NULL;
}

// The same, or the end of the text after an error.
static const char *
skip_group(struct parser *p, const char *s)
{
  const char *end = shell_skip_group(s);
  if(!end)
    fail_incomplete(p, *s == '(' ? "$( is not closed" : "a quote is not closed");
  return end ? end : p->at;
}

// A word with its quotes, or NULL if there is none here.
static char *
take_word(struct parser *p)
{
  skip_space(p);
  const char *start = p->at, *s = start;

  while(!ends_word(*s)){
    if(*s == '\'' || *s == '"' || *s == '`')
      s = skip_group(p, s);
    else if(s[0] == '$' && s[1] == '(')
      s = skip_group(p, s + 1);
    else if(s[0] == '\\' && s[1] == '\n')
      s = continue_line(p, s);
    else
      s += s[0] == '\\' && s[1] ? 2 : 1;
  }
  if(s == start || p->error)
    return NULL;
  p->at = s;
  return must_copy_n(start, s - start);
}

// ---- Commands ----

// [digits] < > >> >& and its word. => false if none is here
static bool
take_redirect(struct parser *p, struct node *n)
{
  skip_space(p);
  const char *s = p->at;
  long fd = -1;

  if(*s >= '0' && *s <= '9')
    fd = *s++ - '0';
  if(*s != '<' && *s != '>')
    return false;

  struct redirect r = { .kind = *s == '<' ? REDIRECT_IN : REDIRECT_OUT };
  r.fd = fd >= 0 ? fd : r.kind == REDIRECT_OUT;
  if(s[0] == '>' && s[1] == '>'){
    r.kind = REDIRECT_APPEND;
    s++;
  } else if(s[1] == '&'){
    r.kind = REDIRECT_DUP;
    s++;
  }
  p->at = s + 1;
  r.word = take_word(p);
  if(!r.word){
    fail(p, "a redirection needs a name");
    return true;
  }
  struct redirect *copy = must_malloc(sizeof(*copy));
  *copy = r;
  list_add(&n->redirects, copy);
  return true;
}

static struct node *
parse_simple(struct parser *p)
{
  struct node *n = node_new(NODE_SIMPLE, NULL, NULL);
  char *word;

  for(;;){
    if(take_redirect(p, n))
      continue;
    if((word = take_word(p)) == NULL)
      break;
    list_add(&n->words, word);
  }
  if(n->words.n == 0 && n->redirects.n == 0){
    if(*p->at)
      fail(p, "a command is missing");
    else
      fail_incomplete(p, "a command is missing");
  }
  return n;
}

static struct node *
parse_body(struct parser *p)
{
  struct node *body = parse_list(p);
  if(!body)
    fail_incomplete(p, "a list of commands is empty");
  return body;
}

// Behind `if` or `elif`.
static struct node *
parse_if(struct parser *p)
{
  struct node *n = node_new(NODE_IF, parse_body(p), NULL);

  need_keyword(p, "then");
  n->right = parse_body(p);
  if(take_keyword(p, "elif")){
    n->other = parse_if(p);
    return n;
  }
  if(take_keyword(p, "else"))
    n->other = parse_body(p);
  need_keyword(p, "fi");
  return n;
}

static struct node *
parse_do(struct parser *p, struct node *n)
{
  need_keyword(p, "do");
  n->right = parse_body(p);
  need_keyword(p, "done");
  return n;
}

static struct node *
parse_for(struct parser *p)
{
  struct node *n = node_new(NODE_FOR, NULL, NULL);
  char *word = take_word(p);

  if(!word){
    fail_incomplete(p, "for needs a name");
    return n;
  }
  list_add(&n->words, word);
  if(take_keyword(p, "in"))
    while((word = take_word(p)) != NULL)
      list_add(&n->words, word);
  if(take(p, ";") || *p->at == '\n')
    skip_lines(p);
  return parse_do(p, n);
}

static struct node *
parse_parenthesis(struct parser *p)
{
  struct node *n = node_new(NODE_SUBSHELL, parse_body(p), NULL);

  if(!take(p, ")")){
    if(*p->at)
      fail(p, "a parenthesis is not closed");
    else
      fail_incomplete(p, "a parenthesis is not closed");
  }
  return n;
}

static struct node *
parse_command(struct parser *p)
{
  struct node *n;

  if(take(p, "(")){
    n = parse_parenthesis(p);
  } else if(take_keyword(p, "{")){
    n = node_new(NODE_GROUP, parse_body(p), NULL);
    need_keyword(p, "}");
  } else if(take_keyword(p, "if")){
    n = node_new(NODE_GROUP, parse_if(p), NULL);
  } else if(take_keyword(p, "while")){
    n = node_new(NODE_WHILE, parse_body(p), NULL);
    n = node_new(NODE_GROUP, parse_do(p, n), NULL);
  } else if(take_keyword(p, "for")){
    n = node_new(NODE_GROUP, parse_for(p), NULL);
  } else {
    return parse_simple(p);
  }
  while(take_redirect(p, n))
    ;
  return n;
}

static struct node *
parse_pipeline(struct parser *p)
{
  if(take_keyword(p, "!"))
    return node_new(NODE_NOT, parse_pipeline(p), NULL);

  struct node *n = parse_command(p);
  skip_space(p);
  while(p->at[0] == '|' && p->at[1] != '|'){
    p->at++;
    skip_lines(p);
    n = node_new(NODE_PIPE, n, parse_command(p));
    skip_space(p);
  }
  return n;
}

static struct node *
parse_and_or(struct parser *p)
{
  struct node *n = parse_pipeline(p);

  for(;;){
    enum node_kind kind;
    if(take(p, "&&"))
      kind = NODE_AND;
    else if(take(p, "||"))
      kind = NODE_OR;
    else
      return n;
    skip_lines(p);
    n = node_new(kind, n, parse_pipeline(p));
  }
}

// => NULL if there is no command
static struct node *
parse_list(struct parser *p)
{
  struct node *first = NULL, **last = &first;

  skip_lines(p);
  while(!at_end_of_list(p)){
    struct node *n = parse_and_or(p);
    bool separated = true;
    if(take(p, "&"))
      n = node_new(NODE_BACKGROUND, n, NULL);
    else if(!take(p, ";"))
      separated = *p->at == '\n';
    *last = node_new(NODE_THEN, n, NULL);
    last = &(*last)->right;
    skip_lines(p);
    if(!separated && !at_end_of_list(p))
      fail(p, "unexpected word or parenthesis");
  }
  return first;
}

struct node *
shell_parse(const char *text, const char **error, bool *incomplete)
{
  struct parser p = { .at = text };
  struct node *n = parse_list(&p);

  if(*p.at)
    fail(&p, "unexpected word or parenthesis");
  *error = p.error;
  *incomplete = p.incomplete;
  if(!p.error)
    return n;
  node_free(n);
  return NULL;
}
