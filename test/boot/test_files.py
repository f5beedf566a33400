# SPDX-License-Identifier: MIT
"""Files: that they last, that every byte does, and the disk's limits."""

import os
import random
import signal
import struct
import subprocess
import time

import pytest

from guest import BUILD, ROOT
from host import get, pattern, tool


def test_files_last_over_a_reboot(boot, image):
    g = boot(image=image, snapshot=False)
    g.check("mkdir /mine")
    g.check("echo precious > /mine/file")
    g.check("ln /mine/file /mine/link")
    g.check("pattern write /mine/data 1000 77")
    assert g.poweroff()[1] == 0
    g = boot(image=image, snapshot=False)
    assert g.run("cat /mine/file /mine/link") == "precious\nprecious"
    g.check("pattern check /mine/data 1000 77")
    assert g.poweroff()[1] == 0


def test_sync_is_enough(boot, image, tmp_path):
    """What was synced is there although the machine was switched off."""
    g = boot(image=image, snapshot=False)
    g.check("pattern write /data 300 5")
    g.check("sync")
    g.close()
    g = boot(image=image, snapshot=False)
    g.check("pattern check /data 300 5")


def pull_the_plug(boot, image, times):
    """Kill the machine in the middle of work; what was synced before is there."""
    for n in range(times):
        g = boot(image=image, snapshot=False)
        if n > 0:
            g.check(f"pattern check /data 300 {n}")
        g.check(f"pattern write /data 300 {n + 1}; sync")
        g.start("mkdir /work; cd /work; grind")
        time.sleep(random.uniform(0, 2))
        g.console.kill(signal.SIGKILL)
        g.close()
        for options in ([], ["-y"])[:1 + n % 2]:
            subprocess.run([BUILD / "mkfs/fsck", *options, image], check=True)


def test_pulled_plug(boot, image):
    pull_the_plug(boot, image, 3)


@pytest.mark.long
def test_plug_pulled_often(boot, image):
    pull_the_plug(boot, image, 50)


@pytest.mark.long
@pytest.mark.parametrize("program, rounds", [("test_crash", 100), ("test_workloads", 25),
                                             ("test_fsck", 20)])
def test_hundred_thousand_states_of_a_disk(program, rounds):
    """As the unit tests make them, but more."""
    subprocess.run([BUILD / "test/unit" / program], check=True, cwd=ROOT,
                   env={**os.environ, "ROUNDS": str(rounds), "LIMIT": "7200", "SEED": "12345"})


def test_written_through(boot, image):
    """With O_SYNC it is there when write returns, and nothing else has to be done."""
    g = boot(image=image, snapshot=False)
    g.check("osync /data")
    g.close()
    g = boot(image=image, snapshot=False)
    assert g.run("cat /data") == "on the disk"


