#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Boot the benchmark in QEMU and put its figures beside those of others.

    bench.py [--accept] [--wall] [--profile ROW] [--exec PROGRAM] [ROW ...]
    bench.py --disk [--profile ROW] [ROW ...]
    bench.py --check [ROW ...]

One hart, 256 MiB, a root file system in memory, and one instruction a nanosecond:
figures are instructions per operation and the same in every run.  They go to
build/bench.json, with --accept also to accepted.json beside this file.  --check
fails if a figure is more than 2 % above the accepted one.  --exec: fork_exec_exit
executes this program, which ends with status 7, with the libraries it needs.  --disk: the
rows about files with a virtio disk as root, beside ext4's: instructions executed while
they are timed, which vary a little, for the disk answers when it does.
"""

import argparse
import bisect
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
KERNEL, PROGRAM = BUILD / "kernel.elf", BUILD / "test/bench/bench"
PLUGIN, IMAGE = BUILD / "tools/profile.so", BUILD / "test/bench/fs.img"
COUNTS = BUILD / "test/bench/counts"
ANCHORS, ACCEPTED = HERE / "anchors.json", HERE / "accepted.json"

TOLERANCE = 0.02
LIMIT = 300            # seconds for a run
WALL_RUNS, WALL_FACTOR = 3, 5

Figure = collections.namedtuple("Figure", "value unit ok operations")
Count = collections.namedtuple("Count", "instructions fences satp sum blocks")


class BenchError(Exception):
    pass


# ---- Running ----

def image_with(program):
    """The image, and on it a program of the user's with its libraries."""
    image = IMAGE.with_name("exec.img")
    shutil.copyfile(IMAGE, image)
    subprocess.run([HERE.parents[1] / "tools/put.sh", "-i", image, program], check=True)
    return image


def qemu(memory, image, test, append="", counting=True, plugin=False, disk=False, more=()):
    """Run one hart with an image as its root, in memory or on a disk.
    => what the guest printed"""
    root = ["-initrd", str(image)]
    if disk:
        root = ["-global", "virtio-mmio.force-legacy=false", "-device",
                "virtio-blk-device,drive=root", "-drive",
                f"file={image},if=none,format=raw,id=root,snapshot=on"]
    command = [
        "qemu-system-riscv64", "-M", "virt", "-smp", "1", "-m", memory, "-nographic",
        "-bios", "default", "-no-reboot", "-kernel", str(KERNEL), *root, "-append",
        f"root={'vda' if disk else 'ram0'} quiet panic=exit {append} test={test}", *more]
    if counting:
        command += ["-icount", "shift=0,sleep=off"]
    if plugin:
        command += ["-plugin", f"{PLUGIN},out={COUNTS}"]
    try:
        p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=LIMIT)
    except subprocess.TimeoutExpired as e:
        raise BenchError(f"not done within {LIMIT} s:\n{(e.stdout or b'').decode()[-2000:]}")
    text = p.stdout.decode(errors="replace").replace("\r", "")
    if p.returncode not in (0, 1) or "panic:" in text:
        raise BenchError(f"the machine ended with status {p.returncode}:\n{text[-2000:]}")
    return text


def boot(rows, factor=1, program=None, **how):
    """Run the rows (all if there are none). => what the guest printed"""
    image, options = IMAGE, ["-r", str(factor)]
    if program:
        image, options = image_with(program), [*options, "-x", f"/{pathlib.Path(program).name}"]
    return qemu("256M", image, " ".join(["/bench", "--", *options, *rows]), **how)


def parse(text):
    """What bench printed. => ({row: Figure}, {row: why it cannot run})"""
    figures, absent = {}, {}
    for line in text.splitlines():
        m = re.match(r"(\w+) +(\d+\.\d) a (.+?) +(ok|BAD) +ops=(\d+) ticks=\d+$", line)
        if m:
            figures[m[1]] = Figure(float(m[2]), m[3], m[4] == "ok", int(m[5]))
        m = re.match(r"(\w+) +- (cannot .*)", line)
        if m:
            absent[m[1]] = m[2]
    if not figures and not absent:
        raise BenchError(f"no figures:\n{text[-2000:]}")
    return figures, absent


def parse_counts(text, rows):
    """The plugin's file, whose results are those of `rows` in their order."""
    counts, names = {}, iter(rows)
    for line in text.splitlines():
        words = line.split()
        if words[0] == "result":
            blocks = collections.Counter()  # one address can be translated twice
            counts[next(names)] = Count(*map(int, words[2:]), blocks)
        elif words[0] != "total":
            blocks[int(words[0], 16)] += int(words[1])
    return counts


def wall_times(rows):
    """Nanoseconds, without instruction counting; the best of some runs."""
    best = {}
    for _ in range(WALL_RUNS):
        for row, f in parse(boot(rows, counting=False, factor=WALL_FACTOR))[0].items():
            best[row] = min(f.value, best.get(row, f.value))
    return best


# ---- Judging ----

def goal(anchor):
    """Half of what Linux needs, but no less than what one can come near to."""
    return anchor.get("goal") or max(anchor["linux"] / 2, 1.15 * anchor["bound"])


def worse(figures, accepted):
    """What a check complains about."""
    problems = [f"{row}: {f.value} is {100 * (f.value / accepted[row] - 1):.1f} % above "
                f"the accepted {accepted[row]}"
                for row, f in figures.items()
                if f.value > accepted.get(row, f.value) * (1 + TOLERANCE)]
    return problems + [f"{row}: the work was not done" for row, f in figures.items() if not f.ok]


