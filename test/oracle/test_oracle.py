# SPDX-License-Identifier: MIT
"""Random sequences of memory and file calls show the same on quire as on Linux.

The program in this folder is built for the host's own Linux, which says what is
right, and for quire.  A seed that differs is cut down here, by leaving out steps for
as long as it still differs; what fails the test is the short sequence.
"""

import difflib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from guest import BUILD, Guest, GuestError, file_name
from host import tool

HERE = pathlib.Path(__file__).parent
SOURCES = sorted(HERE.glob("*.c"))
STEPS = 60
START = int(os.environ.get("SEED", "1"))
PROGRAM = "/oracle"

# What qemu-riscv64 does its own way: see docs/oracle.md.
EMULATED = ["-e", "-x", "odd,mremap,mincore,madvise"]

# Of a comparison: what differs, and the steps.
TELLING = re.compile(r"(?![-+]seed )[-+]| *\d+ ")


class Died(Exception):
    """Whatever ran the program is gone, or does not answer."""


# ---- Who runs it ----

class Host:
    """A Linux process; its files are in memory."""

    name = "Linux"

    def __init__(self, command):
        self.command = command
        self.where = tempfile.mkdtemp(prefix="quire-oracle-", dir="/dev/shm")

    def run(self, *args):
        try:
            p = subprocess.run([*self.command, *map(str, args)], cwd=self.where, timeout=600,
                               capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as e:
            raise Died("no end within 600 s") from e
        return p.stdout.splitlines()

    def close(self):
        shutil.rmtree(self.where)


class Machine:
    """quire, booted again after it died."""

    name = "quire"

    def __init__(self, name, image, where="/", **options):
        self.name_of_guest, self.image, self.where, self.options = name, image, where, options
        self.guest, self.count = None, 0

    def start(self):
        self.count += 1
        self.guest = Guest(f"{self.name_of_guest}-{self.count}", image=self.image,
                           append="panic=exit quiet", **self.options)
        self.guest.check(f"cd {self.where}")

    def run(self, *args, timeout=600):
        line = " ".join(map(str, [PROGRAM, *args]))
        try:
            if self.guest is None:
                self.start()
            return self.guest.run(f"{line} > out; cat out", timeout).split("\n")
        except GuestError as e:
            self.close()
            raise Died(str(e)) from e

    def check(self):
        if self.guest:
            self.guest.vm_check()

    def close(self):
        if self.guest:
            self.guest.close()
        self.guest = None


# ---- What differs, and shorter ----

def ranges(steps):
    """=> `steps` as the program's -k takes them"""
    return ",".join(map(str, steps)) or "-"


def story(runner, seed, steps, left_out, timeout):
    """All that a run shows, a line each; the last one is a hash of them."""
    args = ["-v", "-s", STEPS, "-k", ranges(steps), *left_out, seed]
    try:
        return runner.run(*args)
    except Died as e:
        return [f"{runner.name}: {e}"]


class Difference:
    """A seed that two do not agree about."""

    def __init__(self, right, wrong, seed, left_out):
        self.right, self.wrong, self.seed, self.left_out = right, wrong, seed, left_out

    def stories(self, steps):
        return [story(r, self.seed, steps, self.left_out, 60) for r in (self.right, self.wrong)]

    def differs(self, steps):
        a, b = self.stories(steps)
        return a != b

    def last_needed(self):
        """The step at which the stories part."""
        last = 0
        for a, b in zip(*self.stories(range(STEPS))):
            step = re.match(r" *(\d+) ", a)
            last = max(last, int(step[1]) if step else 0)
            if a != b:
                break
        return last

    def shrink(self):
        """=> steps that are enough, none of which can be missed; none if it comes and goes"""
        steps = list(range(STEPS))
        if not self.differs(steps):
            return None
        if self.differs(steps[:self.last_needed() + 1]):
            steps = steps[:self.last_needed() + 1]
        size = len(steps) // 2
        while size >= 1:
            at, shorter = 0, False
            while at < len(steps):
                fewer = steps[:at] + steps[at + size:]
                if self.differs(fewer):
                    steps, shorter = fewer, True
                else:
                    at += size
            size = size if shorter and size == 1 else size // 2
        return steps

    def report(self):
        steps = self.shrink()
        if steps is None:
            return f"seed {self.seed} differed once, and not again: it is a matter of time"
        a, b = self.stories(steps)
        diff = difflib.unified_diff(a, b, self.right.name, self.wrong.name, n=1000, lineterm="")
        command = ["oracle -v", "-k", ranges(steps), *self.left_out, str(self.seed)]
        return "\n".join([f"seed {self.seed}, {len(steps)} of {STEPS} steps: {' '.join(command)}",
                          *(line for line in diff if TELLING.match(line))])


def seed_of(line):
    return int(line.split()[1])


def same_alone(runner, args, line):
    try:
        return runner.run(*args, "-n", 1, seed_of(line)) == [line]
    except Died:
        return False


def lost_seeds(runner, args, first, expected, copies):
    """=> the lines of `expected` that it did not say; if it died, of the first alone"""
    try:
        seen = set(runner.run("-j", copies, *args, "-n", len(expected), first))
        return [line for line in expected if line not in seen]
    except Died as e:
        deadly = next((line for line in expected if not same_alone(runner, args, line)), None)
        if deadly is None:
            pytest.fail(f"no seed alone does this: {e}", pytrace=False)
        return [deadly]


def compare(right, wrong, first, count, left_out=(), copies=1):
    args = ["-s", STEPS, *left_out]
    expected = right.run(*args, "-n", count, first)
    assert len(expected) == count
    lost = lost_seeds(wrong, args, first, expected, copies)
    if lost:
        reports = [Difference(right, wrong, seed_of(line), left_out).report() for line in lost[:3]]
        pytest.fail(f"{len(lost)} of {count} seeds differ\n" + "\n\n".join(reports), pytrace=False)


# ---- Tests ----

def build(compiler, to, *flags):
    subprocess.run([compiler, "-O1", "-g", *flags, "-o", to, *SOURCES], check=True, timeout=120)
    return to


@pytest.fixture(scope="module")
def programs(cross, tmp_path_factory):
    """(for the host, for quire)"""
    where = tmp_path_factory.mktemp("oracle")
    return build("cc", where / "host"), build(f"{cross}gcc", where / "oracle", "-static")


@pytest.fixture(scope="module")
def linux(programs):
    host = Host([programs[0]])
    yield host
    host.close()


@pytest.fixture(scope="module")
def disk(programs, tmp_path_factory):
    image = tmp_path_factory.mktemp("oracle") / "fs.img"
    shutil.copyfile(BUILD / "test" / "fs.img", image)
    tool("fsput", image, programs[1], "/")
    return image


@pytest.fixture
def machine(request, disk):
    """machine(cpus=, mem=) => quire"""
    made = []

    def make(**options):
        made.append(Machine(file_name(request.node.name), disk, **options))
        return made[-1]

    yield make
    for m in made:
        m.close()


# Files are on a disk, or in memory.
MACHINES = pytest.mark.parametrize("cpus, mem, where", [
    (1, "32M", "/"), (4, "32M", "/tmp"), (1, "128M", "/tmp"), (4, "128M", "/"),
])


def agree(linux, m, first, count, copies=1):
    compare(linux, m, first, count, copies=copies)
    m.check()


@MACHINES
def test_as_on_linux(linux, machine, cpus, mem, where):
    first = START + 100 * cpus + (1000 if mem == "32M" else 0)
    agree(linux, machine(cpus=cpus, mem=mem, where=where), first, 80)


def test_many_at_once(linux, machine):
    agree(linux, machine(cpus=4, mem="128M"), START + 5000, 48, copies=16)


def test_emulator(linux, programs):
    """The same program, for RISC-V, on Linux: nothing of it is the host processor's."""
    emulator = Host(["qemu-riscv64", programs[1]])
    emulator.name = "qemu-riscv64"
    try:
        compare(linux, emulator, START, 40, EMULATED)
    finally:
        emulator.close()


@pytest.mark.long
@MACHINES
@pytest.mark.parametrize("part", range(5))
def test_thousands(linux, machine, cpus, mem, where, part):
    m = machine(cpus=cpus, mem=mem, where=where)
    first = START + 100000 + 10000 * part + (2500 if mem == "32M" else 0) + 5000 * (cpus > 1)
    for batch in range(5):
        agree(linux, m, first + 500 * batch, 500)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_thousands_at_once(linux, machine, part):
    agree(linux, machine(cpus=4, mem="128M"), START + 200000 + 2000 * part, 2000, copies=16)
