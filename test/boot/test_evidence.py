# SPDX-License-Identifier: MIT
"""Laziness, sharing and protection, proved from outside the guest: page tables
and frames are read from physical memory while the guest's programs wait."""

import random

import pytest

from outside import A, D, G, PAGE, RAM, U, V, W, X, R, Snapshot, evaluate

MEM = 32  # MiB; small, since all of it is read


@pytest.fixture
def guest(boot):
    return boot(cpus=2, mem=f"{MEM}M")


class Program:
    """test/boot/programs/witness, which stops at each step until told to go on."""

    def __init__(self, guest, line):
        self.guest = guest
        guest.start(line)
        self.said = {}
        self.wait()

    def wait(self):
        text, _ = self.guest.expect(r"waiting\r*\n")
        for line in filter(None, text.splitlines()):
            name, _, value = line.partition(" ")
            if value:                      # else it is the echo of what was typed
                self.said[name] = int(value, 0)

    def go_on(self, line=""):
        self.guest.send(line + "\n")
        self.wait()

    def end(self):
        self.guest.send("\n")
        self.guest.wait_prompt()

    def look(self):
        return Snapshot(self.guest, MEM)


def token():
    """A value that nobody in the guest could guess."""
    return random.getrandbits(62) | 1


def none_or_absent(leaf):
    return leaf is None or leaf.pte == 0


def test_untouched_pages_have_no_frames(guest):
    value, pages = token(), 1024
    p = Program(guest, f"witness lazy {pages} {value}")
    s = p.look()
    base, root = p.said["address"], s.user_root(p.said["pid"])
    assert all(none_or_absent(s.entry(root, base + i * PAGE)) for i in range(pages))

    p.go_on()  # it reads page 5 and writes page 700
    s = p.look()
    present = {i for i in range(pages) if not none_or_absent(s.entry(root, base + i * PAGE))}
    assert present == {5, 700}
    zero = s.entry(root, base + 5 * PAGE)
    assert zero.pa == s.zero_frame_pa() and zero.has(V | R | U) and not zero.has(W)
    assert s.read(zero.pa, PAGE) == bytes(PAGE)
    own = s.entry(root, base + 700 * PAGE)
    assert own.has(V | R | W | U | A | D) and not own.has(X)
    assert s.u64(own.pa) == value
    assert s.read(own.pa + 8, PAGE - 8) == bytes(PAGE - 8)
    f = s.frame(own.pa)
    assert (f.kind, f.share, f.mapped, f.pins) == ("ANON", 1, 1, 0)
    p.end()


def test_fork_shares_until_written(guest):
    value, other = token(), token()
    p = Program(guest, f"witness cow {value} {other}")
    s = p.look()
    at, parent = p.said["address"], p.said["pid"]
    before = s.entry(s.user_root(parent), at)
    assert before.has(V | R | W | U) and s.u64(before.pa) == value
    assert s.frame(before.pa).share == 1

    p.go_on()  # it forks
    s = p.look()
    child = p.said["child"]
    a, b = (s.entry(s.user_root(pid), at) for pid in (parent, child))
    assert a.pa == b.pa == before.pa
    assert a.has(V | R | U) and b.has(V | R | U)
    assert not a.has(W) and not b.has(W)
    f = s.frame(a.pa)
    assert (f.kind, f.share, f.mapped) == ("ANON", 2, 2)

    p.go_on()  # the child writes
    s = p.look()
    a, b = (s.entry(s.user_root(pid), at) for pid in (parent, child))
    assert a.pa == before.pa and b.pa != a.pa
    assert b.has(V | R | W | U | D) and not a.has(W)
    assert (s.u64(a.pa), s.u64(b.pa)) == (value, other)
    assert s.frame(a.pa).share == 1 and s.frame(b.pa).share == 1

    p.go_on()  # the parent, now alone, writes: no copy
    s = p.look()
    c = s.entry(s.user_root(parent), at)
    assert c.pa == before.pa and c.has(W | D) and s.u64(c.pa) == other
    p.end()


def test_shared_memory_is_one_frame(guest):
    value = token()
    p = Program(guest, f"witness shared {value}")
    s = p.look()
    at = p.said["address"]
    a, b = (s.entry(s.user_root(p.said[who]), at) for who in ("pid", "child"))
    assert a.pa == b.pa and a.has(R | W | U) and b.has(R | W | U)
    assert s.u64(a.pa) == value
    f = s.frame(a.pa)
    assert (f.kind, f.share, f.mapped) == ("OBJECT", 1, 2)
    p.end()


def test_program_text_is_shared_and_not_writable(guest):
    p = Program(guest, f"witness shared {token()}")
    s = p.look()
    at = p.said["code"]
    a, b = (s.entry(s.user_root(p.said[who]), at) for who in ("pid", "child"))
    assert a.pa == b.pa and a.has(R | X | U) and not a.has(W)
    assert s.frame(a.pa).kind == "OBJECT"
    p.end()


