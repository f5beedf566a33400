// SPDX-License-Identifier: MIT
//
// The xv6 source interface: what a program written for xv6 calls.  Everything
// fails with -1 (or a null pointer) and without errno, as there.

#pragma once

#include <stdarg.h>
#include "kernel/types.h"

#define SBRK_ERROR ((char *)-1)

struct stat;
struct sysinfo;

// ---- Processes ----

int fork(void);
int exit(int status) __attribute__((noreturn));
int wait(int *status);               // exit code, -1 for a killed child; NULL is allowed
int kill(int pid);                   // SIGKILL
int exec(const char *path, char **argv);
int getpid(void);
int sleep(int ticks);                // a tick is 100 ms
int pause(int ticks);
int uptime(void);                    // ticks since boot

// ---- Memory ----

char *sbrk(int n);                   // the new pages are there, or SBRK_ERROR
char *sbrklazy(int n);               // they come when touched
void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t length);

// ---- Files ----

int open(const char *path, int flags);
int close(int fd);
int read(int fd, void *buf, int n);  // a directory reads as struct dirent
int write(int fd, const void *buf, int n);
int pipe(int *fds);
int dup(int fd);
int fstat(int fd, struct stat *st);
int stat(const char *path, struct stat *st);
int link(const char *old, const char *new);
int symlink(const char *target, const char *path);
int unlink(const char *path);        // also an empty directory
int mkdir(const char *path);
int chdir(const char *path);
int mknod(const char *path, short major, short minor);

// ---- Additions of the xv6 labs ----

int sysinfo(struct sysinfo *info);
int ugetpid(void);
int sigalarm(int ticks, void (*handler)(void));
int sigreturn(void);

// ---- Library ----

char *strcpy(char *to, const char *from);
char *strchr(const char *s, char c);
int strcmp(const char *a, const char *b);
uint strlen(const char *s);
void *memset(void *to, int byte, uint n);
void *memmove(void *to, const void *from, int n);
void *memcpy(void *to, const void *from, uint n);
int memcmp(const void *a, const void *b, uint n);
int atoi(const char *s);
char *gets(char *buf, int max);

// %d %u %x, each also with l or ll, %p %c %s %%; a field width, `0`, `-` and a
// precision for %s.  %x writes capital digits, as xv6's does.
void printf(const char *fmt, ...);
void fprintf(int fd, const char *fmt, ...);
void vprintf(int fd, const char *fmt, va_list ap);

void *malloc(uint n);
void free(void *p);
