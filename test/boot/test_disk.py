# SPDX-License-Identifier: MIT
"""Disks: both transports, several at once, read-only, short, and failing ones."""

import re
import shutil
import signal
import subprocess
import time

import pytest

from guest import BUILD, IMAGE, KERNEL
from host import pattern

PROGRAMS = ("init", "sh", "cat", "echo", "ls", "grep", "wc", "seq", "head", "sync", "mkdir", "dd",
            "mount", "poweroff", "dmesg")


def put(image, *files):
    subprocess.run([BUILD / "mkfs/fsput", image, *files, "/"], check=True)


@pytest.fixture
def small(tmp_path):
    """A small disk with a few programs."""
    image = tmp_path / "small.img"
    subprocess.run([BUILD / "mkfs/mkfs", image, "24M"], check=True)
    subprocess.run([BUILD / "mkfs/fsput", "-d", image, "/dev", "/proc"], check=True)
    put(image, *(BUILD / "user" / name for name in PROGRAMS))
    return image


def block_device(node, slot=0, more=""):
    return ("-device", f"virtio-blk-device,drive={node},bus=virtio-mmio-bus.{slot}{more}")


def failing(path, rules, slot=0):
    """=> QEMU's arguments for a disk that fails as the rules of its blkdebug say"""
    return ("-blockdev", f"driver=file,filename={path},node-name=f{slot}",
            "-blockdev", f"driver=blkdebug,image=f{slot},node-name=d{slot},{rules}",
            "-blockdev", f"driver=raw,file=d{slot},node-name=x{slot}",
            *block_device(f"x{slot}", slot, ",rerror=report,werror=report"))


@pytest.mark.parametrize("legacy", ["true", "false"])
def test_both_transports(boot, small, legacy):
    """What is written through one is there, after a reboot, through the other."""
    other = {"true": "false", "false": "true"}[legacy]
    def machine(force):
        g = boot(image=small, snapshot=False,
                 qemu=("-global", f"virtio-mmio.force-legacy={force}"))
        tree = g.qmp.do("human-monitor-command", **{"command-line": "info qtree"})
        assert f"force-legacy = {force}" in tree
        return g

    g = machine(legacy)
    g.check("seq 20000 > numbers; sync")
    sum_before = g.run("wc numbers")
    g.poweroff()
    assert machine(other).run("wc numbers") == sum_before


def test_two_disks(boot, small, tmp_path):
    """Named in the order of their slots, not in QEMU's; either may be the root."""
    (tmp_path / "hello").write_text("from the small one\n")
    put(small, tmp_path / "hello")
    g = boot(append="root=vdb", qemu=("-drive", f"file={small},if=none,format=raw,id=x1",
                                      *block_device("x1", 5)))
    assert g.run("cat hello") == "from the small one"
    assert re.search(r"vda: 256 MiB\n.*vdb: 24 MiB", g.said())
    g.check("seq 5000 > numbers; sync numbers; wc numbers")


def test_read_only_disk(boot):
    g = boot(image=None, qemu=(
        "-drive", f"file={IMAGE},if=none,format=raw,id=x0,readonly=on", *block_device("x0")))
    assert "read-only" in g.run("dmesg | grep vda")
    assert "Read-only" in g.run("echo x > f")
    assert "README.md" in g.run("ls /")
    g.check("sync")


