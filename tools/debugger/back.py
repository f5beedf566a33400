# SPDX-License-Identifier: MIT
"""Running backwards in what `make qemu-replay BACK=1` replays.

A place in a recorded run is the number of instructions before it.  To go back is to begin
again and run up to the place.  QEMU has gdb's commands for that, but its clock counts from
when the beginning was loaded, not from the beginning (time_delta of its mtimer), so that a
timer that was to expire later than that expires at once and the run stands still.  Loaded
a second time, at the beginning, both are the same.
"""

import contextlib
import re
import time

import gdb


def place():
    m = re.search(r"Replaying .* = (\d+)", gdb.execute("monitor info replay", to_string=True))
    if not m:
        raise gdb.GdbError("This is no recorded run: `make qemu-replay BACK=1` has one.")
    return int(m[1])


def begin_again():
    for instructions in (1, 0):
        while True:
            gdb.execute(f"monitor replay_seek {instructions}", to_string=True)
            time.sleep(0.2)                # to ask would stop what runs
            if place() == instructions:
                break
    gdb.execute("maintenance flush register-cache", to_string=True)
    for b in gdb.breakpoints():              # gdb stops where a value is not what it was before
        if b.enabled and b.type != gdb.BP_BREAKPOINT:
            b.enabled = False
            b.enabled = True


def go_on(end=None):
    """Up to a breakpoint, or to that place if it comes first. => the place"""
    if end is not None:
        gdb.execute(f"monitor replay_break {end}", to_string=True)
    gdb.execute("continue")
    return place()


@contextlib.contextmanager
def quietly():
    """Stops in between are not worth a line each."""
    gdb.execute("set suppress-cli-notifications on")
    try:
        yield
    finally:
        gdb.execute("set suppress-cli-notifications off")


@contextlib.contextmanager
def no_breakpoints():
    enabled = [b for b in gdb.breakpoints() if b.enabled]
    for b in enabled:
        b.enabled = False
    try:
        yield
    finally:
        for b in enabled:
            b.enabled = True


def go_to(there):
    with quietly(), no_breakpoints():
        begin_again()
        if there > 0:
            go_on(there)
    gdb.execute("frame")


class ReverseContinue(gdb.Command):
    """reverse-continue: back to the last breakpoint or watchpoint (`watch -l`) before here."""

    def __init__(self):
        super().__init__("reverse-continue", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        here, hits = place(), 0
        with quietly():
            begin_again()
            while go_on(here) < here:
                hits += 1
        if hits == 0:
            go_to(here)
            gdb.write("No breakpoint or watchpoint was met before here.\n")
            return
        with quietly():
            begin_again()
            for _ in range(hits - 1):
                go_on()
        go_on()


class ReverseStepi(gdb.Command):
    """reverse-stepi [N]: one instruction back, or N."""

    def __init__(self):
        super().__init__("reverse-stepi", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        go_to(max(place() - int(gdb.parse_and_eval(argument or "1")), 0))


class NotBack(gdb.Command):
    """This would take a run from the beginning for each instruction of a line."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        raise gdb.GdbError("Set a breakpoint before here, and reverse-continue to it.")


for command in ("reverse-step", "reverse-next", "reverse-finish"):
    NotBack(command)
COMMANDS = ReverseContinue, ReverseStepi
