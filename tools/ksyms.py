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
# is the length of a function in halfwords, the names follow in the same order.

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
    inside = sorted((a, n) for a, n in found.items() if start < a < end)
    first = (start, found.get(start, "_start"))
    return [first, *inside, (end, "")]


def main():
    symbols = functions(sys.stdin)
    print('  .section .ksyms, "a"\n  .balign 2')
    for (at, name), (after, _) in zip(symbols, symbols[1:]):
        length = (after - at) // 2
        if length > 0xffff:
            sys.exit(f"ksyms.py: {name} is longer than an entry can say")
        print(f"  .half {length}")
    print('  .section .ksyms.names, "a"')
    for _, name in symbols[:-1]:
        print(f'  .asciz "{name}"')


if __name__ == "__main__":
    main()
