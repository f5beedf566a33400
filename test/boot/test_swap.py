# SPDX-License-Identifier: MIT
"""Memory larger than memory: swap areas, and programs several times as large as RAM."""

import re
import struct

import pytest

from guest import GuestError, wait_for
from host import swap_image

PAGE = 4096


def swaps(g):
    return [line.split() for line in g.run("cat /proc/swaps").splitlines()[1:]]


def used(g):
    """=> KiB in each area, the highest priority first"""
    return [int(line[3]) for line in swaps(g)]


def vmstat(g):
    return dict((k, int(v)) for k, v in (l.split() for l in g.run("cat /proc/vmstat").splitlines()))


def hogs_of(g):
    """=> the pids of those that run"""
    return [int(pid) for pid in re.findall(r"(?m)^ *(\d+) .* thrash$", g.run("ps", 60))]


def kill_hogs(g):
    for pid in hogs_of(g):
        g.run(f"kill -9 {pid}")
    wait_for(lambda: not hogs_of(g))


def test_default(boot, disk):
    """init uses the second disk; /proc and the commands say so."""
    g = boot(swap=disk(64))
    size = 64 * 1024 - 4
    assert swaps(g) == [["/dev/vdb", "partition", str(size), "0", "-1"]]
    assert re.search(rf"SwapTotal: +{size} kB\nSwapFree: +{size} kB", g.run("cat /proc/meminfo"))
    g.check("swapoff /dev/vdb")
    assert swaps(g) == []
    assert "SwapTotal:             0 kB" in g.run("cat /proc/meminfo")
    g.check("swapon -p 7 /dev/vdb")
    assert swaps(g)[0][4] == "7"
    assert "busy" in g.run("swapon /dev/vdb")


def test_none(boot, disk):
    g = boot(swap=disk(8), append="swap=none")
    assert swaps(g) == []


def test_own_mkswap(boot, tmp_path):
    image = tmp_path / "swap.img"
    image.write_bytes(bytes(4 << 20))
    g = boot(swap=image)
    assert swaps(g) == []
    assert "Invalid argument" in g.run("swapon /dev/vdb")
    assert "no signature" in g.run("dmesg | tail -n 1")
    g.check("mkswap /dev/vdb")
    g.check("swapon /dev/vdb")
    assert swaps(g)[0][2] == str(4 * 1024 - 4)


def test_too_short(boot, disk):
    g = boot(swap=disk(4, pages=5000), append="swap=none")
    assert "Invalid argument" in g.run("swapon /dev/vdb")
    assert "shorter (1024 pages) than its header says (5001)" in g.run("dmesg | tail -n 1")


@pytest.mark.parametrize("cpus, mib", [(1, 40), (4, 24)])
def test_larger_than_memory(boot, disk, cpus, mib):
    """Much more than memory, every page checked at every touch; with forks too."""
    g = boot(cpus=cpus, mem="16M", swap=disk(96))
    for command in (f"thrash -p rand -t {10000 // cpus} {mib}", "thrash -p zipf -t 5000 -f 3 10"):
        assert "ok" in g.check(command, 300)
        g.vm_check()
    stat = vmstat(g)
    assert min(stat["pswpout"], stat["pswpin"]) > (mib - 16) * 256
    assert stat["oom_kill"] == 0
    assert int(swaps(g)[0][3]) < 1024          # what the shell and init have there


@pytest.mark.parametrize("program", ["cowtest", "lazytests", "forktest", "mmaptest", "restart"])
def test_program(boot, disk, program):
    """The test programs where everything swaps."""
    g = boot(cpus=2, mem="16M", swap=disk(64))
    out = g.check(program, 300)
    assert out.splitlines()[-1].endswith(("PASSED", "fork test OK"))
    if program == "restart":
        assert "away and away: ok" in out


@pytest.mark.parametrize("what", ["moving", "locking", "hiding", "sharing", "wanting",
                                  "forking"])
