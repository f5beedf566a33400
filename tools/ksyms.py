#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Makes the kernel's table of its own functions (kernel/ksym.c).
#
#   tools/ksyms.py TOOLPREFIX FIRST_LINK.elf > ksyms.S
#
# The kernel is linked twice: once without the table, then again with ksyms.S
# compiled (with the kernel's own flags) and added to the objects.  The table
# goes behind the text, so the addresses of the first link stay true.  An entry
# says where a function begins and, from the compiler's call frame information,
# how its stack frame looks while it calls others; the names follow in order, made
# short: a byte from 128 on stands for two others, which may be such ones again.

import collections
import itertools
import re
import subprocess
import sys

NAME = 64  # struct ksym of kernel/ksym.h
ROW = re.compile(r"[0-9a-f]{16} sp\+(\d+) ")


def output(tool, *args):
    return subprocess.run([tool, *args], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def functions(lines):
    """(address, name) of every text symbol, one for each address; and where they begin."""
    found, bounds = {}, {}
    for line in lines:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name in ("__text_start", "__text_end"):
            bounds[name] = address
        elif kind in "tT" and not name.startswith((".L", "$", "__image", "__rodata")):
            found.setdefault(address, name)
    start, end = bounds["__text_start"], bounds["__text_end"]
    found.setdefault(start, "_start")
    return start, sorted((a, n) for a, n in found.items() if start <= a < end)


def frames(lines):
    """{address: (size, bytes from its end to the return address, 0: it stays in ra)}."""
    found, leaves, at, ra = {}, {}, None, None
    for line in lines:
        fields = line.split()
        if " FDE " in line:
            at = int(re.search(r"pc=(\w+)", line)[1], 16)
        elif " CIE " in line:
            at = None
        elif "LOC" in line:
            ra = fields.index("ra") if "ra" in fields else None
        elif at and (row := ROW.match(line)):
            size = int(row[1])
            if not ra or fields[ra] == "u":
                leaves[at] = max(leaves.get(at, (0, 0)), (size, 0))
                continue
            frame = size, int(fields[ra].removeprefix("c-"))
            if found.setdefault(at, frame) != frame:
                sys.exit(f"ksyms.py: the function at {at:#x} has two frames")
    return leaves | found


def entry(name, offset, size, below_end):
    start, ra, arguments = offset // 2, (size - below_end) // 8, below_end // 8 - 1
    if not below_end:
        ra, arguments = 0, size // 16 if size < 256 else 0
    if start >= 1 << 20 or ra >= 1 << 8 or arguments >= 1 << 4 or len(name) >= NAME:
        sys.exit(f"ksyms.py: {name} lies too far back, or its frame or name is too long")
    return start | arguments << 20 | ra << 24


def shorten(names):
    """(128 pairs, names): each pair in turn the most frequent of two neighbours."""
    names = [list(name.encode() + b"\0") for name in names]
    pairs = []
    for byte in range(128, 256):
        found = collections.Counter(p for name in names for p in zip(name, name[1:-1]))
        best = max(found, key=lambda p: (found[p], p), default=(0, 0))
        pairs.append(best)
        for name in names:
            for i in range(len(name) - 2, -1, -1):
                if tuple(name[i:i + 2]) == best:
                    name[i:i + 2] = [byte]
    return pairs, names


def main(prefix, elf):
    start, symbols = functions(output(prefix + "nm", "-n", elf))
    frame = frames(output(prefix + "readelf", "--debug-dump=frames-interp", elf))
    print('  .section .ksyms, "a"\n  .balign 4')
    for at, name in symbols:
        print(f"  .word {entry(name, at - start, *frame.get(at, (0, 0)))}")
    print('  .section .ksyms.names, "a"')
    for part in itertools.chain(*shorten([name for _, name in symbols])):
        print("  .byte", ", ".join(map(str, part)))


if __name__ == "__main__":
    main(*sys.argv[1:])
