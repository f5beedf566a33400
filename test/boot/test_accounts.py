# SPDX-License-Identifier: MIT
"""The figures of /proc add up, also while programs fork, map and swap."""

import collections
import re
import statistics

import pytest

from test_demand import wait_for
from test_swap import swap_image

KIB, PAGE_KIB = 1024, 4
BATCHES = 64                       # free pages that a hart may have for itself
USES = ("MemFree", "AnonPages", "Cached", "Slab", "PageTables", "Kernel")
NOT_COUNTERS = re.compile("nr_(?!dirtied|written|tlb)|policy_hand|page_fault_frequency"
                          "|load_suspended")
FAULTS = ("quire_zero_fill", "quire_zero_map", "quire_file_map", "quire_cow_copy",
          "quire_cow_reuse", "quire_swap_map", "quire_spurious")
FRAME = re.compile(r" *[0-9a-f]+ (\w+) +\S+ +(\d+) +(\d+) +\d+ +([0-9a-f]+)((?: \d+:[0-9a-f]+)*)")


def figures(text):
    return {k: int(v) for k, v in re.findall(r"(?m)^([\w()]+):?\s+(\d+)(?: kB)?$", text)}


def files(g, *paths):
    """One reading of each. => the texts"""
    mark = "=" * 8
    text = g.run(f"; echo {mark}; ".join(f"cat {path}" for path in paths), 60)
    parts = text.split(mark + "\n")
    assert len(parts) == len(paths)
    return parts


def pages_missing(meminfo):
    return (meminfo["MemTotal"] - sum(meminfo[use] for use in USES)) // PAGE_KIB


def counters(vmstat, stat):
    """All that may only grow: of /proc/stat all but two figures."""
    grow = {k: v for k, v in vmstat.items() if not NOT_COUNTERS.match(k)}
    for name, *words in map(str.split, stat.splitlines()):
        if not name.startswith("procs_"):
            grow |= {f"{name}.{n}": int(word) for n, word in enumerate(words)}
    return grow


def load(g):
    """Programs that need more than there is, share pages, come and go, map files."""
    g.run("thrash -p zipf -l 3600 -f 3 3 > /dev/null &")
    g.run("(while true; do ls /dev | cat > /dev/null; churn 3 > /dev/null; done) &")
    wait_for(lambda: figures(g.run("cat /proc/vmstat"))["pswpin"] > 200)


def family(g):
    """=> the numbers of all processes but the shell's and older ones"""
    lines = g.run("ps -o pid=,s=,comm=").splitlines()
    rows = [line.split() for line in lines if len(line.split()) == 3]
    return {int(pid): state for pid, state, name in rows if name not in ("init", "ps")
            and int(pid) > first_shell(rows)}


def first_shell(rows):
    return min(int(pid) for pid, _, name in rows if name == "sh")


def stop(g, tops):
    """Everything that load() started. => their numbers"""
    def stopped():
        for pid in tops:
            g.run(f"kill -STOP -{pid}")
        states = family(g)
        return states and set(states.values()) <= {"T", "Z"}
    wait_for(stopped)
    return sorted(pid for pid, state in family(g).items() if state == "T")


def check_moving(g, cpus):
    """While all goes on, a figure may be as wrong as much as happened while it was added up."""
    missing, before = [], {}
    for _ in range(8):
        first, meminfo, second, stat = files(g, "/proc/vmstat", "/proc/meminfo", "/proc/vmstat",
                                             "/proc/stat")
        a, b, m = figures(first), figures(second), figures(meminfo)
        moved = sum(b[k] - a[k] for k in ("pgalloc_normal", "pgfree"))
        missing.append(abs(pages_missing(m)))
        assert missing[-1] <= (moved if cpus > 1 else 0) + BATCHES
        assert m["SwapFree"] <= m["SwapTotal"] and m["SwapCached"] <= m["AnonPages"] + m["Shmem"]
        now = counters(b, stat)
        assert [k for k, v in before.items() if now[k] < v] == []
        before = now
    assert statistics.median(missing) <= (1 if cpus == 1 else BATCHES * cpus)


