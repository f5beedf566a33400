# SPDX-License-Identifier: MIT
"""Tasks and harts: who runs where, and what of a hart belongs to a task."""

import re
import time

import pytest


@pytest.mark.parametrize("cpus,workers", [(1, 6), (3, 8)])
def test_floating_point_registers(boot, cpus, workers):
    assert boot(cpus=cpus).run(f"floatregs {workers}", 60) == "floatregs: OK"


@pytest.mark.parametrize("asids", [0, 1, 3])
def test_few_address_space_numbers(boot, asids):
    """Spaces change numbers all the time, or have none."""
    g = boot(cpus=3, append=f"asids={asids}")
    assert "fork test OK" in g.run("forktest", 60)
    assert "ALL COW TESTS PASSED" in g.run("cowtest", 60)


def busy(g):
    """=> the time each hart has been busy, in ticks of 10 ms"""
    lines = re.findall(r"^cpu\d+ (.*)$", g.run("cat /proc/stat"), re.M)
    return [int(f[0]) + int(f[2]) for f in (line.split() for line in lines)]


def test_as_many_hogs_as_harts_have_one_each(boot):
    """And the harts that had no work take some at once, not in a while."""
    cpus = 2
    g = boot(cpus=cpus)
    for _ in range(cpus):
        g.run("spin &")
    before, start = busy(g), time.monotonic()
    time.sleep(1.5)
    after, ticks = busy(g), 100 * (time.monotonic() - start)
    for was, now in zip(before, after):
        assert now - was > 0.7 * ticks


def test_user_time_is_told_from_the_kernels(boot):
    g = boot(cpus=1)
    g.run("spin &")
    before = g.run("cat /proc/stat").splitlines()[0].split()
    time.sleep(1)
    after = g.run("cat /proc/stat").splitlines()[0].split()
    user, system, idle = (int(after[i]) - int(before[i]) for i in (1, 3, 4))
    assert user > 50 and user > 3 * system and idle < 20
