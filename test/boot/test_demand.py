# SPDX-License-Identifier: MIT
"""Programs that need more memory together than there is: what each uses, and load control."""

import re
import sys

import pytest

from guest import ROOT, wait_for
from test_swap import hogs_of, kill_hogs, nth, swap_disk, swaps, vmstat

sys.path.append(str(ROOT / "tools/policy"))
from thrash import run_hogs


def status(g, pid):
    """=> the numbers of /proc/<pid>/status"""
    text = g.run(f"cat /proc/{pid}/status", 60)
    return {k: int(v) for k, v in re.findall(r"(\w+):\s+(\d+)", text)}


# ---- Load control ----

def test_load_control(boot, disk):
    """Eight times 4 MiB in 16 MiB: more than half of the time is work still."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    g.check("echo suspend > /proc/sys/kernel/trace")
    throughput, touches, counted = run_hogs(g, hogs=8, seconds=5, control=True)
    assert throughput > 0.5
    assert counted["load_suspends"] > 2 and counted["oom_kill"] == 0
    wait_for(lambda: vmstat(g)["load_suspended"] == 0)
    assert vmstat(g)["load_suspends"] == vmstat(g)["load_resumes"]
    traced = re.findall(r"(?m): suspend: pid=(\d+) on=(\d)$", g.run("cat /proc/trace"))
    on, off = ([int(pid) for pid, what in traced if what == which] for which in "10")
    assert len(on) == vmstat(g)["load_suspends"] and sorted(on) == sorted(off)
    g.vm_check()


@pytest.mark.parametrize("where", ["/mnt", "/home"])
def test_load_control_of_shared_pages(boot, disk, where):
    """Six times 4 MiB of files that are mapped, in memory or on the disk."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    g.check("mkdir /mnt /home && mount -t tmpfs -o size=64M none /mnt")
    before = vmstat(g)
    out = g.check(f"for i in 1 2 3 4 5 6; do thrash -p rand -l 5 -o {where}/$i 4 & done; wait", 200)
    after = vmstat(g)
    touches = [int(n) for n in re.findall(r"(\d+) touches: ok", out)]
    assert len(touches) == 6 and after["oom_kill"] == 0
    assert after["load_suspends"] > before["load_suspends"] + 2
    assert sum(touches) > 20 * (after["pgmajfault"] - before["pgmajfault"])
    wait_for(lambda: vmstat(g)["load_suspended"] == 0)
    g.vm_check()


def test_the_shell_goes_on(boot, disk):
    """While hogs are suspended; one that is killed goes, and all do on when it is switched off."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    assert "Invalid argument" in g.run("echo 2 > /proc/sys/vm/load_control")
    assert g.run("cat /proc/sys/vm/load_control") == "1"
    g.run("for i in 1 2 3 4 5 6; do thrash -p rand -s $i -t 1000000000 4 & done")
    wait_for(lambda: vmstat(g)["load_suspended"] > 0)
    assert status(g, 1)["Suspended"] == 0 == status(g, g.run("echo $$"))["Suspended"]
    victim = next(p for _ in range(100) for p in hogs_of(g) if status(g, p).get("Suspended"))
    g.check(f"kill -9 {victim}")
    wait_for(lambda: victim not in hogs_of(g))
    g.check("echo 0 > /proc/sys/vm/load_control")
    wait_for(lambda: vmstat(g)["load_suspended"] == 0)
    g.check("echo 1 > /proc/sys/vm/load_control")
    wait_for(lambda: vmstat(g)["load_suspended"] > 0)
    kill_hogs(g)
    g.vm_check()


@pytest.mark.long
def test_throughput(boot, disk):
    """`make thrash`: the more hogs, the less is done without load control, not so with it."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    on = [run_hogs(g, n, 10, True)[0] for n in range(1, 10)]
    off = [run_hogs(g, n, 5, False)[0] for n in (1, 6)]
    assert min(on) > max(on) / 2
    assert off[1] < off[0] / 4


@pytest.mark.long
def test_fairness(boot, disk):
    """Everybody has a turn."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    touches = run_hogs(g, 6, 40, True)[1]
    assert min(touches) > sum(touches) / len(touches) / 10


# ---- What is told of each ----

def test_working_set(boot, disk):
    """A small program beside a large one: one set fits, the other faults."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    g.check("echo 0 > /proc/sys/vm/load_control")
    g.run("thrash -p rand -t 1000000000 2 & thrash -p rand -t 1000000000 20 &")

    def shown():
        both = sorted((status(g, p) for p in hogs_of(g)), key=lambda s: s["VmSize"])
        return (len(both) == 2 and 1500 < both[0]["VmWset"] < 4500 and both[1]["VmWset"] > 8000 and
                both[1]["FaultFreq"] > 2 * both[0]["FaultFreq"])
    wait_for(shown)
    total = vmstat(g)
    assert total["nr_working_sets"] > 2000 and total["page_fault_frequency"] > 0


# ---- Local replacement ----

