# SPDX-License-Identifier: MIT
"""gdb's commands for quire, against running machines."""

import re
import subprocess

import pytest

from guest import KERNEL, ROOT

GDB = ["gdb-multiarch", "-q", "-nx", "-batch"]


@pytest.fixture
def debug(boot, tmp_path):
    """debug(guest options) => (guest, a function: commands => what they print)"""
    def start(**options):
        sock = tmp_path / "gdb"
        g = boot(qemu=("-gdb", f"unix:{sock},server=on,wait=off"), **options)

        def ask(*commands):
            """The guest stands still meanwhile, and goes on after it."""
            p = subprocess.run(
                [*GDB, "-ex", f"set $quire_target = \"{sock}\"", "-x", ".gdbinit",
                 *(["-ex", f"file {options['kernel']}"] if "kernel" in options else []),
                 *(word for c in commands for word in ("-ex", c)), "-ex", "detach"],
                cwd=ROOT, capture_output=True, text=True, timeout=120)
            return p.stdout + p.stderr

        return g, ask
    return start


def start_sleep(g):
    """=> the number of a process that sleeps"""
    g.run("sleep 500 &")
    for _ in range(100):                   # it may be a copy of the shell yet
        for line in g.run("ps").splitlines():
            if line.endswith("sleep") and line.split()[2] == "S":
                return line.split()[0]
    return g.fail("sleep does not sleep")


def test_tasks_and_harts(debug):
    g, ask = debug(cpus=2)
    pid = start_sleep(g)
    out = ask("tasks", "lx-ps", "current", "run-queues", f"task-trace {pid}", "task-trace 99999",
              "task-trace")
    rows = re.findall(r"(?m)^ +(\d+) +(\d+) +(\w+) +(\d+|-) +(\w+)", out)
    assert len(rows) == 2 * len(set(rows))                     # tasks and lx-ps
    assert {"init", "sh", "sleep", "reaper", "tty"} <= {row[4] for row in rows}
    assert (pid, "sleeping") in {(row[0], row[2]) for row in rows}
    assert len(re.findall(r"(?m)^hart \d: .*; 0 more want to run", out)) == 2
    assert len(re.findall(r"(?m)^hart \d: nobody", out)) == 2
    chain = re.findall(r"(?m)^#\d+ +0x[0-9a-f]+ (\w+)\+0x[0-9a-f]+ at (\S+):\d+", out)
    assert re.search(r"in user mode at \S+ at user/\S+:\d+, which may return to \S",
                     ask("user sleep", f"task-trace {pid}"))
    said = ask("user cat", f"task-trace {pid}", "user sleep", f"task-trace {pid}")
    assert re.search(r"in user mode at 0x", said)              # not what cat has there
    assert re.search(r"in user mode at \w+\+0x\S+, which may return to \w+\+", said)
    assert re.search(rf"(?m)^ +{pid} .* sleep +sys_nanosleep$", out)
    names = [name for name, _ in chain]
    assert names[0] in ("schedule", "switch_to", "finish_switch") and "sys_nanosleep" in names
    assert re.search(r"(?m)^ +1 .* init +(child_wait|sys_wait4)", out)
    assert "no task 99999" in out and "task-trace TID" in out
    assert g.run("echo on") == "on"


def test_busy_harts(debug):
    g, ask = debug(cpus=1)
    g.run("spin & spin &")
    while g.run("ps").count("spin") < 2:
        pass
    out = ask("current", "run-queues")
    assert re.search(r"hart 0: .*; [12] more want to run", out)
    assert re.search(r"hart 0: .*\d+ spin", out)


def test_memory(debug):
    g, ask = debug(cpus=2)
    out = ask("areas 1", "walk 0xffffffff80200000", "walk 0x10000 1", "walk 0x123000 1",
              "frame-of 0x80200000", "areas", "walk 1 2 3")
    assert re.search(r"[0-9a-f]{12}-[0-9a-f]{12} r-x .*/init", out), out
    assert re.search(r"frame 0x[0-9a-f]+ r-x: .*user", out), out
    assert re.search(r"frame 0x[0-9a-f]+ r-x: .*global", out), out
    assert re.search(r"= 0x0{16}: nothing", out), out
    assert re.search(r"frame 0x80200: KIND_\w+ share", out), out
    assert "areas TID" in out and "walk ADDRESS [TID]" in out
    assert g.run("echo on") == "on"


