# SPDX-License-Identifier: MIT
"""Tracing: what /proc/trace tells, against what the kernel counts anyway."""

import json
import re
import subprocess

from guest import ROOT

LINE = re.compile(r"(.{16})-(\d+) +\[(\d+)\] +(\d+\.\d{9}): (\w+): (.*)")
SETTING = "/proc/sys/kernel/trace"


def events(text):
    """=> [(task, tid, hart, time, event, arguments)]; every line is one, or a comment"""
    found = [LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    assert found and all(found)
    return [(m[1].strip(), int(m[2]), int(m[3]), float(m[4]), m[5], m[6]) for m in found]


def lost(text):
    return sum(map(int, re.findall(r"(?m)^# hart \d+: \d+ events, (\d+) lost$", text)))


def to_json(text):
    done = subprocess.run([ROOT / "tools/trace2json"], input=text, text=True, check=True,
                          capture_output=True, timeout=60)
    return json.loads(done.stdout)


def check_spans(made):
    """Spans of a task lie within one another, those of a hart behind one another."""
    tasks, harts = {}, {}
    for e in made["traceEvents"]:
        stack = tasks.setdefault(e["tid"], [])
        if e["ph"] == "B":
            stack.append(e)
        elif e["ph"] == "E":
            begun = stack.pop()
            assert begun["name"] == e["name"] and begun["ts"] <= e["ts"]
        elif e["ph"] == "X":
            harts.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
    assert not any(tasks.values())
    for spans in harts.values():
        assert all(a[1] <= b[0] + 0.001 for a, b in zip(spans, spans[1:]))
    return harts


def test_json_of_rings_that_overflowed():
    """From when one hart's ring had been overwritten nothing is pieced together."""
    def line(task, hart, at, what):
        return f"{task[0]:>16}-{task[1]:<7} [{hart:03}] {at:13.9f}: {what}"

    a, b, idle = ("a", 7), ("b", 8), ("idle", 0)
    text = "\n".join([
        "# tracer: quire", "# hart 0: 5 events, 0 lost", "# hart 1: 9000 events, 8996 lost",
        line(a, 0, 1, "fault_enter: addr=10000 access=r"),
        line(a, 0, 2, "switch: state=D next=8"),
        line(b, 0, 3, "block_issue: vda R sector=8 bytes=4096"),
        line(a, 1, 5, "fault_enter: addr=20000 access=r"),
        line(a, 1, 6, "fault_enter: addr=30000 access=r"),       # two ends are not there
        line(a, 1, 7, "sys_enter: NR 64 (1, 2, 3)"),
        line(idle, 0, 8, "lock_wait: console 80"), line(idle, 1, 8.5, "lock_wait: console 80"),
        line(idle, 0, 9, "lock_got: console 80"), line(idle, 0, 9.5, "suspend: pid=8 on=1"),
        line(idle, 0, 9.75, "suspend: pid=8 on=0"), ""])
    made = to_json(text)
    harts = check_spans(made)
    assert harts[0][0] == (5e6, 9.75e6) and made["otherData"]["left out"] == 3
    shown = [(e["ph"], e["name"], e["ts"]) for e in made["traceEvents"]
             if e["pid"] == 2 and e["ph"] in "BE"]
    assert shown[:5] == [("B", "fault", 5e6), ("E", "fault", 6e6), ("B", "fault", 6e6),
                         ("E", "fault", 7e6), ("B", "write", 7e6)]
    assert len({e["tid"] for e in made["traceEvents"] if e["name"] == "waits for console"}) == 2
    assert not [e for e in made["traceEvents"] if e["ph"] == "b"]
    assert [(e["ts"], e["dur"]) for e in made["traceEvents"] if e["name"] == "suspended"] == [
        (9.5e6, 0.25e6)]


def vmstat(shell):
    return {k: int(v) for k, v in map(str.split, shell.run("cat /proc/vmstat").splitlines())}


def test_events_of_a_program(shell):
    text = shell.run("echo hello > f; trace /cat f")
    seen = events(text[text.index("# tracer:"):])
    times = [e[3] for e in seen]
    assert times == sorted(times)
    mine = [e for e in seen if e[0] == "cat"]
    assert {"sys_enter", "sys_exit", "fault_enter", "fault_kind", "fault_exit", "map",
            "frame_alloc", "exec", "exit"} <= {e[4] for e in mine}
    # Each call ends before the task's next one begins, with the same number.
    calls = [e for e in mine if e[4].startswith("sys_")][1:]     # execve began as another
    for enter, leave in zip(calls[::2], calls[1::2]):
        assert (enter[4], leave[4]) == ("sys_enter", "sys_exit")
        assert enter[5].split()[1] == leave[5].split()[1]
    made = to_json(text)
    assert check_spans(made)
    spans = [e for e in made["traceEvents"] if e["ph"] == "B"]
    assert {"execve", "read", "write", "fault"} <= {e["name"] for e in spans}
    reads = [e for e in mine if e[4] == "sys_enter" and e[5].startswith("NR 63 ")]
    assert len(reads) >= 2                                       # bytes, then the end


def test_counts_agree_with_vmstat(shell):
    """Between two readings of vmstat, what was traced is what was counted."""
    shell.run(f"echo frame,fault_kind > {SETTING}")
    before = vmstat(shell)
    shell.run("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /true; done")
    after = vmstat(shell)
    shell.run(f"echo off > {SETTING}")
    text = shell.run("cat /proc/trace")
    shell.run(f"echo free > {SETTING}")
    assert lost(text) == 0
    seen = events(text)
    made = to_json(text)
    counters = {}
    for e in made["traceEvents"]:
        if e["ph"] == "C":
            counters.setdefault(e["name"], {}).update(e["args"])
    assert made["otherData"]["frame_alloc"] - made["otherData"]["frame_free"] \
        == sum(counters["frames in use"].values())
    for name, event, arguments in (
            ("pgalloc_normal", "frame_alloc", ""), ("pgfree", "frame_free", ""),
            ("quire_zero_fill", "fault_kind", "kind=quire_zero_fill"),
            ("quire_cow_copy", "fault_kind", "kind=quire_cow_copy")):
        n = sum(e[4] == event and arguments in e[5] for e in seen)
        # The trace began before the first reading and ended behind the second.
        counted = after[name] - before[name]
        assert 20 <= counted <= n <= counted + 250, name
        assert n == (counters["faults"][name] if arguments else made["otherData"][event])


def test_faults_by_kind(shell):
    """How many, and how long they took."""
    before = vmstat(shell)
    out = shell.run("trace -c sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do /true; done'", 60)
    after = vmstat(shell)
    rows = {kind: (int(n), int(ms), int(each), int(most)) for n, ms, each, most, kind in re.findall(
        r"(?m)^ *(\d+) +(\d+)\.\d+ +(\d+) +(\d+)  (\w+)$", out)}
    lost = int((re.search(r"trace: (\d+) events were lost", out) or (0, 0))[1])
    for kind in ("quire_zero_fill", "quire_cow_copy"):
        n, ms, each, most = rows[kind]
        counted = after[kind] - before[kind]    # the readers', the shell's and trace's too
        assert counted >= n >= max(counted - lost - 100, 10)
        assert most >= each
    assert "[" not in shell.run(f"cat {SETTING}")


def test_who_was_killed(boot):
    """For want of memory: the trace names the process, as the messages do."""
    g = boot(mem="16M", cpus=2, append="quiet")
    g.check("sysctl vm.overcommit_memory=1")
    text = g.run("trace -e oom,exit thrash -p seq 40", 60)
    said = re.search(r"killed process (\d+) \(thrash\): out of memory", g.run("dmesg"))
    killed = [e for e in events(text[text.index("# tracer:"):]) if e[4] == "oom_kill"]
    assert killed and killed[-1][5].startswith(f"pid={said[1]} score=")


def test_choice(shell):
    assert "[" not in shell.run(f"cat {SETTING}")
    shell.run(f"echo fault,switch > {SETTING}")
    chosen = re.findall(r"\[(\w+)\]", shell.run(f"cat {SETTING}"))
    assert chosen == ["fault_enter", "fault_kind", "fault_exit", "switch"]
    shell.run(f"echo off > {SETTING}")
    text = shell.run("cat /proc/trace")
    assert {e[4] for e in events(text)} <= set(chosen)
    for bad in ("bogus", "fault,", ",", "fault,bogus", "faul", "allx"):
        assert "Invalid argument" in shell.run(f"echo {bad} > {SETTING}"), bad
    assert "[" not in shell.run(f"cat {SETTING}")
    text = shell.run("trace -e fualt ls")
    assert "no event is named so: fualt" in text and "fault_enter" in text
    shell.run(f"echo free > {SETTING}")
    assert "events" not in shell.run("cat /proc/trace")


def test_lost_events_are_counted(shell):
    shell.run(f"echo sys > {SETTING}")
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=20000")
    shell.run(f"echo off > {SETTING}")
    text = shell.run("head -n 5 /proc/trace")
    assert lost(text) > 20000
    shell.run(f"echo free > {SETTING}")


def test_switching_while_harts_run(boot):
    """Points change under programs that pass them on every hart."""
    g = boot(cpus=3)
    for work in ("echo x | cat > /dev/null", "ls > /dev/null"):
        g.run(f"(while true; do {work}; done) &")
    g.run(f"for i in 1 2 3 4 5 6 7 8 9 10; do echo all > {SETTING}; cat /proc/trace > /dev/null; "
          f"echo off > {SETTING}; echo free > {SETTING}; done", 60)
    g.vm_check()
