#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The rows whose region is larger than memory, each in a machine of its own with swap.

    swap.py [--accept] [--profile ROW]
    swap.py --check

On a virtio disk, as Linux was measured: instructions executed, and the requests that
QEMU saw; both vary by a few percent, for the disk answers when it does.  And exactly,
on a second disk in memory, where every figure is the same in every run.  --check: is
that no worse than accepted?
"""

import argparse
import json
import re
import subprocess
import sys

import bench

IMAGE, AREA = bench.IMAGE.with_name("swap-fs.img"), bench.IMAGE.with_name("swap-area.img")
TRACE = bench.BUILD / "test/bench/requests"
RESULTS = bench.BUILD / "bench-swap.json"
ANCHORS, ACCEPTED = bench.HERE / "swap_anchors.json", bench.HERE / "swap_accepted.json"

MEMORY, REGION = 64, 80                            # MiB
ROWS = {"swap_seq": ["swap_seq"], "swap_rand": ["swap_rand", "swap_rand_write"]}
# Of a machine: how much memory, and how many children of the program look on.
MACHINES = {"16M": (16, 0), "64M": (64, 0), "256M": (256, 0), "256M, 1000 children": (256, 1000)}

# Pages and requests are those of a whole row, instructions of what it times: of the same
# kernel the first depend on when the disk answers, and on the pages that are free at all.
TOLERANCE = {"instructions": 0.1}
TOLERANCE_OTHERWISE = 0.15
VMSTAT = {"pages in": "pswpin", "reads": "quire_swap_read", "pages out": "pswpout",
          "writes": "quire_swap_write"}


# ---- Running ----

def make_image(device, *options):
    """A small root, whose /run makes a swap area, takes it, and runs the benchmark."""
    tools, script = bench.BUILD / "mkfs", IMAGE.with_name("run")
    script.write_text(f"/mkswap {device} && /swapon {device} && /bench {' '.join(options)}\n"
                      "cat /proc/vmstat\n")
    programs = [bench.BUILD / "user" / name for name in ("init", "sh", "cat", "mkswap", "swapon")]
    for command in ([tools / "mkfs", "-H", "1", IMAGE, "1M"],
                    [tools / "fsput", "-d", IMAGE, "/dev", "/proc"],
                    [tools / "fsput", IMAGE, *programs, bench.PROGRAM, script, "/"]):
        subprocess.run(command, check=True)


def requests(trace):
    """What QEMU saw of requests for pages behind the area's header."""
    seen = dict.fromkeys(VMSTAT, 0)
    for m in re.finditer(r"virtio_blk_handle_(\w+) .*sector (\d+) nsectors (\d+)", trace):
        if int(m[2]) >= 8:
            seen["pages in" if m[1] == "read" else "pages out"] += int(m[3]) // 8
            seen[m[1] + "s"] += 1
    return seen


def vmstat(text):
    """What the kernel says of the same."""
    stat = dict(line.split() for line in text.splitlines() if re.match(r"\w+ \d+$", line))
    return {what: int(stat[key]) for what, key in VMSTAT.items()}


def boot_disk(row):
    """With a virtio disk, and time as the host's clock tells it. => what the guest printed"""
    make_image("/dev/vda", "-s", str(REGION), row)
    AREA.write_bytes(b"")
    with open(AREA, "r+b") as f:
        f.truncate(2 * REGION << 20)
    TRACE.unlink(missing_ok=True)
    return bench.qemu(
        f"{MEMORY}M", IMAGE, "/sh -- /run", counting=False, plugin=True, more=[
            "-global", "virtio-mmio.force-legacy=false",
            "-drive", f"file={AREA},if=none,format=raw,id=swap",
            "-device", "virtio-blk-device,drive=swap", "-D", str(TRACE),
            "-trace", "virtio_blk_handle_read", "-trace", "virtio_blk_handle_write"])


def boot_exact(row, memory=None, region=None, children=0, plugin=False):
    """With a disk in memory, beside which `memory` is left. => what the guest printed"""
    memory, region = memory or MEMORY, region or REGION
    area = region + 16
    make_image("/dev/ram1", "-s", str(region), "-f", str(children), row)
    return bench.qemu(f"{memory + area}M", IMAGE, "/sh -- /run", plugin=plugin,
                      append=f"ramdisk={area}M")