def limited(g, command, limit, kib):
    """Run a command in the background with a limit. => its pid"""
    before = hogs_of(g)
    g.run(f"{command} &")
    wait_for(lambda: len(hogs_of(g)) > len(before))
    pid = (set(hogs_of(g)) - set(before)).pop()
    g.check(f"echo {kib} > /proc/{pid}/{limit}")
    return pid


def test_limits_refused(boot, disk):
    """An instruction needs eight pages; half of memory can be promised."""
    g = boot(mem="16M", swap=disk(8))
    for value in ("28", "33", "-1", "x", "9999999"):
        assert "Invalid argument" in g.run(f"echo {value} > /proc/$$/ws_max")
    assert "Out of memory" in g.run("echo 8192 > /proc/$$/ws_min")
    g.check("echo 2048 > /proc/$$/ws_min; echo 4096 > /proc/$$/ws_max")
    assert "Invalid argument" in g.run("echo 1024 > /proc/$$/ws_max")
    assert "Invalid argument" in g.run("echo 4100 > /proc/$$/ws_min")
    assert g.run("cat /proc/$$/ws_min /proc/$$/ws_max").split() == ["2048", "4096"]
    assert "Invalid argument" in g.run("echo 1001 > /proc/$$/ws_priority")
    assert "Invalid argument" in g.run("echo most > /proc/sys/vm/allotment")
    g.check("echo 0 > /proc/$$/ws_max")
    assert "Out of memory" in g.run("sh -c 'echo 6144 > /proc/$$/ws_min'")
    g.check("echo 0 > /proc/$$/ws_min; sh -c 'echo 6144 > /proc/$$/ws_min'")


def test_ws_max(boot, disk):
    """It takes from itself only, for a price that memory's size has no part in."""
    g = boot(cpus=2, mem="512M", swap=disk(32))
    g.run("thrash -p rand -t 1000000000 8 &")
    other = hogs_of(g)[0]
    wait_for(lambda: status(g, other)["VmRSS"] > 8 * 1024)
    pid = limited(g, "thrash -p rand -t 1000000000 4", "ws_max", 1024)
    wait_for(lambda: vmstat(g)["pgsteal_kswapd"] > 2000)
    assert all(status(g, pid)["VmRSS"] <= 1024 for _ in range(10))
    assert status(g, other)["VmSwap"] == 0
    stat = vmstat(g)
    assert stat["policy_moves"] < 8 * stat["pgsteal_kswapd"]
    g.vm_check()


def test_least(boot, disk):
    """With the smallest limit, whatever an instruction needs at once is there."""
    g = boot(cpus=2, mem="64M", swap=disk(32))
    out = g.check("sh -c 'echo 32 > /proc/$$/ws_max; thrash -p rand -t 300 1 && restart'", 120)
    assert "touches: ok" in out and out.splitlines()[-1].endswith("PASSED")
    assert vmstat(g)["pswpin"] > 300


@pytest.mark.parametrize("kept", [0, 4096])
def test_ws_min(boot, disk, kept):
    """What is not used goes when others need memory, unless it is promised."""
    g = boot(cpus=2, mem="16M", swap=disk(64))
    pid = limited(g, "thrash -p rand -t 1000000000 4", "ws_min", kept)
    wait_for(lambda: status(g, pid)["VmRSS"] > 4096)
    g.run(f"kill -STOP {pid}")
    wait_for(lambda: "stopped" in g.run(f"cat /proc/{pid}/status"))
    assert "ok" in g.check("thrash -t 2000 24", 120)
    rss = status(g, pid)["VmRSS"]
    assert rss >= kept - 128 if kept else rss < 1024
    g.vm_check()


@pytest.mark.parametrize("how", ["equal", "proportional", "priority"])
def test_allotments(boot, disk, how):
    """Two programs that would take all of memory share it."""
    g = boot(cpus=2, mem="24M", swap=disk(96))
    g.check(f"echo 0 > /proc/sys/vm/load_control; echo {how} > /proc/sys/vm/allotment")
    assert g.run("cat /proc/sys/vm/allotment") == how
    g.run("sh -c 'echo 300 > /proc/$$/ws_priority; thrash -p rand -t 1000000000 24' &")
    g.run("thrash -p rand -t 1000000000 12 &")

    def shared():
        sets = sorted((status(g, p) for p in hogs_of(g)), key=lambda s: s["VmSize"])
        if len(sets) < 2 or sets[0]["VmSwap"] + sets[0]["VmRSS"] < 12000:
            return False
        ratio = sets[1]["VmRSS"] / max(sets[0]["VmRSS"], 1)
        least, most = {"equal": (0.7, 1.4), "proportional": (1.6, 2.4), "priority": (2.2, 3.8)}[how]
        return least < ratio < most
    wait_for(shared)
    g.vm_check()


# ---- The end of memory ----

