# SPDX-License-Identifier: MIT
"""Power failures: what a guest really asked its disk to do, cut at any moment.

QEMU's blklogwrites records the requests; from these come the states that the disk
may be in, and the host's tools recover each and look for what was synced.
"""

import random
import struct

import pytest

from host import get, tool

STEP, MASK = 0x53544550 << 32, 0xFFFFFFFF << 32
SECTOR, PAGE = 512, 4096
FLUSH, DISCARD, MARK = 1, 4, 8


def record(boot, tmp_path, steps):
    """Run the program `steps` on a disk of its own. => (what it held before, its requests)"""
    image, log = tmp_path / "image", tmp_path / "log"
    tool("mkfs", image, "4M")
    base = image.read_bytes()
    log.write_bytes(b"")
    g = boot(append="quiet", qemu=(
        "-blockdev", f"driver=file,filename={image},node-name=f1",
        "-blockdev", f"driver=file,filename={log},node-name=l1",
        "-blockdev", "driver=blklogwrites,file=f1,log=l1,node-name=b1",
        "-blockdev", "driver=raw,file=b1,node-name=x1",
        "-device", "virtio-blk-device,drive=x1,bus=virtio-mmio-bus.1"))
    g.check("mkdir /mnt; mount /dev/vdb /mnt")
    assert f"steps: {steps}" in g.check(f"steps /mnt {steps}", 60)
    assert g.poweroff()[1] == 0
    return base, requests(log.read_bytes())


def requests(log):
    """The requests of a log, as Linux's dm-log-writes has it: (offset, data) or None, a flush"""
    magic, version, count, size = struct.unpack_from("<QQQI", log)
    assert (magic, version) == (0x6A736677736872, 1)
    out, at = [], size
    for _ in range(count):
        sector, sectors, flags, _ = struct.unpack_from("<QQQQ", log, at)
        at += size
        assert not flags & (DISCARD | MARK)
        if sectors:
            out.append((sector * SECTOR, log[at:at + sectors * SECTOR]))
            at += sectors * SECTOR
        if flags & FLUSH:
            out.append(None)
    return out


def steps_of(events):
    """How far the program had come before each request, as data tells that it sent."""
    last, out = 0, [0]
    for event in events:
        if event:
            for at in range(0, len(event[1]), PAGE):
                word, = struct.unpack_from("<Q", event[1], at)
                if word & MASK == STEP:
                    last = max(last, word & ~MASK)
        out.append(last)
    return out


def cut(base, events, at, rng):
    """A state before request `at`: what was flushed; of the rest all, all but one, some, torn."""
    disk = bytearray(base)
    flushed = max((n + 1 for n in range(at) if events[n] is None), default=0)
    how, one = rng.randrange(4), rng.randrange(flushed, at + 1)
    for n, event in enumerate(events[:at]):
        there = how == 0 or n != one if how < 2 else rng.random() < 0.5
        if event is None or not (n < flushed or there):
            continue
        where, data = event
        pieces = range(0, len(data), SECTOR)
        torn = how == 3 and n >= flushed
        for piece in rng.sample(pieces, rng.randrange(len(pieces) + 1)) if torn else pieces:
            disk[where + piece:where + piece + SECTOR] = data[piece:piece + SECTOR]
    return disk


def words(data):
    return set(struct.unpack(f"<{len(data) // 8}Q", data))


def check(image, done, scratch):
    """What the steps up to `done` have made to last is there."""
    def read(name):
        return get(image, name, scratch)

    for n in range(max(1, done - 12), done + 1):
        at = n // 4 * PAGE
        if n % 4 == 0:
            data = read(f"/step.{n}")
            assert len(data) == 2 * PAGE and words(data) == {STEP | n}
        elif n % 4 == 2:
            data = read("/current")
            now, = words(data)
            assert len(data) == PAGE and now & ~MASK >= n and now % 4 == 2
        else:
            data = read("/log" if n % 4 == 1 else "/map")[at:at + PAGE]
            assert len(data) == PAGE and words(data) == {STEP | n}


def look(base, events, states, tmp_path, rng):
    """Recovered by fsck or by the file system itself, by turns."""
    image, scratch = tmp_path / "state", tmp_path / "file"
    came = steps_of(events)
    for n in range(states):
        at = rng.randrange(len(events) + 1)
        image.write_bytes(cut(base, events, at, rng))
        tool("fsck", image)
        if n % 2:
            tool("fsck", "-y", image)
        else:
            tool("fsput", "-d", image, "/probe")
        tool("fsck", image)
        check(image, max(0, came[at] - 1), scratch)


def cut_often(boot, tmp_path, steps, states):
    rng = random.Random(steps)
    base, events = record(boot, tmp_path, steps)
    assert len(events) > 5 * steps and steps_of(events)[-1] == steps
    look(base, events, states, tmp_path, rng)
    without = [e for e in events if e]       # as if no flush had been sent: it must be seen
    with pytest.raises((AssertionError, ValueError)):
        look(base, without, 400, tmp_path, rng)


def test_power_cut(boot, tmp_path):
    cut_often(boot, tmp_path, 40, 30)


@pytest.mark.long
@pytest.mark.parametrize("steps", [41, 100, 200])
def test_power_cut_often(boot, tmp_path, steps):
    cut_often(boot, tmp_path, steps, 1000)
