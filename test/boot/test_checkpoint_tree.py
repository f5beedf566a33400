# SPDX-License-Identifier: MIT
"""Checkpoints of whole trees of processes: what they share they share again."""

import re

from test_checkpoint import pids, restore, save, start, wait_lines

KIN = 7                            # processes of test/boot/programs/kin.c; one is a zombie


def tree(g, root):
    """=> what ps tells of it and its descendants: number, parent, group, session, state, name"""
    rows = [line.split() for line in g.run("ps -o pid,ppid,pgid,sid,s,comm").splitlines()[1:]]
    rows = [[*row[:4], row[4].replace("R", "S"), row[5]] for row in rows]    # it polls
    known = {root}
    for pid, parent, *_ in sorted(rows, key=lambda row: int(row[0])):
        if int(parent) in known:
            known.add(int(pid))
    return [row for row in rows if int(row[0]) in known]


def start_kin(g, rounds, out="/out", result="/res"):
    g.run(f"rm -f {out}.go; echo > {out}")
    before = pids(g, "kin")
    g.run(f"kin {rounds} {out} > {result} &")
    wait_lines(g, out, 3)          # all of them have come to their work
    return min(set(pids(g, "kin")) - set(before))


def kill_tree(g, root):
    for row in tree(g, root):
        g.run(f"kill -9 {row[0]}")
    g.run("wait", 60)
    assert pids(g, "kin") == []


def in_turn(g, path):
    """=> how many lines there are; each of the three has written every third of them"""
    who = [int(line.split()[0]) for line in g.run(f"cat {path}", 60).splitlines()]
    assert who == [n % 3 for n in range(len(who))]
    return len(who)


def test_a_tree_goes_on_after_a_reboot(boot, image):
    """The same numbers, groups, sessions and states; every line once, and the same result."""
    g = boot(cpus=2, image=image, snapshot=False)
    want = g.check("kin 200 | tail -n 1", 120)
    root = start_kin(g, 200)
    wait_lines(g, "/out", 303)                 # half-way it waits
    then = tree(g, root)
    assert len(then) == KIN
    save(g, root, "/saved", "-t")
    assert tree(g, root) == then
    shown = g.check("checkpoint -l /saved")
    assert len(re.findall(r"^  process \d+ \(kin\), child of", shown, re.M)) == KIN - 2
    assert "not waited for" in shown and "stopped" in shown
    kill_tree(g, root)
    g.poweroff()
    g = boot(cpus=1, image=image, snapshot=False)
    g.run("restore /saved > /said &")
    now = []
    for _ in range(600):
        now = tree(g, root)
        if sum(row[-1] == "kin" for row in now) == KIN - 1:
            break
        g.run("sleep 0.1")
    assert now[0][2:] == then[0][2:]           # its parent is another one
    assert [row[:5] for row in now[1:]] == [row[:5] for row in then[1:]]
    g.check("touch /out.go; wait", 120)
    assert g.run("cat /res") == want and g.run("cat /said") == ""
    assert in_turn(g, "/out") == 600
    g.vm_check()


def test_refusals(boot):
    """A pipe to somebody outside is refused by name, and nobody is disturbed."""
    g = boot(cpus=2)
    g.run("sleep 1000 | sleep 2000 &")
    first, second = sorted(pids(g, "sleep"))
    assert re.search(rf"process {first}: descriptor 1 is a pipe that process {second} \(sleep\)",
                     g.run(f"checkpoint -t {first} /c"))
    assert "No such file" in g.run("ls /c") and "No such file" in g.run("ls /c.new")
    assert sorted(pids(g, "sleep")) == [first, second]
    assert "the one that asks" in g.run("checkpoint -t $$ /c")
    assert "usage" in g.run("checkpoint -t 1")
    g.run(f"kill {first} {second}; wait")
    # Of one whose pipes are all its own: a file that is spoilt, and a number that is taken.
    root = start_kin(g, 40)
    wait_lines(g, "/out", 63)
    save(g, root, "/saved", "-t")
    child = int(tree(g, root)[1][0])
    g.check("touch /out.go; wait", 60)
    assert g.run("cat /res").startswith("kin: 40 rounds")
    g.check("cp /saved /cut; echo x >> /cut")
    assert "has a wrong size" in g.run("restore /cut")
    last = "/proc/sys/kernel/ns_last_pid"
    g.run(f"echo {child - 1} > {last}; sleep 3000 & echo 1000 > {last}")
    assert child in pids(g, "sleep")
    out = g.run("restore /saved", 60)          # it misses that child
    assert f"there is a process {child}; this one is" in out and out.count("there is a") == 1
    g.run(" ".join(["kill -9", *map(str, pids(g, "kin"))]))
    # The rename of what it had open leaves it without: all of it is refused.
    g.check("mv /out /elsewhere")
    assert "/out: No such file" in g.run("restore /saved; echo =$?")
    assert pids(g, "kin") == []
    g.vm_check()
