#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Throughput against the number of programs that need memory, load control on and off.

    thrash.py PNG HOGS SECONDS

Prints a table and draws it.  A hog touches 4 MiB at random, in a machine of 16 MiB, for so
long.  Throughput is the share of the time that is work, if a touch takes 1 us and a page
from or to the disk 100 us: so it does not depend on the host, nor on its disk.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test/boot"))
from guest import Guest

PAGES_A_TOUCH = 100    # what a page costs, in touches
HOG_MIB = 4


def vmstat(g):
    lines = g.run("cat /proc/vmstat", 60).splitlines()
    return dict((k, int(v)) for k, v in (line.split() for line in lines))


def run_hogs(g, hogs, seconds, control):
    """=> (throughput from 0 to 1, touches of each hog, what /proc/vmstat counted meanwhile)"""
    g.check(f"echo {int(control)} > /proc/sys/vm/load_control")
    before = vmstat(g)
    command = f"thrash -p rand -l {seconds} -f {hogs - 1} {HOG_MIB}"
    out = g.check(command, 60 + 20 * seconds)
    after = vmstat(g)
    counted = {k: after[k] - before[k] for k in after}
    touches = [int(n) for n in re.findall(r"(\d+) touches: ok", out)]
    if len(touches) != hogs:
        g.fail(f"{len(touches)} of {hogs} hogs came to an end: {out}")
    pages = counted["pswpin"] + counted["pswpout"]
    return sum(touches) / (sum(touches) + PAGES_A_TOUCH * pages), touches, counted


def draw(png, curves):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    for control, points in curves.items():
        plt.plot(*zip(*points), marker="o", label="load control " + ("on" if control else "off"))
    plt.xlabel(f"programs that use {HOG_MIB} MiB each, in 16 MiB")
    plt.ylabel("throughput: share of time that is work")
    plt.ylim(0, 1)
    plt.legend()
    plt.savefig(png)


def main():
    png, hogs, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    curves = {True: [], False: []}
    with tempfile.NamedTemporaryFile(suffix=".swap") as swap:
        swap.truncate(128 << 20)
        subprocess.run(["/sbin/mkswap", swap.name], check=True, capture_output=True)
        g = Guest("thrash", cpus=2, mem="16M", swap=swap.name)
        print("hogs    on   off")
        for n in range(1, hogs + 1):
            for control, points in curves.items():
                points.append((n, run_hogs(g, n, seconds, control)[0]))
            print(f"{n:4} {curves[True][-1][1]:5.2f} {curves[False][-1][1]:5.2f}", flush=True)
        g.close()
    pathlib.Path(png).parent.mkdir(parents=True, exist_ok=True)
    draw(png, curves)
    print(png)


if __name__ == "__main__":
    main()
