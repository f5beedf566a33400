# SPDX-License-Identifier: MIT
"""Why a machine came no further: looked at by gdb with quire's helpers.

gdb runs in the machine's sandbox, for what it reads is a stranger's.
"""

import re

import sandbox
from machine import PAGE  # noqa: F401  (the machine is whom we talk about)

HELPERS = __import__("pathlib").Path(__file__).resolve().parents[2] / "tools" / "debugger"
SPINS = ("spin_wait", "frame_lock_wait", "lock_leaf", "slot_lock", "spin_lock")
SLEEPS = ("sleep_lock_slow", "rw_read_lock_slow", "rw_write_lock_slow", "rw_read_wait",
          "rw_write_wait", "sleep_lock", "rw_read_lock", "rw_write_lock")


def look(machine):
    """=> what gdb says of tasks, harts and stacks"""
    box = sandbox.Sandbox(machine.folder, [machine.kernel, HELPERS])
    args = ["gdb-multiarch", "-batch", "-nx", "-iex", "set auto-load no", "-ex",
            "set architecture riscv:rv64", "-ex", "set print frame-arguments none", "-ex",
            f"target remote {machine.folder}/gdb", "-x", str(HELPERS / "main.py")]
    for command in ("current", "thread apply all backtrace 12", "tasks"):
        args += ["-ex", f"echo == {command}\\n", "-ex", command]
    for lock in ("(struct spinlock *)l", "(struct sleeplock *)l", "(struct rwlock *)l"):
        args += ["-ex", "echo == lock\\n",        # wherever on a stack its address is known
                 "-ex", f"thread apply all -s frame apply 4 -s lock {lock}"]
    _, text = box.run([*args, str(machine.kernel)], sandbox.Limits(60))
    return text


def section(text, name):
    m = re.search(rf"^== {name}[^\n]*\n(.*?)(?=^== |\Z)", text, re.MULTILINE | re.DOTALL)
    return m.group(1).strip() if m else ""


def functions(stack):
    return re.findall(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(\S+)", stack, re.MULTILINE)


def spinning(stacks):
    """A hart that waits for a lock without sleeping: (the function, who wants it)."""
    for stack in re.split(r"^Thread ", stacks, flags=re.MULTILINE)[1:]:
        names = functions(stack)
        for k, name in enumerate(names):
            if name in SPINS:
                return name, next((n for n in names[k + 1:] if n not in SPINS), "?")
    return None


def classify(machine):
    """=> (one line, the details)"""
    text = look(machine)
    stacks, tasks = section(text, "thread apply"), section(text, "tasks")
    details = "\n".join(filter(None, (section(text, "current"), stacks, tasks)))
    idle = re.findall(r"^hart \d+: idle", section(text, "current"), re.MULTILINE)
    harts = re.findall(r"^hart \d+:", section(text, "current"), re.MULTILINE)
    if spin := spinning(stacks):
        named = re.search(r"^(\S.*): held by ([^\n]*)", section(text, "lock"), re.MULTILINE)
        lock = f"the spinlock {named.group(1)!r}, held by {named.group(2)}" if named else "a lock"
        return f"a deadlock: {spin[1]} waits for {lock} and turns round and round", details
    waits = [line.split(None, 5) for line in tasks.splitlines()[1:]]
    for w in waits:
        if len(w) == 6 and w[5] in SLEEPS:
            return f"a deadlock: {w[4]} waits for a lock in {w[5]}", details
    if harts and len(idle) == len(harts):
        names = [f"{w[4]} in {w[5]}" for w in waits if len(w) == 6 and w[0] not in ("0",)]
        return f"everybody waits: {', '.join(names[-4:]) or 'there is no task'}", details
    if not harts:
        return "the kernel has not come far enough to say", details
    inner = next(iter(functions(stacks)), "")
    kind = "the program goes on, or faults again and again" if "vm_fault" in stacks or \
        "trap_user" in stacks else "a livelock"
    return f"{kind}: it was in {inner or 'user mode'}", details
