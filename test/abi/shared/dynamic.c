// SPDX-License-Identifier: MIT
//
// A dynamically linked program: libraries, libraries loaded while it runs, what the
// kernel tells the dynamic linker, and itself again by /proc/self/exe.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "private.h"

extern void _start(void);
extern const ElfW(Ehdr) __ehdr_start;

const char *who(void) { return "the program"; }
int twice(int x) { return 2 * x; }

static void
libraries(void)
{
  for(int i = 0; i < 2; i++)
    printf("%s %.17g\n", shapes[i].name, shapes[i].area(1.5));
  printf("libm %.17g %.17g %.17g\n", sin(1.0), exp(0.5), cbrt(10.0));
  printf("counter %d %d %d\n", library_count(), library_count(), shared_counter);
  printf("asks %s\n", ask_who());
  printf("applied %d\n", apply(twice, 21));
}

static void *
in_thread(void *arg)
{
  int (*run)(int) = arg;
  printf("in a thread %d %d\n", library_per_thread(), run(5));
  return NULL;
}

static void
loaded_later(void)
{
  pthread_t t;
  void *none = dlopen("libnothere.so", RTLD_NOW);
  printf("missing: %d %d\n", none == NULL, strstr(dlerror(), "libnothere.so") != NULL);
  void *p = dlopen("$ORIGIN/libplugin.so", RTLD_LAZY);
  if(p == NULL){
    printf("%s\n", dlerror());
    return;
  }
  int (*run)(int) = (int (*)(int))dlsym(p, "plugin_run");
  printf("plugin %d says %d %d\n", *(int *)dlsym(p, "plugin_version"), run(10), run(10));
  pthread_create(&t, NULL, in_thread, (void *)run);
  pthread_join(t, NULL);
  printf("mine %d, counter %d\n", per_thread, shared_counter);
  printf("no symbol: %d\n", dlsym(p, "nothing") == NULL);
  Dl_info info;
  printf("dladdr %d\n", dladdr((void *)run, &info) && strcmp(info.dli_sname, "plugin_run") == 0);
  printf("closed %d\n", dlclose(p));
}

// The entry of the auxiliary vector, or `none`.
static unsigned long
aux(unsigned long type, unsigned long none)
{
  errno = 0;
  unsigned long v = getauxval(type);
  return v == 0 && errno == ENOENT ? none : v;
}

static int
first_object(struct dl_phdr_info *i, size_t size, void *headers)
{
  *(const void **)headers = i->dlpi_phdr;
  return 1;
}

static int
count_objects(struct dl_phdr_info *i, size_t size, void *n)
{
  return ++*(int *)n, 0;
}

// Does the mapping at AT_BASE begin with an ELF header?
static int
linker_is_there(void)
{
  const ElfW(Ehdr) *h = (void *)getauxval(AT_BASE);
  return h && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 && h->e_type == ET_DYN;
}

static void
told(const char *name)
{
  const void *headers;
  int n = 0;
  dl_iterate_phdr(first_object, &headers);
  dl_iterate_phdr(count_objects, &n);
  printf("entry %d\n", getauxval(AT_ENTRY) == (unsigned long)_start);
  printf("headers %d %d, %d of %d\n", (void *)getauxval(AT_PHDR) == headers,
         getauxval(AT_PHDR) == (unsigned long)&__ehdr_start + __ehdr_start.e_phoff,
         getauxval(AT_PHNUM) == __ehdr_start.e_phnum, getauxval(AT_PHENT) == sizeof(ElfW(Phdr)));
  printf("linker %d, objects %d\n", linker_is_there(), n);
  printf("pages %ld, secure %ld, random %d\n", aux(AT_PAGESZ, -1), aux(AT_SECURE, -1),
         getauxval(AT_RANDOM) != 0);
  printf("name %d\n", strcmp((char *)getauxval(AT_EXECFN), name) == 0);
  printf("ids %d\n", aux(AT_UID, -1) == getuid() && aux(AT_EUID, -1) == geteuid() &&
         aux(AT_GID, -1) == getgid() && aux(AT_EGID, -1) == getegid());
  printf("fp and compressed %d\n", (getauxval(AT_HWCAP) & 0x112d) == 0x112d);
}

// A child that has everything and changes it for itself alone.
static void
forked(void)
{
  int s;
  fflush(stdout);
  pid_t p = fork();
  if(p == 0){
    shared_counter = 1;
    _exit(library_count() + (int)sqrt(16.0));
  }
  waitpid(p, &s, 0);
  printf("child %d, counter %d\n", WEXITSTATUS(s), shared_counter);
}

static void
again(char *name)
{
  int s;
  char path[4096], *argv[] = { name, "again", NULL };
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  path[n > 0 ? n : 0] = '\0';
  printf("exe %s\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : "?");
  fflush(stdout);
  pid_t p = fork();
  if(p == 0){
    execv("/proc/self/exe", argv);
    _exit(99);
  }
  waitpid(p, &s, 0);
  printf("again %d\n", WEXITSTATUS(s));
}

int
main(int argc, char **argv)
{
  if(argc > 1){
    printf("%s %s\n", argv[1], getenv("LANGUAGE") ? "with an environment" : "bare");
    return library_count();
  }
  setenv("LANGUAGE", "C", 1);
  libraries();
  loaded_later();
  told(argv[0]);
  forked();
  again(argv[0]);
  return 17;
}
