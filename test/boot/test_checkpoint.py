# SPDX-License-Identifier: MIT
"""Checkpoints: a process saved while it runs goes on from there, whenever and wherever."""

import random
import re
import struct

import pytest

from guest import wait_for
from host import get, tool
from test_power import cut, requests

PAGE = 4096
HEADER = 416                       # bytes of struct ck_header


def pids(g, name):
    return [int(line.split()[0]) for line in g.run("ps").splitlines() if line.split()[-1] == name]


def lines(g, path):
    return int(g.run(f"wc {path}").split()[0])


def wait_lines(g, path, n):
    for _ in range(600):
        if lines(g, path) >= n:
            return
        g.run("sleep 0.1")
    g.fail(f"{path} has no {n} lines")


def start(g, command, name=None):
    """=> the number of a program in the background"""
    name = name or command.split()[0]
    before = pids(g, name)
    g.run(command + " &")
    for _ in range(600):
        new = [p for p in pids(g, name) if p not in before]
        if new:
            return new[0]
    g.fail(f"{name} did not start")


def save(g, pid, path, more=""):
    out = g.check(f"checkpoint {more} {pid} {path}", 120)
    assert re.search(r"\d+ KiB, \d+ pages", out)
    g.vm_check()
    return int(re.search(r"(\d+) pages", out)[1])


def kill(g, pid):
    g.run(f"kill -9 {pid}")
    g.run("wait", 60)
    assert pid not in pids(g, "hashes")


def restore(g, what, timeout=120):
    """=> what the process said from then on"""
    out = g.check(f"restore {what}", timeout)
    g.vm_check()
    return out


def test_goes_on_after_a_reboot(boot, image):
    """Its pages are only read when they are touched; the number of the process is the same."""
    g = boot(cpus=2, image=image, snapshot=False)
    want = g.check("hashes 1500 60", 120)
    pid = start(g, "hashes 1500 60 /out")
    wait_lines(g, "/out", 5)
    assert save(g, pid, "/saved") >= 375
    kill(g, pid)
    g.check("touch /out.go")
    g.poweroff()
    g = boot(cpus=1, image=image, snapshot=False)
    assert restore(g, "/saved") == want
    assert [int(l.split()[0]) for l in g.run("cat /out").splitlines()] == list(range(1, 61))


def test_power_fails_after_it(boot, image):
    """What the process had written by then is on the disk as well."""
    g = boot(cpus=2, image=image, snapshot=False)
    want = g.check("hashes 100 40", 60)
    g.check("touch /out.on")
    pid = start(g, "hashes 100 40 /out")
    wait_lines(g, "/out", 20)                  # half-way it waits
    save(g, pid, "/saved")
    g.close()
    g = boot(cpus=2, image=image, snapshot=False)
    g.check("touch /out.go")
    assert want in restore(g, "/saved")
    assert [int(l.split()[0]) for l in g.run("cat /out").splitlines()] == list(range(1, 41))


def test_refusals(boot):
    """By name, and nothing has happened to the process."""
    g = boot(cpus=2)
    for command, why in (
            ("sleep 100 < /dev/zero", r"descriptor 0, /dev/zero, is a device"),
            ("cat /dev/null | sleep 100", r"descriptor 0, .*, is a pipe")):
        pid = start(g, command, "sleep")
        assert re.search(f"process {pid}: {why}", g.run(f"checkpoint {pid} /c"))
        assert "No such file" in g.run("ls /c") and "No such file" in g.run("ls /c.new")
    g.run(" ".join(["kill", *map(str, pids(g, "sleep"))]))
    pid = start(g, "twins /letters leave")
    wait_for(lambda: g.run(f"ls /proc/{pid}/task").strip() != str(pid))
    for how in ("", "-t"):
        assert "its first thread has ended" in g.run(f"checkpoint {how} {pid} /c")
    g.run(" ".join(["kill -9", *map(str, pids(g, "twins"))]) + "; wait")
    assert "No such process" in g.run("checkpoint 999 /c")
    assert "usage" in g.run("checkpoint 1")
    assert "Invalid argument" in g.run("checkpoint 1 /c")
    assert "no checkpoint" in g.run("restore /README.md")
    assert "No such file" in g.run("restore /nowhere")


