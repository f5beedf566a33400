#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two machines, and a process that goes from the left one to the right one.

  demo.py CPUS MEM

What their consoles say is shown side by side, as it comes.  Ends with status 0 if the process
has computed on the right what it would have on the left.
"""

import pathlib
import re
import selectors
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/boot"))
from guest import PATIENCE, Guest

MIB, LINES = 16, 40
PARTS, STEPS, PART, MASK = 5, 4000, 131072, (1 << 64) - 1    # as in ticker.c
WIDTH = max(50, min(100, (shutil.get_terminal_size((124, 24)).columns - 3) // 2))


def expected():
    """What the program ticker arrives at."""
    table, h = {}, 1
    for _ in range(LINES * PARTS):
        start = (h >> 32) % MIB * PART
        for _ in range(STEPS):
            at = start + (h >> 32) % PART
            h = table[at] = (h * 6364136223846793005 + table.get(at, at)) & MASK
    return f"{h:X}"


class Screen:
    """Lines of two machines; one that is not at its end is shown over and over."""

    def __init__(self):
        self.open = False

    def show(self, side, text, whole=True):
        text = text[:WIDTH]
        line = f"{text:<{WIDTH}} |" if side == 0 else f"{'':<{WIDTH}} | {text}"
        if sys.stdout.isatty():
            print("\r\033[K" * self.open + line, end="\n" if whole else "", flush=True)
            self.open = not whole
        elif whole:
            print(line, flush=True)


class Machine:
    def __init__(self, screen, side, name, options, cpus, mem):
        self.screen, self.side = screen, side
        self.guest = Guest(f"demo-{name}", cpus=cpus, mem=mem, append="quiet", qemu=options)
        self.text, self.said = "", ""

    def do(self, line):
        self.screen.show(self.side, f"$ {line}")
        self.guest.start(line)
        self.take(self.guest.console.buffer)
        self.guest.console.buffer = ""

    def take(self, text):
        """A carriage return alone comes before what is shown over what was; at the end of
        what has come, a line feed may follow yet."""
        self.text += text
        *parts, self.text = re.split(r"(\r*\n|\r+(?=[^\r\n]))", self.text)
        for part, end in zip(parts[::2], parts[1::2]):
            part = part.strip().removeprefix("$ ")
            if part and part != "$":
                self.said += part + "\n"
                self.screen.show(self.side, part, "\n" in end)

    def read(self):
        self.take(self.guest.console.read_nonblocking(4096, timeout=1))


def until(machines, pattern, seconds=60):
    """Show what comes, until one has said that. => what that was"""
    wanted, machine = pattern
    end = time.monotonic() + seconds * PATIENCE
    with selectors.DefaultSelector() as ready:
        for m in machines:
            ready.register(m.guest.console.fileno(), selectors.EVENT_READ, m)
        while not (found := re.search(wanted, machine.said)):
            if time.monotonic() > end:
                machine.guest.fail(f"no {wanted!r}")
            for key, _ in ready.select(1):
                key.data.read()
    return found[0]


def link(where, more):
    return ("-chardev", f"socket,id=link,path={where}/link{more}",
            "-device", "virtio-serial-device,max_ports=2,bus=virtio-mmio-bus.7",
            "-device", "virtserialport,chardev=link,nr=1")


def run(machines):
    left, right = machines
    left.guest.run("date; uname -a")          # so that numbers of processes differ
    left.do(f"ticker {MIB} {LINES} &")
    until(machines, (r"line 4 of", left))
    pid = next(int(line.split()[0]) for line in left.guest.run("ps").splitlines()
               if line.split()[-1] == "ticker")
    right.do("migrate --receive")
    left.do(f"migrate -p 100 {pid}")
    pause = until(machines, (r"stood still for \d+ ms", left))
    until([right], (f"line {LINES} of {LINES}, .*\n", right))
    good = expected() in right.said
    print(f"\nFrom left to right; it {pause}, and what it has computed is "
          f"{'right' if good else 'WRONG'}.")
    return 0 if good else 1


def main():
    cpus, mem = sys.argv[1:]
    screen = Screen()
    machines = []
    with tempfile.TemporaryDirectory(prefix="quire-") as where:
        try:
            for side, (name, more) in enumerate((("left", ",server=on,wait=off"), ("right", ""))):
                machines.append(Machine(screen, side, name, link(where, more), cpus, mem))
            return run(machines)
        finally:
            for m in machines:
                m.guest.close()


sys.exit(main())
