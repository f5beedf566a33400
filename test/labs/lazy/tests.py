# SPDX-License-Identifier: MIT
"""Lab lazy: what is there before the first touch, and after it?"""

from common import contents, look, must, sample, some, word
from machine import A, D, PAGE, R, U, V, W

MASK = (1 << 64) - 1


def begin(run):
    pages, seed = run.random.randint(300, 900), run.number()
    m = run.boot("touch", pages, seed)
    s = m.stop(1)
    there = [i for i, e in enumerate(look(m, s, pages)) if e.pte]
    must(not there, f"mmap was all: nobody has touched pages {some(there)}, and they have entries")
    done = [word(seed + i) & 3 for i in range(pages)]
    return m, pages, seed, done


def only_touched(entries, done, bits):
    for i, e in enumerate(entries):
        must(bool(e.pte) == bool(done[i] & bits),
             f"page {i} was {'' if done[i] & bits else 'not '}touched, and its entry is {e}")


@test("mmap gives nothing yet", 20, "mmap notes an area; entries and frames come by faults")
def nothing_yet(run):
    m, pages, seed, done = begin(run)
    s = m.stop(2)
    only_touched(look(m, s, pages), done, 1)


@test("reads share the frame of zeroes", 20,
      "who only reads needs no frame: zero_frame is there for all, without W")
def reads(run):
    m, pages, seed, done = begin(run)
    s = m.stop(2)
    entries = look(m, s, pages)
    only_touched(entries, done, 1)
    read = [e for e in entries if e.pte]
    for i, e in enumerate(entries):
        must(not e.pte or e.has(V | R | U) and not e.writable, f"page {i}, only read, is {e}")
    must(len({e.pa for e in read}) == 1, f"{len(read)} pages that were only read have "
         f"{len({e.pa for e in read})} frames")
    must(m.page(read[0]) == bytes(PAGE), "what a page reads as before the first store is not zero")
    must(s.values[1] == 0, "the program did not read zeroes")


@test("stores get frames", 20,
      "a store needs a frame of its own, all zero before it, with W, A and D set")
def stores(run):
    m, pages, seed, done = begin(run)
    zero = next(e.pa for e in look(m, m.stop(2), pages) if e.pte)
    s = m.stop(3)
    entries = look(m, s, pages)
    only_touched(entries, done, 3)
    stored = [i for i in range(pages) if done[i] & 2]
    must(len({entries[i].pa for i in stored}) == len(stored), "two pages have one frame")
    for i in stored:
        must(entries[i].has(V | R | W | U | A | D), f"page {i}, stored to, is {entries[i]}")
        must(entries[i].pa != zero, f"the store to page {i} went to the frame of zeroes")
    for k in sample(run, len(stored), 40):
        i = stored[k]
        must(m.page(entries[i]) == word(seed ^ i).to_bytes(8, "little") + bytes(PAGE - 8),
             f"page {i} has more in it than what was stored")
    for i in range(pages):
        must(done[i] != 1 or entries[i].pa == zero, f"page {i} was only read and has its own frame")


@test("the heap, too", 15, "brk moves the end of an area, and no more; what went is gone")
def heap(run):
    pages, seed = run.random.randint(300, 900), run.number()
    m = run.boot("heap", pages, seed)
    there = [i for i, e in enumerate(look(m, m.stop(1), pages)) if e.pte]
    must(not there, f"brk was all: nobody has touched pages {some(there)}, and they have entries")
    s = m.stop(2)
    entries = look(m, s, pages)
    for i, e in enumerate(entries):
        must(bool(e.pte) == bool(word(seed + i) & 2), f"page {i} of the heap is {e}")
    s = m.stop(3)
    must(s.values[1] == 0, "the heap shrank and grew, and old bytes are in it")
    m.end(0)


@test("more than there is", 15, "a promise costs nothing: 1 GiB on a machine of 64 MiB")
def large(run):
    pages, seed, n = 1 << 18, run.number(), run.random.randint(200, 400)
    m = run.boot("large", pages, seed, n)
    s = m.stop(1)
    total, holds = 0, {}
    for i in range(n):
        holds[word(seed + i) % pages] = word(seed ^ i)
    for i in range(n):
        total = word(total ^ holds[word(seed + i) % pages])
    must(s.values[1] == total, "the program reads something else than it stored")
    for page in list(holds)[:20]:
        e = m.entry(s.root, s.values[0] + page * PAGE)
        must(e.writable and contents(m, [e]) == [holds[page]], f"page {page} is {e}")
    m.end(0)


@test("other harts forget the frame of zeroes", 10,
      "another hart may remember that the page reads as zero: fence it")
def threads(run):
    other = run.number()
    m = run.boot("threads", other, cpus=2)
    before = look(m, m.stop(1), 2)
    must(before[0].valid and before[0].pa == before[1].pa and not before[0].writable,
         f"two pages that were only read are {before[0]} and {before[1]}")
    s = m.stop(2)
    after = look(m, s, 2)
    must(after[0].pa != before[0].pa and contents(m, after) == [other, 0],
         "the store is not where it should be")
    must(s.values[1] == other, "the other thread, on another hart, still reads zero")
    m.end(0)
