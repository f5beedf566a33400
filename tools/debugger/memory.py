# SPDX-License-Identifier: MIT
"""Commands about spaces, frames and the kernel's memory."""

import gdb

from kernel import (Command, direct, linked, name_of, number, path_of, pointer, read_u64, string,
                    task_by_tid, value)

PAGE_SHIFT, LEVELS, INDEX_BITS = 12, 3, 9
V, R, W, X, U, G, A, D = (1 << i for i in range(8))
BIT_NAMES = [(R, "read"), (W, "write"), (X, "execute"), (U, "user"), (G, "global"), (A, "accessed"),
             (D, "dirty")]


class Areas(Command):
    """areas TID: list the areas of a task's space."""
    name = "areas"

    def show(self, args):
        if len(args) != 1:
            raise self.usage()
        space = task_by_tid(args[0])["space"]
        if not number(space):
            raise gdb.GdbError("a kernel task: it has no areas")
        self.below(space["root"])

    def below(self, area):
        if not number(area):
            return
        self.below(area["left"])
        prot = int(area["prot"])
        text = "".join(c if prot & 1 << i else "-" for i, c in enumerate("rwx"))
        flags = int(area["flags"])
        kinds = [n for i, n in enumerate(["shared", "stack", "heap"]) if flags & 1 << i]
        name = path_of(area["file"]["inode"]) if number(area["file"]) else ""
        print(f"{number(area['start']):012x}-{number(area['end']):012x} {text} "
              f"{' '.join(kinds):8} {name}")
        self.below(area["right"])


class Walk(Command):
    """walk ADDRESS [TID]: the page-table walk of an address, each bit spelled out.

Without TID, by the table of the hart that gdb looks at."""
    name, kind = "walk", gdb.COMMAND_DATA

    def show(self, args):
        if not 1 <= len(args) <= 2:
            raise self.usage()
        va = number(value(args[0]))
        if len(args) > 1:
            table = number(task_by_tid(args[1])["space"]["pmap"]["root"])
        else:
            table = (number(value("$satp")) & (1 << 44) - 1) << PAGE_SHIFT
        for level in reversed(range(LEVELS)):
            index = va >> PAGE_SHIFT + INDEX_BITS * level & 511
            pte = read_u64(direct(table) + 8 * index)
            pa = (pte >> 10 & (1 << 44) - 1) << PAGE_SHIFT
            print(f"level {level}, table {table:#x}[{index}] = {pte:#018x}:",
                  self.words(level, pte, pa))
            if pte & (V | R | W | X) != V:
                return
            table = pa

    @staticmethod
    def words(level, pte, pa):
        if pte == 0:
            return "nothing"
        if not pte & V and level > 0:
            return f"table at {pa:#x}, in common with other spaces since a fork"
        if not pte & V:
            if pte & R:
                return f"hidden (PROT_NONE), frame {pa:#x}"
            return f"swapped, slot {pte >> 10:#x}"
        if not pte & (R | W | X):
            return f"table at {pa:#x}"
        bits = [name for bit, name in BIT_NAMES if pte & bit]
        permissions = "".join(c if pte & b else "-" for c, b in (("r", R), ("w", W), ("x", X)))
        what = "large page" if level else "frame"
        return f"{what} {pa:#x} {permissions}: {', '.join(bits)}"


def frame_record(pfn):
    return (value("frames") + pfn).dereference()


def kind_of(word):
    return gdb.Value(word >> 52 & 15).cast(gdb.lookup_type("enum frame_kind"))


class Frame(Command):
    """frame-of PA: the frame record of a physical address, in words."""
    name, kind = "frame-of", gdb.COMMAND_DATA

    def show(self, args):
        if not args:
            raise self.usage()
        pa = number(value(" ".join(args)))
        f = frame_record(pa >> PAGE_SHIFT)
        w = number(f["word"])
        kind = kind_of(w)
        names = {56: "busy", 57: "writing", 58: "dirty", 59: "stale", 63: "locked"}
        flags = [name for bit, name in names.items() if w >> bit & 1]
        print(f"frame {pa >> PAGE_SHIFT:#x}: {kind} share {w & 0x3FFFF} mapped {w >> 18 & 0x3FFFF} "
              f"pins {w >> 36 & 0xFFFF} {' '.join(flags)}; owner {number(f['owner']) << 4:#x} "
              f"index {number(f['index']):#x} slot {int(f['slot']):#x}")


class Buddy(Command):
    """buddy [ORDER]: free blocks of each order, or where those of one order are."""
    name = "buddy"

    def show(self, args):
        buddy = value("'mm/buddy.c'::buddy")
        first, last = buddy["head"].type.range()
        if args:
            order = int(args[0])
            if not first <= order <= last:
                raise gdb.GdbError(f"orders are {first} to {last}")
            pfn = int(buddy["head"][order])
            while pfn:
                print(f"{pfn << PAGE_SHIFT:#x}-{(pfn + (1 << order) << PAGE_SHIFT) - 1:#x}")
                pfn = int(frame_record(pfn)["next"])
            return
        for order in range(first, last + 1):
            print(f"order {order:2} ({4 << order:5} KiB): {int(buddy['blocks'][order])} blocks")
        print(f"{int(buddy['free'])} frames free")


class Slab(Command):
    """slab [ADDRESS]: the kernel's object caches, or what object is at an address."""
    name = "slab"

    def show(self, args):
        if args:
            self.object_at(number(value(" ".join(args))))
            return
        print("cache                size  in use  slabs")
        for c in linked(value("caches"), "struct cache", "link"):
            print(f"{string(c['name']):18} {int(c['size']):6} {int(c['active']):7} "
                  f"{int(c['slabs']):6}")

    @staticmethod
    def object_at(address):
        pfn = address - number(value("direct_base")) >> PAGE_SHIFT
        if not int(value("frame_first")) <= pfn < int(value("frame_last")):
            raise gdb.GdbError(f"{address:#x} is no address of an object")
        frame = frame_record(pfn)
        kind = kind_of(number(frame["word"]))
        if str(kind) != "KIND_SLAB":
            print(f"{address:#x}: no object, its frame is {name_of(kind)}")
            return
        slab = pointer("struct slab", direct(number(frame["owner"]) * 16))
        cache = slab["cache"].dereference()
        index, inside = divmod(address - number(slab["base"]), int(cache["stride"]))
        print(f"{address:#x}: {inside} bytes into object {index} of {int(cache['per_slab'])} in a "
              f"slab of {string(cache['name'])}, {int(cache['size'])} bytes each, at "
              f"{address - inside:#x}")


class Dmesg(Command):
    """dmesg: the kernel's messages so far, as many as it keeps."""
    name = "dmesg"

    def show(self, args):
        size, written = number(value("ring_size")), number(value("written"))
        ring = gdb.selected_inferior().read_memory(number(value("'kernel/printk.c'::ring")), size)
        data = ring.tobytes()
        at = written % size
        data = data[:at] if written <= size else data[at:] + data[:at]
        print(data.decode(errors="replace"), end="")


COMMANDS = (Areas, Walk, Frame, Buddy, Slab, Dmesg)