def disk(guest):
    """Requests and KiB, read and written, of the first disk so far."""
    f = guest.run("cat /proc/diskstats").split()
    return [int(f[3]), int(f[5]) // 2, int(f[7]), int(f[9]) // 2]


def test_large_requests(boot, image):
    """A file goes to the disk and comes back in large pieces, and little else does."""
    kib = 16 << 10
    g = boot(image=image, snapshot=False)
    g.run("sync")
    before = disk(g)
    g.check(f"pattern write /big {kib} 4", 60)
    g.run("sync")
    writes, written = (b - a for a, b in zip(before[2:], disk(g)[2:]))
    assert kib <= written <= 1.05 * kib
    assert writes <= 4 * kib / 1024
    assert g.poweroff()[1] == 0

    g = boot(image=image, snapshot=False)
    g.run("pattern")
    before = disk(g)
    g.check(f"pattern check /big {kib} 4", 60)
    reads, read = (b - a for a, b in zip(before[:2], disk(g)[:2]))
    assert kib <= read <= 1.05 * kib
    assert reads <= 8 * kib / 1024


def test_host_and_guest_agree(boot, image, tmp_path):
    """Out of the guest by fsget, into it by fsput, byte for byte."""
    g = boot(image=image, snapshot=False)
    g.check("mkdir /d")
    g.check("pattern write /d/out 2000 9")
    assert g.poweroff()[1] == 0
    assert get(image, "/d/out", tmp_path / "out") == pattern(2000, 9)
    given = tmp_path / "in"
    given.write_bytes(pattern(3000, 11))
    tool("fsput", image, given, "/d")
    g = boot(image=image, snapshot=False)
    g.check("pattern check /d/in 3000 11")
    g.check("pattern map /d/in 3000 11")


@pytest.mark.parametrize("cpus", [1, 4])
def test_file_larger_than_memory(boot, cpus):
    g = boot(cpus=cpus, mem="24M")
    g.check("pattern write big 40000 3", 120)
    g.check("pattern check big 40000 3", 120)
    g.check("pattern map big 40000 3", 120)


def test_copies_are_exact(shell):
    shell.check("pattern write f 777 21")
    shell.check("cp f g")
    shell.check("pattern check g 777 21")
    shell.check("cat f > h")
    shell.check("pattern check h 777 21")
    shell.check("cat f | cat | cat > i")
    shell.check("pattern check i 777 21")
    shell.check("dd if=f of=j bs=1000 2> /dev/null")
    shell.check("pattern check j 777 21")


def test_many_writers_at_once(boot):
    g = boot(cpus=4)
    jobs = " & ".join(f"pattern write w{i} 500 {i + 1}" for i in range(8))
    g.run(f"({jobs}) ; sleep 1", 60)
    g.run("sync")
    for i in range(8):
        for _ in range(20):
            if g.status(f"pattern check w{i} 500 {i + 1} 2> /dev/null") == 0:
                break
            g.run("sleep 1")
        else:
            g.fail(f"w{i} is not as written")


def test_full_disk_is_an_error_and_no_more(boot, tmp_path):
    small = tmp_path / "small.img"
    tool("mkfs", small, "16M")
    tool("fsput", small, *sorted(p for p in (BUILD / "user").iterdir() if p.suffix == ""
                                 and p.is_file() and p.name in SMALL_SET), "/")
    g = boot(image=small, snapshot=False)
    g.check("echo keep > keep")
    assert "No space left on device" in g.run("dd if=/dev/zero of=big bs=4096", 60)
    assert g.run("echo $?") != "0"
    assert g.status("echo x > another/file 2> /dev/null") != 0
    assert g.run("cat keep") == "keep"
    g.check("rm big")
    g.check("dd if=/dev/zero of=again bs=4096 count=100 2> /dev/null")
    g.check("sync")
    assert g.poweroff()[1] == 0


SMALL_SET = {"init", "sh", "cat", "echo", "dd", "rm", "ls", "sync", "poweroff", "mkdir", "sleep"}


def test_directory_until_the_disk_is_full(boot, tmp_path):
    """Names alone can fill a disk too."""
    small = tmp_path / "small.img"
    tool("mkfs", small, "16M")
    tool("fsput", small, *(BUILD / "user" / n for n in sorted(SMALL_SET)), "/")
    tool("fsput", small, BUILD / "test/boot/programs/names", "/")
    g = boot(image=small, snapshot=False)
    g.check("dd if=/dev/zero of=most bs=1024 count=11000 2> /dev/null", 60)
    out = g.run("names 1000000", 120)
    assert "names: stopped after" in out
    assert g.run("echo alive") == "alive"


def test_long_names(shell):
    good, bad = "n" * 255, "n" * 256
    shell.check(f"echo x > {good}")
    assert shell.run(f"cat {good}") == "x"
    assert shell.status(f"echo x > {bad}") != 0
    assert "File name too long" in shell.run(f"cat {bad}")
    assert shell.run("ls | wc -l").strip() == "1"


def test_large_directory(boot):
    """Thousands of names: made, found and removed in good time."""
    g = boot()
    g.check("mkdir d")
    g.check("cd d")
    assert "names: made 5000" in g.check("names 5000", 120)
    assert g.run("ls | wc -l", 60).strip() == "5000"
    g.check("names -r 5000", 120)
    assert g.run("ls | wc -l", 60).strip() == "0"


def kib_used(g):
    g.check("sync")
    return int(g.run("df / | tail -n 1").split()[2])


def test_files_that_share_blocks(boot, image):
    """Clones cost next to nothing until they are written to, and both sides keep what they have,
    over a reboot too."""
    g = boot(image=image, snapshot=False, append="quiet")
    g.check("mkdir d")
    assert g.run("clone d") == g.run("clone /tmp") == "all is as it was"
    g.check("pattern write big 4000 5")
    used = kib_used(g)
    g.check("cp --reflink big copy; cp -r --reflink=always d e")
    assert kib_used(g) - used < 200
    assert int(g.run("du -s copy").split()[0]) >= 4000
    g.check("pattern check copy 4000 5; echo more >> copy; rm big; pattern write big 4000 6")
    assert kib_used(g) - used > 3000
    assert "not supported" in g.run("cp --reflink /tmp/a /tmp/b")
    g.check("cp --reflink=auto /tmp/a /tmp/b; cp --reflink=auto /tmp/a c")
    assert "usage" in g.run("cp --reflink=maybe big copy")
    assert g.poweroff()[1] == 0
    tool("fsck", image)
    g = boot(image=image)
    assert g.run("wc -c copy").split()[0] == str(4000 * 1024 + 5)
    g.check("pattern check big 4000 6")


def test_open_file_outlives_its_name(shell):
    shell.check("echo text > f")
    assert shell.run("(rm f; cat) < f") == "text"


def test_devices(shell):
    shell.check("echo x > /dev/null")
    assert shell.run("cat /dev/null") == ""
    assert shell.run("head -c 5 /dev/zero | wc -c").strip() == "5"
    assert shell.status("echo x > /dev/full") != 0
    a, b = (shell.run("head -c 16 /dev/random | hexdump") for _ in range(2))
    assert a and a != b


def test_everything_goes_in_and_comes_out(tmp_path):
    """mkfs, fsput, fsls, fsget without any guest."""
    img = tmp_path / "x.img"
    tool("mkfs", img, "32M")
    contents = {"empty": b"", "small": b"hello\n", "page": bytes(4096), "big": pattern(5000, 1)}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    tool("fsput", img, *(tmp_path / n for n in contents), "/")
    listing = tool("fsls", img).decode()
    for name, data in contents.items():
        assert name in listing and str(len(data)) in listing
        assert get(img, f"/{name}", tmp_path / "back") == data
    # again, over the old ones
    (tmp_path / "big").write_bytes(b"now small")
    tool("fsput", img, tmp_path / "big", "/")
    assert get(img, "/big", tmp_path / "back") == b"now small"


def test_seed_of_the_hashes(tmp_path):
    """With -H names lie where they lay; without, no two images are alike."""
    def seed(*options):
        tool("mkfs", *options, tmp_path / "x.img", "1M")
        return int.from_bytes((tmp_path / "x.img").read_bytes()[88:96], "little")
    assert seed("-H", "0x1234") == 0x1234
    assert seed() != seed()
    assert tool("mkfs", "-H", "1x", tmp_path / "x.img", "1M", ok=False).returncode == 2


@pytest.mark.parametrize("name", ["mkfs", "fsls", "fsput", "fsget"])
def test_host_tool_manners(name, tmp_path):
    p = tool(name, "--help", ok=False)
    assert p.returncode == 0 and b"usage" in p.stdout.lower()
    p = tool(name, ok=False)
    assert p.returncode != 0 and p.stderr
    p = tool(name, tmp_path / "no/such/image", "8M", ok=False)
    assert p.returncode != 0 and p.stderr


def test_host_tools_refuse_rubbish(tmp_path):
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"not an image" * 100000)
    for name, args in (("fsls", ()), ("fsput", (rubbish, "/")), ("fsget", ("/x", tmp_path / "y"))):
        p = tool(name, rubbish, *args, ok=False)
        assert p.returncode > 0 and p.stderr


