# SPDX-License-Identifier: MIT
"""Lab policy: whom does it take?"""

from common import look, must, word
from machine import A, D, PAGE, V

NAMES = ("idle clean", "idle dirty", "used clean", "used dirty")
MARKS = (V, V | D, V | A, V | A | D)
TRIES = 100


class Class:
    """Pages in known classes; then `gone`, numbers of those that were taken."""

    def __init__(self, run, policy, parts, pages=2200, steals=300):
        seed = run.number()
        m = run.boot(policy, pages, steals, seed, *parts, mem=16, swap=64)
        self.of = [self._class(seed, i, parts) for i in range(pages)]
        for _ in range(TRIES):
            s = m.stop(1, 60)
            self.before = look(m, s, pages)
            odd = [i for i, e in enumerate(self.before) if e.pte & (V | A | D) != MARKS[self.of[i]]]
            if not odd:
                break
            m.answer(0)
        must(not odd, f"{len(odd)} pages could not be brought into their classes")
        s = m.stop(2, 60)
        after = look(m, s, pages)
        self.gone = [i for i in range(pages) if not after[i].valid]
        must(len(self.gone) >= steals // 2, f"memory got tight, and {len(self.gone)} pages went")
        s, total = m.stop(3, 60), 0
        for i in range(pages):
            total = word(total ^ word(seed ^ i))
        must(s.values[1] == total, "pages hold something else than before")
        m.end(0)

    @staticmethod
    def _class(seed, i, parts):
        at = word(seed + i) % sum(parts)
        for k, p in enumerate(parts):
            if at < p:
                return k
            at -= p

    def share(self, *classes):
        return sum(self.of[i] in classes for i in self.gone) / len(self.gone)

    def must_be(self, least, most, *classes):
        found = self.share(*classes)
        names = " or ".join(NAMES[c] for c in classes)
        must(least <= found <= most, f"{found:.0%} of the victims were {names}; it should be "
             f"{f'{least:.0%} at least' if most == 1 else f'{most:.0%} at most'}")

    def must_be_in_order(self, *classes):
        """Of those classes the hand takes neighbours, as frames stand in memory."""
        frames = sorted((self.before[i].pa, i) for i, c in enumerate(self.of) if c in classes)
        gone = set(self.gone)
        taken = [i in gone for _, i in frames]
        runs = sum(a != b for a, b in zip(taken, taken[1:] + taken[:1]))
        n = sum(taken)
        must(runs <= n // 5, f"{n} of {len(taken)} pages went, in {runs // 2} places: "
             f"a hand that goes round meets neighbours")


@test("fifo: whoever comes", 20, "the hand takes what it meets, in the order of the ring")
def fifo(run):
    c = Class(run, "fifo", (4, 2, 1, 1))
    c.must_be_in_order(0, 1, 2, 3)
    c.must_be(0.05, 1, 2, 3)


@test("clock: what is used stays", 20, "the hand clears USED, and goes on")
def clock(run):
    c = Class(run, "clock", (4, 2, 1, 1))
    c.must_be(0, 0.03, 2, 3)
    c.must_be(0.1, 1, 1)
    c.must_be_in_order(0, 1)


@test("clock: one chance", 15, "if all were used, the second revolution takes them as they come")
def chance(run):
    c = Class(run, "clock", (0, 0, 3, 1))
    c.must_be_in_order(2, 3)


@test("esc: idle and clean first", 25, "pass 1 looks for (0,0) and changes nothing")
def esc(run):
    c = Class(run, "esc", (14, 4, 1, 1), steals=200)
    c.must_be(0.9, 1, 0)
    c.must_be(0, 0.03, 2, 3)


@test("esc: then idle and dirty", 20,
      "pass 2 looks for (0,1): writing costs less than a page in use")
def dirty(run):
    c = Class(run, "esc", (0, 3, 2, 3))
    c.must_be(0.85, 1, 1)
    c.must_be(0, 0.1, 3)
