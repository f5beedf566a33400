# SPDX-License-Identifier: MIT
"""Write-back: how much may be dirty and for how long, and what requests it costs to be sure."""

import re
import subprocess

import pytest

from guest import BUILD
from test_disk import NONE, failing

KIB, MIB = 1 << 10, 1 << 20


def figures(g, path):
    return {k: int(v) for k, v in re.findall(r"^(\w+):? +(\d+)", g.run(f"cat {path}"), re.M)}


def requests(g):
    """=> writes and flushes of the disk so far"""
    fields = g.run("grep vda /proc/diskstats").split()
    return int(fields[7]), int(fields[18])


def cost(g, line):
    before = requests(g)
    g.check(line)
    return tuple(b - a for a, b in zip(before, requests(g)))


@pytest.fixture
def disk(tmp_path):
    """A disk of our own with the programs, which outlives its machine."""
    image = tmp_path / "disk.img"
    subprocess.run(["cp", "--reflink=auto", "--sparse=always", BUILD / "test" / "fs.img", image],
                   check=True)
    return image


def until(g, line, right, tries=200):
    """Ask until the answer is right."""
    for _ in range(tries):
        if right(g.run(line)):
            return
        g.run("sleep 0.1")
    g.fail(f"never: {line}")


def test_settings(boot):
    g = boot()
    assert g.run("sysctl -n vm.dirty_ratio vm.dirty_background_ratio vm.dirty_bytes "
                 "vm.dirty_background_bytes vm.dirty_expire_centisecs "
                 "vm.dirty_writeback_centisecs").split() == "20 10 0 0 3000 500".split()
    g.check("sysctl vm.dirty_bytes=1048576 vm.dirty_background_bytes=65536")
    assert g.run("sysctl -n vm.dirty_ratio vm.dirty_background_ratio").split() == ["0", "0"]
    g.check("sysctl vm.dirty_ratio=40 vm.dirty_background_ratio=5")
    assert g.run("sysctl -n vm.dirty_bytes vm.dirty_background_bytes").split() == ["0", "0"]
    for bad in ("ratio=101", "ratio=-1", "ratio=x", "ratio=1x", "background_ratio=101", "bytes=0",
                "bytes=4096", "background_bytes=0", "background_bytes=18446744073709551616",
                "expire_centisecs=2147483648", "writeback_centisecs=1s"):
        assert "Invalid argument" in g.run(f"sysctl vm.dirty_{bad}"), bad
    assert g.run("sysctl -n vm.dirty_ratio vm.dirty_bytes").split() == ["40", "0"]


@pytest.mark.parametrize("writer", ["dd if=/dev/zero of=big bs=1M count=6 2> /dev/null",
                                    "late holes big 6"], ids=["write", "mapping"])
def test_limit(boot, disk, writer):
    """On a slow disk a writer of a lot is slowed down, and so never much is dirty."""
    limit, size = MIB, 6 * MIB
    g = boot(append="quiet", image=None, qemu=(
        "-drive", f"file={disk},if=none,format=raw,id=x0,throttling.bps-write={2 * MIB}",
        "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0"))
    g.check(f"sysctl vm.dirty_bytes={limit} vm.dirty_background_bytes={limit // 2}; sync")
    before = figures(g, "/proc/vmstat")
    g.run(f"{writer} && echo > written &")
    dirty = []
    while g.status("test -e written"):
        seen = figures(g, "/proc/meminfo")
        dirty.append((seen["Dirty"] + seen["Writeback"]) * KIB)
    after = figures(g, "/proc/vmstat")
    assert after["nr_dirtied"] - before["nr_dirtied"] >= size // 4096
    # Whoever is slowed down cannot be further ahead of the disk than that.
    assert (after["nr_written"] - before["nr_written"]) * 4096 >= size - limit - 256 * KIB
    assert max(dirty) > limit // 4 and max(dirty) <= limit + 320 * KIB
    g.vm_check()


