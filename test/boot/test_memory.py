# SPDX-License-Identifier: MIT
"""Virtual memory from inside: the test programs, bad accesses, and the end of memory."""

import re
import time

import pytest

SIGILL, SIGBUS, SIGKILL, SIGSEGV = 4, 7, 9, 11

PROGRAMS = {
    "cowtest": "ALL COW TESTS PASSED",
    "lazytests": "ALL TESTS PASSED",
    "forktest": "fork test OK",
    "mmaptest": "ALL MMAP TESTS PASSED",
    "restart": "ALL RESTART TESTS PASSED",
}


@pytest.mark.parametrize("cpus,mem", [(1, "32M"), (4, "128M")])
@pytest.mark.parametrize("program", PROGRAMS)
def test_program(boot, program, cpus, mem):
    g = boot(cpus=cpus, mem=mem)
    out = g.check(program, 180)
    assert out.splitlines()[-1] == PROGRAMS[program]


@pytest.mark.parametrize("cpus,mem", [(3, "128M"), (1, "32M")])
def test_usertests_quick(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem)
    assert g.check("usertests -q", 400).splitlines()[-1] == "ALL TESTS PASSED"


@pytest.mark.long
@pytest.mark.parametrize("cpus,mem", [(1, "128M"), (4, "128M"), (8, "64M"), (2, "24M"),
                                      (1, "32M"), (3, "32M"), (8, "32M")])
def test_usertests(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem)
    assert g.check("usertests", 3600).splitlines()[-1] == "ALL TESTS PASSED"


@pytest.mark.long
@pytest.mark.parametrize("cpus", range(1, 9))
@pytest.mark.parametrize("mem", ["16M", "24M", "40M", "128M", "1G"])
def test_all_programs(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem, append="panic=exit")
    for program in ("usertests -q", *PROGRAMS, "grind 500", "stressfs"):
        g.check(program, 1200)
        g.vm_check()


# As lazytests does: the others could not do what they test, and it would find what they use
# missing.
TAKES_EVERYTHING = {"fork_until_failure", "fork_bomb", "sbrk_until_failure",
                    "malloc_until_failure", "out_of_memory", "no_leaks"}


@pytest.mark.long
@pytest.mark.parametrize("cpus", range(1, 9))
def test_programs_together(boot, cpus):
    """All at once: whatever one breaks, another one notices."""
    g = boot(cpus=cpus, mem="64M")
    names = " ".join(line for line in g.check("usertests -l").splitlines()
                     if "slow" not in line and line not in TAKES_EVERYTHING)
    g.run(f"cowtest > c & mmaptest > m & restart > r & usertests {names} > u", 900)
    for name in "cmru":
        for _ in range(120):
            if "PASSED" in g.run(f"tail -n 1 {name}"):
                break
            g.run("sleep 1")
        else:
            g.fail(f"{name}: {g.run(f'tail {name}')}")


