# SPDX-License-Identifier: MIT
"""Plots of a laboratory run, with matplotlib."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from references import Refused, working_set

POINTS = 100_000        # of a scatter plot, at most


def figure(title, x, y):
    f, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.set(title=title, xlabel=x, ylabel=y)
    return f, axes


def thinned(values):
    return values[::len(values) // POINTS + 1]


def faults(s, runs, path):
    f, axes = figure("Faults by the number of frames", "frames", "faults")
    for i, policy in enumerate(s.policies):    # thick ones show below thin ones
        points = sorted((n, r.faults) for (p, n), r in runs.items() if p == policy)
        axes.plot(*zip(*points), marker="o", markersize=3, label=policy,
                  linewidth=1 + len(s.policies) - i)
    axes.set_ylim(bottom=0)
    axes.legend()
    f.savefig(path)


def pages(s, path):
    """Pages in the order of their addresses; the gaps between them are left out."""
    f, axes = figure("Which pages are used when", "time", "page, in the order of addresses")
    row = {p: i for i, p in enumerate(sorted({(r.pid, r.page) for r in s.refs}))}
    for pid, refs in s.processes.items():
        refs = thinned(refs)
        for write, mark in ((False, "."), (True, "x")):
            some = [r for r in refs if r.write == write]
            axes.scatter([r.time for r in some], [row[r.pid, r.page] for r in some], s=4,
                         marker=mark, linewidths=0.5,
                         label=f"process {pid}, {'written' if write else 'read'}")
    axes.legend()
    f.savefig(path)


def working_sets(s, path):
    f, axes = figure(f"Pages used in the last {s.window}", "time", "pages")
    for pid, refs in s.processes.items():
        sizes = working_set(refs, s.window)
        axes.plot(thinned([r.time for r in refs]), thinned(sizes), linewidth=0.8,
                  label=f"process {pid}")
    axes.set_ylim(bottom=0)
    axes.legend()
    f.savefig(path)


def allotments(local, path):
    f, axes = figure("Faults by allotment", "", "faults")
    below = [0] * len(local)
    for i, (pid, _, _) in enumerate(local["global"]):
        counts = [parts[i][2] for parts in local.values()]
        axes.bar(list(local), counts, bottom=below, label=f"process {pid}")
        below = [a + b for a, b in zip(below, counts)]
    axes.legend()
    f.savefig(path)


def draw(s, runs, local, directory):
    """=> the files written"""
    where = pathlib.Path(directory)
    try:
        where.mkdir(parents=True, exist_ok=True)
        names = {"faults": lambda p: faults(s, runs, p), "pages": lambda p: pages(s, p),
                 "working-sets": lambda p: working_sets(s, p)}
        if local:
            names["allotments"] = lambda p: allotments(local, p)
        for name, plot in names.items():
            plot(where / f"{name}.png")
            plt.close("all")
        return [where / f"{name}.png" for name in names]
    except OSError as e:
        raise Refused(f"PLOT: {e}") from None
