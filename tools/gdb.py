# SPDX-License-Identifier: MIT
"""gdb's helpers for quire; sourced by .gdbinit.  `help quire` lists them."""

import pathlib

import gdb

PAGE_SHIFT, LEVELS, INDEX_BITS = 12, 3, 9
RADIX_BITS = 6
V, R, W, X, U, G, A, D = (1 << i for i in range(8))
BIT_NAMES = [(R, "read"), (W, "write"), (X, "execute"), (U, "user"), (G, "global"), (A, "accessed"),
             (D, "dirty")]
IMAGE_OFFSET = 0xFFFFFFFF00000000
MASK = (1 << 64) - 1


class Quire(gdb.Command):
    """Helpers for quire.

tasks                 every task: tid, state, name, where it waits
areas TID             the areas of its space
walk ADDRESS [TID]    the page-table walk, each bit spelled out
frame-of PA           the frame record of a physical address
user PROGRAM          add the symbols of build/user/PROGRAM.elf"""

    def __init__(self):
        super().__init__("quire", gdb.COMMAND_USER, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        gdb.execute("help quire")


class Connect(gdb.Command):
    """Connect to the machine that `make qemu-gdb` started."""

    def __init__(self):
        super().__init__("quire-connect", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        target = gdb.convenience_variable("quire_target")
        if target is None:
            port = pathlib.Path("build/gdbport")
            if not port.exists():
                raise gdb.GdbError("Nothing to connect to: run `make qemu-gdb` in another window.")
            target = f"127.0.0.1:{port.read_text().strip()}"
        else:
            target = target.string()
        gdb.execute(f"target remote {target}")


def value(expression):
    return gdb.parse_and_eval(expression)


def number(v):
    return int(v) & MASK


def direct(pa):
    """The kernel's address of a physical one."""
    return pa + number(value("direct_base"))


def read_u64(va):
    return int.from_bytes(gdb.selected_inferior().read_memory(va, 8).tobytes(), "little")


def path_of(inode):
    """The names that lead to an inode from the root of its file system."""
    names = []
    while number(inode["dentry"]):
        d = inode["dentry"]
        name = gdb.selected_inferior().read_memory(number(d["word"]), int(d["len"]))
        names.insert(0, name.tobytes().decode(errors="replace"))
        inode = d["parent"]
    return "/" + "/".join(names)


def radix(node, shift):
    """The values in a radix tree, in order."""
    first, last = node["slot"].type.range()
    for i in range(first, last + 1):
        v = node["slot"][i]
        if number(v):
            if shift > 0:
                yield from radix(v.cast(node.type.pointer()).dereference(), shift - RADIX_BITS)
            else:
                yield v


def tasks():
    """All tasks with a number, in its order."""
    tree = value("'kernel/pid.c'::numbers")
    pid_pointer = gdb.lookup_type("struct pid").pointer()
    if number(tree["root"]):
        for v in radix(tree["root"].dereference(), int(tree["shift"])):
            task = v.cast(pid_pointer)["task"]
            if number(task):
                yield task.dereference()


def task_by_tid(text):
    tid = int(text)
    for t in tasks():
        if int(t["tid"]) == tid:
            return t
    raise gdb.GdbError(f"no task {tid}")


class Tasks(gdb.Command):
    """List all tasks: tid, state, hart, name, and the function it waits in."""

    def __init__(self):
        super().__init__("tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        print(" tid  state      hart name             at")
        for t in tasks():
            state = str(t["state"]).removeprefix("TASK_").lower()
            hart = int(t["hart"]["index"]) if number(t["hart"]) else "-"
            where = "" if state == "running" else self.waits_in(t)
            print(f"{int(t['tid']):4}  {state:10} {hart!s:4} {t['comm'].string():16} {where}")

    @staticmethod
    def waits_in(task):
        """The first function on its stack that is not about switching."""
        pc, frame = number(task["context"][0]), number(task["context"][3])
        for _ in range(8):
            block = gdb.block_for_pc(pc)
            name = block.function.name if block and block.function else f"{pc:#x}"
            if name not in ("schedule", "context_switch", "switch_to", "yield", "wait_queued"):
                return name
            if not frame >> 63:
                break
            pc, frame = read_u64(frame - 8), read_u64(frame - 16)
        return name


class Areas(gdb.Command):
    """areas TID: list the areas of a task's space."""

    def __init__(self):
        super().__init__("areas", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        space = task_by_tid(argument)["space"]
        if not number(space):
            raise gdb.GdbError("a kernel task: it has no areas")
        self.show(space["root"])

    def show(self, area):
        if not number(area):
            return
        self.show(area["left"])
        prot = int(area["prot"])
        text = "".join(c if prot & 1 << i else "-" for i, c in enumerate("rwx"))
        flags = int(area["flags"])
        kinds = [n for i, n in enumerate(["shared", "stack", "heap"]) if flags & 1 << i]
        name = path_of(area["file"]["inode"]) if number(area["file"]) else ""
        print(f"{number(area['start']):012x}-{number(area['end']):012x} {text} "
              f"{' '.join(kinds):8} {name}")
        self.show(area["right"])


class Walk(gdb.Command):
    """walk ADDRESS [TID]: the page-table walk of an address, each bit spelled out.

Without TID, by the table of the hart that gdb looks at."""

    def __init__(self):
        super().__init__("walk", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        args = gdb.string_to_argv(argument)
        if not args:
            raise gdb.GdbError("walk ADDRESS [TID]")
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
        return f"frame {pa:#x} {permissions}: {', '.join(bits)}"


class Frame(gdb.Command):
    """frame-of PA: the frame record of a physical address, in words."""

    def __init__(self):
        super().__init__("frame-of", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        pa = number(value(argument))
        f = (value("frames") + (pa >> PAGE_SHIFT)).dereference()
        w = number(f["word"])
        kind = gdb.Value(w >> 48 & 15).cast(gdb.lookup_type("enum frame_kind"))
        names = {52: "busy", 53: "writing", 54: "dirty", 55: "stale", 63: "locked"}
        flags = [name for bit, name in names.items() if w >> bit & 1]
        print(f"frame {pa >> PAGE_SHIFT:#x}: {kind} share {w & 0xFFFFF} mapped {w >> 20 & 0xFFFFF} "
              f"pins {w >> 40 & 255} {' '.join(flags)}; owner {number(f['owner']) << 4:#x} "
              f"index {number(f['index']):#x} slot {int(f['slot'])}")


class User(gdb.Command):
    """user PROGRAM: add the symbols of build/user/PROGRAM.elf."""

    def __init__(self):
        super().__init__("user", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        gdb.execute(f"add-symbol-file build/user/{argument.strip()}.elf")


for command in (Quire, Connect, Tasks, Areas, Walk, Frame, User):
    command()
