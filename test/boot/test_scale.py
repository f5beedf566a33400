# SPDX-License-Identifier: MIT
"""Large directories, files and disks cost as much as they are large, and no more."""

import re

import pytest

from host import tool

def second(image):
    return ("-drive", f"file={image},if=none,format=raw,id=x1",
            "-device", "virtio-blk-device,drive=x1,bus=virtio-mmio-bus.1")


def requests(g, device):
    """How many the device has had, of reads and of writes."""
    fields = re.search(rf"{device} (.*)", g.run("cat /proc/diskstats"))[1].split()
    return int(fields[0]), int(fields[4])


def seconds(g, command):
    return float(re.search(r"real ([\d.]+)", g.check(f"time {command}", 600))[1]) + 0.01


@pytest.fixture
def machine(boot, tmp_path):
    """machine(size, ...) => a guest with a new disk of that size on /mnt, which must end sound"""
    image, guests = tmp_path / "disk", []

    def start(size, **options):
        tool("mkfs", image, size)
        g = boot(append="quiet", qemu=second(image), **options)
        guests.append(g)
        g.check("mkdir /mnt; mount /dev/vdb /mnt")
        return g

    yield start
    for g in guests:
        assert g.poweroff()[1] == 0
        tool("fsck", image)


def cost_of_names(g, where, n):
    """=> seconds and requests that each of n names costs to make, before it is removed"""
    g.check(f"mkdir /mnt/{where}; cd /mnt/{where}; sync", 60)
    before = requests(g, "vdb")[1]
    made = seconds(g, f"names {n}")
    g.check("sync", 60)
    asked = requests(g, "vdb")[1] - before
    assert g.run("ls | wc -l", 600).strip() == str(n)
    g.check(f"names -r {n}; cd /; rmdir /mnt/{where}", 600)
    return made / n, asked / n


def make_names(g, few, many):
    """Many names cost as much as few do, each.  The host may stop for a while: three tries."""
    for _ in range(3):
        little, much = cost_of_names(g, "few", few), cost_of_names(g, "many", many)
        assert much[1] < 1
        if much[0] < 6 * little[0]:
            return
    pytest.fail(f"seconds and requests a name: {little} of {few}, {much} of {many}")


def test_twenty_times_the_names(machine):
    make_names(machine("64M"), 500, 10000)


@pytest.mark.long
def test_hundred_thousand_names(machine):
    make_names(machine("256M"), 500, 100000)


def test_names_leave_room_for_the_blocks_they_are_in(machine):
    """More files than memory can know at once: most are found in a block that is there."""
    n = 16000
    g = machine("64M", mem="16M")
    g.check(f"mkdir /mnt/d; cd /mnt/d; names {n}; sync", 120)
    before = requests(g, "vdb")[0]
    assert g.run("ls | wc -l", 300).strip() == str(n)
    assert requests(g, "vdb")[0] - before < n / 3


def test_a_path_of_3000_directories_fits_in_little_memory(boot):
    """Each on the way to where a program works stays known, but not the block of its names."""
    assert "very_deep: OK" in boot(mem="16M", append="quiet").check("usertests very_deep", 120)


def test_mount_does_not_read_the_disk(boot, tmp_path):
    """As many requests for 64 GiB as for 64 MiB."""
    cost = []
    for size in ("64M", "64G"):
        image = tmp_path / size
        tool("mkfs", image, size)
        g = boot(append="quiet", qemu=second(image))
        before = sum(requests(g, "vdb"))
        g.check("mkdir /mnt; mount /dev/vdb /mnt")
        cost.append(sum(requests(g, "vdb")) - before)
        g.close()
    assert cost[0] == cost[1] < 20


@pytest.mark.long
def test_million_blocks_with_holes(machine):
    """4 GiB, of which a page here and there is written."""
    g = machine("64M")
    g.check("cd /mnt; pattern write page 4 7")
    for n in range(0, 1000001, 50000):
        g.check(f"dd if=page of=sparse bs=4096 seek={n} conv=notrunc 2> /dev/null")
    g.check("sync")
    assert str(1000001 * 4096) in g.run("stat sparse")
    used = int(g.run("du -k sparse").split()[0])
    assert 21 * 4 <= used <= 21 * 4 * 4
    for n in (0, 500000, 1000000):
        g.check(f"dd if=sparse of=back bs=4096 skip={n} count=1 2> /dev/null")
        g.check("pattern check back 4 7")
    g.check("dd if=sparse of=back bs=4096 skip=777777 count=1 2> /dev/null")
    assert g.status("pattern check back 4 7 2> /dev/null") != 0
    g.check("rm sparse; sync; rm back page; cd /")
