# SPDX-License-Identifier: MIT
"""Reading the kernel's data for the debugger's commands."""

import bisect
import contextlib

import gdb

MASK = (1 << 64) - 1
RADIX_BITS = 6
SUPERVISOR = 1


@contextlib.contextmanager
def kernel_view():
    """Memory as the kernel sees it, though the hart may be in user mode or the firmware."""
    priv = gdb.parse_and_eval("$priv")
    mode = SUPERVISOR if priv.type.code == gdb.TYPE_CODE_VOID else int(priv)    # none in a core
    if mode != SUPERVISOR:
        gdb.execute(f"set $priv = {SUPERVISOR}")
    try:
        yield
    finally:
        if mode != SUPERVISOR:
            gdb.execute(f"set $priv = {mode}")


class Command(gdb.Command):
    """A command of ours: `name`, what it does in its own words, and show(arguments)."""
    name, kind = "", gdb.COMMAND_STATUS

    def __init__(self):
        super().__init__(self.name, self.kind, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        with kernel_view():
            self.show(gdb.string_to_argv(argument))

    def show(self, args):
        raise NotImplementedError

    def usage(self):
        return gdb.GdbError(self.__doc__.partition(":")[0])


def value(expression):
    return gdb.parse_and_eval(expression)


def number(v):
    return int(v) & MASK


def pointer(type_name, address):
    """=> what is at an address, as that type"""
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer()).dereference()


def name_of(v):
    """An enumeration's constant without its prefix, in small letters."""
    return str(v).partition("_")[2].lower()


def string(v):
    return v.string() if number(v) else "?"


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


def linked(head, type_name, field):
    """The members of an intrusive list."""
    offset = next(f.bitpos // 8 for f in gdb.lookup_type(type_name).fields() if f.name == field)
    at = head["next"]
    while number(at) != number(head.address):
        yield pointer(type_name, number(at) - offset)
        at = at["next"]


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


def harts():
    for i in range(int(value("nharts"))):
        yield (value("harts") + i).dereference()


def symbol_at(pc):
    """The function that is called by its name, whatever was expanded in it; or empty."""
    words = gdb.execute(f"info symbol {pc:#x}", to_string=True).split()
    return "" if words[:2] == ["No", "symbol"] else words[0]


def function_at(pc, after_call=False):
    """Name, offset and line of the code at an address; of a return address, of the call."""
    at = pc - after_call
    block = gdb.block_for_pc(at)
    while block and not block.function:
        block = block.superblock
    if not block or not block.function:
        return symbol_at(pc) or f"{pc:#x}"
    line = gdb.find_pc_line(at)
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
    return f"{block.function.name}+{pc - block.start:#x}{where}"


def frame_of(pc):
    """(where from sp the return address lies, size) of the frame of the function at pc."""
    first, end = number(value("&__ksyms_start[0]")), number(value("&__ksyms_end[0]"))
    table = memoryview(gdb.selected_inferior().read_memory(first, end - first).tobytes()).cast("I")
    offset = (pc - number(value("&__text_start[0]"))) // 2
    entry = table[bisect.bisect_right(table, offset, key=lambda e: e & 0xfffff) - 1]
    ra, arguments = entry >> 24, entry >> 20 & 0xf
    return ra * 8, (ra + 1 + arguments) * 8


def call_chain(task):
    """The return addresses on the stack of a task that does not run, the last call first."""
    pc, sp = number(task["context"][0]), number(task["context"][1])
    top = number(task["tf"])
    while pc:
        yield pc
        ra, size = frame_of(pc - 1)
        if ra == 0 or not number(task["stack"]) <= sp <= top - size:
            return
        pc, sp = read_u64(sp + ra), sp + size


def is_current(task):
    return any(number(h["current"]) == number(task.address) for h in harts())
