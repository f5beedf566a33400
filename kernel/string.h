// SPDX-License-Identifier: MIT
//
// The C library functions the kernel provides for itself.

#pragma once

#include "kernel/types.h"

void *memset(void *d, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

// The whole of s must be a decimal number. => false: it is not, or does not fit
bool parse_u64(const char *s, u64 *n);
bool parse_size(const char *s, u64 *n);      // with K, M or G behind it as is customary

// Copies at most n-1 bytes and always ends d.  => strlen(s)
size_t strlcpy(char *d, const char *s, size_t n);
