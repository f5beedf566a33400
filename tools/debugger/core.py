#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make a dump of a machine's memory readable for gdb: add the kernel's addresses.

    core.py DUMP CORE [KERNEL]       (KERNEL: build/kernel.elf)

DUMP is what QEMU's `dump-guest-memory DUMP` wrote: memory by physical address, and the
registers of each hart.  The kernel's page table is walked in it, by the book (Privileged
specification, "Sv39: Page-Based 39-bit Virtual-Memory System"), and each stretch that it
maps becomes a segment of CORE, which is then for `gdb KERNEL CORE`.
"""

import pathlib
import struct
import subprocess
import sys

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
PAGE = 4096
V, LEAF = 1, 0b1110
PT_LOAD = 1
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")          # Elf64_Ehdr
SEGMENT = struct.Struct("<IIQQQQQQ")                 # Elf64_Phdr
IMAGE_OFFSET = 0xFFFFFFFF00000000


class BadDump(Exception):
    """It is not what it should be; says why."""


class Dump:
    """An ELF core file of physical memory."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        if len(self.bytes) < HEADER.size or self.bytes[:4] != b"\x7fELF":
            raise BadDump("it is no ELF file")
        self.header = list(HEADER.unpack_from(self.bytes))
        offset, size, n = self.header[5], self.header[9], self.header[10]
        if size != SEGMENT.size or offset + size * n > len(self.bytes):
            raise BadDump("its segments are not there")
        self.segments = [SEGMENT.unpack_from(self.bytes, offset + size * k) for k in range(n)]

    def offset_of(self, pa):
        """=> where a page of physical memory is in the file, or None"""
        for kind, _, offset, _, start, size, *_ in self.segments:
            if kind == PT_LOAD and start <= pa and pa + PAGE <= start + size:
                return offset + pa - start
        return None

    def u64(self, pa):
        at = self.offset_of(pa & -PAGE)
        if at is None or at + PAGE > len(self.bytes):
            raise BadDump(f"{pa:#x} is not in it: was it made by this kernel's machine?")
        return struct.unpack_from("<Q", self.bytes, at + pa % PAGE)[0]


def symbol(kernel, name):
    out = subprocess.run(["nm", str(kernel)], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        address, _, found = line.split()[-3:]
        if found == name:
            return int(address, 16)
    raise BadDump(f"{kernel} has no {name}")


def leaves(dump, table, level=2, va=0):
    """What a table maps in the kernel's half: (va, pa, bytes), by address."""
    for i in range(512):
        pte = dump.u64(table + 8 * i)
        at = va | i << 12 + 9 * level
        if level == 2:
            if i < 256:
                continue
            at |= -1 << 39 & (1 << 64) - 1
        if not pte & V:
            continue
        pa = (pte >> 10 & (1 << 44) - 1) << 12
        if pte & LEAF:
            yield at, pa, PAGE << 9 * level
        else:
            yield from leaves(dump, pa, level - 1, at)


def stretches(dump, root):
    """(va, offset in the file, bytes), neighbours joined; devices are left out."""
    joined = []
    for va, pa, size in leaves(dump, root):
        for part in range(0, size, PAGE):
            offset = dump.offset_of(pa + part)
            if offset is None:
                continue
            if joined and (joined[-1][0] + joined[-1][2], joined[-1][1] + joined[-1][2]) == (
                    va + part, offset):
                joined[-1][2] += PAGE
            else:
                joined.append([va + part, offset, PAGE])
    return joined


def convert(dump, root):
    """=> the bytes of the core file"""
    notes = [s for s in dump.segments if s[0] != PT_LOAD]
    loads = [(PT_LOAD, 7, offset, va, 0, size, size, 1)
             for va, offset, size in stretches(dump, root)]
    if not loads:
        raise BadDump("the kernel's page table maps nothing of it")
    header = dump.header
    header[5], header[10] = len(dump.bytes), len(notes) + len(loads)
    header[6] = header[11] = header[12] = header[13] = 0          # no sections
    segments = b"".join(SEGMENT.pack(*s) for s in notes + loads)
    return HEADER.pack(*header) + dump.bytes[HEADER.size:] + segments


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: core.py DUMP CORE [KERNEL]")
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    kernel = pathlib.Path(sys.argv[3]) if len(sys.argv) == 4 else BUILD / "kernel.elf"
    try:
        dump = Dump(source)
        root = dump.u64(symbol(kernel, "kernel_pmap") - IMAGE_OFFSET)
        target.write_bytes(convert(dump, root))
    except (BadDump, OSError, subprocess.SubprocessError) as e:
        sys.exit(f"core: {source}: {e}")
    print(f"gdb-multiarch {kernel} {target} -x tools/debugger/main.py")


if __name__ == "__main__":
    main()
