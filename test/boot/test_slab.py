# SPDX-License-Identifier: MIT
"""The kernel's object caches: their figures, and watched objects (slab_debug)."""

import itertools
import re
import subprocess

from guest import KERNEL, GuestError


def slabinfo(g):
    """name -> (active objects, all objects, size, active slabs, slabs)"""
    lines = g.run("cat /proc/slabinfo").splitlines()
    assert lines[0] == "slabinfo - version: 2.1"
    rows = {}
    for line in lines[2:]:
        m = re.fullmatch(r"(\S+) +(\d+) +(\d+) +(\d+) +\d+ +\d+ : tunables +\d+ +\d+ +\d+"
                         r" : slabdata +(\d+) +(\d+) +\d+", line)
        rows[m[1]] = tuple(int(n) for n in m.groups()[1:])
    return rows


def test_objects_come_and_go(boot):
    """Tasks that end leave no objects behind; those at hand count as free."""
    g = boot(cpus=2)
    g.run("ls | wc")
    before = slabinfo(g)
    for _ in range(5):
        g.run("ls | cat | cat | wc")
    after = slabinfo(g)
    for name in ("task", "process", "space", "area", "pipe", "file"):
        assert after[name][0] == before[name][0], name
        assert 0 <= after[name][0] <= after[name][1] and after[name][1] > 0


def test_slabtop(boot):
    """The largest first; the sum is what meminfo says."""
    g = boot(cpus=1)
    lines = g.run("slabtop").splitlines()
    rows = [line.split() for line in lines[3:]]
    sizes = [int(row[6].rstrip("K")) for row in rows]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    assert {"task", "kmalloc-64", "magazine"} <= {row[7] for row in rows}
    assert lines[0] == f"{len(rows)} caches, {sum(sizes)} KiB"
    slab = int(re.search(r"Slab: +(\d+) kB", g.run("cat /proc/meminfo"))[1])
    assert abs(sum(sizes) - slab) <= 64
    assert g.status("slabtop -x") == 1


def test_objects_at_hand_are_given_back(boot):
    g = boot(cpus=4)
    g.run("echo 3 > /proc/sys/vm/drop_caches")
    before = slabinfo(g)["task"]
    g.run("forktest", 60)
    g.run("echo 3 > /proc/sys/vm/drop_caches")
    after = slabinfo(g)["task"]
    assert after[0] == before[0]
    assert after[4] <= before[4] + 1


# What gdb does where a pipe is freed, and what the kernel must say then.
NEXT_PIPE = """
break pipe_free
python print("armed", flush=True)
continue
delete
break cache_free if $a0 == (long)&pipe_cache
continue
set $cache = (struct cache *)$a0
set $pipe = (char *)$a1
"""
OVERFLOW = NEXT_PIPE + """
set $pipe[$cache->size] = 7
delete
detach
"""
UNDERFLOW = NEXT_PIPE + """
set $pipe[-1] = 7
delete
detach
"""
USE_AFTER_FREE = NEXT_PIPE + """
finish
set $pipe[8] = 7
delete
detach
"""
DOUBLE_FREE = NEXT_PIPE + """
delete
finish
set $ra = $pc
set $a0 = (long)$cache
set $a1 = (long)$pipe
set $pc = cache_free
detach
"""


def prod(g, gdb):
    """Use pipes until gdb is through (what comes while it stops the guest is lost)."""
    for _ in range(20):
        g.send("echo b | cat\n")
        try:
            return gdb.communicate(timeout=2)[0]
        except subprocess.TimeoutExpired:
            pass
    return "gdb: no pipe was freed"


def end_of(g):
    """Use pipes, and have memory checked, until the kernel has noticed."""
    for _ in range(6):
        g.send("echo c | cat | cat\ncat /proc/sys/vm/check\n")
        try:
            return g.wait_exit(5)
        except GuestError:
            pass
    return g.wait_exit(1)


def sabotage(boot, tmp_path, script, append):
    """=> what the kernel said after it had been tampered with"""
    sock, path = tmp_path / "gdb", tmp_path / "script"
    g = boot(append=f"panic=exit {append}", cpus=1,
             qemu=("-gdb", f"unix:{sock},server=on,wait=off"))
    g.run("echo a | cat")
    path.write_text(f"set pagination off\ntarget remote {sock}\n{script}")
    gdb = subprocess.Popen(["gdb-multiarch", "-batch", "-nx", str(KERNEL), "-x", path],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while "armed" not in gdb.stdout.readline():
            assert gdb.poll() is None
        said = prod(g, gdb)
    finally:
        gdb.kill()
    text, status = end_of(g)
    assert status not in (0, None), said
    return text[text.index("slab: ") if "slab: " in text else 0:]


def chain(text, head):
    """The functions of the call chain below a line."""
    lines = text[text.index(head):].splitlines()[1:]
    calls = (re.match(r"(?:\[ *[\d.]+\] )?  [0-9a-f]{16} (\w+)\+", line) for line in lines)
    return [m[1] for m in itertools.takewhile(bool, calls)]


def test_overflow_is_reported(boot, tmp_path):
    text = sabotage(boot, tmp_path, OVERFLOW, "slab_debug")
    assert re.search(r"slab: cache pipe: object \S+ of \d+ bytes was written to beyond its", text)
    assert re.search(r"byte (\d+) is 07 instead of bb", text)
    assert any("pipe" in name for name in chain(text, "taken by task"))


def test_underflow_is_reported(boot, tmp_path):
    text = sabotage(boot, tmp_path, UNDERFLOW, "slab_debug")
    assert "was written to before its start" in text and "byte -1 is 07" in text


def test_use_after_free_is_reported(boot, tmp_path):
    text = sabotage(boot, tmp_path, USE_AFTER_FREE, "slab_debug")
    assert "was written to after it was freed" in text and "byte 8 is 07 instead of 6b" in text
    assert any("pipe" in name for name in chain(text, "freed by task"))


def test_double_free_is_reported(boot, tmp_path):
    text = sabotage(boot, tmp_path, DOUBLE_FREE, "slab_debug")
    assert "is freed twice" in text
    for who in ("taken by task", "freed by task", "freed again by task"):
        assert chain(text, who), who


def test_double_free_is_noticed_without_watching(boot, tmp_path):
    assert "is freed twice" in sabotage(boot, tmp_path, DOUBLE_FREE, "")


def test_everything_works_watched(boot):
    g = boot(append="slab_debug", cpus=4)
    g.check("usertests pipe fork_copies exec_echo exec_missing", 60)
    g.check("ls / | cat | wc")
    assert slabinfo(g)["kmalloc-64"][2] == 64
