# SPDX-License-Identifier: MIT
"""Lab cow: is it one frame, without W, until somebody stores to it?"""

from common import contents, look, must, same_frames
from machine import A, D, R, U, V, W, mix


def words(pages, seed):
    return [mix(seed + i & (1 << 64) - 1) for i in range(pages)]


def total(values):
    s = 0
    for i, v in enumerate(values):
        s = mix(mix(s ^ v) ^ i)
    return s


def begin_pair(run, pages, page, other, seed):
    """Up to where parent and child were looked at: machine, entries of both."""
    m = run.boot("pair", pages, seed, page, other)
    before = look(m, m.stop(1), pages)
    must(all(e.has(V | R | W | U) for e in before), "the parent's pages are not there before fork")
    parent = m.stop(2)
    theirs = look(m, parent, pages)
    child = m.stop(3)
    return m, before, theirs, child, look(m, child, pages)


def must_share(pages, before, parent, child):
    for i in range(pages):
        must(child[i].valid and parent[i].valid, f"page {i} is gone after fork: parent has "
             f"{parent[i]}, child has {child[i]}")
        must(parent[i].pa == child[i].pa == before[i].pa,
             f"page {i} was copied by fork: parent has {parent[i]}, child has {child[i]}")
        must(not parent[i].writable, f"page {i}: the parent can still store to it: {parent[i]}")
        must(not child[i].writable, f"page {i}: the child can store to it: {child[i]}")


@test("fork shares", 20, "fork must not copy: both entries name the frame, both lose W")
def fork_shares(run):
    pages, seed = run.random.randint(5, 40), run.number()
    m, before, parent, child, entries = begin_pair(run, pages, 0, 1, seed)
    must_share(pages, before, parent, entries)
    must(contents(m, entries) == words(pages, seed), "the shared frames hold something else")


@test("a store copies one page", 20,
      "who stores gets a frame of its own; the other pages stay shared, and the other process "
      "keeps what it had")
def one_copy(run):
    pages, seed, other = run.random.randint(5, 40), run.number(), run.number()
    page = run.random.randrange(1, pages)
    m, before, parent, child, entries = begin_pair(run, pages, page, other, seed)
    must_share(pages, before, parent, entries)
    child = m.stop(4)
    after = look(m, child, pages)
    must(after[page].has(V | R | W | U | A | D), f"the child's page is {after[page]} after a store")
    must(after[page].pa != before[page].pa, "the child's store went to the shared frame")
    must(same_frames(after, before) == [i for i in range(pages) if i != page],
         "a store to one page copied others")
    stored = m.page(after[page])
    old = m.page(before[page])
    must(stored[:8] == other.to_bytes(8, "little") and stored[8:] == old[8:],
         "the copy is not the page and the child's store")
    values = words(pages, seed)
    must(contents(m, before) == values, "the parent's memory changed when its child stored")
    values[page] = other
    must(child.values[1] == total(values), "the child reads something else than it should")
    parent = m.stop(5)
    must(parent.values[1] == total(words(pages, seed)), "the parent reads what its child stored")


@test("the last one keeps the frame", 20,
      "a page that only one entry names needs no copy: it gets W back (share is 1)")
def reuse(run):
    pages, seed, other = run.random.randint(5, 40), run.number(), run.number()
    page = run.random.randrange(1, pages)
    m, before, parent, child, entries = begin_pair(run, pages, page, other, seed)
    must_share(pages, before, parent, entries)
    m.stop(4)
    m.stop(5)
    s = m.stop(6)
    after = look(m, s, pages)
    must(after[page].pa == before[page].pa and after[page].has(V | W | D),
         f"the parent, alone with its page, has {after[page]} and had {before[page]}")

    m = run.boot("reuse", pages, seed)
    before = look(m, m.stop(1), pages)
    lonely = look(m, m.stop(2), pages)
    must(not any(e.writable for e in lonely), "the parent's entries kept W over a fork")
    s = m.stop(3)
    after = look(m, s, pages)
    must(same_frames(after, before) == list(range(pages)),
         "the child has ended, and still the parent copied")
    must(all(e.has(V | W | D) for e in after), "the parent's pages lack W or D after its stores")
    must(s.values[1] == total([v + 1 & (1 << 64) - 1 for v in words(pages, seed)]),
         "the parent's pages hold something else")
    m.end(0)


@test("the kernel stores, too", 10,
      "read() into a shared page faults like a program's store; the same code must answer")
def kernel(run):
    seed = run.number()
    m = run.boot("kernel", seed)
    s = m.stop(1)
    before = m.entry(s.root, s.values[0])
    must(before.valid and not before.writable, f"after fork the child has {before}")
    s = m.stop(2)
    after = m.entry(s.root, s.values[0])
    news = mix(~seed & (1 << 64) - 1)
    must(after.pa != before.pa and contents(m, [after]) == [news] and s.values[1] == news,
         "read() did not store to a copy of the page")
    s = m.stop(3)
    e = m.entry(s.root, s.values[0])
    must(e.pa == before.pa and contents(m, [e]) == [mix(seed)] == [s.values[1]],
         "the parent sees what its child read")
    m.end(0)


@test("generations", 15,
      "each name of a frame counts once, and each that goes is taken off: with a count too "
      "low a frame is freed, or stored to, while others have it")
def tree(run):
    depth, seed = run.random.randint(5, 9), run.number()
    m = run.boot("tree", depth, seed)
    values = words(depth, seed)
    frames = {}
    for level in reversed(range(depth + 1)):
        s = m.stop(1000 + level)
        mine = [mix(seed - i - 1 & (1 << 64) - 1) if i < level else values[i]
                for i in range(depth)]
        entries = look(m, s, depth)
        must(contents(m, entries) == mine and s.values[1] == total(mine),
             f"generation {level} sees stores that are not its own and its parents'")
        frames[level] = [e.pa for e in entries]
    for i in range(depth):
        old = {frames[level][i] for level in range(i + 1)}
        new = {frames[level][i] for level in range(i + 1, depth + 1)}
        must(len(old) == 1 and len(new) == 1 and not old & new,
             f"page {i}, stored to once, is in {len(old | new)} frames")
    m.end(0)


@test("other harts see the copy", 15,
      "a hart may remember the old entry: fence the page after the entry has changed")
def threads(run):
    seed, other = run.number(), run.number()
    m = run.boot("threads", seed, other, cpus=2)
    s = m.stop(1)
    before = m.entry(s.root, s.values[0])
    must(before.valid and not before.writable, f"after fork the parent has {before}")
    s = m.stop(2)
    after = m.entry(s.root, s.values[0])
    must(after.pa != before.pa, "the store went to the frame that the child has too")
    must(s.values[2] == other, f"the other thread, on another hart, still reads the old "
         f"frame ({s.values[2]:#x} and not {other:#x})")
    m.end(0)