@pytest.mark.parametrize("what", [
    "block bitmap", "inode bitmap", "links of /", "entries of /", "links", "blocks"])
def test_fsck_mends(tmp_path, what):
    image = tmp_path / "image"
    tool("mkfs", image, "8M", ROOT / "README.md")
    sound = image.read_bytes()
    data = struct.unpack_from("<Q", sound, 72)[0] * 4096  # the inode file: bitmap, inodes
    at, bit = {"block bitmap": (2 * 4096 - 1 - (4096 - 2048 // 8), 0x10),
               "inode bitmap": (data + 17 // 8, 2),
               "links of /": (data + 4096 + 4, 1), "entries of /": (data + 4096 + 40, 2),
               "links": (data + 4096 + 256 + 4, 2), "blocks": (data + 4096 + 256 + 24, 1)}[what]
    damaged = bytearray(sound)
    damaged[at] ^= bit
    image.write_bytes(damaged)
    assert tool("fsck", image, ok=False).returncode == 4
    assert image.read_bytes() == damaged
    p = tool("fsck", "-y", image, ok=False)
    assert p.returncode == 1 and b"mended" in p.stdout
    tool("fsck", image)
    assert image.read_bytes() == sound
    assert tool("fsck", ok=False).returncode == 16
    image.write_bytes(bytes(len(sound)))
    assert tool("fsck", "-y", image, ok=False).returncode == 8


def test_fsck_in_the_guest(boot, tmp_path):
    """The same check, on a device that nobody has mounted."""
    image = tmp_path / "image"
    tool("mkfs", image, "8M", ROOT / "README.md")
    damaged = bytearray(image.read_bytes())
    at = struct.unpack_from("<Q", damaged, 72)[0] * 4096 + 4096 + 4  # the root's links
    damaged[at] ^= 1
    image.write_bytes(damaged)
    g = boot(append="quiet", qemu=(
        "-drive", f"file={image},if=none,format=raw,id=x1",
        "-device", "virtio-blk-device,drive=x1,bus=virtio-mmio-bus.1"))
    assert "in use" in g.run("fsck /dev/vda") and g.status("fsck -y /dev/vda") == 8
    assert g.status("fsck /dev/vdb") == 4
    assert "mended" in g.run("fsck -y /dev/vdb")
    assert "consistent: 2 files" in g.check("fsck /dev/vdb")
    g.check("mkdir /mnt; mount /dev/vdb /mnt")
    assert g.status("fsck /dev/vdb") == 8
    g.check("echo more > /mnt/more; umount /mnt; fsck -q /dev/vdb")
    assert g.poweroff()[1] == 0
    tool("fsck", image)


def test_image_in_use_is_left_alone(boot, image, tmp_path):
    """Copying into the image of a running guest would ruin it."""
    g = boot(image=image, snapshot=False)
    (tmp_path / "x").write_text("x")
    p = tool("fsput", image, tmp_path / "x", "/", ok=False)
    assert p.returncode > 0 and b"in use" in p.stderr
    g.check("ls /")


def test_pipe_with_a_name(shell):
    shell.check("mkfifo f")
    assert shell.run("(cat f > g) & echo through > f; sleep 1; cat g") == "through"
    assert "File exists" in shell.run("mkfifo f")
    assert "pipe" in shell.run("stat f")


def test_links_in_a_circle(shell):
    shell.check("ln -s b a; ln -s a b")
    assert shell.run("readlink a b") == "b\na"
    assert "Too many" in shell.run("cat a")
    assert "Invalid argument" in shell.run("readlink .")
