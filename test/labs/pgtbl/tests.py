# SPDX-License-Identifier: MIT
"""Lab pgtbl: does the kernel say of its page tables what is in them?"""

import struct

from common import contents, look, must, some, word
from machine import A, D, R, U, V, W, layout

L = 1 << 9
PRESENT, OBJECT, EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
NUMBER = (1 << 55) - 1


def array(m, s, va, n):
    """Bytes of the program's memory."""
    out = b""
    while len(out) < n:
        e = m.entry(s.root, va + len(out))
        must(e.valid, "the program's buffer is not there")
        at = (va + len(out)) % 4096
        out += m.read(e.pa + at, min(n - len(out), 4096 - at))
    return out


def begin(run, what):
    pages, seed = run.random.randint(100, 900), run.number()
    m = run.boot(what, pages, seed)
    s = m.stop(1)
    return m, s, pages, [word(seed + i) & 3 for i in range(pages)]


def dumped(run):
    m, s, pages, done = begin(run, "dump")
    must(s.values[2] == 8 * pages, f"reading pagemap gave {s.values[2]} bytes of {8 * pages}")
    return look(m, s, pages), struct.unpack(f"<{pages}Q", array(m, s, s.values[1], 8 * pages)), done


@test("pagemap: frames", 10, "bit 63 and the frame's number for what is present, 0 for what is not")
def frames(run):
    entries, said, done = dumped(run)
    for i, (e, p) in enumerate(zip(entries, said)):
        must(bool(p & PRESENT) == e.valid, f"page {i}: pagemap says {p:#x}, the entry is {e}")
        must(not e.valid or p & NUMBER == e.pa >> 12, f"page {i}: pagemap says {p:#x}, "
             f"the entry is {e}")
        must(e.valid or p == 0, f"page {i}: there is nothing, and pagemap says {p:#x}")


@test("pagemap: who else", 15,
      "bit 56 only where no other entry maps the frame; bit 61 only for files and shared memory")
def exclusive(run):
    entries, said, done = dumped(run)
    for i, (e, p) in enumerate(zip(entries, said)):
        must(not e.valid or p & PRESENT, f"page {i} is there, and pagemap says {p:#x}")
        must(not p & OBJECT, f"page {i} is no object's, and pagemap says {p:#x}")
        if done[i] >= 2:
            alone = done[i] == 2
            whose = "ours alone" if alone else "the child's too"
            must(bool(p & EXCLUSIVE) == alone, f"page {i} is {whose}, and pagemap says {p:#x}")


@test("mincore", 15, "a page that was never touched is not in memory; one that was only read is")
def mincore(run):
    m, s, pages, done = begin(run, "incore")
    must(s.values[2] == 0, f"mincore gave {s.values[2]:#x}")
    said = array(m, s, s.values[1], pages)
    for i, e in enumerate(look(m, s, pages)):
        must(said[i] & 1 == e.valid, f"page {i}: mincore says {said[i]:#x}, the entry is {e}")


def dirty(m, s, pages):
    return {i for i, e in enumerate(look(m, s, pages)) if e.has(V | D)}


def mapped(m, e):
    """How many mappings the frame's record counts."""
    size, = layout(m.ours, "sizeof(struct frame)")
    table = m.u64(m.symbol("frames"))
    return m.u64(m.kernel_pa(table + (e.pa >> 12) * size & (1 << 64) - 1)) >> 18 & 0x3FFFF


def cleaning(run):
    pages, seed = run.random.randint(40, 120), run.number()
    m = run.boot("clean", pages, seed)
    ones = {i for i in range(pages) if word(seed + i) & 1}
    return m, pages, seed, ones, m.stop(1)


@test("harvest of D", 15, "msync takes D off, and nothing else; the next store sets it again")
def harvest(run):
    m, pages, seed, ones, s = cleaning(run)
    before = look(m, s, pages)
    must(ones <= dirty(m, s, pages), "pages that were stored to lack D")
    s = m.stop(2)
    after = look(m, s, pages)
    must(not dirty(m, s, pages), f"{len(dirty(m, s, pages))} entries have D after msync")
    for i in range(pages):
        must(after[i].has(V | R | W) and after[i].pte & ~(A | D) == before[i].pte & ~(A | D),
             f"page {i} was {before[i]} and is {after[i]}")
        must(mapped(m, after[i]) == 1, f"page {i} is mapped once, and its frame counts "
             f"{mapped(m, after[i])} mappings")
    must(dirty(m, m.stop(3), pages) == set(range(pages)) - ones,
         "after msync, D tells of other pages than were stored to")


@test("what D was for", 10, "a page whose D is lost is never written: count what goes to the disk")
def written(run):
    m, pages, seed, ones, s = cleaning(run)
    before = m.blocks(0)[3]
    m.stop(2)
    first = (m.blocks(0)[3] - before) // 4096
    must(first >= len(ones), f"{len(ones)} pages were stored to, and msync wrote {first}")
    m.stop(3)
    before = m.blocks(0)[3]
    s = m.stop(4)
    second = (m.blocks(0)[3] - before) // 4096
    must(second >= pages - len(ones), f"{pages - len(ones)} pages were stored to, and the second "
         f"msync wrote {second}")
    must(not dirty(m, s, pages), "after the second msync there are entries with D")
    for i, e in enumerate(look(m, s, pages)):
        must(m.u64(e.pa) == word(seed ^ i), f"page {i} has lost what was stored")
    m.end(0)


