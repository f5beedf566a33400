# SPDX-License-Identifier: MIT
"""Reference strings and traces, and what can be said of them without a simulator."""

import collections
import heapq
import re

Reference = collections.namedtuple("Reference", "time pid page write")


class Refused(Exception):
    """Input that makes no sense, in words for the user."""


# ---- Reading and writing ----

def parse_string(text):
    """`7 0w 2:1`: pages in decimal, w behind those written, PID: before."""
    refs = []
    for word in text.replace(",", " ").split():
        m = re.fullmatch(r"(?:(\d+):)?(\d+)(w?)", word)
        if not m or int(m[1] or 1) == 0 or max(int(m[1] or 1), int(m[2])) >> 64:
            raise Refused(f"REFS: {word} is not a page: a number below 2^64, with w behind it if it"
                          " is written, with PID: before it if there are several processes")
        refs.append(Reference(len(refs), int(m[1] or 1), int(m[2]), bool(m[3])))
    if not refs:
        raise Refused("REFS: no reference")
    return refs


def read_trace(path):
    """=> references, accesses behind them (a trace leaves out what changes nothing)"""
    refs, accesses, last = [], None, 0
    try:
        with open(path, encoding="ascii", errors="replace") as f:
            for number, line in enumerate(f, 1):
                words = line.split()
                if words[:2] == ["#", "accesses"] and len(words) > 2:
                    accesses = int(words[2])
                if not words or words[0].startswith("#"):
                    continue
                try:
                    time, pid, page, how = words
                    r = Reference(int(time), int(pid), int(page, 16), {"r": False, "w": True}[how])
                except (ValueError, KeyError):
                    raise Refused(f"{path}:{number}: not TIME PID PAGE r|w") from None
                if r.time < last:
                    raise Refused(f"{path}:{number}: earlier than the line before")
                last = r.time
                refs.append(r)
    except OSError as e:
        raise Refused(f"{path}: {e.strerror}") from None
    if not refs:
        raise Refused(f"{path}: no reference")
    return refs, accesses or len(refs)


def merge(traces):
    """Several as if they had run together; processes get new numbers if two have one."""
    pids = [{r.pid for r in t} for t in traces]
    if sum(map(len, pids)) > len(set().union(*pids)):
        numbers = {}
        traces = [[r._replace(pid=numbers.setdefault((i, r.pid), len(numbers) + 1)) for r in t]
                  for i, t in enumerate(traces)]
    return list(heapq.merge(*traces, key=lambda r: r.time))


def write_trace(path, refs):
    with open(path, "w", encoding="ascii") as f:
        for r in refs:
            f.write(f"{r.time} {r.pid} {r.page:x} {'w' if r.write else 'r'}\n")


def by_process(refs):
    """=> {pid: its references}"""
    processes = {}
    for r in refs:
        processes.setdefault(r.pid, []).append(r)
    return processes


# ---- Demand ----

def working_set(refs, window):
    """The sizes of one process's working set W(t, window), one at each reference:
    the pages it has used in the last `window` of time."""
    recent, count, sizes = collections.deque(), collections.Counter(), []
    for r in refs:
        recent.append(r)
        count[r.page] += 1
        while recent[0].time <= r.time - window:
            old = recent.popleft()
            count[old.page] -= 1
            if count[old.page] == 0:
                del count[old.page]
        sizes.append(len(count))
    return sizes


Demand = collections.namedtuple("Demand", "faults mean peak")


def fault_frequency(refs, threshold):
    """One process under page-fault-frequency control: a fault less than `threshold`
    after the last one gets a frame more; else all pages not used since that one go.
    => faults, mean (over the references) and peak of its frames"""
    used, held, last = set(), set(), None
    faults = total = peak = 0
    for r in refs:
        if r.page not in held:
            faults += 1
            if last is not None and r.time - last >= threshold:
                held &= used
            held.add(r.page)
            used.clear()
            last = r.time
        used.add(r.page)
        total += len(held)
        peak = max(peak, len(held))
    return Demand(faults, total / len(refs), peak)


# ---- Allotments ----

def share_out(frames, weights, minimum):
    """Frames in proportion to weights, nobody below the minimum. => a list"""
    if minimum * len(weights) > frames:
        raise Refused(f"with {minimum} frames at least for each (MINIMUM), {len(weights)}"
                      f" processes do not fit into {frames}")
    left, parts = frames, [minimum] * len(weights)
    rest = set(range(len(weights)))
    while rest:                 # who would get less than the minimum gets that, and is out
        whole = sum(weights[i] for i in rest)
        poor = {i for i in rest if left * weights[i] < minimum * whole}
        if not poor:
            break
        left -= minimum * len(poor)
        rest -= poor
    exact = {i: left * weights[i] / whole for i in rest}
    for i in rest:
        parts[i] = int(exact[i])
    spare = frames - sum(parts)
    for i in sorted(rest, key=lambda i: (parts[i] - exact[i], i))[:spare]:
        parts[i] += 1
    return parts
