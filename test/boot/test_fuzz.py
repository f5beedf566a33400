# SPDX-License-Identifier: MIT
"""What programs, and files, may do to the kernel: nothing it does not survive."""

import random
import re

import pytest

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