def test_paging(boot, disk, what):
    """What is done to pages most of which are in slots."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    assert "ok" in g.check(f"paging {what} 14", 300)


@pytest.mark.parametrize("by_hand", [False, True])
def test_init_stays_in_memory(boot, disk, by_hand):
    """A disk that fails may take everybody else."""
    g = boot(mem="16M", swap=disk(64), append="quiet swap=none" if by_hand else "quiet")
    if by_hand:
        g.check("swapon /dev/vdb")
    assert "ok" in g.check("thrash -p rand -t 500 24", 120)
    size = dict(re.findall(r"Vm(\w+):\s+(\d+)", g.run("cat /proc/1/status")))
    assert 0 < int(size["Size"]) == int(size["Lck"]) == int(size["RSS"]) and size["Swap"] == "0"


def test_meminfo_tells_of_pages_in_memory_and_in_a_slot(boot, disk):
    def figures(g):
        lines = re.findall(r"(\w+): +(\d+) kB", g.run("cat /proc/meminfo", 60))
        return {name: int(kib) for name, kib in lines}
    g = boot(cpus=2, mem="16M", swap=disk(64))
    g.run("thrash -p rand -w 20 -t 1000000000 24 &")
    wait_for(lambda: figures(g)["SwapCached"] > 100)
    now = figures(g)
    assert now["SwapCached"] <= now["SwapTotal"] - now["SwapFree"]
    assert now["SwapCached"] <= now["AnonPages"] + 1024
    g.vm_check()
    kill_hogs(g)
    assert figures(g)["SwapCached"] < 1024


def test_tmpfs(boot, disk):
    """Files in memory that memory has no room for."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    g.check("mkdir /mnt && mount -t tmpfs -o size=64M none /mnt")
    g.check("seq 1 1500000 > /mnt/a", 120)
    want = g.check("seq 1 1500000 | wc", 120)
    g.check("cp /mnt/a /mnt/b", 120)
    assert g.check("wc < /mnt/a", 120) == want == g.check("wc < /mnt/b", 120)
    assert int(swaps(g)[0][3]) > 8 * 1024
    g.check("rm /mnt/a")
    g.vm_check()
    g.check("swapoff /dev/vdb && swapon /dev/vdb", 120)
    assert g.check("wc < /mnt/b", 120) == want
    g.check("rm /mnt/b")
    assert int(swaps(g)[0][3]) < 1024


def run_hogs(boot, disk, image, cpus, mem, *options):
    g = boot(cpus=cpus, mem=mem, swap=disk(128), image=image, append="quiet")
    g.check("mkdir h && cd h")
    for o in options:
        assert "ok" in g.check(f"hogs {o}", 900)
        g.vm_check()
    stat = vmstat(g)
    assert stat["oom_kill"] == 0 and stat["pswpout"] > 1000
    assert stat["quire_drain"] < stat["pgsteal_kswapd"] / 500       # all harts stood still


def test_hogs(boot, disk, hogs):
    """Threads that map, move, forget and lock pages, and fork, with a third of the memory."""
    run_hogs(boot, disk, hogs, 4, "16M", "-p 2 -t 2 -m 1600 -n 10", "-p 3 -t 1 -m 1600 -n 8 -s 2")


@pytest.mark.long
@pytest.mark.parametrize("mem", ["12M", "20M", "33M"])
@pytest.mark.parametrize("cpus", [1, 3, 5, 8])
def test_many_hogs(boot, disk, hogs, mem, cpus):
    run_hogs(boot, disk, hogs, cpus, mem, *(f"-p {p} -t {t} -m {7000 // (p * t)} -n 200 -s {p}"
                                            for p, t in ((1, 4), (2, 3), (4, 1), (3, 2))))


