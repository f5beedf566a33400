#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a program in quire under modelled TLBs and print how they did.

    tlb.py FILE IMAGE COMMAND...

What the plugin tools/tlb.c counted is left in FILE.
"""

import runpy
import sys

from capture import BUILD, fail, run

SIZES = [64, 128, 512]             # entries shown
LEVELS = {12: 3, 21: 2}            # tables that a walk reads, by bits of the offset
NAMES = {12: "4 KiB", 21: "2 MiB"}
MEMORY, LOOK_UP = 100, 1           # nanoseconds


def read(path):
    """=> {shift: (references, pages, {entries: misses})}, how it ended"""
    counts, outcome = {}, "nothing was counted"
    with open(path, encoding="ascii") as f:
        for line in f:
            what, _, rest = line.rstrip("\n").partition(" ")
            if what == "end":
                outcome = rest
                continue
            numbers = [int(n) for n in rest.split()]
            if what == "pages":
                misses = {}
                counts[numbers[0]] = (numbers[1], numbers[2], misses)
            else:
                misses[numbers[0]] = numbers[1]
    return counts, outcome


def table(counts):
    effective_time = runpy.run_path(str(BUILD.parent / "tools/ptcalc"))["effective_time"]
    lines = [f"{'TLB':>4}  {'pages':>6} {'used':>7} {'misses':>11} {'hit rate':>10} "
             f"{'walk accesses':>14} {'effective access time':>22}"]
    for entries in SIZES:
        for shift, (references, pages, misses) in counts.items():
            missed, levels = misses[entries], LEVELS[shift]
            hit = 1 - missed / references
            eat = effective_time(levels, MEMORY, LOOK_UP, hit)
            lines.append(f"{entries:4}  {NAMES[shift]:>6} {pages:7} {missed:11} {hit:10.5%} "
                         f"{missed * levels:14} {eat:19.2f} ns")
    return lines


def main():
    if len(sys.argv) < 4 or not sys.argv[3].strip():
        fail("tlb", "what to run? make tlb RUN=\"sort README.md\"")
    path, image, *command = sys.argv[1:]
    status = run("tlb", image, command, f"{BUILD}/tools/tlb.so,out={path}")
    counts, outcome = read(path)
    if outcome != "complete" or not counts:
        fail("tlb", f"{' '.join(command)}: {outcome}")
    references = counts[12][0]
    print(f"\n{' '.join(command)}: {references} references by instructions, loads and stores")
    print("\n".join(table(counts)))
    print(f"memory {MEMORY} ns, look-up {LOOK_UP} ns; fully associative, least recently used")
    return status


if __name__ == "__main__":
    sys.exit(main())
