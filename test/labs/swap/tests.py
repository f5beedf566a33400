# SPDX-License-Identifier: MIT
"""Lab swap: what is in memory, what on the disk, and what was asked of it."""

import struct

from common import look, must, sample, word
from machine import PAGE, R, U, V, W

MASK = (1 << 64) - 1
HALF = (1 << 27) - 1


def total(first, last):
    s = 0
    for a, b in zip(first, last):
        s = word(s ^ a ^ b)
    return s


def ends(pages):
    return [~i & MASK for i in range(pages)]


def fresh(pages, seed):
    return [word(seed + i) for i in range(pages)]


def on_disk(m, slot):
    """The bytes of a slot, from the disk's image."""
    with open(m.swap, "rb") as f:
        f.seek((slot & HALF) * PAGE)
        return f.read(PAGE)


def away(m, s, pages, least, when):
    entries = look(m, s, pages)
    out = [i for i, e in enumerate(entries) if e.slot]
    must(len(out) >= least * pages, f"{when}, {len(out)} of {pages} pages are in slots")
    must(len({entries[i].slot for i in out}) == len(out), f"{when}, two pages have one slot")
    return entries, out


def check_disk(run, m, entries, out, values):
    for k in sample(run, len(out), 60):
        i = out[k]
        data = on_disk(m, entries[i].slot)
        found = struct.unpack_from("<Q", data)[0], struct.unpack_from("<Q", data, PAGE - 8)[0]
        must(found == (values[i], ~i & MASK) and data[8:-8] == bytes(PAGE - 16),
             f"page {i} is in slot {entries[i].slot:#x}, and something else is there on the disk")


@test("out and back", 25,
      "each page in its own slot, all its bytes on the disk, and the same bytes when it comes back")
def out_and_back(run):
    pages, seed = run.random.randint(100, 500), run.number()
    m = run.boot("out", pages, seed, swap=64)
    m.stop(1)
    values = fresh(pages, seed)
    s = m.stop(2)
    entries, out = away(m, s, pages, 0.9, "sent out")
    must(m.blocks(1)[3] >= len(out) * PAGE, "fewer blocks were written than pages went")
    check_disk(run, m, entries, out, values)
    s = m.stop(3)
    must(s.values[1] == total(values, ends(pages)), "the pages that came back hold something else")
    must(all(e.has(V | R | U) for e in look(m, s, pages)), "pages that were read are not there")
    m.stop(4)
    for i in range(0, pages, 2):
        values[i] = word((~seed & MASK) + i)
    s = m.stop(5)
    entries, out = away(m, s, pages, 0.9, "changed and sent out")
    check_disk(run, m, entries, out, values)
    must(m.stop(6).values[1] == total(values, ends(pages)), "changes did not come back")
    m.end(0)


@test("what did not change is not written", 15,
      "a page that came in keeps its slot; if nobody stored to it, it can go for nothing")
def clean(run):
    pages, seed = run.random.randint(200, 500), run.number()
    m = run.boot("out", pages, seed, swap=64)
    m.stop(1)
    away(m, m.stop(2), pages, 0.9, "sent out")
    m.stop(3)
    before = m.blocks(1)[3] // PAGE
    away(m, m.stop(4), pages, 0.9, "sent out again, not changed")
    wrote = m.blocks(1)[3] // PAGE - before
    must(wrote <= pages // 10, f"none of {pages} pages had changed, and {wrote} were written")
    before += wrote
    away(m, m.stop(5), pages, 0.9, "changed and sent out")
    wrote = m.blocks(1)[3] // PAGE - before
    must(pages // 2 <= wrote <= pages * 7 // 10,
         f"every other one of {pages} pages had changed, and {wrote} were written")


@test("more than memory", 25, "a program larger than memory runs, and finds what it stored")
def large(run):
    mem, seed = 24, run.number()
    pages = run.random.randint(30, 36) * 256
    m = run.boot("large", pages, seed, mem=mem, swap=96)
    m.stop(1, 90)
    must(m.blocks(1)[3] >= (pages * PAGE) - (mem << 20), "less went to the disk than has no room "
         "in memory")
    values = fresh(pages, seed)
    s = m.stop(2, 90)
    must(s.values[1] == total(values, ends(pages)), "pages hold something else than was stored")
    for i in range(0, pages, 3):
        values[i] = word((~seed & MASK) + i)
    s = m.stop(3, 90)
    must(s.values[1] == total(values, ends(pages)), "after some pages were stored to once more, "
         "they hold something else")
    away(m, s, pages, 0.1, "with more pages than memory")
    m.end(0)


@test("few requests", 10, "pages that go together take slots side by side: one request, many pages")
def requests(run):
    pages, seed = run.random.randint(300, 500), run.number()
    m = run.boot("out", pages, seed, swap=64)
    m.stop(1)
    before = m.blocks(1)[1]
    away(m, m.stop(2), pages, 0.9, "sent out")
    made = m.blocks(1)[1] - before
    must(0 < made <= pages // 4, f"{pages} pages were written by {made} requests")


@test("shared pages", 15,
      "a page that two processes name goes once, and comes back without W until somebody copies it")
def shared(run):
    mem, pages, seed = 24, run.random.randint(200, 500), run.number()
    m = run.boot("share", pages, seed, 40 * 256, mem=mem, swap=96)
    m.stop(1)
    parent = m.stop(2, 90)
    entries, out = away(m, parent, pages, 0.1, "when memory got tight")
    values = fresh(pages, seed)
    check_disk(run, m, entries, out, values)
    s = m.stop(3, 60)
    must(s.values[1] == total(values, ends(pages)), "the child reads something else")
    child = look(m, s, pages)
    back = [i for i in range(pages) if child[i].valid]
    must(not any(child[i].writable for i in back), "a page that parent and child name came back "
         "with W")
    s = m.stop(4, 60)
    mine = [word((~seed & MASK) + i) for i in range(pages)]
    must(s.values[1] == total(mine, ends(pages)), "the child does not read what it stored")
    s = m.stop(5, 60)
    must(s.values[1] == total(values, ends(pages)), "the parent reads what its child stored")
    m.end(0)


@test("the kernel faults, too", 10, "read() into a page that is out waits for it like a program")
def kernel(run):
    seed = run.number()
    m = run.boot("kernel", seed, swap=64)
    away(m, m.stop(1), 2, 1, "sent out")
    s = m.stop(2)
    news = word(seed ^ 1).to_bytes(8, "little")
    must(s.values[1] == 8, f"read() gave {s.values[1]:#x}")
    must(s.values[2] == word(seed), "the first page holds something else")
    second = news[4:] + word(seed + 1).to_bytes(8, "little")[4:]
    must(s.values[3].to_bytes(8, "little") == second, "the second page holds something else")
    entries = look(m, s, 2)
    must(all(e.has(V | R | W | U) for e in entries), "pages that were stored to are not there")
    must(m.read(entries[0].pa + PAGE - 4, 4) == news[:4], "what was read is not in the first page")
    m.end(0)
