# SPDX-License-Identifier: MIT
"""Migration: a process goes on in another machine, or, if anything fails, where it was."""

import random
import re
import socket
import struct
import subprocess
import sys
import threading

import pytest

from guest import PATIENCE, ROOT
from test_checkpoint import CHAIN, pids, start, wait_lines

FILE, DATA, LAST, GO = 2, 6, 8, 9
MESSAGE = 64
PROGRAM = "hashes 3000 60"
SECONDS = int(10 * PATIENCE)       # of silence


class Link:
    """What is between two machines: passes messages on, until it is told to do otherwise."""

    def __init__(self, where):
        self.paths = [where / "source.link", where / "target.link"]
        self.ends, self.threads = [], []
        self.hook = None           # (kind, message) => what is passed on; None: cut the link

    def options(self, side):
        return ("-chardev", f"socket,id=link,path={self.paths[side]},server=on,wait=off",
                "-device", "virtio-serial-device,max_ports=2,bus=virtio-mmio-bus.7",
                "-device", "virtserialport,chardev=link,nr=1")

    def connect(self, hook=None):
        self.cut()
        self.hook, self.answers = hook, True
        for path in self.paths:
            end = socket.socket(socket.AF_UNIX)
            end.connect(str(path))
            self.ends.append(end)
        self.threads = [threading.Thread(target=self.pass_messages, daemon=True),
                        threading.Thread(target=self.pass_answers, daemon=True)]
        for thread in self.threads:
            thread.start()

    def cut(self):
        self.hang_up()
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()
        for end in self.ends:
            end.close()
        self.ends = []

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.ends[0].recv(n - len(data))
            if not more:
                raise OSError
            data += more
        return data

    def pass_messages(self):
        try:
            while True:
                head = self.read(MESSAGE)
                while not head.startswith(b"quireMIG"):    # left from before the link was cut
                    head = head[1:] + self.read(1)
                kind, size = struct.unpack_from("<I", head, 12)[0], struct.unpack_from(
                    "<Q", head, 40)[0]
                message = head + self.read((size + 7) // 8 * 8)
                if self.hook:
                    message = self.hook(kind, message)
                if message is None:
                    break
                self.ends[1].sendall(message)
        except OSError:
            pass
        self.hang_up()

    def deaf(self):
        """No answer comes through any more; the next one cuts the link."""
        self.answers = False

    def pass_answers(self):
        try:
            while (data := self.ends[1].recv(65536)) and self.answers:
                self.ends[0].sendall(data)
        except OSError:
            pass
        self.hang_up()

    def hang_up(self):
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture
def link(tmp_path):
    made = Link(tmp_path)
    yield made
    made.cut()


@pytest.fixture
def machines(boot, link):
    """machines(cpus=, ...) => source and target"""
    def make(**options):
        pair = [boot(qemu=link.options(side), append="quiet", **{"cpus": 2, **options})
                for side in (0, 1)]
        link.connect()
        return pair
    return make


def receive(g, more=""):
    """In the background, which says what it says to a file."""
    g.run(f"migrate --receive -t {SECONDS} {more} > /got 2>&1 &")


def got(g):
    """=> what the target said, and the process; both have ended"""
    said = g.run("wait", 120)
    return g.run("cat /got") + said


def send(g, pid, more=""):
    return g.run(f"migrate -t {SECONDS} {more} {pid}; echo =$?", 120)


def left(g):
    return [name for name in g.run("ls /").split() if name.startswith("migrated")]


def numbers(g):
    return [int(line.split()[0]) for line in g.run("cat /out").splitlines()]


@pytest.mark.parametrize("cpus", [1, 4])
def test_goes_on_there(machines, cpus):
    """What it has written goes along; the source is switched off before it goes on."""
    a, b = machines(cpus=cpus)
    want = a.check(PROGRAM, 60)
    pid = start(a, PROGRAM + " /out")
    wait_lines(a, "/out", 5)
    receive(b)
    out = send(a, pid)
    assert re.search(rf"process {pid} goes on there; it stood still for \d+ ms", out)
    assert out.endswith("=0") and pid not in pids(a, "hashes")
    lines = a.run("cat /out").splitlines()
    a.vm_check()
    a.poweroff()
    there = b.run("cat /out").splitlines()
    assert there[:len(lines)] == lines and left(b) == []
    b.check("touch /out.go")
    assert want in got(b)
    assert numbers(b) == list(range(1, 61))


def flip(message, at):
    return message[:at] + bytes([message[at] ^ 4]) + message[at + 1:]


def version_2(message):
    return message[:8] + struct.pack("<I", 2) + message[12:]


# (message by message: the kind, what goes on) and what the source says.
FAILURES = [
    (lambda kind, m: version_2(m), "they speak version 2, this is 1"),
    (lambda kind, m: None if kind == DATA else m, "the link is down"),
    (lambda kind, m: None if kind == LAST else m, "the link is down"),
    (lambda kind, m: flip(m, 100) if kind == DATA else m, "what came over the link is damaged"),
    (lambda kind, m: flip(m, 20) if kind == LAST else m, "what came over the link is damaged"),
]


def test_goes_on_here(machines, link):
    """Whatever fails before the target is ready, it goes on where it was."""
    a, b = machines(cpus=2)
    want = a.check(PROGRAM, 60)
    pid = start(a, PROGRAM + " /out")
    for hook, why in FAILURES:
        link.connect(hook)
        receive(b)
        out = send(a, pid)
        assert f"process {pid} goes on here: " in out and why in out and out.endswith("=1"), out
        link.cut()
        got(b)
        assert left(b) == [] and pids(b, "hashes") == [] and "No such" in b.run("cat /out")
    # Until something has come the target goes on listening.
    link.connect(lambda kind, m: None if kind == FILE else m)
    receive(b)
    assert "the link is down" in send(a, pid)
    b.run(f"kill {pids(b, 'migrate')[0]}")
    assert "interrupted" in got(b)
    # It is not the same there, is not there, has no room.
    b.check("echo other > /out; mkdir /mnt; mount -t tmpfs -o size=1M none /mnt")
    for more, why in (("", "/out is not the same here"), ("-d /mnt", "No space left")):
        link.connect()
        receive(b, more)
        assert why in send(a, pid) and why in got(b)
        b.check("rm -f /out")
    a.check("mkdir /here; cd /here")
    other = start(a, "sleep 1000")
    link.connect()
    receive(b)
    assert "/here: No such file" in send(a, other)
    got(b)
    # The answer that it is ready is lost: there it is kept, in case that it was not.
    link.connect(lambda kind, m: link.deaf() or m if kind == LAST else m)
    receive(b, "-t 1")
    assert "goes on here: the link is down" in send(a, pid)
    assert re.search(r"no word that process \d+ has ended", got(b)) and left(b)
    # Nothing is heard of the target, which then dies.
    b.run("rm /migrated*")
    link.connect(lambda kind, m: b.stop() or m if kind == LAST else m)
    receive(b)
    assert "goes on here: the other side is silent" in send(a, pid, "-t 1")
    b.close()
    a.vm_check()
    a.check("touch /out.go")
    a.run(f"kill {other}; wait", 60)
    assert numbers(a) == list(range(1, 61)) and pids(a, "hashes") == []


def test_last_word_is_lost(machines, link):
    """Neither two nor none: it has ended here, and there it waits for somebody to say so."""
    a, b = machines(cpus=2)
    want = a.check(PROGRAM, 60)
    pid = start(a, PROGRAM + " /out")
    wait_lines(a, "/out", 15)
    link.connect(lambda kind, m: None if kind == GO else m)
    receive(b, "-t 1")
    out = send(a, pid, "-t 1")
    assert f"process {pid} has ended here" in out and out.endswith("=1")
    assert pids(a, "hashes") == [] and f"`restore ./{left(b)[-1]}'" in got(b)
    assert pids(b, "hashes") == []
    b.check("touch /out.go")
    assert want in b.check(f"restore {left(b)[-1]}", 60)
    assert numbers(b) == list(range(1, 61))


def test_demo():
    """`make migrate-demo`: while it changes its memory all the time, so in rounds."""
    p = subprocess.run([sys.executable, ROOT / "tools/migrate/demo.py", "2", "128M"],
                       capture_output=True, text=True, timeout=120 * PATIENCE)
    assert p.returncode == 0 and "has computed is right" in p.stdout, p.stdout + p.stderr
    last = re.search(r"round (\d+): (\d+) pages, .*, stood still", p.stdout)
    assert last, p.stdout
    rounds, pages = last.groups()
    assert int(rounds) > 1 and int(pages) < 2048        # of 4096


def test_program_of_linux(machines, image, linux_program):
    """Static glibc, with malloc, stdio, floating point and a signal handler."""
    linux_program("chain", CHAIN, "-static", "-lm")
    a, b = machines(image=image)
    want = a.check("/chain 10000 > /want; cat /want", 120)
    pid = start(a, "chain 10000 > /out")
    wait_lines(a, "/out", 20)
    receive(b)
    assert send(a, pid).endswith("=0")
    got(b)
    assert b.run("cat /out", 60) == want


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_larger_than_memory(machines, disk, cpus):
    """To and fro, under swap."""
    program, rng = "hashes 20000 60", random.Random(cpus)
    a, b = machines(cpus=cpus, mem="16M", swap=disk(64))
    want = a.check(program + "; touch /out.on", 600)
    b.check("touch /out.on")
    pid = start(a, program + " /out")
    for n in range(4):
        wait_lines(a, "/out", rng.randrange(6 * n, 6 * n + 8))
        b.run(f"migrate --receive -t {SECONDS} &")     # what it is redirected to would go along
        out = a.run(f"migrate -t 60 {pid}; echo =$?", 600)
        assert "goes on there" in out, out
        pid = pids(b, "hashes")[0]
        a.check("rm /out")
        a.vm_check()
        a, b = b, a
    a.check("touch /out.go")
    a.run("wait", 600)
    assert want in a.said() and numbers(a) == list(range(1, 61)) and left(a) == []


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_cut_anywhere(machines, link, cpus):
    """Cut, or silent, after any message: it goes on in one place, with the right answer."""
    rng, after, out = random.Random(cpus), 0, "goes on here"
    a, b = machines(cpus=cpus)
    want = a.check("hashes 1000 40", 60)
    pid = start(a, "hashes 1000 40 -")     # until it is told to end it computes
    while "goes on here" in out and after < 120:
        after += rng.randrange(1, 9)
        passed, then = iter(range(after)), rng.choice([None, b""])
        link.connect(lambda kind, m, p=passed, then=then: then if next(p, None) is None else m)
        receive(b, "-t 2")
        out = send(a, pid, "-t 2")
        a.vm_check()
        if "goes on here" in out:
            link.cut()
            assert pids(a, "hashes") == [pid]
            for p in pids(b, "migrate"):       # it heard of nothing
                b.run(f"kill {p}")
            got(b)
            assert pids(b, "hashes") == []
            b.run("rm /migrated*")             # perhaps: its answer was lost
    if "goes on here" in out:
        link.connect()
        receive(b)
        out = send(a, pid)
    assert pids(a, "hashes") == []
    if "has ended here" in out:
        got(b)
        start(b, f"restore {left(b)[-1]}", "hashes")
    b.run("touch /go; wait", 120)          # it may say its last word at any moment
    assert want in got(b) + b.said()