@test("marks of mlock", 15, "L on each entry of the range that has a frame, on no other; and off")
def marks(run):
    pages = run.random.randint(1500, 3000)
    first = run.random.randint(1, pages // 2)
    n = run.random.randint(600, pages // 2)
    m = run.boot("lock", pages, first, n)
    before = look(m, m.stop(1), pages)
    s = m.stop(2)
    must(s.values[1] == 0, f"mlock2 gave {s.values[1]:#x}")
    for i, e in enumerate(look(m, s, pages)):
        inside = first <= i < first + n and before[i].valid
        must(bool(e.pte & L) == inside, f"page {i}, {'' if inside else 'not '}locked, is {e} "
             f"({e.pte:#x})")
        must(e.pte & ~(L | A | D) == before[i].pte & ~(L | A | D),
             f"page {i} was {before[i]}, is {e}")
    s = m.stop(3)
    left = [i for i, e in enumerate(look(m, s, pages)) if e.pte & L]
    must(s.values[1] == 0 and not left, f"{len(left)} entries have L after munlock")
    m.end(0)


TABLE, OWN = 512, V | R | W | U | A | D
LARGE = TABLE * 4096


def above(m, s, tables=1):
    """The entries above the tables of a region."""
    return [m.middle(s.root, s.values[0] + t * LARGE) for t in range(tables)]


def numbers(seed, first=0, pages=TABLE):
    return [word(seed ^ i) for i in range(first, first + pages)]


def total(values):
    s = 0
    for v in values:
        s = word(s ^ v)
    return s


def must_be_large(e, what):
    must(e.has(OWN) and e.pa % LARGE == 0, f"the entry above {what} is {e}, and no large page "
         "that has been stored to")


def joined(run):
    seed, page = run.number(), run.random.randrange(1, TABLE)
    m = run.boot("join", seed, page)
    before = look(m, m.stop(1), 2 * TABLE)
    must(all(e.has(OWN) for e in before), "pages that were stored to are not there")
    s = m.stop(2)
    must(s.values[1] == 0, f"madvise gave {s.values[1]:#x}")
    return m, seed, page, s


@test("large pages", 8, "512 frames in a row, the first where a large page may begin: the entry "
      "above the table becomes the first one of the table")
def large_pages(run):
    m, seed, page, s = joined(run)
    for t, e in enumerate(above(m, s, 2)):
        must_be_large(e, f"table {t}")
    entries = look(m, s, 2 * TABLE)
    must(contents(m, entries) == numbers(seed, 0, 2 * TABLE), "the frames hold something else")
    wrong = [i for i in range(0, 2 * TABLE, 37) if mapped(m, entries[i]) != 1]
    must(not wrong, f"pages {some(wrong)} are mapped once, and their frames count otherwise")
    must(m.stop(3).values[1] == total(numbers(seed, 0, 2 * TABLE)),
         "the program reads something else from large pages than it stored")


@test("and back", 6, "all 512 entries, each with its own frame and the large one's bits, and only "
      "then the entry above")
def and_back(run):
    m, seed, page, s = joined(run)
    first, second = above(m, s, 2)
    must_be_large(first, "the first table")
    m.stop(3)
    s = m.stop(4)
    must(s.values[1] == 0, f"mprotect of a page gave {s.values[1]:#x}")
    for i, e in enumerate(look(m, s, TABLE)):
        must(e.pa == first.pa + i * 4096, f"page {i} of the large page at {first.pa:#x} is {e} now")
        must(e.has(OWN & ~W) and e.writable == (i != page), f"after page {page} has become "
             f"read-only, page {i} is {e}")
    must(above(m, s, 2)[1] == second, f"the other large page, {second}, is {above(m, s, 2)[1]}")
    must(m.stop(5).values[1] == total(numbers(seed, 0, 2 * TABLE)),
         "the program reads something else than it stored")
    m.end(0)


def in_common(run):
    """Frames in a row, all but the first and the last a child's too."""
    seed = run.number()
    m = run.boot("common", seed)
    s = m.stop(1)
    before = look(m, s, TABLE)
    must([e.writable for e in before] == [True] + [False] * (TABLE - 2) + [True],
         "after a fork and a store to the first page and the last, others are writable, or those "
         "are not")
    s = m.stop(2)
    taken = [i for i, (a, b) in enumerate(zip(before, look(m, s, TABLE)))
             if 0 < i < TABLE - 1 and a.pa == b.pa and b.writable]
    must(not taken, f"pages {some(taken)} are a child's too, and can be stored to")
    must(m.stop(3).values[1] == total(numbers(seed, 1, TABLE - 2)),
         "the child reads what its parent stored")


def askew(run):
    """Frames in a row that begin one behind where a large page may."""
    seed = run.number()
    m = run.boot("askew", seed)
    s = m.stop(1)
    tables = above(m, s, BLOCKS)
    for t, e in enumerate(tables):
        must_be_large(e, f"table {t}")
    pairs = [t for t in range(BLOCKS - 1) if tables[t].pa + LARGE == tables[t + 1].pa]
    t = run.random.choice(pairs)
    m.answer(t)
    s = m.stop(2)
    e, = above(m, s)
    must(not e.has(V | R) or e.pa % LARGE == 0, f"a large page begins at {e.pa:#x}")
    must(m.stop(3).values[1] == total(numbers(seed, t * TABLE + 1)),
         "after mremap and madvise the program reads something else than it stored")


BLOCKS = 6


@test("what differs stays apart", 6, "compare all of each entry with what it would have to be; "
      "and a large page begins at a multiple of 2 MiB")
def apart(run):
    in_common(run)
    askew(run)