@pytest.mark.long
@pytest.mark.parametrize("cpus", [3, 5, 8])
@pytest.mark.parametrize("mem", [12, 20, 33])
@pytest.mark.parametrize("pattern", ["seq", "rand", "stride", "zipf", "phase"])
def test_many_times_memory(boot, disk, mem, cpus, pattern):
    """Stamped pages in every order, 2 to 8 times as many as there is room for."""
    g = boot(cpus=cpus, mem=f"{mem}M", swap=disk(8 * mem + 32), append="quiet")
    for times in (2, 8):
        assert "ok" in g.check(f"thrash -p {pattern} -t {2000 * times} {mem * times}", 1800)
        g.vm_check()
    g.run(f"thrash -p {pattern} {mem} > a & thrash -p rand -f 1 {mem // 2} > b & wait", 1800)
    assert "ok" in g.run("cat a") and "ok" in g.run("cat b")


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_usertests(boot, disk, cpus):
    g = boot(cpus=cpus, mem="16M", swap=disk(96))
    assert g.check("usertests", 3600).splitlines()[-1] == "ALL TESTS PASSED"


def test_policies(boot, disk):
    """Each in turn, and what it does is counted."""
    g = boot(cpus=2, mem="16M", swap=disk(64), append="quiet")
    for policy in ("clock", "fifo", "aging", "esc"):
        g.check(f"echo {policy} > /proc/sys/vm/policy")
        assert g.run("cat /proc/sys/vm/policy") == policy
        before = vmstat(g)
        assert "ok" in g.check("thrash -p phase -t 6000 20", 300)
        after = vmstat(g)
        did = {k: after[k] - before[k] for k in after}
        assert did["policy_moves"] > 0
        assert sum(did[f"policy_victims_class_{k}"] for k in range(4)) > 0
        assert (did["policy_ticks"] > 0) == (policy == "aging")
        assert (did["policy_pass_2"] > 0) == (policy == "esc")
    assert "Invalid argument" in g.run("echo none > /proc/sys/vm/policy")


def test_swapoff_brings_back(boot, disk):
    """What is in the area comes back, or stays there if memory has no room for it."""
    g = boot(cpus=2, mem="16M", swap=disk(64))
    g.run("thrash -p rand -t 100000000 8 &")
    wait_for(lambda: g.check("thrash -t 0 10", 60) and used(g)[0] > 1024)
    g.check("swapoff /dev/vdb", 120)
    assert swaps(g) == []
    g.vm_check()
    g.check("swapon /dev/vdb")
    g.run("thrash -p seq -t 100000000 32 &")
    wait_for(lambda: used(g)[0] > 20 * 1024)         # more than there is memory
    assert "Out of memory" in g.run("swapoff /dev/vdb", 120)
    assert swaps(g)[0][0] == "/dev/vdb"
    g.vm_check()


def test_more_wait_for_a_page_than_a_byte_counts(boot, disk):
    """Each holds on to its frame while it is read; afterwards each has a copy."""
    g = boot(cpus=2, mem="128M", qemu=(
        "-drive", f"file={disk(32)},if=none,format=raw,id=slow",
        "-device", "virtio-blk-device,drive=slow,bus=virtio-mmio-bus.1"))

    def bytes_read(a_second):
        g.qmp.do("block_set_io_throttle", device="slow", bps=0, bps_rd=a_second, bps_wr=0,
                 iops=0, iops_rd=0, iops_wr=0)
    bytes_read(1)                                    # one request, and no second in an hour
    g.check("dd if=/dev/vdb of=/dev/null bs=4096 count=1 skip=1000")
    g.run("crowd wait 400 &", 60)
    wait_for(lambda: int(g.run("ps | grep ' D ' | grep crowd | wc", 60).split()[0]) == 400)
    bytes_read(0)
    g.expect("crowd: 400 waited, ok", 60)
    g.send("\n")
    g.wait_prompt()


def test_mappings_of_a_page(boot):
    """There is an end to what is counted, and nothing happens there but a signal."""
    g = boot(cpus=1, mem="128M")
    assert g.check("crowd map", 120) == "crowd: 131071 mappings, then signal 7"


