# SPDX-License-Identifier: MIT
"""Large pages, seen from outside: one entry for 2 MiB, and small ones when a part changes."""

import re

import pytest

from guest import wait_for
from outside import A, D, R, U, V, W, Snapshot

REGION, LARGE, PAGE = 0x40000000, 2 << 20, 4096


def made(g, *steps):
    """Run programs/large.c. => its number"""
    g.run(f"large {' '.join(steps)} > /said &")
    wait_for(lambda: "large" in g.run("cat /said"))
    return int(re.fullmatch(r"large (\d+)", g.run("cat /said"))[1])


def leaves(g, pid, megabytes):
    """=> a snapshot, and the leaf entries of each of the two large pages' places"""
    s = Snapshot(g, megabytes)
    root = s.user_root(pid)
    all_of_it = [leaf for leaf in s.leaves(root) if REGION <= leaf.va < REGION + 2 * LARGE]
    return s, [[leaf for leaf in all_of_it if leaf.va & -LARGE == at]
               for at in (REGION, REGION + LARGE)]


def expect_numbers(s, found):
    """Each page's bytes, and that its frame is counted by itself."""
    for leaf in found:
        for off in range(0, leaf.size, PAGE):
            page = (leaf.va + off - REGION) // PAGE
            assert s.u64(leaf.pa + off) == (0 if page % 3 else page + 1), page
            f = s.frame(leaf.pa + off)
            assert (f.kind, f.share, f.mapped) == ("ANON", 1, 1), page


def told(g, pid):
    """What smaps says of it, in KiB."""
    text = g.run(f"cat /proc/{pid}/smaps")
    of_it = text[re.search(r"(?m)^40000000-", text).start():]
    return [int(n) for n in re.findall(r"AnonHugePages: +(\d+) kB", of_it.split("[stack]")[0])]


def test_one_entry(boot):
    g = boot(mem="64M", cpus=2)
    pid = made(g)
    s, found = leaves(g, pid, 64)
    for at, [leaf] in zip((REGION, REGION + LARGE), found):
        assert (leaf.va, leaf.size) == (at, LARGE) and leaf.pa % LARGE == 0
        assert leaf.has(V | R | W | U | A | D)
        expect_numbers(s, [leaf])
    assert told(g, pid) == [4096]
    status = g.run(f"cat /proc/{pid}/status")
    assert int(re.search(r"RssAnon:\s+(\d+)", status)[1]) >= 4096
    g.vm_check()
    assert told(g, pid) == [4096]                    # nobody who only looks at all splits one


@pytest.mark.parametrize("step", ["protect", "fork"])
def test_in_parts(boot, step):
    g = boot(mem="64M", cpus=2)
    pid = made(g, step)
    s, found = leaves(g, pid, 64)
    expect_numbers(s, found[0] + found[1])
    small, large = (found[0], found[1:]) if step == "protect" else (found[0] + found[1], [])
    assert len(small) == (512 if step == "protect" else 1024)
    for leaf in small:
        assert leaf.size == PAGE and leaf.has(V | R | U | A | D)
    read_only = [(leaf.va - REGION) // PAGE for leaf in small if not leaf.has(W)]
    if step == "protect":
        assert [leaf.pa for leaf in small] == [small[0].pa + i * PAGE for i in range(512)]
        assert [leaf.size for leaf in large[0]] == [LARGE] and read_only == [7]
    assert sum(told(g, pid)) == (2048 if step == "protect" else 0)
    g.vm_check()


def test_through_swap(boot, disk):
    """Pages that are away come back to become parts of a large one."""
    g = boot(mem="32M", cpus=2, swap=disk(16))
    pid = made(g, "out")
    s, found = leaves(g, pid, 32)
    assert [leaf.size for leaf in found[0] + found[1]] == [LARGE, LARGE]
    expect_numbers(s, found[0] + found[1])
    assert "thp_split_pmd 0\n" not in g.run("cat /proc/vmstat")
    g.vm_check()


def test_gives_way(boot, disk):
    """A large page does not keep memory from others: in need it goes, page by page."""
    g = boot(mem="16M", cpus=1, swap=disk(32))
    pid = made(g)
    g.check("thrash -p rand 12", 120)
    assert sum(told(g, pid)) < 4096
    g.vm_check()
