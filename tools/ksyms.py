#!/usr/bin/python3
# SPDX-License-Identifier: MIT
#
# Makes the kernel's table of its own function names.
#
#   nm -n FIRST_LINK.elf | tools/ksyms.py > ksyms.S
#
# The kernel is linked twice: once without the table, then again with ksyms.S
# compiled (with the kernel's own flags) and added to the objects.  The table
# goes behind the text, so the addresses of the first link stay true.  One entry
# is the offset of a function from __text_start and of its name in the names.

import sys


def functions(lines):
    """(address, name) of every text symbol, one for each address."""
    start = end = None
    found = {}
    for line in lines:
        fields = line.split()
        if len(fields) != 3:
            continue
        address, kind, name = int(fields[0], 16), fields[1], fields[2]
        if name == "__text_start":
            start = address
        elif name == "__text_end":
            end = address
        elif kind in "tT" and not name.startswith((".L", "$", "__image", "__rodata")):
            found.setdefault(address, name)
    if start is None or end is None:
        sys.exit("ksyms.py: no __text_start and __text_end on standard input")
    inside = sorted((a - start, n) for a, n in found.items() if start <= a < end)
    return inside + [(end - start, "")]


def main():
    symbols = functions(sys.stdin)
    print('  .section .ksyms, "a"\n  .balign 4')
    at = 0
    for offset, name in symbols:
        print(f"  .word {offset}, {at}")
        at += len(name) + 1
    print('  .section .ksyms.names, "a"')
    for _, name in symbols:
        print(f'  .asciz "{name}"')


if __name__ == "__main__":
    main()
