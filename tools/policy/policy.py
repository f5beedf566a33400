#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The laboratory of page replacement: `make policy NAME=value ...`

  REFS="7 0 1w 2"    a reference string: pages, w behind those written; 2:7 is
                     page 7 of process 2
  TRACE=FILE         instead of it traces, `make trace` captures them; several run together
  FRAMES="3 4 5"     numbers of frames, or 1-10; the last is that of the local allotments
  POLICY="esc opt"   some of opt lru lfu esc aging clock fifo; all
  MEMORY=200ns FAULT=8ms WRITE=8ms    an access, a fault, a modified victim more
  TICK=1             time between two ticks of aging (10000000 for a trace)
  BATCH=1            victims the kernel's policies choose at a time
  WINDOW=10          of working sets, and what page-fault frequency takes for rare
                     (1000000 for a trace)
  PRIORITY="3 1"     of the processes, for allotments by priority; PIDs count down
  MINIMUM=4          frames below which no process may come
  PLOT=DIRECTORY     plots go there

docs/policies.md says what the answers mean.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from references import (Refused, by_process, fault_frequency, merge, parse_string, read_trace,
                        share_out, working_set, write_trace)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIM = ROOT / "build/tools/policy/sim"
POLICIES = ["opt", "lru", "lfu", "esc", "aging", "clock", "fifo"]
NAMES = ["REFS", "TRACE", "FRAMES", "POLICY", "MEMORY", "FAULT", "WRITE", "TICK", "BATCH", "WINDOW",
         "PRIORITY", "MINIMUM", "PLOT"]
