# SPDX-License-Identifier: MIT
"""Lab slab: caches and their slabs, as they lie in the machine's memory, recounted."""

import struct

from common import must
from machine import layout

NO_OBJECT, IN_USE, ORDER_MAX, EMPTY_MAX = 0xFFFF, 0xFFFE, 3, 4


def offsets(m, name, *fields):
    return dict(zip(fields, layout(m.ours, *(f"&((struct {name} *)0)->{f}" for f in fields))))


class Cache:
    """One cache and all its slabs."""

    def __init__(self, m, at):
        self.m = m
        o = offsets(m, "cache", "name", "size", "stride", "per_slab", "order", "first", "colours",
                    "slabs", "active", "nempty", "partial", "full", "empty")
        data = m.read(at, max(o.values()) + 16)
        u32 = {n: struct.unpack_from("<I", data, o[n])[0] for n in o}
        u64 = {n: struct.unpack_from("<Q", data, o[n])[0] for n in o}
        name = m.read(m.kernel_pa(u64["name"]), 32)
        self.name = name.split(b"\0")[0].decode(errors="replace")
        self.size, self.stride, self.per_slab = u32["size"], u32["stride"], u32["per_slab"]
        self.order, self.first, self.colours = u32["order"], u32["first"], u32["colours"]
        self.nslabs, self.active, self.nempty = u64["slabs"], u64["active"], u32["nempty"]
        self.lists = {n: self._slabs(at + o[n]) for n in ("partial", "full", "empty")}

    def _slabs(self, head):
        o = offsets(self.m, "slab", "link", "base", "used", "free", "next")
        found, at = [], self.m.u64(head)
        while self.m.kernel_pa(at) != head:
            must(len(found) < 1 << 16, f"a list of cache {self.name} has no end")
            s = self.m.kernel_pa(at) - o["link"]
            data = self.m.read(s, o["next"] + 2 * self.per_slab)
            base, = struct.unpack_from("<Q", data, o["base"])
            used, free = (struct.unpack_from("<H", data, o[n])[0] for n in ("used", "free"))
            chain = struct.unpack_from(f"<{self.per_slab}H", data, o["next"])
            found.append((s, self.m.kernel_pa(base), used, free, chain, o["next"]))
            at = self.m.u64(self.m.kernel_pa(at))
        return found

    def must(self, condition, what):
        must(condition, f"cache {self.name}: {what}")

    def check(self):
        total = 0
        for where, slabs in self.lists.items():
            for s, base, used, free, chain, header in slabs:
                self.must(base >= s + header + 2 * self.per_slab and
                          base + self.per_slab * self.stride <= s + (4096 << self.order),
                          f"objects of the slab at {s:#x} lie outside of it, or over its header")
                n = 0
                while free != NO_OBJECT:
                    self.must(free < self.per_slab and n < self.per_slab,
                              f"the chain of free objects of slab {s:#x} leads nowhere")
                    n, free = n + 1, chain[free]
                out = chain.count(IN_USE)
                self.must(out == used == self.per_slab - n, f"of the slab at {s:#x}, {n} objects "
                          f"are in the chain, {out} marked as out, {used} counted")
                right = "full" if n == 0 else "empty" if used == 0 else "partial"
                self.must(where == right, f"a slab with {used} of {self.per_slab} objects out "
                          f"is on the list `{where}`")
                total += used
        count = sum(map(len, self.lists.values()))
        self.must(count == self.nslabs, f"{count} slabs, {self.nslabs} counted")
        self.must(total == self.active, f"{total} objects are out, {self.active} counted")
        self.must(len(self.lists["empty"]) == self.nempty, f"{len(self.lists['empty'])} slabs are "
                  f"empty, {self.nempty} counted")
        return self


def caches(m):
    link = offsets(m, "cache", "link")["link"]
    head, found = m.symbol("caches"), {}
    at = m.u64(head)
    while m.kernel_pa(at) != head:
        must(len(found) < 200, "the list of caches has no end")
        c = Cache(m, m.kernel_pa(at) - link)
        found[c.name] = c
        at = m.u64(m.kernel_pa(at))
    return found


def begin(run):
    n, seed = run.random.randint(300, 700), run.number()
    return run.boot("pipes", n, seed), n


def packed(c):
    c.must(c.per_slab > 1, "a slab has room for one object only")
    return c


@test("slabs are of the right size", 25,
      "the smallest block that at least one object fits in, and that wastes at most an eighth; "
      "as many objects as fit beside the header")
def size(run):
    m, n = begin(run)
    m.stop(1)
    header, = layout(m.ours, "sizeof(struct slab)")
    for c in caches(m).values():
        for order in range(c.order + 1):
            room = 4096 << order
            align = 64 if c.name == "hart_cache" else 16

            def fits(k):
                return -(-(header + 2 * k) // align) * align + k * c.stride <= room
            most = 0
            while fits(most + 1):
                most += 1
            good = most > 0 and room - most * c.stride <= room // 8
            if order < c.order:
                c.must(not good, f"its slabs are of order {c.order}, and order {order} would do")
        c.must(good or c.order == ORDER_MAX, f"slabs of order {c.order} waste more than an eighth")
        c.must(c.per_slab == most, f"a slab has {c.per_slab} objects, and {most} would fit")
        c.must(c.first >= header + 2 * most and c.first + most * c.stride +
               (c.colours - 1) * 64 <= room, "objects do not stay in their slab in all colours")


@test("the books are kept", 25,
      "each slab stands on the list that fits what it has; chain, used, active and nempty agree")
def books(run):
    m, n = begin(run)
    for step in (1, 2, 3, 4, 5):
        m.stop(step)
        for c in caches(m).values():
            c.check()
        packed(caches(m)["file"])
    m.end(0)


@test("objects lie close", 20, "a slab is only made when no other has room")
def close(run):
    m, n = begin(run)
    m.reach(1)
    before = packed(caches(m)["file"]).check()
    m.reach(2)
    c = caches(m)["file"].check()
    came = c.active - before.active
    c.must(2 * n - 40 <= came <= 2 * n + 40, f"{2 * n} files were opened, and {came} objects came")
    need = -(-c.active // c.per_slab)
    c.must(c.nslabs <= need + 2, f"{c.active} objects are in {c.nslabs} slabs; {need} would do")


@test("holes are filled first", 15,
      "a slab that has objects is used before one that has none, and before a new one is made")
def holes(run):
    m, n = begin(run)
    m.reach(2)
    full = packed(caches(m)["file"]).check()
    m.reach(3)
    half = caches(m)["file"].check()
    half.must(half.active < full.active - n // 4, "half of the files were closed, and no object "
              "came back to its slab")
    m.reach(4)
    again = caches(m)["file"].check()
    again.must(again.nslabs <= full.nslabs + 1, f"as many files as before are open, and "
               f"{again.nslabs} slabs hold them instead of {full.nslabs}")


@test("empty slabs go back", 15, "a few are kept for next time; the others' frames are the buddy's")
def empty(run):
    m, n = begin(run)
    m.reach(1)
    before = packed(caches(m)["file"]).check()
    m.reach(2)
    full = caches(m)["file"].check()
    m.reach(5)
    c = caches(m)["file"].check()
    c.must(c.nempty <= EMPTY_MAX, f"{c.nempty} empty slabs are kept")
    c.must(c.nempty > 0, "no empty slab is kept, so the next object costs a new one")
    c.must(c.nslabs < before.nslabs + (full.nslabs - before.nslabs) // 2,
           f"all files are closed, and {c.nslabs} of {full.nslabs} slabs are still there")
    m.end(0)