def test_swap_file(boot):
    """A file can be swapped to, and nobody writes to it, cuts, moves or removes it meanwhile."""
    g = boot(cpus=2, mem="16M")
    assert "Invalid argument" in g.run("mkswap README.md; swapon README.md")
    g.check("dd if=/dev/zero of=swap bs=65536 count=512; mkswap swap; swapon swap", 60)
    assert swaps(g) == [["/swap", "file", str(32 * 1024 - 4), "0", "-1"]]
    for command in ("echo x >> swap", "echo x > swap", "mkswap swap"):
        assert "Text file busy" in g.run(command)
    for command in ("rm swap", "mv swap other", "touch other; mv other swap"):
        assert "Operation not permitted" in g.run(command)
    assert "busy" in g.run("swapon swap")
    assert "ok" in g.check("thrash -p rand 24", 300)
    assert vmstat(g)["pswpin"] > 10 * 256
    g.vm_check()
    g.check("swapoff swap; echo x > swap; rm swap")


def test_columns(boot, disk):
    """As Linux: names end before the type, long figures take a tab less."""
    g = boot(swap=disk(10 << 10))
    name = "a-name-that-is-longer-than-its-column-by-far"
    g.check(f"dd if=/dev/zero of={name} bs=4096 count=16; mkswap {name}; swapon {name}")
    assert g.run("cat /proc/swaps").splitlines() == [
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority",
        f"/dev/vdb{' ' * 32}partition\t10485756\t0\t\t-1", f"/{name} file\t\t60\t\t0\t\t-2"]


def test_swap_file_in_other_hands(boot):
    """Who has it open already writes no more, who could store to it keeps it from swap."""
    g = boot(cpus=2, mem="16M")
    assert g.check("swapfile").splitlines()[-1] == "ALL SWAP FILE TESTS PASSED"


def test_device_in_use(boot, disk, image):
    """A device is one file system's, or one swap area's."""
    g = boot(swap=disk(8))
    g.check("mkdir /mnt")
    for command in ("swapon /dev/vda", "mount -t qfs /dev/vda /mnt", "mount -t qfs /dev/vdb /mnt"):
        assert "busy" in g.run(command), command
    for device in ("/dev/vda", "/dev/vdb"):
        assert "busy" in g.run(f"mkswap {device}"), device
    g.check("swapoff /dev/vdb")
    assert "busy" not in g.run("mount -t qfs /dev/vdb /mnt")
    g.check("swapon /dev/vdb")
    other = boot(swap=image, append="swap=none")
    other.check("mkdir /mnt && mount -t qfs /dev/vdb /mnt")
    assert "busy" in other.run("swapon /dev/vdb")
    other.check("umount /mnt")
    assert "Invalid argument" in other.run("swapon /dev/vdb")


def test_swap_file_with_holes(boot):
    g = boot()
    g.check("dd if=/dev/zero of=swap bs=4096 count=1 seek=100; mkswap swap")
    assert "Invalid argument" in g.run("swapon swap")
    assert "holes" in g.run("dmesg | tail -n 1")
    g.check("echo x > swap")


# ---- Disks that fail ----

def swap_disk(path, rules="", slot=1, name="s"):
    """=> QEMU's arguments for a swap disk that fails as the rules of its blkdebug say"""
    return ("-blockdev", f"driver=file,filename={path},node-name={name}f",
            "-blockdev", f"driver=blkdebug,image={name}f,node-name={name}d{rules}",
            "-blockdev", f"driver=raw,file={name}d,node-name={name}x",
            "-device", f"virtio-blk-device,drive={name}x,bus=virtio-mmio-bus.{slot},"
                       "rerror=report,werror=report")


def nth(kind, n, once):
    """Rules that fail the n-th read or write and, unless `once`, all that follow."""
    event = f"{kind}_aio"
    rules = [f"set-state.{k}.event={event},set-state.{k}.state={k + 1},"
             f"set-state.{k}.new_state={k + 2}" for k in range(n - 1)]
    error = "inject-error.0"
    return "," + ",".join(rules + [f"{error}.event={event},{error}.state={n},{error}.errno=5,"
                                   f"{error}.iotype={kind},{error}.once={'on' if once else 'off'}"])


# Messages of the kernel would come between a prompt and who waits for it.
def failing(boot, disk, kind, n, once, **options):
    return boot(**{"mem": "16M", "append": "quiet", **options},
                qemu=swap_disk(disk(64), nth(kind, n, once)))


