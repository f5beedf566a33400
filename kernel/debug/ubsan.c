// SPDX-License-Identifier: MIT
//
// Undefined behaviour, in a UBSAN=1 build: the compiler puts a test before every
// operation that C leaves undefined for some operands, and calls one of these
// functions if it fails.  All end in a panic that says where and with what.
//
// The compiler passes a record of the place and the types, which begins with the
// place, and the operands as 64 bits.

#include "kernel/printk.h"

struct place {
  const char *file;
  u32 line, column;
};

struct type {
  u16 kind;            // 0: integer
  u16 info;            // log2 of the width in bits << 1 | signed
  char name[];         // 'quoted'
};

enum { INTEGER = 0, SIGNED = 1 };

// ---- The records ----

struct on_type { struct place at; const struct type *type; };
struct on_shift { struct place at; const struct type *left, *right; };
struct on_index { struct place at; const struct type *array, *index; };
struct on_pointer {
  struct place at;
  const struct type *type;
  u8 log_alignment, access;
};
struct on_argument { struct place at, attribute; i32 argument; };

static void __attribute__((noreturn, format(printf, 2, 3)))
undefined(const struct place *at, const char *fmt, ...)
{
  char what[160];
  va_list ap;
  va_start(ap, fmt);
  vsnprintk(what, sizeof what, fmt, ap);
  panic("undefined behaviour at %s:%u:%u: %s", at->file, at->line, at->column, what);
}

// ---- Operands in words ----

struct number { char text[24]; };

static struct number
number(const struct type *t, u64 v)
{
  struct number n;
  u32 unused = 64 - (1U << (t->info >> 1));
  if(t->kind != INTEGER || unused >= 64)
    snprintk(n.text, sizeof n.text, "0x%lx", v);
  else if(t->info & SIGNED)
    snprintk(n.text, sizeof n.text, "%ld", (i64)(v << unused) >> unused);
  else
    snprintk(n.text, sizeof n.text, "%lu", v << unused >> unused);
  return n;
}

static void __attribute__((noreturn))
overflow(const struct on_type *d, u64 left, const char *operator, u64 right)
{
  struct number l = number(d->type, left), r = number(d->type, right);
  undefined(&d->at, "%s %s %s overflows %s", l.text, operator, r.text, d->type->name);
}

// ---- What the compiler calls ----

#define HANDLER(name, ...) \
  void __ubsan_handle_##name##_abort(__VA_ARGS__) __attribute__((noreturn)); \
  void __ubsan_handle_##name##_abort(__VA_ARGS__)

HANDLER(add_overflow, const struct on_type *d, u64 l, u64 r) { overflow(d, l, "+", r); }
HANDLER(sub_overflow, const struct on_type *d, u64 l, u64 r) { overflow(d, l, "-", r); }
HANDLER(mul_overflow, const struct on_type *d, u64 l, u64 r) { overflow(d, l, "*", r); }
HANDLER(divrem_overflow, const struct on_type *d, u64 l, u64 r) { overflow(d, l, "/", r); }

HANDLER(negate_overflow, const struct on_type *d, u64 v)
{
  undefined(&d->at, "-(%s) overflows %s", number(d->type, v).text, d->type->name);
}

HANDLER(shift_out_of_bounds, const struct on_shift *d, u64 l, u64 r)
{
  struct number left = number(d->left, l), by = number(d->right, r);
  undefined(&d->at, "%s shifted by %s in %s", left.text, by.text, d->left->name);
}

HANDLER(out_of_bounds, const struct on_index *d, u64 i)
{
  undefined(&d->at, "index %s of %s", number(d->index, i).text, d->array->name);
}

HANDLER(type_mismatch_v1, const struct on_pointer *d, u64 p)
{
  if(p == 0)
    undefined(&d->at, "%s through a null pointer", d->type->name);
  if(p & ((1UL << d->log_alignment) - 1))
    undefined(&d->at, "%s at %lx, which is not a multiple of %lu", d->type->name, p,
              1UL << d->log_alignment);
  undefined(&d->at, "%s at %lx, where there is not room for one", d->type->name, p);
}

HANDLER(pointer_overflow, const struct place *at, u64 from, u64 to)
{
  undefined(at, "pointer %lx moved to %lx", from, to);
}

HANDLER(load_invalid_value, const struct on_type *d, u64 v)
{
  undefined(&d->at, "%s is no value of %s", number(d->type, v).text, d->type->name);
}

HANDLER(vla_bound_not_positive, const struct on_type *d, u64 n)
{
  undefined(&d->at, "array of %s elements", number(d->type, n).text);
}

HANDLER(nonnull_arg, const struct on_argument *d)
{
  undefined(&d->at, "argument %d is a null pointer", d->argument);
}

HANDLER(invalid_builtin, const struct place *at) { undefined(at, "bit count of zero"); }

// Called by another name: these always were fatal.
void __ubsan_handle_builtin_unreachable(const struct place *at);
void __ubsan_handle_missing_return(const struct place *at);

void
__ubsan_handle_builtin_unreachable(const struct place *at)
{
  undefined(at, "a place that cannot be reached");
}

void
__ubsan_handle_missing_return(const struct place *at)
{
  undefined(at, "the end of a function that returns a value");
}
