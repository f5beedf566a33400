# SPDX-License-Identifier: MIT
"""/proc about single pages and frames: pagemap, kpagecount, kpageflags, frames, smaps."""

import collections
import re

import pytest

from outside import Snapshot


@pytest.fixture
def family(boot):
    """=> a guest in which nothing happens, and the two processes of programs/family.c"""
    g = boot(mem="16M", cpus=2)
    g.start("family &")
    parent, child = (int(n) for n in g.expect(r"family (\d+) (\d+)\s")[1].groups())
    g.run("")
    return g, parent, child


REGION, PAGES, OWN = 0x40000, 32, 8      # as family.c: page number, pages, the child's own


def frames(g):
    """=> [(pfn, kind, flags, share, mapped, pins, slot, [(pid, page)...])] of every frame"""
    head, *lines = g.run("cat /proc/frames", 60).splitlines()
    assert head.split() == ["frame", "kind", "flags", "share", "mapped", "pins", "slot",
                            "pid:page..."]
    rows = []
    for line in lines:
        pfn, kind, flags, share, mapped, pins, slot, *where = line.split()
        rows.append((int(pfn, 16), kind, flags, int(share), int(mapped), int(pins), int(slot, 16),
                     [(int(pid), int(page, 16)) for pid, page in (w.split(":") for w in where)]))
    return rows


def numbers(g, path, first, n):
    """Numbers of 64 bits out of a file that is an array of them."""
    g.run(f"dd if={path} of=/numbers bs=8 skip={first} count={n} 2> /dev/null")
    lines = [line.split() for line in g.run("hexdump -C /numbers").splitlines()]
    data = b""
    for before, fields in zip([None, *lines], lines):
        if before and before[0] == "*":            # as many lines like the last one
            data += data[-16:] * ((int(fields[0], 16) - len(data)) // 16)
        if fields[0] != "*":
            data += bytes(int(b, 16) for b in fields[1:17] if re.fullmatch("[0-9a-f]{2}", b))
    return [int.from_bytes(data[i:i + 8], "little") for i in range(0, 8 * n, 8)]


def test_frames_are_an_inverted_page_table(family):
    g, parent, child = family
    rows = frames(g)
    where = {pair: row for row in rows for pair in row[7]}
    for k in range(PAGES):
        mine, its = where[parent, REGION + k], where[child, REGION + k]
        assert (mine == its) == (k >= OWN), k
        assert mine[1] == "private" and mine[6] == 0
    s = Snapshot(g, 16)
    for pid in (1, parent, child):
        seen = {(leaf.pa >> 12, (pid, leaf.va >> 12)) for leaf in s.leaves(s.user_root(pid))
                if leaf.va < 1 << 38 and leaf.pa != s.zero_frame_pa()}
        # Tables held in common are in nobody's walk.
        assert seen <= {(row[0], pair) for row in rows for pair in row[7]}, pid


def test_frames_add_up(family):
    g, *_ = family
    rows = frames(g)
    fields = dict(re.findall(r"(\w+): +(\d+) kB", g.run("cat /proc/meminfo")))
    kib = collections.Counter(row[1] for row in rows)
    assert [row[0] for row in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
    for kind, name in (("free", "MemFree"), ("private", "AnonPages"), ("slab", "Slab"),
                       ("table", "PageTables")):
        assert abs(4 * kib[kind] - int(fields[name])) <= 128, kind
    assert kib["zero"] == 1
    assert all(row[4] <= row[3] for row in rows if row[1] == "private")


def test_pagemap_and_kpage_files(family):
    g, parent, child = family
    where = {pair: row for row in frames(g) for pair in row[7]}
    for pid in (parent, child):
        entries = numbers(g, f"/proc/{pid}/pagemap", REGION - 2, PAGES + 4)
        assert entries[:2] == entries[-2:] == [0, 0]
        for k, entry in enumerate(entries[2:-2]):
            pfn = where[pid, REGION + k][0]
            assert entry & (1 << 55) - 1 == pfn and entry >> 61 == 0b100      # present, private
            assert entry >> 56 & 1 == (k < OWN)                               # exclusive
    for k in (0, PAGES - 1):
        pfn = where[parent, REGION + k][0]
        assert numbers(g, "/proc/kpagecount", pfn, 1)[0] >= 1
        flags = numbers(g, "/proc/kpageflags", pfn, 1)[0]
        assert flags & (1 << 12) and flags & (1 << 11) and not flags & (1 << 10)  # ANON, MMAP
    assert numbers(g, "/proc/kpageflags", 0, 1)[0] == 1 << 20                 # no such frame
    assert g.status("dd if=/proc/self/pagemap bs=7 count=1 2> /dev/null") != 0


def test_smaps_parts_are_of_pages(family):
    """What is told of a process's pages is what the frames say."""
    g, parent, child = family
    rows = frames(g)
    for pid in (parent, child):
        held = [row for row in rows for owner, _ in row[7] if owner == pid]
        rollup = dict(re.findall(r"(\w+): +(\d+) kB", g.run(f"cat /proc/{pid}/smaps_rollup")))
        assert int(rollup["Rss"]) == 4 * len(held)
        private = [row for row in held if row[1] == "private"]
        assert int(rollup["Anonymous"]) == 4 * len(private)
        pss = sum(4 / len(row[7]) for row in held)
        assert abs(int(rollup["Pss"]) - pss) <= 2
        shared = [row for row in held if len(row[7]) > 1]
        assert int(rollup["Shared_Clean"]) + int(rollup["Shared_Dirty"]) == 4 * len(shared)
        status = dict(re.findall(r"(\w+):\s+(\d+) kB", g.run(f"cat /proc/{pid}/status")))
        assert status["VmRSS"] == rollup["Rss"] and status["RssAnon"] == rollup["Anonymous"]
        assert int(status["RssFile"]) == 4 * (len(held) - len(private))
    smaps = g.run(f"cat /proc/{parent}/smaps")
    region = re.search(r"(?s)40000000-40020000 rw-p.*?VmFlags: (.*?)\n", smaps)
    fields = dict(re.findall(r"(\w+): +(\d+) kB", region[0]))
    assert (fields["Size"], fields["Rss"], fields["Private_Dirty"]) == ("128", "128", "32")
    assert region[1].split() == ["rd", "wr", "mr", "mw", "me"]
