# SPDX-License-Identifier: MIT
"""Checkpoints of whole trees of processes: what they share they share again."""

import random
import re

import pytest

from guest import wait_for as until
from host import tool
from test_checkpoint import kill, pids, restore, save, start, wait_lines

KIN = 7                            # processes of test/boot/programs/kin.c; one is a zombie


def tree(g, root):
    """=> what ps tells of it and its descendants: number, parent, group, session, state, name"""
    rows = [line.split() for line in g.run("ps -o pid,ppid,pgid,sid,s,comm").splitlines()[1:]]
    rows = [[*row[:4], row[4].replace("R", "S"), row[5]] for row in rows]    # it polls
    known = {root}
    for pid, parent, *_ in sorted(rows, key=lambda row: int(row[0])):
        if int(parent) in known:
            known.add(int(pid))
    return [row for row in rows if int(row[0]) in known]


def start_kin(g, rounds, out="/out", result="/res"):
    g.run(f"rm -f {out}.go; echo > {out}")
    before = pids(g, "kin")
    g.run(f"kin {rounds} {out} > {result} &")
    wait_lines(g, out, 3)          # all of them have come to their work
    return min(set(pids(g, "kin")) - set(before))


def kill_tree(g, root):
    for row in tree(g, root):
        g.run(f"kill -9 {row[0]}")
    g.run("wait", 60)
    assert pids(g, "kin") == []


def in_turn(g, path):
    """=> how many lines there are; each of the three has written every third of them"""
    who = [int(line.split()[0]) for line in g.run(f"cat {path}", 60).splitlines()]
    assert who == [n % 3 for n in range(len(who))]
    return len(who)


def test_a_tree_goes_on_after_a_reboot(boot, image):
    """The same numbers, groups, sessions and states; every line once, and the same result."""
    g = boot(cpus=2, image=image, snapshot=False)
    want = g.check("kin 200 | tail -n 1", 120)
    root = start_kin(g, 200)
    wait_lines(g, "/out", 303)                 # half-way it waits
    then = tree(g, root)
    assert len(then) == KIN
    save(g, root, "/saved", "-t")
    assert tree(g, root) == then
    shown = g.check("checkpoint -l /saved")
    assert len(re.findall(r"^  process \d+ \(kin\), child of", shown, re.M)) == KIN - 2
    assert "not waited for" in shown and "stopped" in shown
    kill_tree(g, root)
    g.poweroff()
    g = boot(cpus=1, image=image, snapshot=False)
    g.run("restore /saved > /said &")
    def what(rows):                            # but for the first one's parent, another one now
        return [[row[0], n and row[1], *row[2:5]] for n, row in enumerate(rows)]

    now = []
    for _ in range(600):
        now = tree(g, root)
        if what(now) == what(then) and sum(row[-1] == "kin" for row in now) == KIN - 1:
            break
        g.run("sleep 0.1")
    assert what(now) == what(then)
    g.check("touch /out.go; wait", 120)
    assert g.run("cat /res") == want and g.run("cat /said") == ""
    assert in_turn(g, "/out") == 600
    g.vm_check()


def test_rewind(boot):
    """All have the numbers they had, and the first one its parent."""
    g = boot(cpus=2)
    want = g.check("kin 200 | tail -n 1", 120)
    root = start_kin(g, 200)
    wait_lines(g, "/out", 303)                 # half-way it waits
    save(g, root, "/saved", "-t")
    then = tree(g, root)
    for _ in range(2):
        g.check(f"rewind {root} 1", 60)
        until(lambda: tree(g, root) == then)
    g.check("touch /out.go; wait", 120)
    assert g.run("cat /res") == want and in_turn(g, "/out") == 600
    g.vm_check()


def told(g, tree):
    """What /proc/<pid>/stat says that stays the same: nice, startstack, arg_start ... env_end."""
    fields = [g.run(f"cat /proc/{pid}/stat").rpartition(")")[2].split() for pid in tree]
    return [(f[16], f[25], f[45:49]) for f in fields]


