# SPDX-License-Identifier: MIT
"""Booting: machines of many shapes, kernel settings, and how it ends."""

import re
import subprocess
import time

import pytest

from guest import BUILD, IMAGE, KERNEL, wait_for
from outside import Snapshot, evaluate


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("mem", [128, 32])
def test_shell_on(boot, cpus, mem):
    g = boot(cpus=cpus, mem=f"{mem}M")
    assert "init: starting sh" in g.said()
    assert g.run("echo hello | wc").split() == ["1", "1", "6"]
    total = int(re.search(r"MemTotal:\s+(\d+) kB", g.run("cat /proc/meminfo"))[1])
    assert mem * 1024 * 0.8 < total <= mem * 1024
    s = Snapshot(g, mem)
    assert s.kernel_u32(*evaluate("&nharts")) == cpus


@pytest.mark.parametrize("cpus,mem", [(3, "16M"), (1, "8M"), (2, "5M"), (8, "128M"), (2, "3G")])
def test_shell_at_the_edges(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem)
    assert "README.md " in g.run("ls / | grep README")


def test_memory_is_there_for_programs(boot):
    """All but the firmware's, the kernel's own, and what describes it."""
    g = boot(cpus=1, mem="8M")
    free = int(re.search(r"MemFree:\s+(\d+) kB", g.run("cat /proc/meminfo"))[1])
    assert free > 6.25 * 1024


def test_kernel_is_small(cross):
    sizes = subprocess.run([cross + "size", KERNEL], check=True, capture_output=True, text=True)
    text, data, bss = (int(n) for n in sizes.stdout.splitlines()[1].split()[:3])
    assert text + data + bss < 400 * 1024


SBI_TIMER = ("-cpu", "rv64,sstc=off")


@pytest.mark.long
@pytest.mark.parametrize("cpus", range(1, 9))
@pytest.mark.parametrize("mem", ["8M", "12M", "16M", "33M", "100M", "256M", "1G", "5G"])
@pytest.mark.parametrize("cpu", [(), SBI_TIMER], ids=["sstc", "sbi"])
def test_any_machine(boot, cpus, mem, cpu):
    g = boot(cpus=cpus, mem=mem, qemu=cpu)
    assert g.run("sleep 1; echo works | cat") == "works"


@pytest.mark.parametrize("cpus,mem", [(1, "8M"), (3, "16M"), (5, "64M"), (8, "1G")])
def test_machines_without_sstc(boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem, qemu=SBI_TIMER)
    assert g.run("sleep 1; echo works | cat") == "works"


def test_prompt_is_quick(boot):
    """A second on an idle machine; here only that it is not far from it."""
    start = time.monotonic()
    boot()
    assert time.monotonic() - start < 5


def test_every_hart_runs_programs(boot):
    cpus = 4
    g = boot(cpus=cpus)
    for _ in range(2 * cpus):
        g.run("spin &")
    in_user_mode = set()
    for _ in range(100):
        text = g.qmp.do("human-monitor-command", **{"command-line": "info registers -a"})
        for hart, pc in re.findall(r"CPU#(\d+).*?\bpc\s+([0-9a-f]{16})", text, re.S):
            if int(pc, 16) < 1 << 38:
                in_user_mode.add(int(hart))
        if len(in_user_mode) == cpus:
            break
        time.sleep(0.1)
    assert in_user_mode == set(range(cpus))


def test_without_sstc(boot):
    g = boot(qemu=("-cpu", "rv64,sstc=off"))
    g.check("sleep 1")


def test_without_disk_flushes(boot):
    g = boot(image=None, qemu=(
        "-drive", f"file={IMAGE},if=none,format=raw,id=x0,snapshot=on", "-device",
        "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0,config-wce=off,write-cache=off"))
    g.check("echo x > f; sync; cat f")


def test_init_by_setting(boot):
    g = boot(append="init=/sh")
    assert "init: starting" not in g.said()
    assert g.run("cat /proc/1/cmdline").rstrip("\0") == "/sh"


def test_quiet_keeps_messages_for_dmesg(boot):
    loud, quiet = boot(), boot(append="quiet")
    messages = quiet.run("dmesg").strip().splitlines()
    assert messages
    assert messages[-1].strip() not in quiet.said().split("init: starting")[0]
    assert len(quiet.said().split("init: starting")[0]) < \
        len(loud.said().split("init: starting")[0])


def test_unknown_settings_are_harmless(boot):
    g = boot(append="nonsense  vm.policy=esc =x x= panic=exit seed=1 quiet quiet")
    assert g.run("echo on") == "on"


def test_poweroff_is_success(boot):
    g = boot()
    _, status = g.poweroff()
    assert status == 0


