# SPDX-License-Identifier: MIT
"""All of memory, written down as the guest's program `snap` does, for tools/viz/page.py."""

import collections

import gdb

from kernel import Command, direct, harts, linked, number, path_of, string, tasks, value

PAGE_SHIFT, LEVELS, INDEX_BITS, ENTRIES = 12, 3, 9, 512
V, R, LEAF = 1, 2, 0b1110
PRESENT, SWAPPED = 1 << 63, 1 << 62           # of /proc/<pid>/pagemap
SWAP_TYPE_BITS = 5
FLAGS = "bwdua"                               # as /proc/frames has them, with their bits
BITS = (56, 57, 58, 61, 62)
NUMBERS = ("moves", "forgotten", "refused", "ticks")


def memory(va, n):
    return gdb.selected_inferior().read_memory(va, n).tobytes()


def words(va, n, size=8):
    data = memory(va, n * size)
    return [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]


def entries(table, level=LEVELS - 1, va=0):
    """What a user's table names: (page, entry), tables held in common too."""
    for i, pte in enumerate(words(direct(table), ENTRIES if level < LEVELS - 1 else ENTRIES // 2)):
        at, pa = va | i << PAGE_SHIFT + INDEX_BITS * level, pte >> 10 << PAGE_SHIFT
        if pte == 0:
            continue
        if level == 0:
            yield at >> PAGE_SHIFT, pte
        elif not pte & LEAF:
            yield from entries(pa & (1 << 56) - 1, level - 1, at)
        elif pte & V:                         # a large page: as its small ones
            yield from (((at >> PAGE_SHIFT) + k, pte + (k << 10)) for k in range(ENTRIES))


def pagemap(pte):
    """An entry as /proc/<pid>/pagemap tells it."""
    if pte & (V | R):                         # present, or hidden
        return PRESENT | pte >> 10 & (1 << 44) - 1
    slot = pte >> 10
    return SWAPPED | slot << SWAP_TYPE_BITS


def areas(area):
    if number(area):
        yield from areas(area["left"])
        prot, flags = int(area["prot"]), int(area["flags"])
        text = "".join(c if prot & 1 << i else "-" for i, c in enumerate("rwx"))
        name = path_of(area["file"]["inode"]) if number(area["file"]) else ""
        yield (f"{number(area['start']):08x}-{number(area['end']):08x} {text}{'ps'[flags & 1]} "
               f"00000000 00:00 0 {name}").rstrip()
        yield from areas(area["right"])


def processes():
    for t in tasks():
        p = t["process"]
        if number(p) and number(p["leader"]) == number(t.address):
            yield int(p["pid"]), t


class Snapshot(Command):
    """snapshot FILE: write all of memory down, for `make viz`: tools/viz/page.py FILE PAGE.html"""
    name = "snapshot"

    def show(self, args):
        if len(args) != 1:
            raise self.usage()
        tables = {pid: (t, list(entries(number(t["space"]["pmap"]["root"])))
                        if number(t["space"]) else []) for pid, t in processes()}
        with open(args[0], "w", encoding="utf-8") as f:
            for line in self.lines(tables):
                print(line, file=f)

    def lines(self, tables):
        yield "==== snapshot"
        yield "==== /proc/uptime"
        yield f"{max(number(h['current']['mark']) for h in harts()) / 1e9:.2f}"
        yield "==== /proc/frames"
        yield from self.frames(tables)
        yield "==== /proc/vmstat"
        yield from self.vmstat()
        yield "==== /proc/buddyinfo"
        blocks = value("'mm/buddy.c'::buddy")["blocks"]
        yield "Node 0, zone   Normal " + " ".join(
            str(int(blocks[i])) for i in range(blocks.type.range()[1] + 1))
        yield "==== /proc/swaps"
        yield "Filename Type Size Used Priority"
        for w in linked(value("swaps"), "struct swap", "link"):
            usable, free = int(w["usable"]), int(w["free"])
            yield f"{path_of(w['file']['inode'])} partition {usable * 4} {(usable - free) * 4} 0"
        for pid, (task, named) in tables.items():
            yield f"==== process {pid} {task['comm'].string()}"
            if number(task["space"]):
                yield f"==== /proc/{pid}/maps"
                yield from areas(task["space"]["root"])
                yield f"==== /proc/{pid}/pagemap"
                yield from (f"{page:X} {pagemap(pte):016X}" for page, pte in named)
        yield "==== end"

    @staticmethod
    def frames(tables):
        kinds = [string(value("frame_kind_names")[k]) for k in range(int(value("KINDS")))]
        zero = kinds.index("zero")
        mapped = collections.defaultdict(list)
        for pid, (_, named) in tables.items():
            for page, pte in named:
                if pte & (V | R):
                    mapped[pte >> 10 & (1 << 44) - 1].append(f" {pid}:{page:x}")
        first, last = int(value("frame_first")), int(value("frame_last"))
        size = gdb.lookup_type("struct frame").sizeof
        records = words(number(value("frames") + first), (last - first) * size // 8)
        yield " frame kind    flags share mapped pins    slot pid:page..."
        for k in range(last - first):
            w, _, rest = records[k * size // 8:k * size // 8 + 3]
            kind, slot = w >> 52 & 15, rest & 0xFFFFFFFF
            flags = "".join(c if w >> bit & 1 else "-" for c, bit in zip(FLAGS, BITS))
            names = mapped[first + k] if kind != zero else ()
            yield (f"{first + k:6x} {kinds[kind]:7} {flags} {w & 0x3FFFF:5} {w >> 18 & 0x3FFFF:5} "
                   f"{w >> 36 & 0xFFFF:3} {slot:8x}{''.join(names)}")

    @staticmethod
    def vmstat():
        names = value("'mm/mm.c'::event_names")
        for e in range(names.type.range()[1] + 1):
            yield f"{string(names[e])} {sum(int(h['events'][e]) for h in harts())}"
        stats = value("policy_stats")
        hand = int(value("'mm/ring.c'::rings")["ring"]["hand"])
        yield f"policy_hand {int(value('frame_first')) + hand}"
        yield from (f"policy_{name} {int(stats[name])}" for name in NUMBERS)
        for name, field, first in (("seen_class", "seen", 0), ("victims_class", "victims", 0),
                                   ("pass", "passes", 1)):
            last = stats[field].type.range()[1]
            yield from (f"policy_{name}_{first + i} {int(stats[field][i])}"
                        for i in range(last + 1))


COMMANDS = (Snapshot,)