def test_calls_go_on(boot, image):
    """Whatever each waits for; one has been stopped, and is told of a signal before it goes on."""
    g = boot(cpus=2, image=image, snapshot=False)
    root = start(g, "nice -n 5 waits /go > /out", "waits")
    until(lambda: len(pids(g, "waits")) == 4)
    tree = sorted(pids(g, "waits"))
    before = told(g, tree)
    assert all(nice == "5" and int(stack) > 0 for nice, stack, _ in before)
    _, waiter, _, stopped = tree
    g.run(f"kill -STOP {stopped}")
    for n in range(10):
        save(g, root, "/saved", "-t")
        g.check(f"rewind {root} 1", 60)
        until(lambda: len(pids(g, "waits")) == 4)
    assert told(g, tree) == before
    save(g, root, "/saved", "-t")
    kill_tree(g, root)
    g.poweroff()
    g = boot(cpus=2, image=image, snapshot=False)
    g.run("restore /saved &")
    until(lambda: len(pids(g, "waits")) == 4)
    assert told(g, tree) == before
    g.check(f"kill -USR1 {stopped}; kill -CONT {stopped}; kill -USR2 {waiter}; touch /go; wait", 60)
    assert g.run("cat /out") == "waits: all"
    g.check("rm /go")
    root = start(g, "twins /letters")
    until(lambda: len(pids(g, "twins")) == 2)
    g.run(f"kill -STOP {max(pids(g, 'twins'))}; sleep 0.1")
    save(g, root, "/saved", "-t")
    g.run(" ".join(["kill -9", *map(str, pids(g, "twins"))]) + "; wait")
    g.run("touch /go; restore /saved &")
    until(lambda: "a" in g.run("cat /letters"))
    g.run("sleep 0.3")
    assert g.run("cat /letters") == "a"        # no thread of the other one runs
    g.run(f"kill -CONT {max(pids(g, 'twins'))}; wait", 60)
    assert g.run("cat /letters") == "ab"
    g.vm_check()


def test_shared_memory_in_many_areas(boot):
    """Each part of it is copied once, however many there are."""
    g = boot(cpus=1)
    root = start(g, "quilt > /out")
    until(lambda: len(pids(g, "quilt")) == 2)
    save(g, root, "/saved", "-t")
    kill_tree(g, root)
    g.run("restore /saved &")
    g.check("touch /go; wait", 60)
    assert g.run("cat /out") == "quilt: whole"
    g.vm_check()


def test_refusals(boot):
    """A pipe to somebody outside is refused by name, and nobody is disturbed."""
    g = boot(cpus=2)
    g.run("sleep 1000 | sleep 2000 &")
    first, second = sorted(pids(g, "sleep"))
    assert re.search(rf"process {first}: descriptor 1 is a pipe that process {second} \(sleep\)",
                     g.run(f"checkpoint -t {first} /c"))
    assert "No such file" in g.run("ls /c") and "No such file" in g.run("ls /c.new")
    assert sorted(pids(g, "sleep")) == [first, second]
    assert "the one that asks" in g.run("checkpoint -t $$ /c")
    assert "usage" in g.run("checkpoint -t 1")
    g.run(f"kill {first} {second}; wait")
    # Of one whose pipes are all its own: a file that is spoilt, and a number that is taken.
    root = start_kin(g, 40)
    wait_lines(g, "/out", 63)
    save(g, root, "/saved", "-t")
    child = int(tree(g, root)[1][0])
    g.check("touch /out.go; wait", 60)
    assert g.run("cat /res").startswith("kin: 40 rounds")
    g.check("cp /saved /cut; echo x >> /cut")
    assert "has a wrong size" in g.run("restore /cut")
    last = "/proc/sys/kernel/ns_last_pid"
    g.run(f"echo {child - 1} > {last}; sleep 3000 & echo 1000 > {last}")
    assert child in pids(g, "sleep")
    out = g.run("restore /saved", 60)          # it misses that child
    assert f"there is a process {child}; this one is" in out and out.count("there is a") == 1
    g.run(" ".join(["kill -9", *map(str, pids(g, "kin"))]))
    # The rename of what it had open leaves it without: all of it is refused.
    g.check("mv /out /elsewhere")
    assert "/out: No such file" in g.run("restore /saved; echo =$?")
    assert pids(g, "kin") == []
    g.vm_check()


