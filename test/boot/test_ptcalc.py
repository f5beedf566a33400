# SPDX-License-Identifier: MIT
"""tools/ptcalc against figures worked out by hand, and against a count of its own."""

import random
import re
import runpy
import subprocess

import pytest

from guest import ROOT


def ptcalc(*args, ok=True):
    r = subprocess.run([ROOT / "tools/ptcalc", *map(str, args)], capture_output=True, text=True)
    assert (r.returncode == 0) == ok, r.stderr
    return r.stdout if ok else r.stderr


def figures(*args):
    """=> entries and bytes of the tables, of one table for all, accesses a reference"""
    out = ptcalc(*args)
    m = re.search(r"all: (\d+) entries, (.*); one table would have (\d+), (.*)\n"
                  r"a reference: (\d+) accesses", out)
    return int(m[1]), m[2], int(m[3]), m[4], int(m[5])


# arguments -> entries, bytes, entries and bytes of a single table, accesses
BY_HAND = {
    # 64 pages, of which 5 times 8 lie below tables that exist: 8 + 5 * 8
    "-a 12 -p 64 -s 3,3 -u 0-39": (48, "192 bytes", 64, "256 bytes", 3),
    # a process with something at either end: 16 + 8 * 4
    "-a 12 -p 64 -s 4,2 -u 0-15,48-63": (48, "192 bytes", 64, "256 bytes", 3),
    "-a 12 -p 32": (128, "512 bytes", 128, "512 bytes", 2),
    "-a 12 -p 512": (8, "32 bytes", 8, "32 bytes", 2),
    "-a 32": (1 << 20, "4 MiB", 1 << 20, "4 MiB", 2),
    "-a 64": (1 << 52, "32 PiB", 1 << 52, "32 PiB", 2),
    "-a 64 -l 4 -u 0": (4 * 8192, "256 KiB", 1 << 52, "32 PiB", 5),
    "--sv39 -u 0": (3 * 512, "12 KiB", 1 << 27, "1 GiB", 4),
    "--sv39 -u 0x10000-0x13fff,0x3fbffff000-0x3fbfffffff": (5 * 512, "20 KiB", 1 << 27, "1 GiB", 4),
    "--sv32": (1024 + (1 << 20), "4100 KiB", 1 << 20, "4 MiB", 3),
}


@pytest.mark.parametrize("args", BY_HAND)
def test_by_hand(args):
    assert figures(*args.split()) == BY_HAND[args]


def test_against_a_count():
    """Random shapes and ranges: the tables are those that some used page needs."""
    lib = runpy.run_path(str(ROOT / "tools/ptcalc"))
    rng = random.Random(1)
    for _ in range(300):
        split = tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 4)))
        pages = 1 << sum(split)
        used, words = set(), []
        for _ in range(rng.randint(1, 4)):
            first = rng.randrange(pages)
            last = rng.randrange(first, pages)
            used.update(range(first, last + 1))
            words.append(f"{first}-{last}")
        shape = lib["Shape"](sum(split) + 6, 64, split, 4)
        expected, below = [], sum(split)
        for bits in split:
            expected.append(len({page >> below for page in used}))
            below -= bits
        assert shape.tables(lib["parse_used"](",".join(words), shape)) == expected, (split, words)


def test_effective_access_time():
    """Hits cost 1 + 100 ns, misses two walks' accesses more."""
    out = ptcalc("-a", 32, "-l", 2, "--memory", 100, "--tlb", 1, "--hit", "0.98")
    assert "effective access time: 105 ns" in out


@pytest.mark.parametrize("args,why", [
    ("", "how many bits"), ("-a 32 -p 5000", "power of two"), ("-a 12 -p 4K", "as large"),
    ("-a 32 -s 10,9", "19 bits together"), ("-a 32 -l 0", "levels"), ("-a 99", "64 bits"),
    ("-a 12 -p 64 -u 60-70", "not in the 64 pages"), ("-a 32 --hit 2", "ratio"),
    ("--sv39 -a 20", "how many bits"), ("--sv39 -p 8K", "says what its pages"),
    ("-a 32 -l 3 -s 10,10", "says how many levels"), ("-a 32 --hit nan", "ratio"),
    ("-a 32 --hit 0.5 --memory 0", "takes time"), ("-a 32 --tlb nan", "no time"),
    ("-a 32 --memory -1", "no time"), ("-a 12 -p 64 -u x", "invalid literal"),
    ("-a 32 -l 30", "bits")])
def test_bad_input(args, why):
    assert why in ptcalc(*args.split(), ok=False)
