# SPDX-License-Identifier: MIT
"""What the labs' tests have in common: they say what must be, and recompute it."""

from machine import Wrong, mix

MASK = (1 << 64) - 1


def must(condition, what):
    if not condition:
        raise Wrong(what)


def word(x):
    return mix(x & MASK)


def look(m, stop, pages, value=0):
    """The entries of a region whose address is a value of the stop."""
    return m.entries(stop.root, stop.values[value], pages)


def contents(m, entries):
    """The first word of each frame."""
    return [int.from_bytes(m.read(e.pa, 8), "little") for e in entries]


def same_frames(a, b):
    return [i for i, (x, y) in enumerate(zip(a, b)) if x.pa == y.pa]


def some(items, most=5):
    items = list(items)
    return ", ".join(map(str, items[:most])) + (", ..." if len(items) > most else "")


def sample(run, n, most):
    return sorted(run.random.sample(range(n), min(n, most)))