def test_allocators(debug):
    g, ask = debug(cpus=1)
    out = ask("buddy", "buddy 10", "buddy 99", "slab")
    blocks = {int(order): int(n) for order, n in
              re.findall(r"order +(\d+) +\( *\d+ KiB\): (\d+) blocks", out)}
    assert len(blocks) == 11
    assert sum(n << order for order, n in blocks.items()) == int(
        re.search(r"(\d+) frames free", out)[1])
    ranges = re.findall(r"(?m)^0x([0-9a-f]+)-0x([0-9a-f]+)$", out)
    assert len(ranges) == blocks[10] > 0
    assert all(int(b, 16) - int(a, 16) == (4 << 20) - 1 for a, b in ranges)
    assert "orders are 0 to 10" in out
    assert re.search(r"(?m)^task +\d+ +\d+ +\d+", out)
    objects = ask("slab (long)all_spaces.next - (long)&((struct space *)0)->link + 8",
                  "slab &harts")
    assert re.search(r"0x[0-9a-f]+: 8 bytes into object \d+ of \d+ in a slab of space", objects)
    assert "is no address of an object" in objects


def test_messages(debug):
    """All of the ring, in order, what has been pushed out of it gone."""
    g, ask = debug(cpus=1)
    assert ask("dmesg").count("quire: 1 harts") == 1
    said = g.run("dmesg")
    assert said.replace("\r", "") in ask("dmesg")


def test_locks(debug):
    g, ask = debug(cpus=1)
    out = ask("lock family_lock", "lock nharts", "locks", "lock")
    assert "family: free" in out
    assert "is no lock" in out and "only a DEBUG=1 build" in out and "lock EXPRESSION" in out


def test_symbols_of_programs(debug):
    g, ask = debug(cpus=1)
    out = ask("user sh", "info address shell_parse", "help quire", "help slab")
    assert '"shell_parse" is a function' in out, out
    for name in ("tasks", "current", "run-queues", "task-trace", "locks", "areas", "walk",
                 "frame-of", "buddy", "slab", "dmesg", "snapshot", "user"):
        assert re.search(rf"(?m)^{name}\b", out), name


def test_locks_of_a_build_that_records_them(debug, kernel_with):
    g, ask = debug(cpus=1, kernel=kernel_with("DEBUG", "KASAN", "UBSAN"))
    assert "none is held" in ask("locks")


# ---- Of a machine that is gone ----

def core(dump, target):
    return subprocess.run([ROOT / "tools/debugger/core.py", dump, target], capture_output=True,
                          text=True, timeout=60)


def test_core(boot, tmp_path):
    g = boot(cpus=2, mem="16M")
    start_sleep(g)
    g.qmp.do("dump-guest-memory", paging=False, protocol=f"file:{tmp_path / 'dump'}")
    p = core(tmp_path / "dump", tmp_path / "core")
    assert p.returncode == 0, p.stderr
    out = subprocess.run(
        [*GDB, KERNEL, tmp_path / "core", "-x", "tools/debugger/main.py", "-ex", "tasks",
         "-ex", "current", "-ex", "task-trace 1", "-ex", "walk 0x10000 1", "-ex", "dmesg",
         "-ex", "thread apply all backtrace"],
        cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    assert re.search(r"(?m)^ +1 +0 +sleeping +\d +init +child_wait", out), out
    assert re.search(r"(?m)^ +\d+ +\d+ +sleeping +\d +sleep ", out), out
    assert len(re.findall(r"(?m)^hart \d: ", out)) == 2
    assert "sys_wait4+" in out and re.search(r"frame 0x[0-9a-f]+ r-x: .*user", out)
    assert "16 MiB of memory" in out and len(re.findall(r"(?m)^Thread \d", out)) == 2


def test_what_is_no_dump_is_refused(boot, tmp_path):
    (tmp_path / "no").write_bytes(b"nothing")
    (tmp_path / "short").write_bytes(b"\x7fELF" + bytes(60))
    for name, why in (("no", "no ELF file"), ("short", "segments"), ("absent", "No such file")):
        p = core(tmp_path / name, tmp_path / "core")
        assert p.returncode != 0 and why in p.stderr, (name, p.stderr)
        assert not (tmp_path / "core").exists()
    g = boot(cpus=1, mem="16M")
    g.qmp.do("dump-guest-memory", paging=False, protocol=f"file:{tmp_path / 'dump'}")
    whole = (tmp_path / "dump").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:len(whole) // 20])
    assert core(tmp_path / "cut", tmp_path / "core").returncode != 0
