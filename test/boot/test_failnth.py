# SPDX-License-Identifier: MIT
"""Every allocation fails once: while the kernel boots, and in what programs do.

The kernel may give up with a clear message as long as it is not up; afterwards
the one who asked is refused, and nothing else."""

import concurrent.futures
import re

import pytest

from guest import PROMPT, Guest

FAR = 10 ** 9
ENDINGS = [PROMPT, r"panic: no memory [^\r\n]*[\r\n]", r"boot: cannot [^\r\n]*error 12\r",
           r"cannot use it \(error 12\)[\r\n]+[^\r\n]*boot: cannot [^\r\n]*\r",
           r"panic: [^\r\n]*[\r\n]"]
UP, BAD_PANIC = 0, 4


def boot_to_ls(k):
    """=> how the boot ended, and how many allocations were still to come"""
    g = Guest(f"failnth-{k}", mem="32M", append=f"panic=exit failnth={k}", wait=False)
    try:
        _, match = g.expect("|".join(f"({e})" for e in ENDINGS), 30)
        ending = next(i for i, e in enumerate(ENDINGS) if re.fullmatch(e, match[0], re.M))
        if ending != UP:
            return ending, 0
        g.run("ls /")
        g.run("echo a failed one is over; cat /proc/sys/vm/check")
        left = g.run("cat /proc/sys/vm/fail_nth")
        while g.run("cat /proc/sys/vm/fail_nth") != "0":
            g.run("echo 0 > /proc/sys/vm/fail_nth")        # which may be what fails
        g.vm_check()
        return UP, int(left) if left.isdigit() else 0
    finally:
        g.close()


def sweep_boots(step):
    """Each of the first 40, where most differs from one to the next, then every `step`-th."""
    _, left = boot_to_ls(FAR)
    count = FAR - left
    assert 300 < count < 5000
    points = [*range(1, 40), *range(40, count + 1, step)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        endings = dict(zip(points, pool.map(lambda k: boot_to_ls(k)[0], points)))
    assert [k for k, e in endings.items() if e == BAD_PANIC] == []
    # Only the kernel's own start may end for want of memory, not what comes after it.
    downs = [k for k, e in endings.items() if e != UP]
    assert max(downs) < count / 3, downs


def test_boot_with_failing_allocations():
    sweep_boots(37)


@pytest.mark.long
def test_boot_with_every_allocation_failing():
    sweep_boots(1)


def sweep(g, line, timeout=300):
    """=> the number of runs"""
    g.run("echo used once > /dev/null")
    g.run(re.sub(r"^(-d |-n \d+ )", "", line), timeout)
    out = g.check(f"leaks failnth {line}", timeout)
    assert out.endswith("leaks: none"), out
    return int(re.search(r"failnth: (\d+) runs", out)[1])


# What is swept in `make test`: programs that call much of the kernel.
COMMANDS = ["-d ls /proc", "sh -c 'echo hello | wc > f; cat < f; rm f'", "usertests pipe",
            "usertests exec_arguments", "usertests rename",
            "sh -c 'cd /tmp; mkdir d; echo x > d/f; ln -s f d/l; mv d/f g; cat g; rm -r d g'"]


def test_programs_with_failing_allocations(boot):
    g = boot(cpus=2, mem="64M", append="panic=exit")
    assert sum(sweep(g, command) for command in COMMANDS) >= 500


def test_failnth_of_one_task(boot):
    """Linux's file: the task itself, not its children; 0 tells that it has happened."""
    g = boot(cpus=1)
    assert g.run("cat /proc/self/fail-nth") == "0"
    g.start("sh")
    g.wait_prompt()
    g.run("echo 100000 > /proc/$$/fail-nth")
    left = int(g.run("cat /proc/$$/fail-nth"))
    assert 90000 < left < 100000
    assert int(g.run("cat /proc/$$/fail-nth")) < left
    assert g.run("cat /proc/self/fail-nth") == "0"
    assert "memory" in g.run("echo 1 > /proc/$$/fail-nth; echo x | cat")
    assert g.run("cat /proc/$$/fail-nth") == "0"
    for bad in ("", "-1", "x", "1x", "99999999999999999999999"):
        assert g.status(f"echo {bad} > /proc/$$/fail-nth") != 0
        assert g.status(f"echo {bad} > /proc/sys/vm/fail_nth") != 0


def usertest_names(g):
    return [line for line in g.check("usertests -l").splitlines() if "slow" not in line]


PARTS = 8


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_usertests_with_failing_allocations(boot, part):
    """Every allocation of every quick test, as far as the first thousand."""
    g = boot(cpus=2, mem="64M", append="panic=exit")
    for name in usertest_names(g)[part::PARTS]:
        assert sweep(g, f"-n 1000 usertests {name}", 3600) > 0
