#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a program in quire and write down its memory references.

    capture.py TRACE KEEP IMAGE COMMAND...

One hart and 128 MiB, an instruction a nanosecond; nothing is written to IMAGE.  The
program's console is shown, and its status is that of capture.py.
"""

import pathlib
import subprocess
import sys

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
KERNEL = BUILD / "kernel.elf"
LIMIT = 1800           # seconds


def fail(who, why):
    print(f"{who}: {why}", file=sys.stderr)
    sys.exit(1)


def run(who, image, command, plugin):
    """Under that plugin. => the program's status"""
    if any(set("'\"") & set(word) for word in command):     # the kernel's command line knows none
        fail(who, "the program and its arguments are plain words, without quotes")
    try:
        return subprocess.run([
            "qemu-system-riscv64", "-M", "virt", "-smp", "1", "-m", "128M", "-nographic",
            "-bios", "default", "-no-reboot", "-global", "virtio-mmio.force-legacy=false",
            "-icount", "shift=0,sleep=off", "-kernel", KERNEL,
            "-append", "quiet seed=1 panic=exit test=/refs -- " + " ".join(command),
            "-drive", f"file={image},if=none,format=raw,id=x0,snapshot=on",
            "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0",
            "-plugin", plugin,
        ], stdin=subprocess.DEVNULL, timeout=LIMIT).returncode
    except subprocess.TimeoutExpired:
        fail(who, f"not done within {LIMIT} s")


def main():
    if len(sys.argv) < 5 or not sys.argv[4].strip():
        fail("trace", "what to run? make trace RUN=\"sort README.md\" TRACE=build/sort.trace")
    trace, keep, image, *command = sys.argv[1:]
    if not (keep.isdecimal() and 1 <= int(keep) <= 64):
        fail("trace", f"KEEP={keep}: from 1 to 64")
    if "," in trace:
        fail("trace", f"TRACE={trace}: QEMU wants no comma in this name")
    try:
        open(trace, "w", encoding="ascii").close()
    except OSError as e:
        fail("trace", f"TRACE={trace}: {e.strerror}")
    status = run("trace", image, command, f"{BUILD}/tools/trace.so,out={trace},keep={keep}")
    with open(trace, encoding="ascii") as f:
        lines = sum(not line.startswith("#") for line in f)
    print(f"{trace}: {lines} references", file=sys.stderr)
    if lines == 0:
        fail("trace", "nothing was captured; did quire start?")
    return status


if __name__ == "__main__":
    sys.exit(main())
