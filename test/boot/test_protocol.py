# SPDX-License-Identifier: MIT
"""What would lose a page if one step of mm/ came too early or too late: each promise
under the load that would break it.  The models (test_model.py) and the unit tests say
the rest."""

import re

import pytest

ALL = ("DEBUG", "KASAN", "UBSAN")


def paging(g, what, mib, timeout=300):
    out = g.check(f"paging {what} {mib}", timeout)
    assert out.splitlines()[-1] == f"paging {what}: ok"
    g.vm_check()
    return out


def test_tables_go_while_pages_do(boot, disk):
    """Whole tables are unmapped while the reverse map walks to their entries."""
    g = boot(cpus=4, mem="16M", swap=disk(64))
    paging(g, "tables", 8)


@pytest.mark.long
@pytest.mark.parametrize("cpus", [2, 4])
def test_tables_go_while_pages_do_checked(boot, disk, kernel_with, cpus):
    """The same where freed frames are poisoned and every fence is in a ledger."""
    g = boot(kernel=kernel_with(*ALL), cpus=cpus, mem="32M", swap=disk(64), append="panic=exit")
    for what in ("tables", "moving", "hiding", "sharing", "forking"):
        paging(g, what, 14, 1200)


@pytest.mark.long
def test_nothing_is_found_under_pressure(boot, disk, kernel_with):
    """The kernel with all checks, short of memory."""
    g = boot(kernel=kernel_with(*ALL), cpus=2, mem="28M", swap=disk(64), append="panic=exit quiet")
    for line in ("restart", "thrash -p rand -t 2000 -f 1 12", "paging forking 8"):
        g.check(line, 200)
        g.vm_check()


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_nothing_is_found_by_all_programs_under_pressure(boot, disk, kernel_with, cpus):
    g = boot(kernel=kernel_with(*ALL), cpus=cpus, mem="32M", swap=disk(128),
             append="panic=exit quiet")
    for line in ("cowtest", "lazytests", "forktest", "mmaptest", "restart", "grind 300",
                 "churn 200", "thrash -p rand -f 2 24", "thrash -p zipf 40", "fuzz -n 50000 -p 6",
                 "fuzz -f -n 50000 -p 6", "leaks churn 200", "usertests"):
        g.check(line, 7200)
        g.vm_check()


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 4])
def test_all_programs_under_pressure(boot, disk, cpus):
    """While somebody else takes what memory there is."""
    g = boot(cpus=cpus, mem="16M", swap=disk(128), append="quiet")
    g.run("thrash -p rand -f 1 -t 1000000000 10 &")
    for line in ("cowtest", "lazytests", "mmaptest", "restart", "grind 300", "churn 200",
                 "fuzz -n 50000 -p 6", "usertests -q"):
        g.check(line, 7200)
        g.vm_check()


USERTESTS = ("fork_copies shared_memory sbrk_zeroes sbrk_unmaps malloc_random stack_grows "
             "exec_arguments exec_many pipe_big_write read_bad_pointer")


@pytest.mark.parametrize("cpus", [1, 4])
def test_usertests_under_pressure(boot, disk, cpus):
    g = boot(cpus=cpus, mem="16M", swap=disk(64), append="quiet")
    g.run("thrash -p rand -t 1000000000 14 &")
    assert g.check(f"usertests {USERTESTS}", 120).splitlines()[-1] == "ALL TESTS PASSED"


@pytest.mark.parametrize("where", ["qfs", "tmpfs"])
def test_file_through_its_own_mapping(boot, disk, where):
    """write and read where the buffer maps the same file, and neither is in memory."""
    g = boot(cpus=2, mem="16M", swap=disk(8))
    if where == "tmpfs":
        g.check("mkdir /mnt && mount -t tmpfs none /mnt && cd /mnt")
    paging(g, "self", 1)


def test_everything_dirty_through_a_mapping(boot):
    """Three times memory, and nowhere to go but to its file."""
    paging(boot(cpus=2, mem="8M"), "dirtying", 24)


def test_cost_of_eviction_is_not_the_familys(boot, disk):
    """1,000 forked children, and a page's entries are found at once."""
    g = boot(cpus=2, mem="256M", swap=disk(64))
    visits, gone = map(int, re.search(r"(\d+) visits for (\d+) pages",
                                      paging(g, "family", 1)).groups())
    assert gone >= 3900 and visits <= 4 * gone


def test_instructions_with_the_least_memory(boot, disk):
    """Several programs, each with hardly more frames than one instruction needs."""
    g = boot(cpus=4, mem="16M", swap=disk(32))
    g.run("echo 48 > /proc/$$/ws_max")
    g.run("restart > a & restart > b & restart > c & restart > d & wait", 200)
    for name in "abcd":
        assert "ALL RESTART TESTS PASSED" in g.run(f"tail -n 1 {name}")


def test_swapoff_in_a_fork_storm(boot, disk):
    """A tiny area on a slow disk is left and entered again while its pages' owners fork."""
    path = disk(6)
    g = boot(cpus=4, mem="16M", append="quiet",
             qemu=("-drive", f"file={path},if=none,format=raw,id=x1,snapshot=on,"
                             "throttling.iops-total=1000",
                   "-device", "virtio-blk-device,drive=x1,bus=virtio-mmio-bus.1"))
    g.run("thrash -p rand -f 2 -t 1000000000 4 &")
    left = 0
    for _ in range(2):
        g.run("thrash -t 0 5; forktest > /dev/null", 120)
        left += g.status("swapoff /dev/vdb", 120) == 0
        g.vm_check()
        g.run("swapon /dev/vdb")
    assert left > 0
    assert "is not" not in g.said()