def test_root_disk_by_name(boot):
    assert boot(append="root=vda").run("echo up") == "up"


def test_no_init_is_failure_and_says_why(boot):
    g = boot(append="panic=exit init=/no/such/program", wait=False)
    text, status = g.wait_exit(30)
    assert status not in (0, None) and "/no/such/program" in text


# What gdb does to a kernel in the middle of a system call -> how the panic begins.
SABOTAGE = {
    "set $a0 = machine.bootargs\nset $pc = panic": "panic: panic=exit",
    "set $pc = 16": "panic: .*jump to a page.*\nlikely cause: a function pointer that is null",
    "set $pc = page_zero_millicode\nset $a0 = 24":
        "panic: .*store.*\nlikely cause: .* null pointer",
    "set $sp = (long)((struct task *)$tp)->stack + 16\nset $pc = syscall_dispatch":
        r"panic: kernel stack overflow in [a-z]\w+: sp ",
    "set *(short *)$pc = 0": "panic: .*illegal instruction.*\nlikely cause: a place that was never",
    "set *(short *)$pc = 0x9002": "panic: .*: breakpoint.*\nlikely cause: .*code that was over",
}

# Addresses that page_zero() is given -> what is said to be the likely cause.
CAUSES = {
    "0x6b6b6b6b6b6b6b78": "an object that was freed before",
    "0x5a5a5a5a5a5a5a60": "an object before it was set",
    "0xbbbbbbbbbbbbbbc0": "beyond the end of an object",
    "0x10000": "a program's address used as the kernel's own",
    "(long)((struct task *)$tp)->stack - 64": "kernel stack overflow",
    "&__rodata_start": "a store to a constant or to code",
    "direct_base + 0x1000000000": "a physical address or frame number that is no memory",
    "0xfffffffffff00000": "overwritten or never set",
}


def sabotaged(boot, tmp_path, sabotage, line="", **options):
    """=> what a kernel says that gdb led astray while programs ran"""
    sock, script = tmp_path / "gdb", tmp_path / "script"
    g = boot(append="panic=exit", qemu=("-gdb", f"unix:{sock},server=on,wait=off"), **options)
    if line:
        g.run(line)
    script.write_text(f"target remote {sock}\nbreak syscall_dispatch\ncontinue\ndelete\n"
                      f"{sabotage}\ndetach\n")
    gdb = subprocess.Popen(["gdb-multiarch", "-batch", "-nx", str(KERNEL), "-x", script],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = None
    for _ in range(60):
        g.send("\n")              # a system call, which it may be waiting for by now
        try:
            said, _ = gdb.communicate(timeout=1)
            break
        except subprocess.TimeoutExpired:
            pass
    gdb.kill()
    assert said is not None, "gdb did not end"
    text, status = g.wait_exit(30)
    assert status not in (0, None), said
    return re.sub(r"(?m)^\[ *\d+\.\d+\] ", "", text)     # when it was said


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=[
    "call", "fetch", "store", "stack", "illegal", "breakpoint"])
def test_panic_says_what_and_where(boot, tmp_path, sabotage):
    text = sabotaged(boot, tmp_path, sabotage)
    assert re.search(SABOTAGE[sabotage], text)
    trace = text[text.index("panic: "):]
    assert "panic=exit" in trace.splitlines()[0] or re.search(r"\bsp +[0-9a-f]{16}\b", trace)
    assert re.search(r"call chain:\n(.*\n)?.* [a-z_][\w.]*\+0x[0-9a-f]+\n", trace)


@pytest.mark.parametrize("address", [
    a if i == 0 else pytest.param(a, marks=pytest.mark.long) for i, a in enumerate(CAUSES)])
def test_panic_says_what_caused_it(boot, tmp_path, address):
    text = sabotaged(boot, tmp_path, f"set $a0 = {address}\nset $pc = page_zero_millicode")
    assert re.search(f"likely cause: .*{CAUSES[address]}", text)


def test_panic_shows_the_last_events(boot, tmp_path):
    text = sabotaged(boot, tmp_path, next(iter(SABOTAGE)),
                     "echo sys,fault,frame,switch > /proc/sys/kernel/trace")
    said = text[text.index("last events:\n"):].splitlines()[1:25]
    assert len(said) == 24
    assert all(re.match(r" *\S+-\d+ +\[00\d\] +\d+\.\d{9}: \w+: ", line) for line in said)
    assert any("sys_enter: " in line and "sh-" in line for line in said[-3:])


