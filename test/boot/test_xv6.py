# SPDX-License-Identifier: MIT
"""A program written for xv6, dropped into user/, builds and runs as it is."""

import shutil
import subprocess

import pytest

from guest import ROOT
from host import tool

SOURCES = {
    "hellox": r'''
#include "kernel/types.h"
#include "kernel/stat.h"
#include "user/user.h"

int
main(int argc, char *argv[])
{
  int p[2], st;
  char buf[64];
  pipe(p);
  if(fork() == 0){
    write(p[1], "child", 5);
    exit(3);
  }
  wait(&st);
  int n = read(p[0], buf, sizeof(buf));
  buf[n] = 0;
  printf("%s exited %d; %d args, pid ok %d\n", buf, st, argc, getpid() > 0);
  if(fork() == 0){
    *(volatile int *)0 = 1;
    exit(0);
  }
  wait(&st);
  printf("killed child: %d\n", st);
  char *old = sbrk(8192);
  printf("heap %s\n", sbrk(0) == old + 8192 && old[8191] == 0 ? "grew" : "did not grow");
  n = read(open("/README", 0), buf, 7);
  buf[n] = 0;
  printf("%s\n", buf);
  return 0;
}
''',
    "roomx": r'''
#include "kernel/param.h"
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "kernel/memlayout.h"
#include "kernel/riscv.h"
#include "kernel/sysinfo.h"
#include "user/user.h"

// How much sbrk gives is the same before and after, and what sysinfo says.
int
room(void)
{
  struct sysinfo info;
  int n = 0;
  while(sbrk(PGSIZE) != SBRK_ERROR)
    n += PGSIZE;
  sbrk(-n);
  return sysinfo(&info) == 0 && info.freemem == n ? n : -1;
}

int
main(void)
{
  char path[MAXPATH + 1], *argv[] = { "echo", "x", 0 };
  int before = room();
  for(int i = 0; i < 200; i++)
    if(fork() == 0){
      close(open("roomx.tmp", O_CREATE | O_WRONLY));
      exec("nosuch", argv);
      exit(0);
    }
  while(wait(0) >= 0)
    ;
  memset(path, 'x', MAXPATH);
  path[MAXPATH] = 0;
  printf("%d %d %d\n", before > 0 && room() == before, open(path, O_CREATE), mkdir("dd"));
  return open("console", O_RDWR) < 0;
}
''',
    "piecex": r'''
#include "kernel/types.h"
#include "kernel/fcntl.h"
#include "kernel/riscv.h"
#include "user/user.h"

char last[500];

// A write of which the second half is nowhere; a store beyond the last variable.
int
main(int argc, char *argv[])
{
  char got[4] = { 0 };
  char *end = sbrk(0);
  sbrk(PGSIZE - (uint64)end % PGSIZE);
  end = sbrk(0);
  memset(end - 2, 'x', 2);
  int fd = open("piecex.tmp", O_CREATE | O_RDWR), p[2];
  printf("file %d\n", write(fd, end - 2, 4));
  close(fd);
  fd = open("piecex.tmp", O_RDONLY);
  printf("has %d %s\n", read(fd, got, 4), got);
  unlink("piecex.tmp");
  pipe(p);
  printf("pipe %d\n", write(p[1], last, 4));
  if(fork() == 0){
    memset(last, '0', 2000);
    exit(0);
  }
  int st;
  wait(&st);
  printf("beyond %d\n", st);
  return 0;
}
''',
    "findx": r'''
#include "kernel/types.h"
#include "kernel/stat.h"
#include "kernel/fs.h"
#include "kernel/fcntl.h"
#include "user/user.h"

void
main(int argc, char **argv)
{
  struct dirent de;
  struct stat st;
  int fd, found = 0;
  mkdir("xdir");
  close(open("xdir/one", O_CREATE | O_RDWR));
  close(open("xdir/two", O_CREATE | O_RDWR));
  fd = open("xdir", 0);
  fstat(fd, &st);
  while(read(fd, &de, sizeof(de)) == sizeof(de))
    if(de.inum != 0 && de.name[0] != '.')
      found++;
  close(fd);
  unlink("xdir/one");
  unlink("xdir/two");
  printf("type %d found %d unlink %d\n", st.type == T_DIR, found, unlink("xdir"));
  exit(0);
}
''',
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tree with the programs added, built as a user would."""
    tree = tmp_path_factory.mktemp("xv6") / "quire"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git"))
    for name, text in SOURCES.items():
        (tree / "user" / f"{name}.c").write_text(text)
    subprocess.run(["make", *(f"build/user/{n}" for n in SOURCES)], cwd=tree, check=True,
                   capture_output=True, timeout=300)
    return tree / "build" / "user"


def test_disk_gets_programs_without_debugging_information(built):
    assert b".debug_info" not in (built / "hellox").read_bytes()
    assert b".debug_info" in (built / "hellox.elf").read_bytes()


def test_xv6_programs(boot, built, image):
    tool("fsput", image, *(built / name for name in SOURCES), "/")
    g = boot(image=image)
    assert g.check("hellox a b").splitlines() == [
        "child exited 3; 3 args, pid ok 1", "killed child: -1", "heap grew", "# quire"]
    assert g.check("roomx") == "1 -1 0"
    assert g.check("piecex").split("\n") == ["file -1", "has 2 xx", "pipe 4", "beyond 0"]
    assert g.check("findx") == "type 1 found 2 unlink 0"
