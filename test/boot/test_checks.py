# SPDX-License-Identifier: MIT
"""Kernels built with checks: each finds the bugs that kernel/debug/plant.c commits for it,
and none in the kernel itself."""

import re

import pytest

from guest import ROOT

ALL = ("DEBUG", "KASAN", "UBSAN")

# plant= -> what the panic says, by the build that finds it.
PLANTS = {
    "UBSAN": {
        "shift": "1 shifted by 40 in 'int'",
        "overflow": "2147483647 [+] 1 overflows 'int'",
        "divide": "2147483647 / 0 overflows 'int'",
        "index": r"index 8 of 'i32 \[8\]'",
        "misaligned": "is not a multiple of 8",
        "null": "through a null pointer",
    },
    "KASAN": {
        "past-object": "KASAN: store of 1 bytes at .* by past_object: .* the end of an object",
        "past-copied": "KASAN: .* byte 40 is beyond the end of an object",
        "past-local": "KASAN: .* by past_local: .* the end of a local variable",
        "past-global": "KASAN: .* by past_global: .* the end of a global variable",
        "freed-object": "KASAN: store of 8 bytes at .* by freed_object: .* in a free object",
        "freed-frame": "KASAN: .* by freed_frame: .* in a free page",
    },
    "DEBUG": {
        "freed-twice": "cache kmalloc-48: object .* is freed twice",
        "frame-freed-twice": "not true: kind != KIND_FREE",
        "stale-frame": "frame .* was written to while it was free: 0 at offset 0",
        "inverted": '"first" is taken while "second" is held, against this order',
        "rank": '"pmap.upper" is taken while "leaf table" is held',
        "recursive": '"first" is taken a second time',
        "not-held": "is released and was not held",
        "sleep-spinning": 'sleeping may sleep, while spinlock "first" is held',
        "copy-spinning": 'a user copy may sleep, while spinlock "first" is held',
        "interruptible": '"ticked" is taken in interrupts and with interrupts on',
        "sleep-in-interrupt": "sleeping may sleep, in an interrupt",
        "no-fence": "missing fence: as the frame is freed, .* translation of 10000 ",
        "wrong-fence": "missing fence: as the frame is freed, .* translation of 10000 ",
        "no-fence-right": "missing fence: as its task sleeps",
        "no-fence-asleep": "missing fence: .* runs space .* again",
        "no-fence-kernel": "missing fence: as the frame is freed, .* translation of ffffff",
        "asid-reused": "missing fence: .* loads ASID 1",
        "stack-overflow": "kernel stack overflow in descend: sp [0-9a-f]+ is below the stack",
        "stray-user": "kernel fault 13: .* in user memory, not by a user copy",
    },
}


# plant= -> cause, where, and what is likely, of a trap that all builds report alike.
POINTER = "a function pointer that is null or was overwritten"
NOTHING, LOAD = "an address that is no memory", "load from a page that is not readable"
NEVER, WILD_POINTER = "a place that was never to be reached", "was overwritten or never set"
NOWHERE = "nowhere in the kernel's address space"
WILD = {
    "jump-null": ("jump to a page that is not executable", "through a null pointer", POINTER),
    "jump-data": ("jump to a page that is not executable", "in the kernel's data", POINTER),
    "jump-nothing": (f"jump to {NOTHING}", "in the vmap area", POINTER),
    "load-nothing": (f"load from {NOTHING}", "in the vmap area", WILD_POINTER),
    "store-nothing": (f"store to {NOTHING}", "in the vmap area", WILD_POINTER),
    "illegal": ("illegal instruction", "in the kernel's read-only image", NEVER),
    "breakpoint": ("breakpoint", "in the kernel's read-only image", NEVER),
    "load-misaligned": ("misaligned load", "in the kernel's data", WILD_POINTER),
    "through-freed": (LOAD, NOWHERE, "a pointer read from an object that was freed before"),
    "through-fresh": (LOAD, NOWHERE, "a pointer read from an object before it was set"),
    "beyond-object": (LOAD, NOWHERE, "a pointer read beyond the end of an object"),
    "null-field": (LOAD, "through a null pointer", "a field of a structure"),
    "through-user": (LOAD, "in user memory, not by a user copy", "a program's address"),
    "store-constant": ("store to a page that is not writable",
                       "in the kernel's read-only image", "a store to a constant or to code"),
    "no-frame": (LOAD, "in the direct map", "a physical address or frame number"),
    "overwritten": (LOAD, "in the vmap area", WILD_POINTER),
    "past-stack": ("store to a page that is not writable", "in a stack's guard page",
                   "kernel stack overflow"),
}


def plant(boot, kernel, name):
    """=> what is said from the panic on"""
    g = boot(kernel=kernel, cpus=1, mem="24M", image=None, append=f"panic=exit plant={name}",
             wait=False)
    text, status = g.wait_exit(30)
    assert "nobody noticed" not in text
    assert status not in (0, None)
    text = re.sub(r"(?m)^\[ *\d+\.\d+\] ", "", text)
    return text[text.index("panic: "):]