def test_disk_shorter_than_its_file_system(boot, tmp_path):
    short = tmp_path / "short.img"
    shutil.copyfile(IMAGE, short)
    with open(short, "r+b") as f:
        f.truncate(IMAGE.stat().st_size // 2)
    g = boot(append="panic=exit", image=short, wait=False)
    text, status = g.wait_exit(30)
    assert status not in (0, None) and "root file system" in text


NONE = "inject-error.0.event=none,inject-error.0.errno=5,inject-error.0.iotype="


def test_read_errors_reach_the_program(boot, small, tmp_path):
    """One bad sector: what does not need it goes on."""
    victim = pattern(512, 5)
    (tmp_path / "victim").write_bytes(victim)
    put(small, tmp_path / "victim", BUILD / "test/boot/programs/pattern")
    sector = small.read_bytes().index(victim[:4096]) // 512 + 64
    g = boot(image=None, qemu=failing(small, f"{NONE}read,inject-error.0.sector={sector}"))
    assert "Input/output error" in g.run("cat victim > /dev/null")
    assert g.status("cat victim > /dev/null") != 0
    assert g.status("pattern map victim 512 5") == 128 + signal.SIGBUS
    g.check("head -c 4096 victim > /dev/null")
    g.check("ls / | wc")


@pytest.mark.long
@pytest.mark.parametrize("errno", [5, 28])
@pytest.mark.parametrize("once", ["on", "off"])
@pytest.mark.parametrize("what", ["read", "write", "flush"])
def test_errors_leave_a_sound_disk(boot, tmp_path, what, once, errno):
    """Work may fail; the next mount, and fsck, find no fault."""
    image = tmp_path / "second.img"
    subprocess.run([BUILD / "mkfs/mkfs", image, "8M", BUILD / "user/ls"], check=True)
    rules = f"inject-error.0.event=none,inject-error.0.errno={errno},inject-error.0.once={once}," \
            f"inject-error.0.iotype={what}"
    g = boot(append="panic=exit quiet", qemu=failing(image, rules, 1))
    g.run("mkdir /mnt; mount /dev/vdb /mnt")
    for command in ("seq 20000 > numbers", "sync numbers", "mkdir d", "mv numbers d", "cp ls d/ls",
                    "sync", "rm ls", "sync d", "wc d/numbers"):
        g.run(f"cd /mnt && {command}; cd /", 60)
    assert g.run("echo still here") == "still here"
    assert g.poweroff()[1] == 0
    subprocess.run([BUILD / "mkfs/fsck", image], check=True)
    g = boot(append="panic=exit quiet", qemu=(
        "-drive", f"file={image},if=none,format=raw,id=x1", *block_device("x1", 1)))
    g.check("mkdir /mnt; mount /dev/vdb /mnt; ls /mnt; echo more > /mnt/more; umount /mnt")


def test_write_errors_are_no_end(boot, small):
    g = boot(image=None, qemu=failing(small, f"{NONE}write"))
    g.run("echo lost > f")
    assert "Input/output error" in g.run("sync f", 30)
    assert g.run("echo still here") == "still here"
    assert "sync" in g.run("ls /")


def test_after_one_error_all_is_well(boot, small):
    g = boot(image=None, qemu=failing(small, f"{NONE}write,inject-error.0.once=on"))
    g.run("echo once > f; sync")
    g.check("echo twice > f2; sync; cat f2")


def test_journal_that_cannot_be_written(boot, small):
    """What a failed flush leaves on the disk nobody knows: no more changes, and it says so."""
    g = boot(image=None, qemu=failing(small, f"{NONE}flush,inject-error.0.once=on"))
    assert "Input/output error" in g.run("echo once > f; sync f")
    assert "metadata cannot be written" in g.run("dmesg | grep qfs")
    assert "Read-only file system" in g.run("echo twice > f2")
    assert g.run("cat f") == "once"
    g.poweroff()
    subprocess.run([BUILD / "mkfs/fsck", small], check=True)
    boot(image=small).check("echo again > f; sync; cat f")


@pytest.mark.parametrize("what", ["write", "flush"])
def test_failed_disk_can_be_unmounted(boot, tmp_path, what):
    """What it did not take is lost, which is said; it can be mounted again as it was."""
    image = tmp_path / "second.img"
    subprocess.run([BUILD / "mkfs/mkfs", image, "8M", BUILD / "user/ls"], check=True)
    g = boot(append="quiet", qemu=failing(image, f"{NONE}{what}", 1))
    g.check("mkdir /mnt; mount /dev/vdb /mnt")
    g.run("cd /mnt; seq 20000 > numbers; mkdir d; cd /", 60)
    assert "busy" in g.run("cd /mnt; umount /mnt; cd /")
    g.check("umount /mnt")
    assert "/dev/vdb: unmounted without what cannot be written (error 5)" in g.run("dmesg")
    assert re.search(r"^ls ", g.check("mount /dev/vdb /mnt; ls /mnt"), re.M)
    g.check("umount /mnt")
    g.vm_check()


def test_no_root_disk_can_be_read(boot, small):
    g = boot(append="panic=exit", image=None, qemu=failing(small, f"{NONE}read"), wait=False)
    text, status = g.wait_exit(30)
    assert status not in (0, None) and "root file system" in text


# The driver offers what is not there: the device gives up, and says so.
NONSENSE = """
set pagination off
break virtq_offer
python print("armed", flush=True)
continue
set ((struct virtq *)$a0)->avail->idx += 3000
delete
detach
"""


def test_device_that_gives_up_is_reset(boot, small, tmp_path):
    sock, script = tmp_path / "gdb", tmp_path / "script"
    g = boot(image=small, qemu=("-gdb", f"unix:{sock},server=on,wait=off"))
    g.run("ls")
    script.write_text(f"target remote {sock}\n{NONSENSE}")
    gdb = subprocess.Popen(["gdb-multiarch", "-batch", "-nx", str(KERNEL), "-x", script],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while "armed" not in gdb.stdout.readline():
        assert gdb.poll() is None
    time.sleep(0.5)
    g.send("cat dmesg > /dev/null\n")      # not read before
    gdb.communicate(timeout=30)
    g.expect("vda: the device has failed and is reset", 20)
    g.wait_prompt()                        # a read has failed, which may be tried again
    g.check("cat dmesg > /dev/null")
    g.check("seq 5000 > numbers; sync numbers; wc numbers")
