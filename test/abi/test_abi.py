# SPDX-License-Identifier: MIT
"""C programs made by the stock Linux toolchain behave as they do on Linux.

Each program in programs/ is built here with gcc and glibc, statically, and run
twice: by qemu-riscv64 on the host's Linux, and by quire.  Both have to print the
same and end with the same status.
"""

import os
import pathlib
import re
import subprocess

import pytest

from guest import BUILD, Guest
from host import tool

SOURCES = sorted((pathlib.Path(__file__).parent / "programs").glob("*.c"))
FLAGS = {"nolibc": ["-nostdlib"]}
LIMIT = 120

# Where qemu-riscv64 does not do what Linux does: what it prints -> what Linux would.
# It leaves sa_mask out of the handler's mask, and children tell its own libc.
DEPARTURES = {
    "signals": [
        (r"(depth.*) other 0", r"\1 other 1"),
        (r"no notice: .*", "no notice: 0 times, signal 0, code 0, mine 0"),
        (r"no zombie: .*", "no zombie: -1 No child processes"),
    ],
}


# What it cannot run: it does not tell anybody of the death of threads.
EXPECTED = {
    "robust": ("process: Owner died\nthread: Owner died\nwhile waiting: Owner died\n"
               "in order again: Success\n", 0),
}


def compile_program(cross, source, to):
    flags = FLAGS.get(source.stem, ["-pthread"])
    subprocess.run([f"{cross}gcc", "-O1", "-g", "-static", *flags, "-o", to, source, "-lm"],
                   check=True, timeout=120)


@pytest.fixture(scope="module")
def programs(cross):
    """{name: the built program}"""
    where = BUILD / "test" / "abi"
    where.mkdir(parents=True, exist_ok=True)
    built = {source.stem: where / source.stem for source in SOURCES}
    for source in SOURCES:
        compile_program(cross, source, built[source.stem])
    return built


class Machine:
    """One guest for all programs; a new one after it broke."""

    def __init__(self, image):
        self.image = image
        self.guest = None
        self.count = 0

    def get(self):
        if self.guest is None or not self.guest.alive():
            self.count += 1
            self.guest = Guest(f"abi-{self.count}", cpus=2, image=self.image)
            self.guest.check("mkdir t && cd t")
        return self.guest

    def drop(self):
        if self.guest:
            self.guest.close()
        self.guest = None


@pytest.fixture(scope="module")
def machine(programs, tmp_path_factory):
    image = tmp_path_factory.mktemp("abi") / "fs.img"
    image.write_bytes((BUILD / "test" / "fs.img").read_bytes())
    tool("fsput", "-d", image, "/abi")
    tool("fsput", image, *programs.values(), "/abi")
    m = Machine(image)
    yield m
    m.drop()


def on_linux(program, where):
    """=> (output, status as a shell tells it)"""
    env = {"PATH": os.environ["PATH"], "EMULATOR": "qemu-riscv64"}
    p = subprocess.run(["qemu-riscv64", program], cwd=where, env=env, timeout=LIMIT,
                       stdin=subprocess.DEVNULL, capture_output=True)
    status = p.returncode if p.returncode >= 0 else 128 - p.returncode
    output = p.stdout.decode()
    for wrong, right in DEPARTURES.get(pathlib.Path(program).name, []):
        output = re.sub(wrong, right, output)
    return output, status


@pytest.mark.parametrize("name", [source.stem for source in SOURCES])
def test_program(machine, programs, tmp_path, name):
    expected = EXPECTED.get(name) or on_linux(programs[name], tmp_path)
    g = machine.get()
    try:
        g.run(f"/abi/{name} < /dev/null > out", LIMIT)
        status = int(g.run("echo $?"))
        found = g.run("cat out") + "\n", status
        g.vm_check()
    except Exception:
        machine.drop()
        raise
    assert found == expected