def missing(figures, accepted, rows):
    """Rows that were asked for and once had a figure."""
    return [f"{row}: has no figure any more" for row in accepted
            if row not in figures and (not rows or row in rows)]


# ---- Showing ----

def number(x):
    """At most six characters of a figure that may be anything."""
    if x is None:
        return "-"
    for limit, divisor, unit in ((1e4, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if x < limit:
            digits = 0 if x >= 1000 * divisor or unit == "" and x >= 100 else 1
            return f"{x / divisor:.{digits}f}{unit}"
    return f"{x / 1e9:.1f}G"


HEAD = ("row", "a", "ours", "before", "Linux", "xv6", "bound", "goal", "met",
        "fences", "satp", "SUM")


def line_of(row, f, count, anchor, before):
    got = f.value if f else None
    aim = goal(anchor) if anchor else None
    met = "-" if got is None or aim is None else "yes" if got <= aim else "no"
    each = [count and c / f.operations for c in (count or [None] * 4)[1:4]]
    return [row, f.unit if f else "", number(got), number(before),
            *(number(anchor.get(k)) for k in ("linux", "xv6", "bound")), number(aim),
            met if not f or f.ok else "BAD", *map(number, each)]


def show(table):
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        cells = [c.ljust(w) if i < 2 else c.rjust(w)
                 for i, (c, w) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())


def disk_anchors():
    """Of the rows that ext4 was measured with: half of what it needs is the goal."""
    anchors = json.loads(ANCHORS.read_text())
    return {row: {"linux": a["ext4"], "goal": a["ext4"] / 2}
            for row, a in anchors.items() if "ext4" in a}


def show_rows(rows, figures, counts, wall, accepted, anchors=None):
    anchors = anchors or json.loads(ANCHORS.read_text())
    names = [r for r in anchors if not rows or r in rows or r in figures]
    names += [r for r in figures if r not in anchors]
    table = [[*HEAD, *(["ns"] if wall else [])]]
    for row in names:
        line = line_of(row, figures.get(row), counts.get(row), anchors.get(row, {}),
                       accepted.get(row))
        table.append(line + ([number(wall.get(row))] if wall else []))
    show(table)


class Names:
    """Functions of an ELF file by address."""

    def __init__(self, elf, cross):
        nm = subprocess.run([f"{cross}nm", "-n", elf], check=True, text=True, capture_output=True)
        found = [line.split() for line in nm.stdout.splitlines()]
        self.functions = [(int(a, 16), name) for a, kind, name in
                          (f for f in found if len(f) == 3) if kind in "tTwW"]
        self.starts = [a for a, _ in self.functions]

    def at(self, pc):
        i = bisect.bisect(self.starts, pc) - 1
        return self.functions[i][1] if i >= 0 else hex(pc)


def show_profile(row, count, operations, cross):
    kernel, program = Names(KERNEL, cross), Names(PROGRAM, cross)
    by_name = collections.Counter()
    for pc, n in count.blocks.items():
        if pc >= 1 << 63:
            by_name[kernel.at(pc)] += n
        else:
            by_name["bench: " + program.at(pc) if pc < 1 << 31 else
                    "firmware" if pc < 1 << 32 else "another program"] += n
    total = count.instructions
    print(f"\n{row}: {total / operations:.1f} instructions an operation")
    for name, n in by_name.most_common(40):
        print(f"{n / operations:10.1f}  {100 * n / total:5.1f} %  {name}")


# ---- The command ----

def save(path, figures):
    path.write_text(json.dumps(figures, indent=1) + "\n")


def check(rows):
    accepted = json.loads(ACCEPTED.read_text())
    figures, _ = parse(boot(rows))
    problems = worse(figures, accepted) + missing(figures, accepted, rows)
    for p in problems:
        print("bench-check:", p)
    print(f"bench-check: {len(figures)} rows, {len(problems)} worse than accepted")
    return 1 if problems else 0


def bench_disk(options):
    anchors = disk_anchors()
    rows = [options.profile] if options.profile else options.rows or list(anchors)
    figures, _ = parse(boot(rows, plugin=True, counting=False, disk=True))
    counts = parse_counts(COUNTS.read_text(), figures)
    figures = {row: f._replace(value=round(counts[row].instructions / f.operations, 1))
               for row, f in figures.items()}
    show_rows(rows, figures, counts, {}, {}, anchors)
    if options.profile in figures:
        row = options.profile
        show_profile(row, counts[row], figures[row].operations, options.cross)
    save(BUILD / "bench-disk.json", {row: f.value for row, f in figures.items() if f.ok})
    return 0 if all(f.ok for f in figures.values()) else 1


def bench(options):
    rows = [options.profile] if options.profile else options.rows
    figures, absent = parse(boot(rows, plugin=True, program=options.exec))
    counts = parse_counts(COUNTS.read_text(), figures)
    accepted = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    wall = wall_times(rows) if options.wall else {}
    show_rows(rows, figures, counts, wall, accepted)
    for row, why in absent.items():
        print(f"{row}: {why}")
    if options.profile in figures:
        row = options.profile
        show_profile(row, counts[row], figures[row].operations, options.cross)
    values = {row: f.value for row, f in figures.items() if f.ok}
    save(BUILD / "bench.json", values)
    if options.accept:
        save(ACCEPTED, accepted | values)
    return 0 if all(f.ok for f in figures.values()) else 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cross", default="riscv64-linux-gnu-")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--disk", action="store_true")
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--profile", metavar="ROW", default="")
    parser.add_argument("--exec", metavar="PROGRAM")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    try:
        run = bench_disk if options.disk else bench
        return check(options.rows) if options.check else run(options)
    except BenchError as e:
        print("bench:", e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