def sweep(g, step, command):
    """With each allocation failing, or every step-th. => how many of them do"""
    for _ in range(2):                         # what is made once is there then
        g.run(command, 60)
    out = g.check(f"leaks failnth -s {step} {command}", 600)
    assert out.endswith("leaks: none"), out
    return step * int(re.search(r"failnth: (\d+) runs", out)[1])


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.long)])
def test_failing_allocations(boot, step):
    """Whichever fails while a tree is saved or a process restored: nothing is lost but that try."""
    g = boot(cpus=2, mem="64M", append="panic=exit")
    want = g.check("kin 100 | tail -n 1", 120)
    root = start_kin(g, 100)
    wait_lines(g, "/out", 153)
    assert sweep(g, step, f"checkpoint -t {root} /saved") > 300
    g.check("touch /out.go; wait", 60)
    assert g.run("cat /res") == want and in_turn(g, "/out") == 300
    pid = start(g, "hashes 400 8 /h")
    wait_lines(g, "/h", 2)
    save(g, pid, "/saved", "-1")
    kill(g, pid)
    g.check("touch /h.go")
    assert sweep(g, step, "restore /saved") > 200
    assert pids(g, "hashes") == []


@pytest.mark.long
def test_all_or_none(boot):
    """Whichever allocation fails: there are both of two processes, with all threads, or none."""
    g = boot(cpus=2, mem="64M", append="panic=exit")
    root = start(g, "twins /out")
    until(lambda: len(pids(g, "twins")) == 2)
    g.run("sleep 1")                           # both have their second threads
    save(g, root, "/saved", "-t")
    g.run(" ".join(["kill -9", *map(str, pids(g, "twins"))]) + "; wait")
    g.check("touch /go")
    assert sweep(g, 1, "restore /saved") > 100
    told = g.run("cat /out", 60)
    assert told.count("a") == told.count("b") > 0 and pids(g, "twins") == []


def root_of(g, name, living, starter):
    """=> the first of a tree once the starter has made it, and all that live have the name"""
    for _ in range(600):
        rows = [line.split() for line in g.run("ps -o pid,ppid,s,comm").splitlines()[1:]]
        names = {row[0]: row[3] for row in rows if row[2] != "Z"}
        roots = [row[0] for row in rows if row[3] == name and names.get(row[1]) == starter]
        if roots and list(names.values()).count(name) == living:
            return int(roots[0])
        g.run("sleep 0.1")
    g.fail(f"there are no {living} {name}")


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("program, living, flags", [("hashes 20000 80", 1, ""),
                                                    ("kin 2000", KIN - 1, "-t ")])
def test_at_random_moments(boot, image, disk, cpus, program, living, flags):
    """Full and by increments, merged, killed, restored and rewound, under memory pressure."""
    name = program.split()[0]
    options = {"cpus": cpus, "mem": "16M", "swap": disk(96), "image": image, "snapshot": False}
    g = boot(**options)
    want = g.check(f"{program} | tail -n 1", 600)
    g.run(f"touch /out.on; {program} /out > /res &")
    starter = "sh"
    for n in range(6):
        root = root_of(g, name, living, starter)
        for k in range(3):
            g.run(f"sleep {random.random():.2f}")
            save(g, root, f"/s{n}.{k}", flags + ("-i" if k else ""))
        if n % 3 == 1:
            g.check(f"checkpoint merge /s{n}.2", 120)
        if n % 2:
            g.check(f"rewind {root} {1 if n % 3 == 1 else random.randrange(1, 4)}", 120)
        else:
            starter = "restore"
            for pid in pids(g, name):
                g.run(f"kill -9 {pid}")
            g.run("wait", 60)
            if n == 2:
                g.poweroff()
                g = boot(**options)
            g.run(f"restore -c /s{n}.{random.randrange(3)} > /said &")
    root_of(g, name, living, starter)
    g.check("touch /out.go; wait", 600)
    assert g.run("cat /res /said", 60).endswith(want)
    assert name == "hashes" or in_turn(g, "/out") == 6000
    g.vm_check()


def wait_for(g, path):
    for _ in range(600):
        if "No such file" not in g.run(f"ls {path}"):
            return
        g.run("sleep 0.1")
    g.fail(f"there is no {path}")


