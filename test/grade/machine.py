# SPDX-License-Identifier: MIT
"""A machine under test, and the host's view of it.

The guest runs a test program that holds still at numbered points, where QEMU has
a breakpoint.  There registers, page tables and frames are read through QEMU's gdb
stub and QMP: what the hardware has, not what the kernel says.  The walk is by the
book (Privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System").
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import sandbox

RAM, PAGE = 0x80000000, 4096
IMAGE_OFFSET, DIRECT_BASE = 0xFFFFFFFF00000000, 0xFFFFFFC000000000
V, R, W, X, U, G, A, D = (1 << i for i in range(8))
MASK = (1 << 64) - 1
MARK = 0x70726F6265              # in t6 at a stop of ours
RA, A0, T6, PC = 1, 10, 31, 32
FLOOD = 1 << 18                  # bytes on the console: more is too much
ANSWER = 60                      # seconds that QEMU itself has for an answer


class Wrong(Exception):
    """The kernel under test did not do what it should; says what."""


class Stalled(Wrong):
    """It did not get to where it should in time."""


class Lost(Exception):
    """The machine ended."""


def mix(x):
    """The probes' function of the same name."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


@functools.lru_cache(maxsize=None)
def symbols(elf):
    out = subprocess.run(["riscv64-linux-gnu-nm", str(elf)], capture_output=True, text=True).stdout
    fields = (line.split() for line in out.splitlines())
    return {f[2]: int(f[0], 16) for f in fields if len(f) == 3}


@functools.lru_cache(maxsize=None)
def layout(elf, *expressions):
    """Constant expressions over the types of a kernel of ours (not of a stranger's)."""
    args = ["gdb-multiarch", "-batch", "-nx", "-ex", "set language c", str(elf)]
    for e in expressions:
        args += ["-ex", f'printf "%lu\\n", (unsigned long)({e})']
    out = subprocess.run(args, capture_output=True, text=True, timeout=60)
    values = [int(line) for line in out.stdout.split()]
    if len(values) != len(expressions):
        raise RuntimeError(f"gdb cannot evaluate {expressions}: {out.stderr}")
    return values


