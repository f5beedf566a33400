# SPDX-License-Identifier: MIT
"""Runs that repeat: a root in memory, settings that take chance away, and QEMU
counting instructions."""

import struct
import subprocess

import pytest

from guest import BUILD, KERNEL
from host import tool

IMAGE = BUILD / "test/bench/fs.img"
PLUGIN = BUILD / "tools/profile.so"


def run_counted(counts, cpus, rows):
    """=> the console, and how many instructions ran with a hash of which"""
    p = subprocess.run(
        ["qemu-system-riscv64", "-M", "virt", "-smp", str(cpus), "-m", "64M", "-nographic",
         "-bios", "default", "-no-reboot", "-kernel", KERNEL, "-initrd", IMAGE,
         "-append", f"root=ram0 panic=exit seed=7 test=/bench -- {rows}",
         "-icount", "shift=0,sleep=off", "-plugin", f"{PLUGIN},out={counts}"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert p.returncode == 0, p.stdout.decode()
    return p.stdout, counts.read_text().splitlines()[-1]


@pytest.mark.parametrize("cpus,times", [
    (1, 10), (2, 3), pytest.param(2, 10, marks=pytest.mark.long)])
def test_boots_are_identical_to_the_instruction(tmp_path, cpus, times):
    rows = "fork_exec_exit pipe_pingpong create_unlink"
    runs = [run_counted(tmp_path / "counts", cpus, rows) for _ in range(times)]
    assert runs[0][1].startswith("total ")
    assert all(run == runs[0] for run in runs)


def test_another_program_is_another_run(tmp_path):
    """The hash above would show a difference."""
    first, second = (run_counted(tmp_path / "counts", 1, row) for row in ("stat", "open_close"))
    assert first[1] != second[1]


def test_seed_decides_what_is_random(boot):
    def bytes_and_time(seed):
        g = boot(cpus=1, append=seed)
        g.check("head -c 32 /dev/urandom > random")      # no pipe: programs take bytes, too
        return g.check("hexdump random"), g.check("date")

    same, again, other = map(bytes_and_time, ("seed=abc", "seed=abc", "seed=abd"))
    assert same[0] == again[0] != other[0]
    assert "2001" in same[1] and "2001" in other[1]
    assert bytes_and_time("")[0] != bytes_and_time("")[0]


@pytest.mark.parametrize("program,arguments,expected", [
    ("/true", "", 0), ("/false", "", 1), ("/cat", "/no/such/file", 1), ("/test", "a = a", 0),
    ("/test", "a = b", 1), ("/no/such/program", "", 127)])
def test_a_program_instead_of_the_shell(boot, program, arguments, expected):
    g = boot(append=f"quiet test={program} panic=exit -- {arguments} ", wait=False)
    text, status = g.wait_exit(30)
    assert status == expected
    assert "starting sh" not in text


def test_a_test_that_is_killed_is_no_success(boot):
    g = boot(append="quiet test=/badaccess panic=exit -- null_read", wait=False)
    _, status = g.wait_exit(30)
    assert status > 128


def test_words_behind_the_dashes_are_not_settings(boot):
    g = boot(append="root=vda -- root=none init=/no/such")
    assert g.check("cat /proc/cmdline") == "root=vda -- root=none init=/no/such"


def test_empty_disk_in_memory(boot, image, tmp_path):
    """A file system is put on it from inside, mounted, and written to."""
    small = tmp_path / "small.img"
    tool("mkfs", small, "8M")
    tool("fsput", small, BUILD / "user/echo", "/")
    tool("fsput", image, small, "/")
    g = boot(image=image, append="ramdisk=8M")
    assert "ram1: 8 MiB" in g.check("dmesg")
    assert g.check("head -c 70000 /dev/ram1 | hexdump | wc -l").strip() in ("2", "3")
    g.check("cat small.img > /dev/ram1; mkdir m; mount /dev/ram1 m")
    assert g.check("m/echo there; echo more > m/f; cat m/f") == "there\nmore"
    assert "/m " in g.check("mount")


def test_parts_of_a_disk_as_a_file(boot):
    g = boot(append="ramdisk=100K")
    g.check("echo -n abcdefgh > f")
    for seek, n in ((1021, 8), (4092, 8), (102396, 4)):
        g.check(f"head -c {n} f | dd of=/dev/ram1 bs=1 seek={seek} conv=notrunc")
    whole, last = b"\0abcdefgh\0", b"\0\0\0\0abcd"
    for skip, expected in ((1020, whole), (4091, whole), (102392, last)):
        g.check(f"dd if=/dev/ram1 of=part bs=1 skip={skip} count=10")
        want = [f"{n:04x}" for n, in struct.iter_unpack("<H", expected)]
        assert g.check("hexdump part").split()[1:-1] == want
    assert g.status("dd if=f of=/dev/ram1 bs=1 seek=102400 conv=notrunc") != 0
    assert g.check("cat /dev/ram1 | wc -c").split() == ["102400"]


@pytest.mark.parametrize("size", ["0", "x", "8Q", "", "100G", "99999999999999999999", "G"])
def test_impossible_disk_in_memory(boot, size):
    g = boot(append=f"ramdisk={size}")
    assert g.status("cat /dev/ram1") == 1
