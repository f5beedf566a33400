# SPDX-License-Identifier: MIT
"""Lab mmap: where things are, what may be done to them, and what is gone."""

from common import contents, look, must, same_frames, word
from machine import R, U, V, W, X

SEGV = 128 + 11
EEXIST, EINVAL, ENOMEM = (1 << 64) - 17, (1 << 64) - 22, (1 << 64) - 12


def part(run, pages):
    first = run.random.randint(2, pages // 2)
    return first, run.random.randint(3, pages - first - 2)


def total(values):
    s = 0
    for v in values:
        s = word(s ^ v)
    return s


@test("munmap", 20, "just the range goes: entries, frames, and the right to touch it")
def unmap(run):
    pages, seed = run.random.randint(30, 700), run.number()
    first, n = part(run, pages)
    m = run.boot("unmap", pages, seed, first, n)
    before = look(m, m.stop(1), pages)
    s = m.stop(2)
    must(s.values[1] == 0, f"munmap gave {s.values[1]:#x}")
    after = look(m, s, pages)
    inside = range(first, first + n)
    for i in range(pages):
        if i in inside:
            must(after[i].pte == 0, f"page {i} was unmapped, and its entry is {after[i]}")
        else:
            must(after[i].pa == before[i].pa and after[i].has(V | R | W | U),
                 f"page {i} was not unmapped; it was {before[i]} and is {after[i]}")
    m.end(SEGV)


@test("mprotect", 25, "entries of the range change, areas are cut at its ends; frames stay")
def protect(run):
    pages, seed = run.random.randint(30, 700), run.number()
    first, n = part(run, pages)
    m = run.boot("protect", pages, seed, first, n)
    before = look(m, m.stop(1), pages)
    inside = range(first, first + n)

    def step(k, what, right):
        s = m.stop(k)
        must(s.values[1] == 0, f"mprotect gave {s.values[1]:#x}")
        for i, e in enumerate(look(m, s, pages)):
            must(e.pa == before[i].pa, f"page {i} was {before[i]} and is {e}")
            if i in inside:
                must(right(e), f"page {i} is {what}, and its entry is {e}")
            else:
                must(e.has(V | R | W | U), f"page {i} is outside of the range, and is {e}")
        return s
    step(2, "read-only", lambda e: e.has(V | R | U) and not e.writable)
    step(3, "not to be touched", lambda e: not e.valid)
    s = step(4, "readable and writable again", lambda e: e.has(V | R | W | U))
    must(s.values[2] == total(word(seed + i) for i in range(pages)), "the pages have changed")
    step(5, "read-only", lambda e: e.has(V | R | U) and not e.writable)
    m.end(SEGV)


@test("mprotect meets a hole", 10, "what is in front of the hole changes, and it is ENOMEM")
def hole(run):
    pages, seed = run.random.randint(30, 90), run.number()
    first = run.random.randint(5, pages - 5)
    m = run.boot("hole", pages, seed, first)
    must(look(m, m.stop(1), pages)[first].pte == 0, "the hole is none")
    s = m.stop(2)
    must(s.values[1] == ENOMEM, f"mprotect over a hole gave {s.values[1]:#x}")
    for i, e in enumerate(look(m, s, pages)):
        if i != first:
            must(e.valid and e.writable == (i > first), f"the hole is at {first}; page {i} is {e}")
    m.end(0)


@test("where mappings go", 20,
      "a hint that is free is taken; FIXED_NOREPLACE replaces nothing, FIXED does")
def place(run):
    seed = run.number()
    m = run.boot("place", seed)
    s = m.stop(1)
    hint = s.values[0]
    must(s.values[1] == hint, f"the hint {hint:#x} was free, and the mapping is "
         f"at {s.values[1]:#x}")
    must(m.entry(s.root, hint + 4096).writable, "what was stored there is not there")
    s = m.stop(2)
    other = s.values[1]
    must(other < 1 << 38 and abs(other - hint) >= 8192, f"the hint {hint:#x} was taken, and the "
         f"second mapping is at {other:#x}")
    must(m.entry(s.root, other + 4096).writable, "the second mapping is not there")
    s = m.stop(3)
    must(s.values[1] == EEXIST, f"FIXED_NOREPLACE over a mapping gave {s.values[1]:#x}")
    must(contents(m, [m.entry(s.root, hint)]) == [seed], "FIXED_NOREPLACE replaced the mapping")
    s = m.stop(4)
    must(s.values[1] == hint and m.entry(s.root, hint).pte == 0,
         "FIXED did not replace what was there")
    must(m.stop(5).values[1] == EINVAL, "FIXED at an address within a page is not EINVAL")
    m.end(0)


@test("shared files", 15, "a store through a shared mapping reaches the one frame of the page")
def shared(run):
    pages, seed = run.random.randint(8, 40), run.number()
    m = run.boot("file", pages, seed)
    s = m.stop(1)
    a, b = look(m, s, pages), look(m, s, pages, 1)
    must(not any(e.writable for e in a + b), "pages whose blocks are not reserved have W")
    must(same_frames(a, b) == list(range(pages)) and all(e.valid for e in a),
         "two shared mappings of a file have different frames")
    s = m.stop(2)
    c, d = look(m, s, pages), look(m, s, pages, 1)
    must(all(e.has(V | R | W | U) for e in c), "pages that were stored to lack W")
    must(same_frames(a, c) == same_frames(c, d) == list(range(pages)),
         "the store went to another frame than the file's")
    must(contents(m, c) == [word(seed ^ i) for i in range(pages)], "the stores are not there")
    before = m.blocks(0)[3]
    s = m.stop(3)
    must(s.values[3] == 0 and s.values[2] == total(word(seed ^ i) for i in range(pages)),
         "read() does not see the stores")
    must(m.blocks(0)[3] - before >= pages * 4096, "msync did not write the pages")
    m.end(0)


@test("neighbours come along", 10,
      "pages of a file that are in memory anyway, in the aligned group of 16, save their faults")
def around(run):
    pages = run.random.randint(50, 90)
    page = run.random.randint(20, pages - 1)
    m = run.boot("around", pages, page)
    s = m.stop(1)
    must(not any(e.pte for e in look(m, s, pages)), "pages are mapped that nobody has touched")
    s = m.stop(2)
    number = s.values[0] >> 12
    group = {i for i in range(pages) if (number + i) // 16 == (number + page) // 16}
    for i, e in enumerate(look(m, s, pages + 8)):
        must(e.valid == (i in group), f"page {page} was read; page {i} is {e}")
        must(not e.writable and not e.has(V | X), f"page {i} of a private mapping is {e}")
    must(s.values[1] == (word(7 + page)), "the page is another")
    m.end(0)