def check_memory(g, cpus):
    """What is free, and what the kernel's objects take, by two books each."""
    meminfo = buddyinfo = vmstat = slabinfo = None
    def still():                       # the reaper may be at work yet
        nonlocal meminfo, buddyinfo, vmstat, slabinfo
        meminfo, buddyinfo, vmstat, slabinfo, after = files(
            g, "/proc/meminfo", "/proc/buddyinfo", "/proc/vmstat", "/proc/slabinfo",
            "/proc/meminfo")
        moved = figures(meminfo)["MemFree"] - figures(after)["MemFree"]
        return abs(moved) <= 8 * PAGE_KIB
    wait_for(still)
    m, v = figures(meminfo), figures(vmstat)
    blocks = [int(n) for n in buddyinfo.split("Normal")[1].split()]
    free = sum(n << order for order, n in enumerate(blocks)) + v["nr_zeroed_pages"]
    assert -16 <= m["MemFree"] // PAGE_KIB - free <= BATCHES * cpus + 16
    slabs = sum(int(fields[14]) * int(fields[5])
                for fields in (line.split() for line in slabinfo.splitlines()[2:]))
    assert abs(m["Slab"] // PAGE_KIB - slabs) <= 8
    assert abs(v["pgsteal_kswapd"] - v["quire_victim_clean"] - v["quire_victim_dirty"]) <= 64
    assert v["quire_victim_clean"] > 0 and v["quire_victim_dirty"] > 0
    assert v["pgfault"] >= sum(v[k] for k in FAULTS) >= v["pgfault"] * 0.9
    assert v["quire_wait_swap"] > 100 and v["quire_wait_swap_ns"] > v["quire_wait_swap"] * 1000


def own(text):
    """Without the terminal's foreground group, which is another with each command."""
    return re.sub(r"(?m)^(\d+ \(.*\) \S( \d+){4}) \d+ ", r"\1 0 ", text)


def check_processes(g, pids):
    """smaps, statm, status and stat of processes that stand still say the same, and what
    frames say too."""
    paths = [f"/proc/{pid}/{name}" for pid in pids for name in ("smaps_rollup", "statm", "status",
                                                                "stat")]
    frames = meminfo = texts = None
    def still():                       # their pages may be on their way to swap yet
        nonlocal frames, meminfo, texts
        before, (meminfo, *texts) = texts, map(own, files(g, "/proc/meminfo", *paths))
        if texts == before:
            frames, *before = map(own, files(g, "/proc/frames", *paths))
        return texts == before
    wait_for(still)
    resident, parts = collections.Counter(), collections.Counter()
    for m in filter(None, map(FRAME.fullmatch, frames.splitlines())):
        owners = [int(place.split(":")[0]) for place in m[5].split()]
        assert m[1] == "zero" or int(m[3]) <= len(owners)
        for pid in owners if m[1] != "zero" else ():
            resident[pid] += 1
            parts[pid] += PAGE_KIB / len(owners)
    swapped = 0
    for n, pid in enumerate(pids):
        smaps, statm, status, stat = texts[4 * n:4 * n + 4]
        s, words, t, fields = figures(smaps), statm.split(), figures(status), stat.split()
        assert s["Rss"] == t["VmRSS"] == t["RssAnon"] + t["RssFile"] + t["RssShmem"]
        assert s["Rss"] == int(words[1]) * PAGE_KIB == int(fields[23]) * PAGE_KIB
        assert s["Rss"] == resident[pid] * PAGE_KIB, pid
        assert abs(s["Pss"] - parts[pid]) <= 1 + resident[pid] / 4096, pid
        assert t["VmSize"] == int(words[0]) * PAGE_KIB == int(fields[22]) // KIB
        assert s["Swap"] == t["VmSwap"]
        assert s["Rss"] == sum(s[k] for k in ("Shared_Clean", "Shared_Dirty", "Private_Clean",
                                              "Private_Dirty"))
        swapped += s["SwapPss"]
    # What is in swap only belongs to somebody: these, and a little the shell and init.
    # Some is in memory for one of them, and another has yet to look.
    m = figures(meminfo)
    used = m["SwapTotal"] - m["SwapFree"]
    assert used - m["SwapCached"] - 400 <= swapped <= used + len(pids)


def test_files_that_came_and_went_hold_nothing(shell):
    """Hundreds of them within one transaction of the journal."""
    assert shell.run("churn 100; cat /proc/sys/vm/check", 60) == "ok"    # 300 files


@pytest.mark.parametrize("cpus", [1, 4])
def test_proc_adds_up(boot, tmp_path, cpus):
    g = boot(cpus=cpus, mem="8M", swap=swap_image(tmp_path / "swap", 64), append="quiet")
    load(g)
    tops = [int(line.split()[0]) for line in g.run("ps -o pid=,pgid=,comm=").splitlines()
            if len(line.split()) == 3 and line.split()[0] == line.split()[1]
            and line.split()[2] in ("thrash", "sh") and int(line.split()[0]) > 6]
    check_moving(g, cpus)
    pids = stop(g, tops)
    assert len(pids) >= 5
    check_memory(g, cpus)
    check_processes(g, pids)
    for pid in tops:
        g.run(f"kill -KILL -{pid}")
