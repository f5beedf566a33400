// SPDX-License-Identifier: MIT
//
// $(( )): C's operators on whole numbers and variables, without those that assign.
// A variable that is not set is 0.

#include "user/shell.h"
#include "user/user.h"

struct sum {
  const char *at;
  const char *error;
  bool by_zero;            // it divides by 0, where that counts
};

static long parse(struct sum *s, int level);

// Longer ones before those that they begin with; a larger level binds closer.
static const struct operator { const char *sign; int level; } operators[] = {
  { "||", 1 }, { "&&", 2 }, { "==", 6 }, { "!=", 6 }, { "<<", 8 }, { ">>", 8 }, { "<=", 7 },
  { ">=", 7 }, { "|", 3 }, { "^", 4 }, { "&", 5 }, { "<", 7 }, { ">", 7 }, { "+", 9 },
  { "-", 9 }, { "*", 10 }, { "/", 10 }, { "%", 10 },
};

static long
fail(struct sum *s, const char *error)
{
  if(!s->error)
    s->error = error;
  s->at = "";
  return 0;
}

static long
parse_name(struct sum *s)
{
  size_t n = name_length(s->at);
  const char *value = variable_get(s->at, n);
  long number = 0;

  s->at += n;
  if(value && *value && !parse_long(value, &number))
    return fail(s, "a variable is not a number");
  return number;
}

static long
parse_number(struct sum *s)
{
  unsigned long n = 0;
  if(*s->at < '0' || *s->at > '9')
    return fail(s, "a number is missing");
  while(*s->at >= '0' && *s->at <= '9')
    n = n * 10 + (*s->at++ - '0');
  return (long)n;
}

static long
parse_operand(struct sum *s)
{
  s->at = skip_blanks(s->at);
  char c = *s->at;
  if(strchr("+-!~(", c) && c)
    s->at++;
  switch(c){
  case '+': return parse_operand(s);
  case '-': return (long)-(unsigned long)parse_operand(s);
  case '!': return !parse_operand(s);
  case '~': return ~parse_operand(s);
  case '(':
    break;
  default:
    return name_length(s->at) ? parse_name(s) : parse_number(s);
  }
  long n = parse(s, 0);
  if(*s->at != ')')
    return fail(s, "a parenthesis is not closed");
  s->at++;
  return n;
}

static long
apply(struct sum *s, const char *sign, long a, long b)
{
  unsigned long ua = a, ub = b;
  switch(sign[0] << 8 | sign[1]){
  case '|' << 8 | '|': return a || b;
  case '&' << 8 | '&': return a && b;
  case '=' << 8 | '=': return a == b;
  case '!' << 8 | '=': return a != b;
  case '<' << 8 | '=': return a <= b;
  case '>' << 8 | '=': return a >= b;
  case '<' << 8 | '<': return ua << (b & 63);
  case '>' << 8 | '>': return a >> (b & 63);
  case '<' << 8: return a < b;
  case '>' << 8: return a > b;
  case '|' << 8: return a | b;
  case '^' << 8: return a ^ b;
  case '&' << 8: return a & b;
  case '+' << 8: return ua + ub;
  case '-' << 8: return ua - ub;
  case '*' << 8: return ua * ub;
  }
  if(b == 0){
    s->by_zero = true;
    return 0;
  }
  if(b == -1)
    return sign[0] == '/' ? (long)-ua : 0;
  return sign[0] == '/' ? a / b : a % b;
}

static const struct operator *
operator_at(struct sum *s)
{
  s->at = skip_blanks(s->at);
  for(size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
    if(starts_with(s->at, operators[i].sign))
      return &operators[i];
  return NULL;
}

// What binds closer than `level`.
static long
parse(struct sum *s, int level)
{
  const struct operator *o;
  long n = parse_operand(s);

  while((o = operator_at(s)) != NULL && o->level > level){
    bool before = s->by_zero, decided = o->level < 3 && (n != 0) == (o->level == 1);
    s->at += strlen(o->sign);
    n = apply(s, o->sign, n, parse(s, o->level));
    s->by_zero = decided ? before : s->by_zero;
  }
  return n;
}

bool
shell_count(const char *text, long *n)
{
  struct sum s = { .at = text };
  *n = parse(&s, 0);
  if(!s.error && *s.at)
    s.error = "an operator is missing";
  if(!s.error && s.by_zero)
    s.error = "division by 0";
  if(s.error)
    warn("%s: %s", text, s.error);
  return !s.error;
}