def make_swap_area(path, size):
    """As mkswap does."""
    header = bytearray(PAGE)
    header[1024:1032] = struct.pack("<II", 1, size // PAGE - 1)
    header[4086:4096] = b"SWAPSPACE2"
    with open(path, "wb") as f:
        f.write(header)
        f.truncate(size)


class Remote:
    """gdb's remote protocol, as far as it is needed (gdb's manual, "Remote Protocol")."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.data = b""

    def send(self, text):
        packet = text.encode()
        self.socket.sendall(b"$%s#%02x" % (packet, sum(packet) & 255))

    def receive(self, left=None):
        """=> a packet's text; None when left(), the seconds that remain, is none"""
        while True:
            m = re.search(rb"\$([^#]*)#..", self.data)
            if m:
                self.data = self.data[m.end():]
                self.socket.sendall(b"+")
                return self._plain(m.group(1))
            self.socket.settimeout(max(0.01, left()) if left else ANSWER)
            try:
                more = self.socket.recv(1 << 16)
            except TimeoutError:
                if left is None:
                    raise Lost("the debugger's port says nothing") from None
                if left() > 0:
                    continue
                return None
            except OSError:
                more = b""
            if not more:
                raise Lost("the machine is gone")
            self.data += more

    @staticmethod
    def _plain(packet):
        """Without run-length encoding and escapes."""
        out = bytearray()
        i = 0
        while i < len(packet):
            if packet[i] == ord("*"):
                out += bytes([out[-1]]) * (packet[i + 1] - 29)
                i += 2
            elif packet[i] == ord("}"):
                out.append(packet[i + 1] ^ 0x20)
                i += 2
            else:
                out.append(packet[i])
                i += 1
        return out.decode("latin-1")

    def ask(self, text):
        self.send(text)
        return self.receive()

    def must(self, text):
        answer = self.ask(text)
        if answer != "OK":
            raise Lost(f"the debugger's port refuses {text}: {answer}")


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(ANSWER)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise Lost("the machine is gone")
            answer = json.loads(line)
            if "error" in answer:
                raise Lost(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A leaf entry: what the hardware finds for an address."""
    pte: int

    pa = property(lambda self: (self.pte >> 10 & (1 << 44) - 1) << 12)
    valid = property(lambda self: bool(self.pte & V))
    writable = property(lambda self: self.pte & (V | W) == V | W)
    slot = property(lambda self: self.pte >> 10 if self.pte and not self.pte & (V | R) else 0)

    def has(self, bits):
        return self.pte & bits == bits

    def __str__(self):
        if not self.pte & V:
            return f"an invalid entry, {self.pte:#x}" if self.pte else "nothing"
        bits = "".join(c if self.pte & 1 << i else "-" for i, c in enumerate("vrwxugad"))
        return f"frame {self.pa:#x} {bits}"


NOTHING = Entry(0)


@dataclasses.dataclass(frozen=True)
class Stop:
    """The program holds still: its step, its values, its page table's root."""
    step: int
    values: tuple
    root: int
    hart: int


class Machine:
    """Boots at once; connect(), then close() in any case."""

    def __init__(self, kernel, image, probe, args, scratch, mem=64, cpus=1, swap=0,
                 seconds=30, append="", ours=None):
        """mem: MiB.  swap: MiB, a disk of its own.  ours: a kernel whose types to believe."""
        self.kernel, self.mem, self.seconds, self.probe = kernel, mem, seconds, probe
        self.ours = ours or kernel
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="m.", dir=scratch))
        self.swap = self.folder / "swap.img" if swap else None
        if swap:
            make_swap_area(self.swap, swap << 20)
        self.sandbox = sandbox.Sandbox(self.folder, [kernel, image])
        append = f"quiet panic=exit {append} test=/{probe.name} -- {' '.join(map(str, args))}"
        self.process = self.sandbox.start(
            self._arguments(kernel, image, mem, cpus, append),
            sandbox.Limits(4 * seconds + 60, memory=(mem << 20) + (3 << 30), file=256 << 20))
        self.console = sandbox.Output(self.process, FLOOD)
        self.clock = sandbox.Clock(self.process)
        self.started = time.time()
        self.remote = self.monitor = None
        self.stall = ""
        self.here = symbols(probe.with_suffix(".elf"))["stop_here"]

    def _arguments(self, kernel, image, mem, cpus, append):
        def disk(slot, path, more):
            return ["-drive", f"file={path},if=none,format=raw,id=x{slot}{more}",
                    "-device", f"virtio-blk-device,drive=x{slot},bus=virtio-mmio-bus.{slot}"]
        args = ["qemu-system-riscv64", "-M", "virt", "-smp", str(cpus), "-m", f"{mem}M",
                "-display", "none", "-monitor", "none", "-serial", "stdio", "-S", "-no-reboot",
                "-bios", "default", "-kernel", str(kernel), "-append", append,
                "-global", "virtio-mmio.force-legacy=false",
                "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
                "-gdb", f"unix:{self.folder}/gdb,server=on,wait=off",
                *disk(0, image, ",snapshot=on")]
        return args + (disk(1, self.swap, ",cache=writeback") if self.swap else [])

    # ---- Life ----

    def connect(self):
        """=> itself, halted before its first instruction"""
        for name in ("qmp", "gdb"):
            while not (self.folder / name).exists():
                if self.process.poll() is not None or time.time() > self.started + ANSWER:
                    raise RuntimeError(f"QEMU does not start: {self.console.text()}")
                time.sleep(0.01)
        self.monitor = Qmp(self.folder / "qmp")
        self.remote = Remote(self.folder / "gdb")
        self.remote.ask("?")
        self.remote.ask("qXfer:features:read:target.xml:0,ffb")     # else it knows no P
        self.remote.must(f"Z1,{self.here:x},4")
        return self

    def close(self):
        sandbox.end(self.process)
        self.console.join()
        for s in (self.remote, self.monitor):
            if s:
                s.socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- Running ----

    def _patience(self, seconds):
        """=> what tells the seconds that remain of those that the machine has from now on"""
        end = self.clock.now() + (seconds or self.seconds)
        return lambda: end - self.clock.now()

    def _registers(self):
        data = bytes.fromhex(self.remote.ask("g")[:33 * 16])
        return struct.unpack("<33Q", data)

    def _set(self, register, value):
        self.remote.must("P%x=%s" % (register, struct.pack("<Q", value).hex()))

    def _step(self, hart):
        """Over the breakpoint, for somebody else's instruction that lies there."""
        self.remote.must(f"z1,{self.here:x},4")
        while self._registers()[PC] == self.here:
            self.remote.send("vCont;s:%x" % (hart + 1))
            self.remote.receive()
            self.remote.ask(f"Hg{hart + 1:x}")
        self.remote.must(f"Z1,{self.here:x},4")

    back = None                  # where the program that holds still goes on

    def _next(self, left):
        if self.back is not None:
            self._set(PC, self.back)        # it stands at a `ret`
            self.back = None
        while True:
            self.remote.send("c")
            answer = self.remote.receive(left)
            if answer is None:
                self._stalled()
            if answer[0] in "WX":
                raise Lost("the machine ended")
            if answer[0] != "T":
                continue
            hart = int(re.search(r"thread:(?:p\d+\.)?([0-9a-f]+)", answer).group(1), 16) - 1
            self.remote.ask(f"Hg{hart + 1:x}")
            r = self._registers()
            if r[PC] == self.here and r[T6] == MARK:
                self.back = r[RA]
                return Stop(r[A0], r[A0 + 1:A0 + 6], self._root(hart), hart)
            if r[PC] == self.here:
                self._step(hart)

    def answer(self, value):
        """What stop() returns in the program that holds still; its step otherwise."""
        self._set(A0, value)

    def stop(self, step, seconds=None):
        """Go on to that point, which must be the next one."""
        try:
            s = self._next(self._patience(seconds))
        except (Lost, OSError):
            raise Wrong(f"the machine ended{self._status()} before point {step}") from None
        if s.step != step:
            raise Wrong(f"the program came to point {s.step} where {step} was next")
        return s

    def reach(self, step, seconds=None):
        """Go on past other points to that one."""
        try:
            while (s := self._next(self._patience(seconds))).step != step:
                pass
        except (Lost, OSError):
            raise Wrong(f"the machine ended{self._status()} before point {step}") from None
        return s

    def end(self, status=0, seconds=None):
        """Go on until the program ends, and with it the machine."""
        try:
            s = self._next(self._patience(seconds))
            raise Wrong(f"the program came to point {s.step} and not to its end")
        except (Lost, OSError):
            pass
        found = self._exit_status()
        if found != status:
            raise Wrong(f"the program ended with status {found}, not {status}")

    def _exit_status(self):
        try:
            return self.process.wait(ANSWER)
        except subprocess.TimeoutExpired:
            return None

    def _status(self):
        if self.console.flooded:
            return " (it flooded the console)"
        return f" with status {self._exit_status()}"

    def _stalled(self):
        import stall
        with contextlib.suppress(OSError, Lost):
            self.remote.socket.sendall(b"\x03")
            self.remote.receive()
        self.remote.socket.close()
        what, self.stall = stall.classify(self)
        if self.console.size > FLOOD // 4:
            what = f"it floods the console; {what}"
        raise Stalled(f"it came no further: {what}")

    def _root(self, hart):
        text = self.monitor.do("human-monitor-command", **{"command-line": "info registers",
                                                           "cpu-index": hart})
        satp = int(re.search(r"satp\s+([0-9a-f]+)", text).group(1), 16)
        return (satp & (1 << 44) - 1) << 12

    # ---- Looking ----

    def read(self, pa, n):
        """Physical memory."""
        if not RAM <= pa <= RAM + (self.mem << 20) - n:
            raise Wrong(f"an entry or pointer leads to {pa:#x}, which is not RAM")
        if n > 1 << 16:
            return self._read_much(pa, n)
        self.remote.must("Qqemu.PhyMemMode:1")
        out = b""
        while len(out) < n:
            out += bytes.fromhex(self.remote.ask(f"m{pa + len(out):x},{min(n - len(out), 2048):x}"))
        self.remote.must("Qqemu.PhyMemMode:0")
        return out

    def _read_much(self, pa, n):
        path = self.folder / "memory"
        self.monitor.do("pmemsave", val=pa, size=n, filename=str(path))
        data = path.read_bytes()
        path.unlink()
        return data

    def u64(self, pa):
        return struct.unpack("<Q", self.read(pa, 8))[0]

    def page(self, entry):
        return self.read(entry.pa, PAGE)

    def entry(self, root, va):
        """What the hardware finds for va; NOTHING where a table is missing."""
        table = root
        for level in (2, 1, 0):
            pte = self.u64(table + 8 * (va >> 12 + 9 * level & 511))
            if level == 0 or pte & (V | R | W | X) != V:
                if level and pte & V:       # a large page: as the small one in it
                    return Entry(pte + ((va >> 12 & (1 << 9 * level) - 1) << 10))
                return Entry(pte) if level == 0 else NOTHING
            table = (pte >> 10) << 12

    def entries(self, root, va, pages):
        """Those of successive pages, read a table at a time."""
        out = []
        while len(out) < pages:
            n = min(pages - len(out), 512 - (va >> 12 & 511))
            table, large = self.leaf_table(root, va), self.middle(root, va)
            if large.has(V | R):
                out += [Entry(large.pte + ((va >> 12 & 511) + i << 10)) for i in range(n)]
            elif table is None:
                out += [NOTHING] * n
            else:
                data = self.read(table + 8 * (va >> 12 & 511), 8 * n)
                out += [Entry(p) for p in struct.unpack(f"<{n}Q", data)]
            va += n * PAGE
        return out

    def leaf_table(self, root, va):
        """=> its address, or None"""
        e = self.middle(root, va)
        return e.pa if e.pte & (V | R | W | X) == V else None

    def middle(self, root, va):
        """The entry above a leaf table: it may map a large page itself."""
        top = self.u64(root + 8 * (va >> 30 & 511))
        if top & (V | R | W | X) != V:
            return NOTHING
        return Entry(self.u64((top >> 10 << 12) + 8 * (va >> 21 & 511)))

    def symbol(self, name):
        """The physical address of a variable of the kernel."""
        found = symbols(self.kernel)
        if name not in found:
            raise Wrong(f"this kernel has no {name}")
        return self.kernel_pa(found[name])

    @staticmethod
    def kernel_pa(va):
        """Of an address in the kernel image or the direct map."""
        return va - IMAGE_OFFSET & MASK if va >= IMAGE_OFFSET else va - DIRECT_BASE & MASK

    def blocks(self, disk):
        """What QEMU was asked of a disk: (reads, writes, bytes read, bytes written)."""
        for d in self.monitor.do("query-blockstats"):
            if d.get("device") == f"x{disk}":
                s = d["stats"]
                return s["rd_operations"], s["wr_operations"], s["rd_bytes"], s["wr_bytes"]
        raise RuntimeError(f"no disk {disk}")

    def console_tail(self, lines=15):
        text = re.sub(r"(?s)OpenSBI.*Boot HART MEDELEG[^\n]*\n", "", self.console.text())
        return "\n".join(text.rstrip().split("\n")[-lines:])
