// SPDX-License-Identifier: MIT
//
// A tree of sh as the line that it was, for the list of jobs.

#include "user/shell.h"
#include "user/user.h"

static void
add_words(const struct node *n, struct text *t)
{
  static const char *const signs[] = {
    [REDIRECT_IN] = "<", [REDIRECT_OUT] = ">", [REDIRECT_APPEND] = ">>", [REDIRECT_DUP] = ">&",
  };
  for(size_t i = 0; i < n->words.n; i++)
    text_format(t, "%s%s", i > 0 ? " " : "", (char *)n->words.p[i]);
  for(size_t i = 0; i < n->redirects.n; i++){
    const struct redirect *r = n->redirects.p[i];
    text_put(t, ' ');
    if(r->fd != (r->kind != REDIRECT_IN))
      text_format(t, "%d", r->fd);
    text_format(t, "%s%s", signs[r->kind], r->word);
  }
}

void
node_text(const struct node *n, struct text *t)
{
  static const struct form { const char *before, *between, *after; } forms[] = {
    [NODE_SIMPLE] = { "", "", "" }, [NODE_PIPE] = { "", " | ", "" },
    [NODE_AND] = { "", " && ", "" }, [NODE_OR] = { "", " || ", "" },
    [NODE_THEN] = { "", "; ", "" }, [NODE_BACKGROUND] = { "", "", " &" },
    [NODE_NOT] = { "! ", "", "" }, [NODE_SUBSHELL] = { "(", "", ")" },
    [NODE_GROUP] = { "{ ", "", "; }" }, [NODE_IF] = { "if ", "; then ", "; fi" },
    [NODE_WHILE] = { "while ", "; do ", "; done" }, [NODE_FOR] = { "for ", "; do ", "; done" },
  };
  // The parser puts loops and conditions into groups, for their redirections.
  bool unseen = n->kind == NODE_GROUP && n->left->kind >= NODE_IF;
  const struct form *f = &forms[unseen ? NODE_SIMPLE : n->kind];
  text_format(t, "%s", f->before);
  if(n->left)
    node_text(n->left, t);
  if(n->kind == NODE_SIMPLE || n->kind == NODE_FOR)
    add_words(n, t);
  if(n->right){
    text_format(t, "%s", f->between);
    node_text(n->right, t);
  }
  text_format(t, "%s", f->after);
  if(n->kind == NODE_SUBSHELL || n->kind == NODE_GROUP)
    add_words(n, t);
}
