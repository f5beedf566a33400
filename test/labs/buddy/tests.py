# SPDX-License-Identifier: MIT
"""Lab buddy: the free lists, as they lie in the machine's memory, recounted."""

import struct

from common import look, must, word
from machine import PAGE, RAM, layout

MAX_ORDER = 10
NONE, KIND_FREE = 0, 0


class Lists:
    """All free blocks at one moment: {order: [frame numbers]}."""

    def __init__(self, m):
        self.m = m
        at = "'mm/buddy.c'::buddy"
        head, blocks, free, size, index, prev, next_ = layout(
            m.ours, f"(char *)&{at}.head - (char *)&{at}",
            f"(char *)&{at}.blocks - (char *)&{at}", f"(char *)&{at}.free - (char *)&{at}",
            "sizeof(struct frame)", "&((struct frame *)0)->index", "&((struct frame *)0)->prev",
            "&((struct frame *)0)->next")
        base = m.symbol("buddy")
        heads = struct.unpack("<11I", m.read(base + head, 44))
        self.counted = struct.unpack("<11Q", m.read(base + blocks, 88))
        self.free = m.u64(base + free)
        self.first, self.last = RAM >> 12, RAM + (m.mem << 20) >> 12
        table = m.kernel_pa(m.u64(m.symbol("frames")) + self.first * size & (1 << 64) - 1)
        self.records = m.read(table, (self.last - self.first) * size)
        self.size, self.index, self.prev, self.next = size, index, prev, next_
        self.of = {k: self._list(k, heads[k]) for k in range(MAX_ORDER + 1)}

    def _field(self, pfn, offset, form="<I"):
        return struct.unpack_from(form, self.records, (pfn - self.first) * self.size + offset)[0]

    def kind(self, pfn):
        return self._field(pfn, 0, "<Q") >> 52 & 15

    def _list(self, order, pfn):
        found, before = [], NONE
        while pfn != NONE:
            what = f"the list of order {order} has frame {pfn:#x}, which"
            must(self.first <= pfn < self.last, f"{what} is not in RAM")
            must(self.kind(pfn) == KIND_FREE, f"{what} is in use")
            must(self._field(pfn, self.index) == order, f"{what} says that it is of order "
                 f"{self._field(pfn, self.index)}")
            must(pfn % (1 << order) == 0, f"{what} is not aligned to its block")
            must(self._field(pfn, self.prev) == before, f"{what} has a wrong neighbour in it")
            must(len(found) <= self.last - self.first, f"the list of order {order} is a ring")
            found.append(pfn)
            before, pfn = pfn, self._field(pfn, self.next)
        return found

    def check(self, mapped=()):
        """Blocks must be apart, whole, and joined; mapped: frames that a program has."""
        owner = {}
        for order, blocks in self.of.items():
            must(len(blocks) == self.counted[order], f"there are {len(blocks)} blocks of order "
                 f"{order}, and {self.counted[order]} are counted")
            there = set(blocks) if order < MAX_ORDER else ()
            for b in blocks:
                must(b + (1 << order) <= self.last, f"block {b:#x} of order {order} leaves RAM")
                for p in range(b, b + (1 << order)):
                    must(p not in owner, f"frame {p:#x} is in two free blocks")
                    owner[p] = b
                must(b ^ 1 << order not in there, f"block {b:#x} of order {order} and its buddy "
                     f"{b ^ 1 << order:#x} are both free and did not join")
        must(len(owner) == self.free, f"{len(owner)} frames are in free blocks, "
             f"and {self.free} are counted")
        inside = [p for p in mapped if p in owner]
        must(not inside, f"frame {inside[0] if inside else 0:#x} is free, and a program has it")
        image = range(self.m.symbol("__image_start") >> 12, self.m.symbol("__image_end") >> 12)
        must(not any(p in owner for p in image), "frames of the kernel itself are free")

    def large(self, least):
        """The part of free memory that is in blocks of that order or above."""
        return sum(len(b) << k for k, b in self.of.items() if k >= least) / max(self.free, 1)


