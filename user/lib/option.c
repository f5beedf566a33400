// SPDX-License-Identifier: MIT
//
// Options of a command line.

#include "user/ulib.h"
#include "user/user.h"

void
usage(const struct options *o)
{
  if(ulib_at_exit)
    ulib_at_exit();
  fprintf(2, "usage: %s\n", o->usage);
  exit(1);
}

// The next word that holds options, or NULL when the operands begin.
static const char *
next_word(struct options *o)
{
  if(o->at == 0)
    o->at = 1;
  if(o->at >= o->argc)
    return NULL;
  const char *word = o->argv[o->at];
  if(word[0] != '-' || word[1] == 0)
    return NULL;
  o->at++;
  return strcmp(word, "--") == 0 ? NULL : word + 1;
}

// The word at hand, if it is the long option; o->value: what is behind the =, or NULL.
static bool
long_option(struct options *o)
{
  const char *name = o->rest + 1;
  size_t n = o->word ? strlen(o->word) : 0;

  if(!n || *o->rest != '-' || strlen(name) < n || memcmp(name, o->word, n) != 0 ||
     (name[n] && name[n] != '='))
    return false;
  o->value = name[n] ? (char *)name + n + 1 : NULL;
  o->rest = NULL;
  return true;
}

int
option(struct options *o)
{
  if(!o->rest || !*o->rest)
    o->rest = next_word(o);
  if(!o->rest)
    return 0;
  if(long_option(o))
    return OPTION_WORD;

  char letter = *o->rest++;
  const char *known = letter == ':' ? NULL : strchr(o->letters, letter);
  if(!known)
    usage(o);
  if(known[1] != ':')
    return letter;
  if(*o->rest)
    o->value = (char *)o->rest;
  else if(o->at < o->argc)
    o->value = o->argv[o->at++];
  else
    usage(o);
  o->rest = NULL;
  return letter;
}