def test_freed_memory_leaves_no_bytes_behind(guest):
    """A page of a dead process shows up zeroed, whoever gets it."""
    value = token()
    p = Program(guest, f"witness lazy 1024 {value}")
    p.go_on()
    p.end()
    p = Program(guest, "witness dirty 512")  # touches 512 pages, sums what it finds in them
    assert p.said["sum"] == 0
    p.end()


def kernel_leaves(snapshot):
    return [leaf for leaf in snapshot.leaves(snapshot.kernel_root()) if leaf.va >= 1 << 63]


def test_no_kernel_page_is_writable_and_executable(guest):
    leaves = kernel_leaves(Snapshot(guest, MEM))
    assert leaves
    assert [hex(leaf.va) for leaf in leaves if leaf.has(W | X)] == []
    assert [hex(leaf.va) for leaf in leaves if leaf.has(U)] == []
    assert [hex(leaf.va) for leaf in leaves if not leaf.has(G)] == []


def test_kernel_text_is_read_only_under_every_name(guest):
    s = Snapshot(guest, MEM)
    text, text_end, rodata, rodata_end, data = (s.kernel_pa(va) for va in evaluate(
        "&__text_start", "&__text_end", "&__rodata_start", "&__rodata_end", "&__data_start"))
    kinds = set()
    for leaf in kernel_leaves(s):
        for pa in range(max(leaf.pa, text), min(leaf.pa + leaf.size, data), PAGE):
            part = ("text" if text <= pa < text_end else
                    "rodata" if rodata <= pa < rodata_end else "gap")
            kinds.add((part, leaf.permissions))
    assert {("text", "r-x"), ("text", "r--"), ("rodata", "r--")} <= kinds
    assert all(p == "r--" or (part, p) == ("text", "r-x") for part, p in kinds)


def test_firmware_is_not_mapped(guest):
    leaves = kernel_leaves(Snapshot(guest, MEM))
    assert [hex(leaf.va) for leaf in leaves if RAM <= leaf.pa < RAM + 0x80000] == []


def test_user_roots_repeat_the_kernel_half(guest):
    p = Program(guest, f"witness lazy 1 {token()}")
    s = p.look()
    root, kernel = s.user_root(p.said["pid"]), s.kernel_root()
    assert s.read(root + 2048, 2048) == s.read(kernel + 2048, 2048)
    p.end()


# ---- Who has to go ----

CLASSES = ("idle clean", "idle dirty", "used clean", "used dirty")


def class_of(i):
    return CLASSES[(0, 0, 0, 0, 1, 1, 2, 3)[i % 8]]


@pytest.mark.parametrize("policy, shares", [
    # The best go first: what nobody uses and costs no writing.
    ("esc", {"idle clean": (0.9, 1), "idle dirty": (0, 0.1), "used clean": (0, 0.02),
             "used dirty": (0, 0.02)}),
    # Whoever is not used, written to or not.
    ("clock", {"idle clean": (0.25, 0.85), "idle dirty": (0.15, 0.75), "used clean": (0, 0.02),
               "used dirty": (0, 0.02)}),
    # Whoever comes.
    ("fifo", {"idle clean": (0.1, 0.8), "idle dirty": (0.1, 0.8), "used clean": (0.03, 0.5),
              "used dirty": (0.03, 0.5)}),
])
def test_victims(boot, tmp_path, policy, shares):
    """Each policy is known by whom it takes."""
    swap, mem, pages, steals = tmp_path / "swap.img", 16, 2400, 300
    swap.write_bytes(bytes(64 << 20))
    g = boot(cpus=1, mem=f"{mem}M", swap=swap)
    g.check("mkswap /dev/vdb && swapon /dev/vdb")
    g.check("sysctl vm.write_ahead=0")           # which makes what is dirty clean
    p = Program(g, f"victims {policy} {pages} {steals}")

    def look():
        s = Snapshot(g, mem)
        root = s.user_root(p.said["pid"])
        return [s.entry(root, p.said["address"] + i * PAGE) for i in range(pages)]

    marks = {"idle clean": V, "idle dirty": V | D, "used clean": V | A, "used dirty": V | A | D}

    def others():
        return [i for i, e in enumerate(look()) if e.pte & (V | A | D) != marks[class_of(i)]]

    for _ in range(5):
        if not others():
            break
        p.go_on("a")
    assert others() == []
    p.go_on()
    gone = [class_of(i) for i, e in enumerate(look()) if not e.has(V)]
    assert len(gone) > steals / 2
    for name, (least, most) in shares.items():
        assert least <= gone.count(name) / len(gone) <= most, (name, gone.count(name), len(gone))
    p.end()
    assert g.run("echo $?") == "0"