def damaged(data, rng):
    """Ways to spoil a file: every word of its header, any other byte, cut off anywhere."""
    for at in range(0, HEADER, 8):
        yield data[:at] + bytes(b ^ 1 + rng.randrange(255) for b in data[at:at + 8]) + data[at + 8:]
    for _ in range(60):
        at = rng.choice([rng.randrange(len(data)), PAGE * rng.randrange(len(data) // PAGE)])
        yield data[:at]
    for _ in range(120):
        at = rng.randrange(PAGE, len(data))
        yield data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def test_increments(boot):
    """Each is as large as what changed; any of them can be gone back to; merged they are one."""
    g = boot(cpus=2)
    want = g.check("hashes 6000 40", 120)
    g.check("touch /out.on")
    pid = start(g, "hashes 6000 40 /out")
    wait_lines(g, "/out", 20)                  # half-way it waits
    full = save(g, pid, "/a.1")
    assert full > 1000
    assert save(g, pid, "/a.2", "-i") < 20
    kill(g, pid)
    pid = start(g, "restore /a.2", "hashes")
    assert save(g, pid, "/b.0", "-i") < 100    # what it has not touched is where it came from
    assert save(g, pid, "/b.1") == full
    kill(g, pid)
    g.check("touch /out.go")
    assert restore(g, "-c /b.0") == want
    g.check("rm /out.on /out.go")
    pid = start(g, "hashes 6000 40 /out")
    wait_lines(g, "/out", 10)                  # and so it does before
    full = save(g, pid, "/a.1")
    g.check("touch /out.on")
    wait_lines(g, "/out", 20)
    changed = save(g, pid, "/a.2", "-i")
    assert 50 < changed and save(g, pid, "/a.3", "-i") < 20
    kill(g, pid)
    g.check("touch /out.go")
    shown = re.findall(r"^(/a.\d): .* (\d+) pages here", g.check("checkpoint -l /a.3"), re.M)
    assert [name for name, pages in shown] == ["/a.3", "/a.2", "/a.1"]
    assert (int(shown[1][1]), int(shown[2][1])) == (changed, full)
    for name in ("/a.1", "/a.2", "/a.3"):
        assert restore(g, f"-c {name}") == want
    g.check("checkpoint merge /a.3 /whole; rm /a.1")
    assert restore(g, "/whole") == want
    assert "No such file" in g.run("restore /a.3")
    assert "no such file" in g.run("restore --latest /nothing")


def kinship(g, pid):
    rows = [line.split() for line in g.run("ps -o pid,ppid,pgid,sid,comm").splitlines()]
    return [row for row in rows if row[0] == str(pid)]


def test_rewind(boot):
    """It stays the process that it is; when it cannot be put back it goes on as it was."""
    g = boot(cpus=2)
    want = g.check("hashes 1500 60", 60)
    g.check("touch /out.on")
    pid = start(g, "hashes 1500 60 /out")
    for n in range(3):
        wait_lines(g, "/out", 8 * n + 8)
        save(g, pid, f"/r.{n}", "-i" if n else "")
        g.check(f"cp /out /at.{n}")
    then = kinship(g, pid)
    wait_lines(g, "/out", 30)
    assert f"process {pid} goes on from /r.1" in g.check(f"rewind {pid} 2", 60)
    assert kinship(g, pid) == then and save(g, pid, "/r.3", "-i") < 400
    assert f"goes on from /r.3" in g.check(f"rewind {pid} 1", 60)
    assert "only 3 checkpoints" in g.run(f"rewind {pid} 4")
    for gone in ("/r.1", "/out"):
        g.check(f"mv {gone} /elsewhere")
        assert f"{gone}: No such file" in g.run(f"rewind {pid} 2; echo =$?", 60)
        assert kinship(g, pid) == then
        g.check(f"mv /elsewhere {gone}")
    g.check("touch /out.go")
    assert want in g.run("wait", 60)
    assert [int(l.split()[0]) for l in g.run("cat /out").splitlines()] == list(range(1, 61))
    assert "No such process" in g.run(f"rewind {pid} 1")
    pid = start(g, "twins /letters")           # of two threads
    wait_for(lambda: len(g.run(f"ls /proc/{pid}/task").splitlines()) == 2)
    threads = g.run(f"ls /proc/{pid}/task")
    save(g, pid, "/t")
    g.check(f"rewind {pid} 1", 60)
    wait_for(lambda: g.run(f"ls /proc/{pid}/task") == threads)
    g.vm_check()


def test_series_survives_a_failure(boot):
    """It says so, and has another try; it ends with the process."""
    g = boot(cpus=2)
    g.check("touch /out.on; mkdir /d")
    pid = start(g, "hashes 100 40 /out")
    g.run(f"checkpoint -e 1 {pid} /d/s > /said 2>&1 &")
    wait_for(lambda: "s.1" in g.run("ls /d").split())
    g.check("mv /d /elsewhere")
    wait_for(lambda: "No such file" in g.run("cat /said"))
    g.check("mv /elsewhere /d")
    wait_for(lambda: "s.2" in g.run("ls /d").split())
    kill(g, pid)
    assert pids(g, "checkpoint") == []


@pytest.mark.parametrize("swapping", [False, True])
def test_changes_are_told(boot, disk, swapping):
    g = boot(cpus=2, **({"mem": "16M", "swap": disk(32)} if swapping else {}))
    assert g.check("softdirty", 60) == "softdirty: OK"
    assert "Invalid argument" in g.run("echo 1 > /proc/self/clear_refs")


def test_pause_and_increments_cost_what_they_should(boot):
    """By instructions: a pause is at most two forks, an increment is what has changed."""
    g = boot(cpus=1, qemu=("-icount", "shift=0"))
    out = g.check("pauses 16 10", 120)
    fork, = map(int, re.findall(r"^fork: (\d+) us$", out, re.M))
    saved = [tuple(map(int, s)) for s in re.findall(r": (\d+) us, (\d+) pages, (\d+) KiB", out)]
    assert len(saved) == 3 and fork > 0
    assert all(paused <= 2 * fork + 10 for paused, pages, kib in saved)
    assert 4096 <= saved[0][1] < 4120 and saved[1][1] < 20 and 409 <= saved[2][1] < 430
    assert saved[1][2] < 100 and saved[2][2] < 2000


@pytest.mark.long
def test_pause_of_64_mib_is_at_most_two_forks(boot):
    g = boot(cpus=1, mem="256M", qemu=("-icount", "shift=0"))
    g.check("cd /tmp")                         # in memory: it is not about the disk
    out = g.run("pauses 64 10", 250)
    fork, *paused = map(int, re.findall(r": (\d+) us", out))
    assert len(paused) == 3 and max(paused) <= 2 * fork
    assert 1630 < int(re.findall(r"(\d+) pages", out)[2]) < 1660


@pytest.mark.long
def test_series(boot, image):
    """One every second, merged now and then; after a crash the newest goes on, or one before."""
    g = boot(cpus=2, image=image, snapshot=False)
    want = g.check("hashes 3000 60", 120)
    pid = start(g, "hashes 3000 60 /out")
    wait_lines(g, "/out", 10)
    g.run(f"checkpoint -e 1 {pid} /s > /series &")
    wait_lines(g, "/series", 12)
    g.close()                                   # the power fails
    g = boot(cpus=2, image=image, snapshot=False)
    files = [int(f.rsplit(".", 1)[1]) for f in g.run("ls /").split() if re.match(r"s\.\d+$", f)]
    assert max(files) >= 10 and min(files) > 8  # those that were merged are gone
    g.check("touch /out.go")
    assert want in restore(g, "--latest /s")    # its number may be somebody else's now
    g.run(f"cp /README.md /s.{max(files) + 1}")
    assert want in restore(g, "--latest /s")
    g.check("rm /out.go")
    pid = start(g, "hashes 3000 60 /out")
    wait_lines(g, "/out", 10)
    for n in range(3):
        save(g, pid, f"/r.{n}", "-i" if n else "")
    g.check("touch /out.go")
    g.check(f"rewind {pid} 2", 60)
    assert want in g.run("wait", 60)
    g.check("rm /out.go")
    pid = start(g, "hashes 3000 60 /out")
    for n in range(3):
        wait_lines(g, "/out", 5 * n + 5)
        save(g, pid, f"/u.{n}", "-i" if n else "")
        g.check(f"cp /out /at.{n}")
    assert "goes on" in g.run(f"rewind --until false {pid}", 60)
    assert pid in pids(g, "hashes")
    g.check("touch /out.go")
    # mkdir succeeds for the first one asked, the newest, and fails for the second.
    out = g.run(f"rewind --until 'test -e /proc/$PID/stat && ! mkdir /once' {pid}", 120)
    assert want in out and "write(" in out
    assert "never saved" in g.run(f"rewind {start(g, 'sleep 1000')} 1")


@pytest.mark.long
def test_damaged_files(boot, image, tmp_path):
    """Refused, with a reason; what says nothing of itself is found by -c; nothing is left."""
    rng = random.Random(9)
    g = boot(cpus=2, image=image, snapshot=False)
    pid = start(g, "hashes 40 200 /out")
    wait_lines(g, "/out", 5)
    save(g, pid, "/saved")
    kill(g, pid)
    g.poweroff()
    data = get(image, "/saved", tmp_path / "saved")
    bad = list(damaged(data, rng))
    for n, content in enumerate(bad):
        (tmp_path / f"bad.{n}").write_bytes(content)
    tool("fsput", image, *(tmp_path / f"bad.{n}" for n in range(len(bad))), "/")
    g = boot(cpus=2, image=image, snapshot=False)
    for n in range(len(bad)):
        out = g.run(f"restore -c /bad.{n}; echo =$?")
        assert re.search(r"restore: /bad.\d+ (is|has) .*\n=1$", out), (n, out)
    assert pids(g, "hashes") == []
    g.vm_check()
    # A page that nobody looked at beforehand: it is found when it is touched.
    at = 5 * PAGE
    (tmp_path / "page").write_bytes(data[:at] + bytes(PAGE) + data[at + PAGE:])
    g.poweroff()
    tool("fsput", image, tmp_path / "page", "/")
    g = boot(cpus=2, image=image, snapshot=False)
    g.check("touch /out.go")
    assert "=135" in g.run("restore /page; echo =$?", 60)        # SIGBUS
    assert "is damaged" in g.run("dmesg | tail -n 4")


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_larger_than_memory(boot, image, disk, cpus):
    """Under swap, at random moments, killed and restored again and again."""
    rng = random.Random(cpus)
    program = "hashes 20000 60"
    options = {"cpus": cpus, "mem": "16M", "swap": disk(64), "image": image, "snapshot": False}
    g = boot(**options)
    want = g.check(program, 600)
    g.run("touch /out.go")
    pid = start(g, program + " /out")
    for n in range(4):
        wait_lines(g, "/out", rng.randrange(6 * n, 6 * n + 8))
        assert save(g, pid, "/saved") > 100
        kill(g, pid)
        if n % 2:
            g.poweroff()
            g = boot(**options)
        if n < 3:
            pid = start(g, "restore /saved", "hashes")
    assert restore(g, "/saved", 600) == want


def ck_sum(data):
    h = len(data)
    for word in struct.unpack(f"<{h // 8}Q", data):
        h = (h ^ word) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        h ^= h >> 29
    return h


def is_whole(data):
    """Is this a checkpoint file, to the last byte?"""
    pages, = struct.unpack_from("<Q", data, 40)
    parts = [struct.unpack_from("<QQQ", data, 48 + 24 * k) for k in range(3)]
    sums = struct.unpack_from(f"<{pages}Q", data, parts[0][0])
    return (data[:8] == b"quireCKP" and ck_sum(data[:HEADER - 8]) == struct.unpack_from(
                "<Q", data, HEADER - 8)[0] and
            all(ck_sum(data[at:at + size]) == want for at, size, want in parts) and
            all(ck_sum(data[PAGE * n:PAGE * (n + 1)]) == want for n, want in enumerate(sums, 1)))


def replaced(g, flags, start_it):
    """One file, again and again."""
    pid = start_it()
    for n in range(4):
        wait_lines(g, "/tmp/out", 20 * n + 20)
        save(g, pid, "/mnt/s.1", flags)


def increments(g, _, start_it):
    """A chain, which then becomes one file, and is added to."""
    pid = start_it()
    for n in range(1, 5):
        wait_lines(g, "/tmp/out", 20 * n)
        save(g, pid, f"/mnt/s.{n}", "-i")
        if n == 3:
            g.check("checkpoint merge /mnt/s.3", 60)


def saved(state, scratch):
    """=> of the files s.1 ... that are there: (number, that of the file before), contents"""
    found = []
    while tool("fsget", state, f"/s.{len(found) + 1}", scratch, ok=False).returncode == 0:
        data = scratch.read_bytes()
        found.append((struct.unpack_from("<QQ", data, 16), data))
    return found


@pytest.mark.long
@pytest.mark.parametrize("write, flags, program", [
    (replaced, "", "hashes 100 1000 /tmp/out"), (replaced, "-t", "kin 1000 /tmp/out"),
    (increments, "", "hashes 100 1000 /tmp/out")], ids=["full", "tree", "increments"])
def test_power_cut(boot, tmp_path, write, flags, program):
    """Whenever the power fails: what has been there is there, the old or the new, and whole."""
    image, log, state = tmp_path / "image", tmp_path / "log", tmp_path / "state"
    name = program.split()[0]
    tool("mkfs", image, "8M")
    base = image.read_bytes()
    log.write_bytes(b"")
    g = boot(append="quiet", qemu=(
        "-blockdev", f"driver=file,filename={image},node-name=f1",
        "-blockdev", f"driver=file,filename={log},node-name=l1",
        "-blockdev", "driver=blklogwrites,file=f1,log=l1,node-name=b1",
        "-blockdev", "driver=raw,file=b1,node-name=x1",
        "-device", "virtio-blk-device,drive=x1,bus=virtio-mmio-bus.1"))
    g.check("mkdir /mnt; mount /dev/vdb /mnt; touch /tmp/out.on")
    write(g, flags, lambda: start(g, program))
    for pid in pids(g, name):
        g.run(f"kill -9 {pid}")
    g.run("wait", 60)
    assert g.poweroff()[1] == 0
    events, rng, seen = requests(log.read_bytes()), random.Random(5), set()
    for _ in range(150):
        state.write_bytes(cut(base, events, rng.randrange(len(events) + 1), rng))
        tool("fsput", "-d", state, "/probe")           # recovers
        found = saved(state, tmp_path / "file")
        numbers = [0] + [number for (number, _), _ in found]
        for n, ((number, before), data) in enumerate(found):
            assert is_whole(data) and before in (0, numbers[n])
        seen.add(tuple(key for key, _ in found))
    assert len(seen) >= 5, seen


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_threads(boot, image, linux_program, cpus):
    """Three that take turns, by a lock and a condition; saved and restored again and again."""
    linux_program("threads", THREADS, "-static", "-pthread")
    g = boot(cpus=cpus, image=image)
    want = g.check("/threads 600 > /want; cat /want", 120)
    pid = start(g, "threads 600 > /out")
    for n in range(4):
        wait_lines(g, "/out", 10 * n + 5)
        save(g, pid, f"/saved.{n}", "-i" if n % 2 else "")
        g.check(f"rewind {pid} 1", 60)
        g.run(f"kill -9 {pid}; wait")
        if n < 3:
            pid = start(g, f"restore /saved.{n}", "threads")
    g.check("restore /saved.3", 120)
    assert g.run("cat /out", 60) == want


THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int turn, rounds;
static unsigned long h = 1;
static double d = 1.0;
static __thread int mine;
static void *work(void *a)
{
  int me = (int)(long)a;
  for(int i = 0; i < rounds; i++){
    pthread_mutex_lock(&m);
    while(turn % 3 != me)
      pthread_cond_wait(&c, &m);
    turn++;
    h = h * 6364136223846793005UL + me + ++mine;
    d = d * 1.0001 + me;
    if(me == 0 && i % 10 == 0){
      printf("%d %lx %.6f\n", i, h, d);
      fflush(stdout);
    }
    pthread_cond_broadcast(&c);
    pthread_mutex_unlock(&m);
    if(me == 1)
      usleep(2000);
  }
  return (void *)(long)mine;
}
int main(int argc, char **argv)
{
  pthread_t t[3];
  long sum = 0;
  rounds = atoi(argv[1]);
  for(long i = 0; i < 3; i++)
    pthread_create(&t[i], NULL, work, (void *)i);
  for(int i = 0; i < 3; i++){
    void *r;
    pthread_join(t[i], &r);
    sum += (long)r;
  }
  printf("end %lx %.6f %ld\n", h, d, sum);
  return 0;
}
"""


@pytest.mark.long
def test_program_of_linux(boot, image, linux_program):
    """Static glibc, with malloc, stdio, floating point and a signal handler."""
    linux_program("chain", CHAIN, "-static", "-lm")
    g = boot(cpus=2, image=image)
    want = g.check("/chain 400 > /want; cat /want", 120)
    pid = start(g, "chain 400 > /out")
    wait_lines(g, "/out", 20)
    save(g, pid, "/saved")
    g.run(f"kill -9 {pid}; wait")
    g.check("restore -c /saved", 120)
    assert g.run("cat /out", 60) == want


CHAIN = r"""
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
static volatile int ticks;
static void tick(int sig) { ticks++; }
int main(int argc, char **argv)
{
  unsigned long h = 1;
  signal(SIGUSR1, tick);
  for(int i = 0; i < atoi(argv[1]); i++){
    char *p[64];
    for(int k = 0; k < 64; k++){
      p[k] = malloc(100 + h % 5000);
      memset(p[k], h >> k, 100);
      h = h * 6364136223846793005UL + p[k][99] + (unsigned long)(1000 * sin(h));
    }
    for(int k = 0; k < 64; k++)
      free(p[k]);
    raise(SIGUSR1);
    printf("%d %lx %d\n", i, h, ticks);
    fflush(stdout);
  }
  return 0;
}
"""