UNITS = {"": 1, "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
FRAMES_MAX = 1 << 24
TEXT_REFERENCES = 40    # of a string that is shown frame by frame


# ---- Settings ----

def integers(name, text, least=1, most=1 << 62):
    values = []
    for word in text.replace(",", " ").split():
        m = re.fullmatch(r"(\d+)(?:-(\d+))?", word)
        first, last = (int(m[1]), int(m[2] or m[1])) if m else (0, -1)
        if not m or not least <= first <= last <= most or last - first >= 1000:
            raise Refused(f"{name}: {word} is not a number from {least} on"
                          + (f", up to {most}" if most < 1 << 62 else ""))
        values += range(first, last + 1)
    if not values:
        raise Refused(f"{name}: no number")
    return values


def duration(name, text):
    """=> nanoseconds"""
    m = re.fullmatch(r"(\d+(?:\.\d+)?)(|ns|us|ms|s)", text)
    if not m:
        raise Refused(f"{name}: {text} is not a time such as 200ns, 25us or 8ms")
    return float(m[1]) * UNITS[m[2]]


class Settings:
    def __init__(self, given):
        if bool(given.get("REFS")) == bool(given.get("TRACE")):
            raise Refused("give REFS=\"7 0 1 2 ...\" or TRACE=FILE; tools/policy/policy.py"
                          " --help says more")
        trace = bool(given.get("TRACE"))
        self.accesses = 0
        if trace:
            traces = [read_trace(path) for path in given["TRACE"].split()]
            self.refs = merge([refs for refs, _ in traces])
            self.accesses = sum(n for _, n in traces)
        else:
            self.refs = parse_string(given["REFS"])
            self.accesses = len(self.refs)
        self.shown = not trace and len(self.refs) <= TEXT_REFERENCES
        self.pages = len({(r.pid, r.page) for r in self.refs})
        self.processes = by_process(self.refs)
        one = lambda name, otherwise: integers(name, given.get(name) or str(otherwise))[0]
        self.frames = integers("FRAMES", given.get("FRAMES") or self._frames(trace), 1, FRAMES_MAX)
        self.policies = (given.get("POLICY") or " ".join(POLICIES)).replace(",", " ").split()
        self.memory = duration("MEMORY", given.get("MEMORY") or "200ns")
        self.fault = duration("FAULT", given.get("FAULT") or "8ms")
        self.write = duration("WRITE", given.get("WRITE") or "8ms")
        self.tick = one("TICK", 10_000_000 if trace else 1)
        self.batch = one("BATCH", 1)
        self.window = one("WINDOW", 1_000_000 if trace else 10)
        self.minimum = one("MINIMUM", 4 if trace else 1)
        self.priority = self._priority(given.get("PRIORITY"))
        self.plot = given.get("PLOT")

    def _frames(self, trace):
        """Eight sizes up to where all pages fit; of a string, the textbook's three."""
        return " ".join(str(max(1, self.pages * i // 8)) for i in range(1, 9)) if trace else "3"

    def _priority(self, text):
        n = len(self.processes)
        priority = integers("PRIORITY", text) if text else list(range(n, 0, -1))
        if len(priority) != n:
            raise Refused(f"PRIORITY: {len(priority)} numbers for {n} processes")
        return priority


# ---- Runs ----

class Run:
    def __init__(self, words):
        self.policy, self.frames = words[0], int(words[1])
        self.references, self.faults, self.writes = map(int, words[2:5])
        self.by_pid = {int(p): int(n) for p, n in (w.split("=") for w in words[5:])}

    def access_time(self, s):
        """Effective, in nanoseconds: (1 - p) memory + p fault + q write."""
        p, q = self.faults / s.accesses, self.writes / s.accesses
        return (1 - p) * s.memory + p * s.fault + q * s.write


def simulate(s, trace, frames, policies, *more):
    """=> what the simulator printed, lines of words"""
    if not SIM.exists():
        raise Refused(f"there is no {SIM}: `make policy` builds it")
    command = [SIM, "-t", str(s.tick), "-b", str(s.batch), *more, trace,
               ",".join(map(str, frames)), *policies]
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode:
        raise Refused(p.stderr.strip().removeprefix("policy: "))
    return [line.split() for line in p.stdout.splitlines()]


def run_all(s, trace, frames):
    """=> {(policy, frames): Run}"""
    runs = map(Run, simulate(s, trace, frames, s.policies))
    return {(r.policy, r.frames): r for r in runs}


def run_local(s, trace, frames, policy):
    """=> {allotment: [(pid, its frames, its faults)]}"""
    pids = list(s.processes)
    shared = Run(simulate(s, trace, [frames], [policy])[0])
    rows = {"global": [(p, None, shared.by_pid[p]) for p in pids]}
    sizes = [len({r.page for r in s.processes[p]}) for p in pids]
    for name, weights in (("equal", [1] * len(pids)), ("by size", sizes),
                          ("by priority", s.priority)):
        parts = share_out(frames, weights, s.minimum)
        alone = [Run(simulate(s, trace, [n], [policy], "-p", str(p))[0])
                 for p, n in zip(pids, parts)]
        rows[name] = [(p, n, r.faults) for p, n, r in zip(pids, parts, alone)]
    return rows


# ---- Tables ----

def table(rows, out):
    """The first column to the left, others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip(), file=out)


def time_text(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.4g} {unit}"
    return f"{ns:.4g} ns"


def frames_text(n):
    return f"{n} frame{'s' * (n != 1)}"


def print_steps(s, trace, policy, frames, out):
    """The string, and below it what is in each frame after each reference."""
    held, columns, fault = [""] * frames, [], False
    for words in simulate(s, trace, [frames], [policy], "-s"):
        if words[0] == "out":
            held[int(words[1])] = ""
        elif words[0] == "ref":
            r, frame = s.refs[len(columns)], int(words[2])
            name = str(r.page) if len(s.processes) == 1 else f"{r.pid}:{r.page}"
            fault = held[frame] != name
            held[frame] = name
            columns.append([name + "w" * r.write, *(held if fault else [""] * frames),
                            "*" if fault else ""])
    faults = sum(c[-1] == "*" for c in columns)
    print(f"\n{policy}, {frames_text(frames)}: {faults} faults", file=out)
    rows = [["page", *(c[0] for c in columns)]]
    rows += [[f"frame {i}", *(c[i + 1] for c in columns)] for i in range(frames)]
    table(rows + [["fault", *(c[-1] for c in columns)]], out)


def print_runs(s, runs, out):
    def by_frames(title, text_of):
        print(f"\n{title}", file=out)
        table([["frames", *s.policies]] + [[str(n), *(text_of(runs[p, n]) for p in s.policies)]
                                           for n in s.frames], out)

    by_frames("faults", lambda run: str(run.faults))
    if any(r.write for r in s.refs):
        by_frames("modified pages written out", lambda run: str(run.writes))
    by_frames(f"effective access time: memory {time_text(s.memory)}, fault {time_text(s.fault)},"
              f" write {time_text(s.write)}", lambda run: time_text(run.access_time(s)))
    for p in s.policies:
        for few, more in zip(s.frames, s.frames[1:]):
            if few < more and runs[p, few].faults < runs[p, more].faults:
                print(f"{p}: more faults with {more} frames than with {few}:"
                      " Belady's anomaly", file=out)


def print_demand(s, out):
    print(f"\ndemand: working sets of {s.window} time, and what page-fault frequency gives to"
          f" a process that\nfaults more often than every {s.window}", file=out)
    rows = [["process", "references", "pages", "mean set", "largest", "faults by PFF",
             "mean frames", "most"]]
    for pid, refs in s.processes.items():
        sizes, d = working_set(refs, s.window), fault_frequency(refs, s.window)
        rows.append([str(pid), str(len(refs)), str(len({r.page for r in refs})),
                     f"{sum(sizes) / len(sizes):.1f}", str(max(sizes)), str(d.faults),
                     f"{d.mean:.1f}", str(d.peak)])
    table(rows, out)


def print_local(local, policy, frames, out):
    pids = [p for p, _, _ in local["global"]]
    print(f"\n{policy}, {frames_text(frames)} for all: faults (and frames) by process", file=out)
    rows = [["allotment", *map(str, pids), "all"]]
    for name, parts in local.items():
        cells = [str(f) if n is None else f"{f} ({n})" for _, n, f in parts]
        rows.append([name, *cells, str(sum(f for _, _, f in parts))])
    table(rows, out)


# ---- All ----

def report(s, trace, out):
    print(f"{len(s.refs)} references, {s.pages} pages"
          + (f", {len(s.processes)} processes" if len(s.processes) > 1 else ""), file=out)
    runs = run_all(s, trace, s.frames)
    if s.shown and len(s.frames) == 1:
        for policy in s.policies:
            print_steps(s, trace, policy, s.frames[0], out)
    print_runs(s, runs, out)
    print_demand(s, out)
    local = None
    if len(s.processes) > 1:
        policy = "esc" if "esc" in s.policies else s.policies[0]
        try:
            local = run_local(s, trace, s.frames[-1], policy)
            print_local(local, policy, s.frames[-1], out)
        except Refused as e:
            print(f"\nno local allotments: {e}", file=out)
    if s.plot:
        try:
            import plots
        except ImportError as e:
            raise Refused(f"PLOT needs matplotlib, `make tools-plot` installs it: {e}") from None
        frames = s.frames if len(s.frames) > 1 else range(1, min(s.pages, 100) + 1)
        for path in plots.draw(s, run_all(s, trace, list(frames)), local, s.plot):
            print("plot:", path, file=out)


def settings_given(arguments):
    given = {name: os.environ.get(name, "") for name in NAMES}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or name not in NAMES:
            raise Refused(f"{argument}: not one of {'= '.join(NAMES)}=")
        given[name] = value
    return given


def main():
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return 0
    try:
        s = Settings(settings_given(sys.argv[1:]))
        with tempfile.TemporaryDirectory() as d:
            trace = pathlib.Path(d) / "trace"
            write_trace(trace, s.refs)
            report(s, trace, sys.stdout)
    except Refused as e:
        print(f"policy: {e}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
