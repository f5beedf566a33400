# SPDX-License-Identifier: MIT
"""What programs, and files, may do to the kernel: nothing it does not survive."""

import random
import re
import struct
import subprocess
import sys

import pytest

from guest import BUILD, ROOT
from host import tool

sys.path.append(str(ROOT / "test/fuzz"))
from images import crc32c  # noqa: E402

CALLS_A_RUN = 20000


def fuzz(g, options, calls, timeout):
    """=> with its seed in the console's log"""
    out = g.check(f"fuzz -n {calls} {options}", timeout)
    assert int(re.search(r"fuzz: (\d+) calls", out)[1]) >= calls
    g.vm_check()


@pytest.mark.parametrize("options", ["", "-f"], ids=["plain", "failing"])
def test_random_system_calls(boot, options):
    g = boot(cpus=2, append="panic=exit quiet")
    fuzz(g, options, CALLS_A_RUN, 120)
    out = g.check(f"leaks fuzz -n {CALLS_A_RUN} {options}", 120)
    assert "leaks: none" in out
    assert g.run("echo still here") == "still here"


@pytest.mark.long
@pytest.mark.parametrize("cpus", [2, 4])
@pytest.mark.parametrize("mem", ["128M", "32M"])
def test_a_million_random_system_calls(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem, append="panic=exit quiet")
    for _ in range(10):
        fuzz(g, f"-p {random.randint(1, 12)} {random.choice(['', '-f'])}", 100000, 900)


# ---- Rounds that must leave nothing behind ----

def rounds(g, n, timeout):
    """Processes and files come and go."""
    g.check("churn 200", 120)
    before = g.run("df /").splitlines()[-1]
    out = g.check(f"leaks churn {n}", timeout)
    assert "leaks: none" in out
    assert g.run("df /").splitlines()[-1] == before


def test_rounds_leave_nothing(boot):
    rounds(boot(cpus=2, append="panic=exit"), 500, 120)


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_ten_thousand_rounds_leave_nothing(boot, cpus):
    rounds(boot(cpus=cpus, mem="64M", append="panic=exit"), 10000, 3600)


# ---- Malformed programs ----

SANITIZE = ["-std=gnu11", "-g", "-O1", "-fno-strict-aliasing", "-fsanitize=address,undefined",
            "-fno-sanitize-recover=undefined"]
LOADER = ["-Itest/unit/host", "-I.", "-Iarch/riscv", "test/fuzz/elf.c", "kernel/elf.c"]


def build(*args, where=ROOT):
    subprocess.run(list(map(str, args)), cwd=where, check=True, timeout=300)


@pytest.fixture(scope="module")
def elves(tmp_path_factory):
    """The corpus: files that are not quite programs."""
    where = tmp_path_factory.mktemp("elves")
    build("test/fuzz/elves.py", where)
    return sorted(where.iterdir())


def test_loader_on_the_host(elves, tmp_path):
    build("cc", *SANITIZE, "-DREPLAY", *LOADER, "-o", tmp_path / "elf")
    build(tmp_path / "elf", *elves)


@pytest.mark.long
def test_loader_under_libfuzzer(elves, tmp_path):
    build("clang", *SANITIZE, "-fsanitize=fuzzer", *LOADER, "-o", tmp_path / "elf")
    build(tmp_path / "elf", "-max_total_time=120", "-max_len=8192",
          f"-artifact_prefix={BUILD}/test/elf-", elves[0].parent)


def execute_all(boot, image, files):
    tool("fsput", "-d", image, "/elves")
    tool("fsput", image, *files, "/elves")
    g = boot(cpus=2, image=image, append="panic=exit quiet")
    g.check("execall /elves", 60 + len(files))
    assert "leaks: none" in g.check("leaks execall /elves", 60 + len(files))


def test_malformed_programs(boot, image, elves):
    execute_all(boot, image, [e for e in elves if e.name == "pie"] + elves[1::11])


@pytest.mark.long
def test_all_malformed_programs(boot, image, elves):
    execute_all(boot, image, elves)


# ---- Malformed disk images ----

DISKS = 7  # beside the root disk
HOST_TOOLS = ("fsls", "fsget", "fsck", "fsput")
HOSTED = ["-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", f"-I{ROOT}/mkfs/host", f"-I{ROOT}",
          f"-I{ROOT}/arch/riscv"]
CHECK = list((ROOT / "mkfs/fsck").glob("*.c"))


