# SPDX-License-Identifier: MIT
"""The kernel's memory as seen from outside the guest.

Reads a snapshot of physical memory: walks Sv39 tables by the book
(Privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System"),
follows the kernel's lists with symbols and structure offsets taken from its
debugging information, and reads frame records.  Nothing here trusts a word
the guest prints, and none of it is the kernel's code.
"""

import dataclasses
import functools
import struct
import subprocess

from guest import KERNEL

RAM = 0x80000000
PAGE = 4096
IMAGE_OFFSET = 0xFFFFFFFF00000000
DIRECT_BASE = 0xFFFFFFC000000000
V, R, W, X, U, G, A, D = (1 << i for i in range(8))

KINDS = ("FREE", "KERNEL", "SLAB", "TABLE", "ANON", "OBJECT", "ZERO")


@functools.lru_cache(maxsize=None)
def evaluate(*expressions):
    """Constant C expressions over the kernel's types and symbols, by gdb."""
    args = ["gdb-multiarch", "-batch", "-nx", "-ex", "set language c", str(KERNEL)]
    for e in expressions:
        args += ["-ex", f'printf "%lu\\n", (unsigned long)({e})']
    out = subprocess.run(args, capture_output=True, text=True, timeout=60)
    values = [int(line) for line in out.stdout.split()]
    if len(values) != len(expressions):
        raise RuntimeError(f"gdb cannot evaluate {expressions}: {out.stderr}")
    return values


def offsets(struct_name, *fields):
    return evaluate(*(f"&((struct {struct_name} *)0)->{f}" for f in fields))


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A leaf entry, and the address and size of what it maps."""
    va: int
    size: int
    pte: int

    @property
    def pa(self):
        return (self.pte >> 10 & (1 << 44) - 1) << 12

    def has(self, bits):
        return self.pte & bits == bits

    @property
    def permissions(self):
        return "".join(c if self.pte & b else "-" for c, b in (("r", R), ("w", W), ("x", X)))


@dataclasses.dataclass(frozen=True)
class FrameRecord:
    pa: int
    word: int

    share = property(lambda self: self.word & 0x3FFFF)
    mapped = property(lambda self: self.word >> 18 & 0x3FFFF)
    pins = property(lambda self: self.word >> 36 & 0xFFFF)

    @property
    def kind(self):
        values = evaluate(*(f"KIND_{k}" for k in KINDS))
        return dict(zip(values, KINDS)).get(self.word >> 52 & 0xF)


class Snapshot:
    """All of RAM at one instant."""

    def __init__(self, guest, megabytes):
        self.bytes = guest.memory(RAM, megabytes << 20)

    # ---- Plain memory ----

    def read(self, pa, n):
        if not RAM <= pa <= RAM + len(self.bytes) - n:
            raise ValueError(f"{pa:#x} is not RAM")
        return self.bytes[pa - RAM:pa - RAM + n]

    def u64(self, pa):
        return struct.unpack("<Q", self.read(pa, 8))[0]

    def u32(self, pa):
        return struct.unpack("<I", self.read(pa, 4))[0]

    @staticmethod
    def kernel_pa(va):
        """Of an address in the kernel image or the direct map."""
        return va - IMAGE_OFFSET if va >= IMAGE_OFFSET else va - DIRECT_BASE

    def kernel_u64(self, va):
        return self.u64(self.kernel_pa(va))

    def kernel_u32(self, va):
        return self.u32(self.kernel_pa(va))

    # ---- Page tables ----

    def entry(self, root, va):
        """The leaf entry of va, or None where a table above it is missing."""
        table = root
        for level in (2, 1, 0):
            pte = self.u64(table + 8 * (va >> 12 + 9 * level & 511))
            if level == 0 or pte & (V | R | W | X) != V:
                size = PAGE << 9 * level
                present = level == 0 or pte & V
                return Leaf(va & -size, size, pte) if present else None
            table = (pte >> 10) << 12

    def leaves(self, root, level=2, va=0):
        """Every valid leaf below a table."""
        for i in range(512):
            pte = self.u64(root + 8 * i)
            at = va | i << 12 + 9 * level
            if level == 2 and i >= 256:
                at |= -1 << 39 & (1 << 64) - 1
            if not pte & V:
                continue
            if pte & (R | W | X):
                yield Leaf(at, PAGE << 9 * level, pte)
            else:
                yield from self.leaves((pte >> 10) << 12, level - 1, at)

    def kernel_root(self):
        return self.kernel_u64(*evaluate("&kernel_pmap.root"))

    # ---- Frames ----

    def frame(self, pa):
        table, size = evaluate("&frames", "sizeof(struct frame)")
        record = self.kernel_u64(table) + (pa >> 12) * size
        return FrameRecord(pa, self.kernel_u64(record & (1 << 64) - 1))

    def zero_frame_pa(self):
        pointer, table, size = evaluate("&zero_frame", "&frames", "sizeof(struct frame)")
        return (self.kernel_u64(pointer) - self.kernel_u64(table) & (1 << 64) - 1) // size << 12

    # ---- Processes ----

    def radix(self, node, shift):
        """The values in a radix tree."""
        slots, bits = evaluate("RADIX_SLOTS", "RADIX_BITS")
        for i in range(slots):
            value = self.kernel_u64(node + 8 * i)
            if value:
                yield from (self.radix(value, shift - bits) if shift else (value,))

    def tasks(self):
        """Addresses of all tasks, by the tree of their numbers."""
        root, shift, task = evaluate(
            "&'kernel/pid.c'::numbers.root", "&'kernel/pid.c'::numbers.shift",
            "&((struct pid *)0)->task")
        for pid in self.radix(self.kernel_u64(root), self.kernel_u32(shift)):
            t = self.kernel_u64(pid + task)
            if t:
                yield t

    def user_root(self, pid):
        """The root table of the process."""
        process, space = offsets("task", "process", "space")
        pid_offset, = offsets("process", "pid")
        root, = offsets("space", "pmap.root")
        for t in self.tasks():
            p, s = self.kernel_u64(t + process), self.kernel_u64(t + space)
            if p and s and self.kernel_u32(p + pid_offset) == pid:
                return self.kernel_u64(s + root)
        raise KeyError(f"no process {pid}")