@test("memory is in large blocks", 20,
      "at boot a run of frames becomes the largest aligned blocks that fit (give_run)")
def boot(run):
    m = run.boot("take", 2, mem=run.random.choice((48, 64, 80, 96)))
    m.stop(1)
    lists = Lists(m)
    lists.check()
    must(lists.large(9) > 0.8, f"only {lists.large(9):.0%} of the free memory is in blocks of "
         f"2 MiB or more")


@test("as small a block as will do", 20,
      "take() looks from the wanted order upwards, and gives back what it cuts off")
def small(run):
    pages = run.random.randint(300, 500)
    m = run.boot("take", pages)
    m.stop(1)
    before = Lists(m)
    before.check()
    must(before.large(9) > 0.5, f"only {before.large(9):.0%} of the free memory is in blocks of "
         f"2 MiB or more before the program has asked for anything")
    s = m.stop(2)
    after = Lists(m)
    after.check(e.pa >> 12 for e in look(m, s, pages))
    gone = len(before.of[MAX_ORDER]) - len(after.of[MAX_ORDER])
    must(gone <= 1 + pages // 1024, f"{pages} pages broke {gone} blocks of 1024")
    must(before.free - after.free <= pages + 130,
         f"{pages} pages were taken, and {before.free - after.free} frames are no longer free")


@test("neighbours join", 25,
      "a block that comes back joins its buddy, and both together theirs, as far as that goes")
def join(run):
    m = run.boot("take", run.random.randint(8000, 10000), mem=64)
    largest = []
    for step in (1, 2, 3):
        m.stop(step)
        lists = Lists(m)
        lists.check()
        largest.append(len(lists.of[MAX_ORDER]))
    broken, whole = largest[0] - largest[1], largest[2] - largest[1]
    must(whole > broken / 2, f"{broken} blocks of 1024 frames were broken, and {whole} of them "
         f"are whole again when all is given back")

    pages, seed = run.random.randint(2000, 5000), run.number()
    m = run.boot("shuffle", pages, seed)
    m.stop(1)
    before = Lists(m)
    before.check()
    s = m.stop(2)
    Lists(m).check(e.pa >> 12 for e in look(m, s, pages))
    m.stop(3)
    after = Lists(m)
    after.check()
    must(after.free >= before.free - 300, f"{before.free - after.free} frames did not come back")
    must(after.large(5) > 0.6, f"only {after.large(5):.0%} of the free memory is in "
         f"blocks of 32 frames or more")


@test("pages in order have frames in order", 15,
      "a batch is a run: the highest frame first, for they are used from the end")
def batch(run):
    pages = run.random.randint(3000, 4500)      # the first come from those zeroed ahead
    m = run.boot("take", pages)
    m.stop(1)
    entries = look(m, m.stop(2), pages)
    Lists(m).check(e.pa >> 12 for e in entries)
    follow = sum(b.pa == a.pa + PAGE for a, b in zip(entries, entries[1:])) / (pages - 1)
    must(follow > 0.5, f"of pages that follow one another, {follow:.0%} have frames that do")


@test("all of memory, twice", 20,
      "when nearly all was taken and given back, it must be whole again, and be taken again")
def twice(run):
    mem, seed = run.random.choice((40, 48, 56)), run.number()
    pages = (mem - 16) * 256
    m = run.boot("shuffle", pages, seed, mem=mem)
    m.stop(1)
    before = Lists(m)
    before.check()
    m.stop(2, 60)
    m.stop(3, 60)
    after = Lists(m)
    after.check()
    must(after.large(4) > 0.6, f"only {after.large(4):.0%} of the free memory is in blocks of 16 "
         f"frames or more")
    s = m.stop(4, 60)
    total = 0
    for i in range(pages):
        total = word(total ^ i)
    must(s.values[1] == total, "the second time, pages hold something else than was stored")
    entries = look(m, s, pages)
    must(len({e.pa for e in entries}) == pages, "two pages have one frame")
    Lists(m).check(e.pa >> 12 for e in entries)
    m.end(0)