def fail_writes(boot, disk, n, once, work):
    """What cannot be written stays; nobody but the OOM killer's victim notices.
    => could the work be done; was there an n-th write?"""
    g = failing(boot, disk, "write", n, once)
    out = g.run(work, 120)
    assert "is not" not in out                       # wrong bytes were never seen
    failed = "cannot be written (error 5, 1 so far)" in g.run("dmesg | grep swap:")
    g.vm_check()
    g.check("swapoff /dev/vdb", 60)                  # what is there can be read
    g.vm_check()
    g.close()
    return "ok" in out, failed


def fail_reads(boot, disk, n, once, work):
    """Who needs what cannot be read is killed; the others never hear of it.  If nothing can be
    read any more, those may be commands that look, and the shell; init stays."""
    g = failing(boot, disk, "read", n, once)
    try:
        if once:
            assert ("ok" in g.run(work, 120) or
                    "cannot be read (error 5, 1 so far)" in g.run("dmesg | grep swap:"))
            g.vm_check()
        else:
            for command in (work, "cat /proc/sys/vm/check"):
                out = g.run(command, 30)
                assert (any(end in out for end in ("ok", "Bus error")) or
                        g.said().count("init: starting sh") > 1), out
    except GuestError:
        if once:
            raise
        assert g.said().count("init: starting sh") > 1
    assert g.alive() and "is not" not in g.said()
    g.close()


@pytest.mark.parametrize("once", [True, False], ids=["once", "ever"])
@pytest.mark.parametrize("n", [1, 7])
def test_failing_writes(boot, disk, n, once):
    assert fail_writes(boot, disk, n, once, "thrash -p rand -t 2000 18") == (once, True)


@pytest.mark.parametrize("once", [True, False], ids=["once", "ever"])
@pytest.mark.parametrize("n", [5, 20])
def test_failing_reads(boot, disk, n, once):
    fail_reads(boot, disk, n, once, "thrash -p rand -t 2000 18")


# ---- Every request of a run ----

def requests(boot, disk, work):
    """=> how many reads and writes a run makes of the swap disk"""
    g = boot(mem="16M", append="quiet", swap=disk(64))
    g.check(work, 120)
    line = next(l.split() for l in g.run("cat /proc/diskstats").splitlines() if "vdb" in l)
    g.close()
    return {"read": int(line[3]), "write": int(line[7])}


@pytest.mark.long
@pytest.mark.parametrize("once", [True, False], ids=["once", "ever"])
@pytest.mark.parametrize("kind", ["read", "write"])
def test_every_request_fails(boot, disk, kind, once):
    work = "thrash -p rand -t 300 18"
    n, failures = requests(boot, disk, work)[kind], 0
    assert n > 20
    for k in range(1, n + 1):
        # the first reads are of the header: nobody swaps then
        if kind == "write":
            done, failed = fail_writes(boot, disk, k, once, work)
            assert done or (failed and not once)     # the last ones some runs do not need
            failures += failed
        elif k > 4:
            fail_reads(boot, disk, k, once, work)
    assert kind == "read" or failures > n // 2


def test_one_of_two_disks_dies(boot, tmp_path):
    """The other one takes what the first no longer does."""
    paths = []
    for k in range(2):
        (tmp_path / str(k)).mkdir()
        paths.append(swap_image(tmp_path / str(k) / "swap.img", 32))
    g = boot(mem="16M", append="quiet swap=none",
             qemu=(*swap_disk(paths[0], nth("write", 20, False)),
                   *swap_disk(paths[1], slot=2, name="t")))
    g.check("swapon -p 2 /dev/vdb; swapon -p 1 /dev/vdc")
    assert "ok" in g.check("thrash -p rand -t 1500 20", 120)
    assert "cannot be written (error 5, 1 so far)" in g.run("dmesg | grep swap:")
    size = {line[0]: (int(line[2]), int(line[3])) for line in swaps(g)}
    assert size["/dev/vdb"][0] < 32 * 1024 - 4 == size["/dev/vdc"][0]
    g.vm_check()
    g.check("swapoff /dev/vdb; swapoff /dev/vdc", 60)
    assert swaps(g) == []