def test_expiry(boot, disk):
    """What was written or stored long ago survives a power failure, without any sync."""
    stored = b"through a mapping\n" * 100
    g = boot(image=disk, snapshot=False, append="quiet")
    g.check("seq 1000 > mapped; sync; sysctl vm.dirty_expire_centisecs=10 "
            "vm.dirty_writeback_centisecs=10")
    flushes = requests(g)[1]
    g.check("mkdir new; seq 30000 > new/numbers")
    until(g, "cat /proc/vmstat", lambda s: re.search("^nr_dirty 0$", s, re.M))
    until(g, "grep vda /proc/diskstats", lambda s: int(s.split()[18]) >= flushes + 2)
    g.run("late map mapped &")
    for _ in range(200):                   # only the disk itself can tell
        if stored in disk.read_bytes():
            break
        g.run("sleep 0.1")
    g.console.kill(9)
    g.wait_exit()
    again = boot(image=disk)
    assert again.run("wc -l new/numbers").split()[0] == "30000"
    assert again.run("head -n 1 mapped") == "through a mapping"


def test_failing_disk(boot, disk):
    """What the flusher could not write is told once to each who has the file open, and is
    written later."""
    g = boot(image=None, append="quiet", qemu=failing(disk, f"{NONE}write,inject-error.0.once=on"))
    g.check("sysctl vm.dirty_writeback_centisecs=0 vm.dirty_expire_centisecs=10")
    g.run("late errors f go > told &")
    until(g, "cat f", lambda s: s == "f")
    g.check("sysctl vm.dirty_writeback_centisecs=10")
    until(g, "dmesg | grep -c 'write at sector'", lambda n: n != "0")
    until(g, "cat /proc/vmstat", lambda s: re.search("^nr_dirty 0$", s, re.M))
    g.run("echo > go; wait")
    assert g.run("cat told").split() == ["-5", "0", "-5", "0"]
    g.check("sync f; echo more > f2; sync")
    assert g.run("cat f") == "f"


def test_dead_disk(boot, disk):
    """Nothing can be written any more: who writes too much is told, by the limit or by the
    commit that failed, whichever comes first, and all else goes on."""
    g = boot(image=None, append="quiet", qemu=failing(disk, f"{NONE}write"))
    g.check("sysctl vm.dirty_writeback_centisecs=0 vm.dirty_bytes=1048576")
    said = g.run("dd if=/dev/zero of=big bs=64k count=64", 60)
    assert "Input/output error" in said or "Read-only file system" in said
    assert figures(g, "/proc/meminfo")["Dirty"] <= 1024 + 320
    assert g.run("echo still here; head -c 0 /sh") == "still here"
    g.vm_check()


def test_requests(boot):
    """What it costs to be sure."""
    g = boot(append="quiet")
    g.check("sysctl vm.dirty_writeback_centisecs=0; cat /proc/diskstats > /dev/null; "
            "dd if=/dev/zero of=f bs=4k count=4 2> /dev/null; sync")
    assert cost(g, "sync") == (0, 0)
    assert cost(g, "sync f; sync -d f") == (0, 0)
    append = "dd if=/dev/zero of=f bs=4k count=1 seek=%d conv=notrunc 2> /dev/null; "
    for k, how in enumerate(("sync f", "sync -d f", "sync")):
        writes, flushes = cost(g, append % (4 + k) + how)
        assert 2 <= writes <= 3 and flushes == 2, how
    assert cost(g, append % 1 + "sync -d f") == (1, 1)
    assert cost(g, append % 1 + "sync f") in ((3, 2), (2, 2))
    cost(g, "sync")
    writes, _ = cost(g, "dd if=/dev/zero of=large bs=64k count=64 2> /dev/null; sync large")
    assert writes <= 4 * 4 + 3


def test_commits_are_shared(boot, disk):
    """Of eight tasks that fsync as often as they can, each waits for few commits."""
    g = boot(cpus=2, image=None, append="quiet", qemu=(
        "-drive", f"file={disk},if=none,format=raw,id=x0,snapshot=on,throttling.iops-write=150",
        "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0"))
    before = requests(g)[1]
    g.check("late fsync f 8", 60)
    assert (requests(g)[1] - before) / 2 <= 8 * 20 / 2
