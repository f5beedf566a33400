// SPDX-License-Identifier: MIT
//
// Streams: formats, files, buffering, positions, temporary files.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
formats(void)
{
  char buf[128];
  int n, i = 0, j = 0;
  unsigned h = 0;
  double d = 0;
  char word[16] = "";
  printf("%f %e %g %a %.3Lf\n", 3.14159, -2.5e-10, 1e100, 0.1, 2.5L);
  printf("[%5d|%-5d|%05d|%+d|%x|%#o|%s|%.2s|%c|%%]\n", 42, 42, 42, 42, 255, 8, "str", "cut", 'x');
  n = snprintf(buf, 8, "%s", "too long for it");
  printf("%d <%s>\n", n, buf);
  n = sscanf("12 -7 0xff 2.5e3 word rest", "%d %d %x %lf %15s", &i, &j, &h, &d, word);
  printf("%d: %d %d %u %g %s\n", n, i, j, h, d, word);
  printf("%d\n", sscanf("nothing", "%d", &i));
}

static void
lines(void)
{
  char *line = NULL, buf[32];
  size_t cap = 0;
  FILE *f = fopen("lines.txt", "w+");
  for(int i = 0; i < 1000; i++)
    fprintf(f, "line %d%s\n", i, i % 100 == 0 ? " of a hundred" : "");
  printf("written: %ld\n", ftell(f));
  rewind(f);
  long total = 0, count = 0;
  for(ssize_t n; (n = getline(&line, &cap, f)) > 0; count++)
    total += n;
  printf("read: %ld bytes, %ld lines, eof %d\n", total, count, feof(f) != 0);
  fseek(f, 5, SEEK_SET);
  fgets(buf, sizeof buf, f);
  printf("at 5: %s", buf);
  fseek(f, -9, SEEK_END);
  fgets(buf, sizeof buf, f);
  printf("near the end: %s", buf);
  fclose(f);
  free(line);
}

static void
update(void)
{
  char buf[64] = "";
  FILE *f = fopen("lines.txt", "r+");
  fputs("LINE", f);
  fseek(f, 0, SEEK_CUR);
  printf("%d after the overwritten word\n", fgetc(f));
  ungetc('#', f);
  printf("%c pushed back\n", fgetc(f));
  freopen("lines.txt", "a", f);
  fputs("appended\n", f);
  printf("append ends at %ld\n", ftell(f));
  fclose(f);
  f = fopen("lines.txt", "r");
  fgets(buf, sizeof buf, f);
  printf("%s", buf);
  fclose(f);
}

static void
buffers(void)
{
  FILE *f = fopen("raw.bin", "wb");
  setvbuf(f, NULL, _IOFBF, 65536);
  for(unsigned i = 0; i < 100000; i++)
    fwrite(&i, sizeof i, 1, f);
  fclose(f);
  struct stat st;
  stat("raw.bin", &st);
  f = fopen("raw.bin", "rb");
  unsigned sum = 0, v;
  while(fread(&v, sizeof v, 1, f) == 1)
    sum += v;
  printf("%lld bytes, sum %u\n", (long long)st.st_size, sum);
  fclose(f);
  FILE *m = open_memstream(&(char *){ NULL }, &(size_t){ 0 });
  fprintf(m, "in memory");
  printf("memstream at %ld\n", ftell(m));
  fclose(m);
}

static void
names(void)
{
  printf("rename %d\n", rename("raw.bin", "other.bin"));
  printf("gone: %d %s\n", fopen("raw.bin", "r") == NULL, strerror(errno));
  printf("remove %d, again %d %s\n", remove("other.bin"), remove("other.bin"), strerror(errno));
  FILE *t = tmpfile();
  fputs("temporary", t);
  rewind(t);
  char buf[32] = "";
  fread(buf, 1, sizeof buf, t);
  printf("tmpfile: %s\n", buf);
  fclose(t);
  char name[] = "made.XXXXXX";
  int fd = mkstemp(name);
  printf("mkstemp: %d, unlink %d\n", fd >= 0, unlink(name));
  close(fd);
  remove("lines.txt");
}

int
main(void)
{
  formats();
  lines();
  update();
  buffers();
  names();
  fputs("to stderr\n", stderr);
  puts("unflushed until exit");
  return 7;
}