BAD = {
    **dict.fromkeys(
        ["null_read", "null_write", "null_run", "kernel_read", "kernel_write", "kernel_run",
         "top_read", "hole_read", "noncanonical_read", "text_write", "data_run", "stack_run",
         "read_only_write", "none_read", "none_write", "stack_overflow", "below_sp",
         "below_stack", "unmapped_read"], SIGSEGV),
    "past_file_end": SIGBUS,
    "illegal": SIGILL,
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_access_kills_only_its_maker(shell, kind):
    assert shell.status(f"badaccess {kind}") == 128 + BAD[kind]
    assert shell.run("echo alive") == "alive"


def free_kb(g):
    return int(re.search(r"MemFree:\s+(\d+)", g.run("cat /proc/meminfo"))[1])


@pytest.mark.parametrize("cpus,mem", [(1, "32M"), (4, "64M")])
def test_out_of_memory_kills_the_hog(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem)
    g.run("sleep 1000 &")
    free = free_kb(g)
    for _ in range(3):
        assert g.status("hog", 60) in (1, 128 + SIGKILL)
    assert "sleep" in g.run("ps") and "init" in g.run("ps")
    assert free_kb(g) > free - 2048
    g.check("echo still > f; cat f")


def records_of_stacks(g):
    g.check("echo 3 > /proc/sys/vm/drop_caches")
    return int(re.search(r"kmalloc-48 +(\d+)", g.run("cat /proc/slabinfo"))[1])


def test_a_fork_bomb_leaves_no_records_of_its_stacks(boot):
    g = boot(cpus=4, mem="128M")
    before = records_of_stacks(g)
    g.check("usertests fork_bomb", 60)
    assert records_of_stacks(g) < before + 16


def promised_kb(g):
    """What can be had at once, beside what is free."""
    g.check("echo 3 > /proc/sys/vm/drop_caches")
    info = dict(re.findall(r"(\w+):\s+(\d+)", g.run("cat /proc/meminfo")))
    return int(info["MemAvailable"]) - int(info["MemFree"])


def test_metadata_not_yet_on_the_disk_is_not_available(boot):
    """A transaction keeps hundreds of pages until its commit: nobody can have those."""
    g = boot(cpus=2, mem="64M")
    before = promised_kb(g)
    g.check("usertests very_big_directory many_files", 60)
    assert promised_kb(g) < before + 256


def test_out_of_memory_with_a_bystander(boot):
    """The largest goes, not whoever asked last."""
    g = boot(cpus=2, mem="64M")
    g.run("hog -w 8 > f &")
    g.check("sleep 1")
    assert g.status("hog", 60) in (1, 128 + SIGKILL)
    assert "hog" in g.run("ps")
    assert "oom" in g.run("dmesg").lower() or "memory" in g.run("dmesg").lower()


def test_hog_that_sits_is_killed_for_others(boot):
    """Memory comes back although its holder sleeps in the kernel."""
    g = boot(cpus=2, mem="64M")
    free = free_kb(g) // 1024
    g.start(f"hog -w {free - 6} &")
    g.expect("hog: took", 60)
    g.send("\n")
    g.wait_prompt()
    start = time.monotonic()
    g.check("hog 12", 60)
    assert time.monotonic() - start < 20


def test_memory_comes_back(shell):
    shell.run("hog 40")
    free = free_kb(shell)
    for _ in range(5):
        shell.check("hog 40")
    assert abs(free_kb(shell) - free) < 1024


def zeroed(g):
    return int(re.search(r"nr_zeroed_pages (\d+)", g.run("cat /proc/vmstat"))[1])


def test_idle_harts_zero_frames(boot):
    """As much as is worth while, and never while there is something else to do."""
    g = boot(cpus=1)
    g.run("sleep 1")
    enough = zeroed(g)
    assert 100 < enough < 1024
    g.run("sleep 1")
    assert zeroed(g) >= enough - 60          # what the programs since took
    g.run("spin &")
    g.run("sleep 1")                         # until it is read from the disk
    g.run("echo 2 > /proc/sys/vm/drop_caches")     # not its text: it would wait for that
    assert zeroed(g) < 60                    # tables of the programs since
    pid = next(line.split()[0] for line in g.run("ps").splitlines() if line.endswith("spin"))
    g.run(f"kill {pid}; sleep 1")
    assert zeroed(g) > 100


def test_fork_storm(boot):
    """As many processes as fit; then everything is as before."""
    g = boot(cpus=4, mem="32M")
    g.run("forktest", 120)
    free = free_kb(g)
    g.run("forktest", 120)
    assert free_kb(g) > free - 512


@pytest.mark.parametrize("path", ["/dev/zero", "/README.md", "/cat"])
def test_reading_into_bad_buffers(shell, path):
    """The kernel's copies meet bad pointers by an error, not by a panic."""
    assert shell.status(f"badbuffer {path}") == 0