def shared_sources():
    """What the host's tools have in common."""
    mains = {f"{name}.c" for name in (*HOST_TOOLS, "mkfs")}
    shared = [p for p in (ROOT / "mkfs").glob("*.c") if p.name not in mains]
    shared += (ROOT / "fs").glob("qfs_*.c")
    return shared + [ROOT / p for p in ("fs/inode.c", "fs/clone.c", "fs/hash.c",
                                         "kernel/block.c", "mm/radix.c")]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """The host tools, built with sanitizers."""
    where = tmp_path_factory.mktemp("tools")
    build("cc", *SANITIZE, *HOSTED, "-c", *shared_sources(), where=where)
    for name in HOST_TOOLS:
        build("cc", *SANITIZE, *HOSTED, "-o", name, ROOT / "mkfs" / f"{name}.c",
              *where.glob("*.o"), *(CHECK if name == "fsck" else ()), where=where)
    return where


@pytest.mark.long
def test_disks_under_libfuzzer(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    build("clang", *SANITIZE, "-fsanitize=fuzzer", *HOSTED, "test/fuzz/qfs.c", *shared_sources(),
          *CHECK, "-o", tmp_path / "qfs")
    build(tmp_path / "qfs", "-max_total_time=120", "-max_len=288", "-detect_leaks=0",
          "-close_fd_mask=2", f"-artifact_prefix={BUILD}/test/qfs-", corpus)


def damaged_images(where, count, seed):
    build("test/fuzz/images.py", where, count, seed)
    return sorted(where.glob("damaged.*"))


def run_tools(sanitized, image, out):
    """They may refuse; they may not crash, hang or touch what is not theirs."""
    for command in (["fsls", "-R", image], ["fsget", image, "/large", out / "large"],
                    ["fsck", image], ["fsput", image, ROOT / "README.md", "/"],
                    ["fsck", "-y", image]):
        p = subprocess.run([sanitized / command[0], *command[1:]], capture_output=True, timeout=60,
                           env={"ASAN_OPTIONS": "detect_leaks=0"})
        assert p.returncode >= 0 and b"anitizer" not in p.stderr, (command, p.stderr.decode())
        assert b"runtime error" not in p.stderr, (command, p.stderr.decode())


def test_orphan_that_a_crash_left(sanitized, tmp_path):
    """Mounting frees it, and does not look at it again."""
    image = tmp_path / "sound.img"
    damaged_images(tmp_path, 0, 1)
    listing = subprocess.run([sanitized / "fsls", image, "/empty"], capture_output=True, text=True)
    number, data = int(listing.stdout.split()[0]), bytearray(image.read_bytes())
    block, = struct.unpack_from("<Q", data, 256 + 96 + 8 * (number // 16))
    struct.pack_into("<I", data, block * 4096 + number % 16 * 256 + 4, 0)      # no links
    struct.pack_into("<Q", data, 96, number)
    struct.pack_into("<I", data, 12, 0)
    struct.pack_into("<I", data, 12, crc32c(data[:512]))
    image.write_bytes(data)
    run_tools(sanitized, image, tmp_path)


def mount_all(boot, images):
    """=> how many could be mounted"""
    disks = []
    for slot, image in enumerate(images, 1):
        disks += ["-drive", f"file={image},if=none,format=raw,id=y{slot},snapshot=on", "-device",
                  f"virtio-blk-device,drive=y{slot},bus=virtio-mmio-bus.{slot}"]
    g = boot(cpus=2, append="panic=exit quiet", qemu=disks)
    names = " ".join(f"/dev/vd{'abcdefgh'[slot]}" for slot in range(1, len(images) + 1))
    out = g.check(f"trample {names}", 120)
    assert "leaks: none" in g.check(f"leaks trample {names}", 120)
    return int(re.search(r"trample: (\d+) mounted", out)[1])


def mount_and_list(boot, sanitized, where, count, seed):
    images = damaged_images(where, count, seed)
    mounted = sum(mount_all(boot, images[n:n + DISKS]) for n in range(0, len(images), DISKS))
    assert mount_all(boot, [where / "sound.img"]) == 1
    assert count // 2 < mounted <= count
    for image in images:
        run_tools(sanitized, image, where)


def test_damaged_images(boot, sanitized, tmp_path):
    mount_and_list(boot, sanitized, tmp_path, 3 * DISKS, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_many_damaged_images(boot, sanitized, tmp_path, seed):
    mount_and_list(boot, sanitized, tmp_path, 20 * DISKS, seed)