RELAY = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile int ticks;
static void tick(int sig) { ticks++; }
static void serve(int in, int out)
{
  FILE *from = fdopen(in, "r"), *to = fdopen(out, "w");
  unsigned long h = 7, x;
  while(fscanf(from, "%lu", &x) == 1){
    h = h * 6364136223846793005UL + x;
    fprintf(to, "%lx\n", h);
    fflush(to);
  }
  exit(3);
}
static int locked(void)
{
  struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1 };
  int status, a = open("/bytes", O_RDWR), b = open("/whole", O_RDWR), parent = getpid();
  close(b);
  if(fork() == 0){
    b = open("/whole", O_RDWR);
    fcntl(a, F_GETLK, &l);
    _exit((l.l_type == F_WRLCK && l.l_pid == parent && l.l_start == 10 && l.l_len == 10) +
          2 * (flock(b, LOCK_EX | LOCK_NB) < 0));
  }
  wait(&status);
  return WEXITSTATUS(status);
}
int main(int argc, char **argv)
{
  struct itimerval every = { { 0, 10000 }, { 0, 10000 } };
  struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10 };
  struct timespec nap = { 0, 1000000 };
  int to[2], from[2], n = atoi(argv[1]), status, before;
  char line[64];
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  sigaction(SIGALRM, &(struct sigaction){ .sa_handler = tick, .sa_flags = SA_RESTART }, NULL);
  fcntl(open("/bytes", O_RDWR | O_CREAT, 0600), F_SETLK, &l);
  flock(open("/whole", O_RDWR | O_CREAT, 0600), LOCK_EX);
  if(pipe(to) || pipe(from))
    return 1;
  pid_t child = fork();
  if(child == 0){
    close(to[1]);
    close(from[0]);
    serve(to[0], from[1]);
  }
  close(to[0]);
  close(from[1]);
  setitimer(ITIMER_REAL, &every, NULL);
  FILE *put = fdopen(to[1], "w"), *get = fdopen(from[0], "r");
  for(int i = 0; i < n; i++){
    fprintf(put, "%d\n", i);
    fflush(put);
    if(!fgets(line, sizeof line, get))
      return 2;
    printf("%d %s", i, line);
    if(i == n / 2){
      close(open("/half", O_CREAT | O_WRONLY, 0600));
      while(access("/go", F_OK))
        nanosleep(&nap, NULL);
    }
  }
  before = ticks;
  for(int i = 0; i < 2000 && ticks < before + 3; i++)
    nanosleep(&nap, NULL);
  fclose(put);
  pid_t ended = waitpid(child, &status, 0);
  printf("ticks %d, child %d %d\n", ticks >= before + 3, ended == child, WEXITSTATUS(status));
  setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
  fflush(stdout);
  printf("locks %d\n", locked());
  return 0;
}
"""


@pytest.mark.long
@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_programs_of_linux(boot, image, linux_program, how):
    """glibc: stdio's buffers, pipes, an interval timer and locks go on as if nothing had been."""
    linux_program("relay", RELAY, *(["-static"] if how == "static" else []))
    if how == "dynamic":
        root = "/usr/riscv64-linux-gnu/lib"
        tool("fsput", "-p", image, f"{root}/ld-linux-riscv64-lp64d.so.1", f"{root}/libc.so.6",
             "/lib/")
    g = boot(cpus=2, image=image)
    g.check("touch /go")
    want = g.check("/relay 400 > /want; cat /want", 120)
    assert want.endswith("ticks 1, child 1 3\nlocks 3") and want.count("\n") == 401
    g.check("rm /go /half")
    pid = start(g, "relay 400 > /got")
    wait_for(g, "/half")
    save(g, pid, "/saved", "-t")
    g.check(f"rewind {pid} 1", 60)             # has its own locks on again
    for p in pids(g, "relay"):
        g.run(f"kill -9 {p}")
    g.check("wait; touch /go")
    for _ in range(2):
        g.check("restore -c /saved", 120)
        assert g.run("cat /got", 60) == want
    g.check("rm /go /half")
    g.run("/relay 2 > /other &")               # has the locks now
    wait_for(g, "/half")
    others = pids(g, "relay")
    assert "a lock on a file" in g.run("restore /saved; echo =$?", 60)
    assert pids(g, "relay") == others
    g.vm_check()
