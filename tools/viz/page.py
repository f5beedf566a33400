#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make one HTML file, which needs nothing else, of what `snap` showed of a quire's memory.

    page.py TEXT PAGE.html

The text has snapshots (frames, page tables, counters) and what was traced between them.
From snapshot to snapshot the states of frames are rebuilt event by event; where the next
snapshot says otherwise it is right, and the page tells how many frames that were.
"""

import collections
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("trace2json", str(HERE.parent / "trace2json"))
trace = importlib.util.module_from_spec(importlib.util.spec_from_loader("trace2json", LOADER))
LOADER.exec_module(trace)

STEPS = 12              # of the slider from one snapshot to the next, at most
STATES = ["free", "kernel", "kernel objects (slab)", "page table", "zero page", "private",
          "private, shared copy-on-write", "private, with a copy in swap", "file",
          "file, dirty", "being read or written"]
FREE, KERNEL, SLAB, TABLE, ZERO, PRIVATE, COW, SWAPPED, OBJECT, DIRTY, BUSY = range(len(STATES))
OF_KIND = {"free": FREE, "kernel": KERNEL, "slab": SLAB, "table": TABLE, "zero": ZERO}
FRAME = re.compile(r" *([0-9a-f]+) (\w+) +([-bwdua]{5}) +(\d+) +(\d+) +(\d+) +([0-9a-f]+)(.*)")
ENTRY = re.compile(r"([0-9A-F]{1,7}) ([0-9A-F]{16})")      # what the program printed may follow
PRESENT, FRAME_BITS, AREA_BITS = 1 << 63, (1 << 55) - 1, 5


class BadText(Exception):
    """It is not what `snap` shows; says why."""


class Frame(collections.namedtuple("Frame", "kind flags share mapped pins slot pages")):
    """A line of /proc/frames; pages: a tuple of (pid, page)"""

    def state(self):
        if self.kind in OF_KIND:
            return OF_KIND[self.kind]
        if self.flags[0] == "b" or self.flags[1] == "w":
            return BUSY
        if self.kind == "object":
            return DIRTY if self.flags[2] == "d" else OBJECT
        if self.share > 1 or len(self.pages) > 1:
            return COW
        return SWAPPED if self.slot else PRIVATE

    def packed(self):
        return [self.state(), self.kind, self.flags, self.share, self.mapped, self.pins, self.slot,
                " ".join(f"{pid}:{page:x}" for pid, page in self.pages)]


def new_frame(kind):
    return Frame(kind, "-----", int(kind == "object"), 0, 0, 0, ())


# ---- The text ----

def parse_frames(lines):
    found = {}
    for m in map(FRAME.fullmatch, lines):
        if m:
            pages = tuple((int(p), int(v, 16)) for p, v in (w.split(":") for w in m[8].split()))
            found[int(m[1], 16)] = Frame(m[2], m[3], int(m[4]), int(m[5]), int(m[6]),
                                         int(m[7], 16), pages)
    return found


def parse_entry(match):
    """=> [page, frame], or [page, -1 - slot] of one in swap"""
    page, entry = (int(word, 16) for word in match.groups())
    if entry & PRESENT:
        return [page, entry & FRAME_BITS]
    return [page, -1 - ((entry & FRAME_BITS) >> AREA_BITS)]


class Snapshot:
    def __init__(self, text):
        self.events, self.lost, self.processes = [], 0, []
        for part in text.split("==== ")[1:]:
            name, _, body = part.partition("\n")
            self.take(name.strip(), body)
        if not getattr(self, "frames", None):
            raise BadText("a snapshot without /proc/frames")

    def take(self, name, body):
        lines = body.splitlines()
        if name.startswith("process "):
            _, pid, comm = name.split(" ", 2)
            self.processes.append({"pid": int(pid), "name": comm, "areas": [], "entries": []})
        elif name.endswith("/maps"):
            self.processes[-1]["areas"] = [re.sub(r" +", " ", line) for line in lines if line]
        elif name.endswith("/pagemap"):
            self.processes[-1]["entries"] = [parse_entry(m) for m in map(ENTRY.fullmatch, lines)
                                             if m]
        elif name == "/proc/trace":
            self.events = list(trace.parse(body))
            self.lost = sum(map(int, re.findall(r"events, (\d+) lost", body)))
        elif name == "/proc/frames":
            self.frames = parse_frames(lines)
        elif name == "/proc/uptime":
            self.time = float(body.split()[0])
        elif name == "/proc/vmstat":
            self.vmstat = {k: int(v) for k, v in (line.split() for line in lines if line)}
        elif name == "/proc/buddyinfo":
            self.buddy = [int(n) for n in body.split("Normal")[1].split()]
        elif name == "/proc/swaps":
            self.swaps = [line.split() for line in lines[1:] if line]


def parse(text):
    """=> the snapshots"""
    found = [Snapshot(part) for part in
             text.replace("\r", "").split("==== end")[0].split("==== snapshot\n")[1:]]
    if not found:
        raise BadText("no snapshots in this text")
    if any(s.frames.keys() != found[0].frames.keys() for s in found):
        raise BadText("a snapshot without some of the frames")
    return found


# ---- Between snapshots ----

class Rebuilt:
    """The frames as the events say."""

    def __init__(self, frames):
        self.frames = dict(frames)
        self.where = {place: pfn for pfn, f in frames.items() for place in f.pages}

    def put(self, pfn, f):
        if pfn in self.frames:
            self.frames[pfn] = f

    def forget(self, place):
        pfn = self.where.pop(place, None)
        if pfn in self.frames and place in self.frames[pfn].pages:
            f = self.frames[pfn]
            self.put(pfn, f._replace(share=f.share - (f.kind == "private"),
                                     mapped=max(f.mapped - 1, 0),
                                     pages=tuple(p for p in f.pages if p != place)))

    def map(self, pid, page, pfn):
        place = pid, page
        self.forget(place)
        f = self.frames.get(pfn)
        if f:
            self.where[place] = pfn
            self.put(pfn, f._replace(share=f.share + (f.kind == "private"), mapped=f.mapped + 1,
                                     pages=f.pages + (place,)))

    def unmap(self, pid, first, end):
        for place in [p for p in self.where if p[0] == pid and first <= p[1] < end]:
            self.forget(place)

    def event(self, e):
        f = trace.fields(e.args)
        pfn = int(f.get("pfn", "0"), 16)
        if e.name == "frame_alloc":
            self.put(pfn, new_frame(f["kind"]))
        elif e.name == "frame_free":
            self.put(pfn, new_frame("free"))
        elif e.name == "map":
            self.map(e.tid, int(f["addr"], 16) >> 12, pfn)
        elif e.name == "unmap":
            self.unmap(int(f["pid"]), int(f["from"], 16) >> 12, int(f["to"], 16) >> 12)
        elif e.name == "evict" and pfn in self.frames:
            self.put(pfn, self.frames[pfn]._replace(mapped=0, slot=int(f["slot"], 16), pages=()))


def changes(before, after):
    return {pfn: f.packed() for pfn, f in after.items() if before.get(pfn) != f}


def between(frames, events):
    """The steps that events make of frames. => (steps, the frames as they leave them)"""
    steps, now = [], Rebuilt(frames)
    size = max(1, -(-len(events) // STEPS))
    for at in range(0, len(events), size):
        before, part = dict(now.frames), events[at:at + size]
        for e in part:
            now.event(e)
        steps.append({"time": part[-1].ns / 1e9, "set": changes(before, now.frames),
                      "events": collections.Counter(e.name for e in part)})
    return steps, now.frames


def data_of(snapshots):
    """=> what the page's script works on"""
    steps, frames = [], {}
    for n, s in enumerate(snapshots):
        if n > 0:
            some, frames = between(frames, s.events)
            steps += [{**step, "snapshot": n - 1} for step in some]
        wrong = sum(frames[p].kind != f.kind for p, f in s.frames.items()) if n else 0
        steps.append({"time": s.time, "set": changes(frames, s.frames), "snapshot": n,
                      "exact": True, "events": {}, "wrong": wrong, "lost": s.lost})
        frames = s.frames
    return {
        "states": STATES, "first": min(frames), "frames": len(frames), "steps": steps,
        "snapshots": [{"vmstat": s.vmstat, "buddy": s.buddy, "swaps": s.swaps,
                       "processes": s.processes} for s in snapshots],
    }


def page(data):
    """=> the HTML file's text"""
    def script(text):
        return text.replace("</", "<\\/")
    parts = {"STYLE": (HERE / "page.css").read_text(),
             "D3": script((HERE / "d3.min.js").read_text()),
             "DATA": script(json.dumps(data, separators=(",", ":"))),
             "SCRIPT": script((HERE / "page.js").read_text())}
    text = (HERE / "page.html").read_text()
    return re.sub(r"@(\w+)@", lambda m: parts[m[1]], text)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: page.py TEXT PAGE.html")
    try:
        data = data_of(parse(pathlib.Path(sys.argv[1]).read_text(errors="replace")))
        pathlib.Path(sys.argv[2]).write_text(page(data))
    except (BadText, OSError) as e:
        sys.exit(f"viz: {sys.argv[1]}: {e}")
    print(f"{sys.argv[2]}: {data['frames']} frames, {len(data['snapshots'])} snapshots, "
          f"{len(data['steps'])} steps")


if __name__ == "__main__":
    main()