def test_panic_walks_the_page_table(boot, tmp_path):
    """A store to read-only data: where the address leads, and why not."""
    text = sabotaged(boot, tmp_path, "set $a0 = &__rodata_start\nset $pc = page_zero_millicode")
    walk = text[text.index("walk of "):text.index("panic: ")].splitlines()
    assert [line.split("[")[0].strip() for line in walk[1:4]] == ["root", "middle", "leaf"]
    assert re.search(r"page [0-9a-f]+ r-- kernel global accessed", walk[3])
    assert "in the kernel's read-only image" in text


BOTTOMS = {"syscall", "trap_from_user", "kernel_task_start", "secondary_entry", "_start"}


@pytest.mark.parametrize("where, sabotage, through", [
    ("preempt_resched", "set $pc = 16", "call_aside"),
    ("page_copy_millicode if $t0 > (long)vm_fault_at_once && $t0 < (long)vm_fault_at_once + 0x600",
     "set $a1 = 24", "vm_fault_at_once"),
], ids=["aside", "copy"])
def test_call_chain_of_unusual_calls(boot, tmp_path, where, sabotage, through):
    """Those that return by way of t0, from functions that may not have saved their ra."""
    text = sabotaged(boot, tmp_path, f"break {where}\ncontinue\ndelete\n{sabotage}",
                     "sh -c 'while true; do cowtest; done' > /dev/null &", cpus=2)
    said = re.search(r"call chain:\n((?: +[0-9a-f]+(?: [\w.]+\+0x[0-9a-f]+)?\n)+)", text)[1]
    chain = re.findall(r" ([\w.]+)\+0x", said)
    assert through in chain[:2] and len(chain) > 2 and chain[-1] in BOTTOMS, text
    assert not set(chain[:-1]) & BOTTOMS, text


def test_panic_shows_every_hart(boot, tmp_path):
    text = sabotaged(boot, tmp_path, next(iter(SABOTAGE)), "spin &", cpus=4)
    report = re.split(r"(?m)^hart (\d+), ", text[text.index("panic: "):])
    harts = dict(zip(map(int, report[1::2]), report[2::2]))
    assert sorted(harts) == [0, 1, 2, 3]
    assert all(re.search(r"call chain:\n( +[0-9a-f]+ [\w.]+\+0x[0-9a-f]+\n){2}", said)
               for said in harts.values()), text
    ends = {re.findall(r"(?m)^  [0-9a-f]+ ([\w.]+)\+0x", said)[-1] for said in harts.values()}
    assert ends <= BOTTOMS
    spin = next(said for said in harts.values() if '"spin"' in said)
    assert re.search(r" trap_user|trap_from_user\+|return_to_user\+", spin)
    assert any('"idle"' in said and "machine_idle+" in said for said in harts.values())


def test_hart_started_before_its_address_is_known(boot, tmp_path):
    """OpenSBI 1.1 may send a hart to where the boot hart began, without argument."""
    sock, script = tmp_path / "gdb", tmp_path / "script"
    g = boot(cpus=2, wait=False, qemu=("-S", "-gdb", f"unix:{sock},server=on,wait=off"))
    script.write_text(f"target remote {sock}\n"
                      "hbreak *((unsigned long)secondary_entry - 0xffffffff00000000)\n"
                      "continue\nset $pc = 0x80200000\nset $a1 = 0\ndelete\ndetach\n")
    wait_for(sock.exists)
    subprocess.run(["gdb-multiarch", "-batch", "-nx", str(KERNEL), "-x", script], check=True,
                   capture_output=True, timeout=60)
    g.wait_prompt(30)
    assert g.said().count("quire: 2 harts") == 1
    assert Snapshot(g, 128).kernel_u32(*evaluate("&harts_online")) == 3


def test_early_output_comes_within_a_second(boot):
    """Even with nothing to boot from."""
    g = boot(append="panic=exit", image=None, wait=False)
    g.expect(r"quire", 5)
    g.wait_exit(30)


def test_image_that_is_no_file_system(boot, tmp_path):
    rubbish = tmp_path / "rubbish.img"
    rubbish.write_bytes(bytes(range(256)) * 4096 * 4)
    g = boot(append="panic=exit", image=rubbish, wait=False)
    text, status = g.wait_exit(30)
    assert status not in (0, None) and "root file system" in text


def test_root_in_memory(boot, tmp_path):
    small = tmp_path / "small.img"
    subprocess.run([BUILD / "mkfs/mkfs", small, "24M"], check=True)
    programs = [BUILD / "user" / name for name in ("init", "sh", "cat", "echo", "ls", "mkdir")]
    subprocess.run([BUILD / "mkfs/fsput", small, *programs, "/"], check=True)
    g = boot(image=None, append="root=ram0", qemu=("-initrd", str(small)))
    g.check("mkdir d")
    g.check("echo in memory > d/f")
    assert g.run("cat d/f") == "in memory"