def done(figures):
    for row, f in figures.items():
        if not f.ok:
            raise bench.BenchError(f"{row}: the work was not done")


def on_disk(row):
    """=> {row: {what: how many}}"""
    figures, _ = bench.parse(boot_disk(row))
    done(figures)
    counts = bench.parse_counts(bench.COUNTS.read_text(), figures)
    values = {r: {"instructions": round(counts[r].instructions / f.operations, 1)}
              for r, f in figures.items()}
    values[row] |= requests(TRACE.read_text())
    return values


def exact(row):
    text = boot_exact(row)
    figures, _ = bench.parse(text)
    done(figures)
    values = {r: {"instructions": f.value} for r, f in figures.items()}
    values[row] |= vmstat(text)
    return values


def of_a_page(memory, children):
    """Instructions for a page that is stored to, and one that goes for it."""
    figures, _ = bench.parse(boot_exact("swap_out", memory, memory * 3 // 2, children))
    done(figures)
    return {"instructions": figures["swap_out"].value}


# ---- Judging ----

def goal(what, row, anchor):
    """Half of Linux's instructions; of pages and requests no more than it or, where more
    is possible, than exact LRU."""
    if what == "instructions":
        return anchor["linux"] / 2
    if what == "pages in":
        return anchor["goal"]
    return anchor["linux"]


def lines(figures, accepted, anchors):
    for row, values in figures.items():
        for what, got in values.items():
            a = anchors.get(row, {}).get(what, {})
            aim = goal(what, row, a) if a else None
            met = "-" if aim is None else "yes" if got <= aim else "no"
            yield [row, what, *map(bench.number, (got, accepted.get(row, {}).get(what),
                                                  a.get("linux"), a.get("lru"), aim)), met]


def show(title, figures, accepted, anchors):
    print(f"\n{title}")
    bench.show([["row", "", "ours", "before", "Linux", "LRU", "goal", "met"],
                *lines(figures, accepted, anchors)])


def worse(figures, accepted):
    return [f"{row}, {what}: {got} is above the accepted {accepted[row][what]}"
            for row, values in figures.items() for what, got in values.items()
            if got > accepted.get(row, {}).get(what, got) *
            (1 + TOLERANCE.get(what, TOLERANCE_OTHERWISE))]


# ---- The commands ----

def merged(rows):
    return {name: values for row in rows for name, values in row.items()}


def check():
    figures = merged(map(exact, ROWS))
    problems = worse(figures, json.loads(ACCEPTED.read_text())["memory"])
    for p in problems:
        print("bench-check:", p)
    print(f"bench-check: {len(figures)} rows with swap, {len(problems)} worse than accepted")
    return 1 if problems else 0


def profile(row, cross):
    asked = next(r for r, names in ROWS.items() if row in names)
    figures, _ = bench.parse(boot_disk(asked))
    counts = bench.parse_counts(bench.COUNTS.read_text(), figures)
    bench.show_profile(row, counts[row], figures[row].operations, cross)
    return 0


def measure(accept):
    anchors = json.loads(ANCHORS.read_text())
    accepted = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    figures = {"disk": merged(map(on_disk, ROWS)), "memory": merged(map(exact, ROWS)),
               "a page": {name: of_a_page(*m) for name, m in MACHINES.items()}}
    titles = {"disk": f"swap on a virtio disk, {MEMORY}M, a region of {REGION} MiB:",
              "memory": "the same on a disk in memory, exactly:",
              "a page": "a page stored to while memory is full, exactly:"}
    for part, title in titles.items():
        show(title, figures[part], accepted.get(part, {}), anchors if part == "disk" else {})
    bench.save(RESULTS, figures)
    if accept:
        bench.save(ACCEPTED, figures)
    return 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cross", default="riscv64-linux-gnu-")
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--profile", metavar="ROW", choices=sum(ROWS.values(), []))
    options = parser.parse_args()
    try:
        if options.profile:
            return profile(options.profile, options.cross)
        return check() if options.check else measure(options.accept)
    except bench.BenchError as e:
        print("bench:", e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