def find_planted(boot, kernel, *checks):
    for check in checks:
        for name, pattern in PLANTS[check].items():
            said = plant(boot, kernel, name)
            assert re.match(f"panic: .*{pattern}", said), (name, said)
            assert re.search(r"call chain:\n( +[0-9a-f]+ [\w.]+\+0x[0-9a-f]+\n){2}", said), name


def test_planted_bugs_are_found(boot, kernel_with):
    find_planted(boot, kernel_with(*ALL), *ALL)


@pytest.mark.long
@pytest.mark.parametrize("check", ALL)
def test_planted_bugs_are_found_by_one_check(boot, kernel_with, check):
    find_planted(boot, kernel_with(check), check)


def test_panic_explains(boot, kernel_with):
    """Each cause, region and likely cause that the report has words for is provoked."""
    kernel, reports = kernel_with(*ALL), []
    for name, (cause, region, likely) in WILD.items():
        said = plant(boot, kernel, name)
        assert re.match(rf"panic: kernel fault \d+: {cause}: [0-9a-f]+, .*{region}", said), said
        assert re.search(rf"(?m)^likely cause: .*{likely}", said), said
        assert re.search(r"call chain:\n( +[0-9a-f]+\n)?( +[0-9a-f]+ [\w.]+\+0x[0-9a-f]+\n)+", said)
        reports.append(said)
    source = (ROOT / "arch/riscv/explain.c").read_text()
    words = re.findall(r'(?:return|[?:]) "([^"]+)"', source.partition("trap_panic")[0])
    assert len(words) > 20
    never = "unknown trap", "misaligned store"       # not in QEMU: atomics trap as loads
    assert [w for w in words if w not in never and not any(w in r for r in reports)] == []


def test_every_planted_bug_has_a_test():
    names = [name for source in ("plant", "wild") for name in re.findall(
        r'\{ "([\w-]+)", \w+ \}', (ROOT / f"kernel/debug/{source}.c").read_text())]
    assert sorted(names) == sorted(name for bugs in (*PLANTS.values(), WILD) for name in bugs)


def test_every_user_copy_is_watched():
    copies = re.findall(r"\.globl (\w+)", (ROOT / "arch/riscv/uaccess.S").read_text())
    wrapped = re.findall(r"--wrap=(\w+)", (ROOT / "kernel/debug/link").read_text())
    assert sorted(copies) == sorted(wrapped)


def test_held_locks_are_shown(boot, kernel_with):
    said = plant(boot, kernel_with(*ALL), "inverted")
    assert re.search(r'holds "second" at 0x[0-9a-f]+, taken by nest\+0x', said)


PROGRAMS = ("cowtest", "lazytests", "forktest", "mmaptest", "restart", "grind 300", "stressfs")


def test_nothing_is_found_elsewhere(boot, kernel_with):
    g = boot(kernel=kernel_with(*ALL), cpus=2, append="panic=exit quiet")
    for line in ("cowtest", "usertests pipe rename exec_arguments", "fuzz -n 5000",
                 "fuzz -f -n 5000"):
        g.check(line, 200)
        g.vm_check()


def kernel_kb(g):
    g.check("echo 3 > /proc/sys/vm/drop_caches")
    return int(re.search(r"Kernel:\s+(\d+)", g.run("cat /proc/meminfo"))[1])


def test_shadow_of_stacks_goes_with_them(boot, kernel_with):
    """What hundreds of processes had of the kernel comes back, with the shadow of their stacks."""
    g = boot(kernel=kernel_with(*ALL), cpus=2, mem="64M", append="panic=exit quiet")
    before = kernel_kb(g)
    g.check("usertests fork_until_failure", 60)
    for _ in range(20):                  # memory of the dead is given back by others, in time
        if (now := kernel_kb(g)) < before + 128:
            return
        g.check("sleep 0.2")
    g.fail(f"the kernel had {before} kB, and has {now}")


@pytest.mark.long
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_nothing_is_found_by_all_programs(boot, kernel_with, cpus):
    g = boot(kernel=kernel_with(*ALL), cpus=cpus, mem="64M", append="panic=exit quiet")
    for line in (*PROGRAMS, "usertests"):
        g.check(line, 7200)
        g.vm_check()


@pytest.mark.long
@pytest.mark.parametrize("cpus", [2, 4])
def test_nothing_is_found_by_a_million_random_calls(boot, kernel_with, cpus):
    g = boot(kernel=kernel_with(*ALL), cpus=cpus, append="panic=exit quiet")
    for processes in (4, 12):
        for options in ("", "-f"):
            g.check(f"fuzz -n 250000 -p {processes} {options}", 1800)
            g.vm_check()