def test_oom_asleep(boot, tmp_path):
    """The memory of who sleeps on a slow disk is there at once; he goes when he wakes."""
    path = tmp_path / "slow.img"
    path.write_bytes(bytes(4 << 20))
    g = boot(cpus=2, mem="16M", qemu=(                # not a second request in an hour
        "-drive", f"file={path},if=none,format=raw,id=slow,throttling.bps-total=1",
        "-device", "virtio-blk-device,drive=slow,bus=virtio-mmio-bus.1"), append="swap=none")
    g.start("sleeper 9 /dev/vdb &")
    g.expect("sleeper: 9 MiB", 60)
    g.send("\n")
    g.wait_prompt()
    wait_for(lambda: re.search(r" D .* sleeper", g.run("ps")))
    assert "ok" in g.check("thrash -t 5000 8", 60)
    assert re.search(r" D .* sleeper", g.run("ps"))
    assert "(sleeper): out of memory" in g.run("dmesg | grep killed")
    assert vmstat(g)["oom_kill"] == 1
    g.vm_check()
    g.qmp.do("block_set_io_throttle", device="slow", bps=0, bps_rd=0, bps_wr=0,
             iops=0, iops_rd=0, iops_wr=0)
    wait_for(lambda: "sleeper" not in g.run("ps"))


def test_oom_of_who_said_so(boot, disk):
    """With the largest adjustment one goes first, beside somebody larger than memory too."""
    g = boot(cpus=2, mem="16M", swap=disk(16))
    g.run("sh -c 'echo 1000 > /proc/$$/oom_score_adj; sleep 1000; true' &")
    wait_for(lambda: "sleep" in g.run("ps"))
    assert "took" not in g.run("hog", 120)
    killed = re.findall(r"killed process \d+ \((.*)\)", g.run("dmesg | grep killed"))
    assert sorted(killed[:2]) == ["sh", "sleep"] and killed[2:] == ["hog"]


def test_oom_of_the_only_one(boot):
    """If nobody else may be killed, who needs memory ends, whatever was said of him."""
    g = boot(cpus=2, mem="16M", append="swap=none")
    g.check("echo -1000 > /proc/$$/oom_score_adj")
    g.run("hog", 120)
    assert "(hog): out of memory, and no other may be" in g.run("dmesg | grep killed")
    assert "sh" in g.run("ps") and vmstat(g)["oom_kill"] == 0
    g.vm_check()


def test_small_programs_beside_a_hog(boot):
    """They run while there is memory, and if there is none the hog has to go."""
    g = boot(cpus=1, mem="16M", append="quiet swap=none")
    for mib, command, kills in ((12, "ls / | sort | cat | wc", 0), (13, "hog 2", 1)):
        g.start(f"hog -w {mib} &")
        g.expect(f"hog: took {mib} MiB", 60)
        g.send("\n")
        g.wait_prompt()
        for _ in range(4):
            assert "out of memory\n" not in g.check(command, 60)
        assert vmstat(g)["oom_kill"] == kills
        g.run("kill -9 %1")
    g.vm_check()


def test_dead_swap_disk(boot, disk):
    """Slots that cannot be written are not free: the figures say so, and the OOM killer acts."""
    g = boot(mem="16M", qemu=swap_disk(disk(64), nth("write", 1, False)))
    assert "ok" not in g.run("thrash -t 2000 20", 120)
    said = g.run("dmesg | grep swap:")
    assert "takes no more pages: 8 writes in a row failed" in said
    assert re.findall(r"written \(error 5, (\d+) so far", said) == ["1", "2", "4", "8"]
    assert "swap free 0\n" in g.run("dmesg | grep asked") + "\n"
    assert swaps(g)[0][2] == swaps(g)[0][3]
    assert "SwapFree:              0 kB" in g.run("cat /proc/meminfo")
    g.vm_check()
    assert "ok" in g.check("thrash -t 2000 8", 120)


# ---- Ahead of need ----

def test_write_ahead(boot, disk):
    """Cold pages are written while nothing else happens; then they go for nothing."""
    g = boot(cpus=2, mem="16M", swap=disk(96))
    g.run("thrash -p rand -t 1000000000 10 &")
    pid = hogs_of(g)[0]
    wait_for(lambda: status(g, pid)["VmRSS"] > 10000)
    g.run(f"kill -STOP {pid}")
    assert "ok" in g.check("thrash -t 0 6", 60)      # the hand comes round
    assert "ok" in g.check("thrash -t 0 6", 60)
    wait_for(lambda: vmstat(g)["quire_write_ahead"] > 100)
    rss = status(g, pid)["VmRSS"]
    wait_for(lambda: steady(g, "quire_write_ahead"))
    before = vmstat(g)
    assert before["quire_write_ahead"] < 16 * 256 / 4 + 256
    assert status(g, pid)["VmRSS"] > rss - 256       # they are there still
    assert "ok" in g.check(f"thrash -t 0 {before['nr_free_pages'] // 256 + 1}", 60)
    after = vmstat(g)
    stolen = after["pgsteal_kswapd"] - before["pgsteal_kswapd"]
    assert stolen > 100
    for_nothing = stolen - (after["pswpout"] - before["pswpout"])
    assert for_nothing > min(stolen, before["quire_write_ahead"]) / 2
    g.vm_check()
    g.run(f"kill -CONT {pid}")                       # who finds every page as it was
    g.run("sleep 2")
    assert hogs_of(g) == [pid]


def steady(g, name):
    """Has it not changed for half a second?"""
    before = vmstat(g)[name]
    g.run("sleep 0.5")
    return vmstat(g)[name] == before