@pytest.mark.parametrize("at, words, message", [
    (1024, (2,), "no signature"), (1028, (0,), "makes no sense"),
    (1032, (638,), "makes no sense"), (1028, (1 << 31,), "shorter"),
    (1028, (5, 5), "makes no sense"),
])
def test_corrupt_header(boot, disk, at, words, message):
    path = disk(4)
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(struct.pack(f"<{len(words)}I", *words))
    g = boot(swap=path, append="swap=none")
    assert "Invalid argument" in g.run("swapon /dev/vdb")
    assert message in g.run("dmesg | tail -n 1")
    assert swaps(g) == []


def test_read_only(boot, disk):
    g = boot(append="swap=none", qemu=(
        "-drive", f"file={disk(8)},if=none,format=raw,id=s,readonly=on",
        "-device", "virtio-blk-device,drive=s,bus=virtio-mmio-bus.1"))
    assert "Read-only" in g.run("swapon /dev/vdb")
    assert swaps(g) == []


# ---- Several areas, and none left ----

def test_two_areas(boot, tmp_path):
    """The higher priority fills first; equal ones take turns."""
    paths = []
    for k in range(2):
        (tmp_path / str(k)).mkdir()
        paths.append(swap_image(tmp_path / str(k) / "swap.img", 16))
    g = boot(mem="16M", append="swap=none",
             qemu=swap_disk(paths[0]) + swap_disk(paths[1], slot=2, name="t"))
    g.check("swapon -p 1 /dev/vdb; swapon -p 2 /dev/vdc")
    g.run("thrash -p rand -t 1000000000 18 &")
    wait_for(lambda: used(g)[0] > 6000)
    assert used(g)[1] == 0
    g.run("thrash -p rand -t 1000000000 12 &")
    wait_for(lambda: used(g)[1] > 2000)
    assert used(g)[0] > 15 * 1024
    kill_hogs(g)
    g.check("swapoff /dev/vdb; swapoff /dev/vdc; swapon -p 3 /dev/vdb /dev/vdc", 60)
    g.run("thrash -p rand -t 1000000000 24 &")
    wait_for(lambda: sum(used(g)) > 8000)
    both = used(g)
    assert max(both) < 2 * min(both)


def test_swap_full(boot, disk):
    """The OOM killer takes the hog; the machine goes on."""
    g = boot(mem="16M", swap=disk(4))
    assert "ok" not in g.run("thrash -p rand -w 100 -f 3 12", 120)

    def gone():                      # its children too, one way or the other
        processes = g.run("ps", 60)
        return "init" in processes and "thrash" not in processes
    wait_for(gone)
    assert "out of memory" in g.run("dmesg | grep killed", 60)
    g.vm_check()
    assert "ok" in g.check("thrash -p rand -t 1000 10", 120)


def test_bad_pages(boot, disk):
    """Pages that the header calls bad are never written."""
    path = disk(4)
    with open(path, "r+b") as f:
        f.seek(1032)
        f.write(struct.pack("<I", 3))
        f.seek(1536)
        f.write(struct.pack("<III", 1, 5, 700))
    g = boot(mem="16M", swap=path)
    assert swaps(g)[0][2] == str(4 * 1024 - 4 * 4)
    g.run("thrash -p rand -t 2000 12", 120)
    g.vm_check()


def test_swapoff_under_load(boot, disk):
    """Again and again, while everybody touches what is in the area."""
    g = boot(cpus=2, mem="24M", swap=disk(64))
    g.run("thrash -p rand -f 2 -t 100000000 2 &")
    for _ in range(3):
        g.run("thrash -t 0 20", 60)
        assert g.status("swapoff /dev/vdb", 60) in (0, 1)
        g.run("swapon /dev/vdb")
        g.vm_check()
    assert "is not" not in g.run("dmesg | tail -n 3")
