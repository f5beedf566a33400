#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run a program in quire under `snap` and write down what it showed of memory.

    capture.py TEXT KERNEL IMAGE CPUS MEM SWAP COMMAND

COMMAND may begin with options of snap's.  SWAP is a file, '' for none.  Nothing is written
to it, nor to IMAGE.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "test/boot"))
from guest import Guest, GuestError

LIMIT = 600            # seconds


class Refused(Exception):
    """`snap` could not do it; says why."""


def run(command, **machine):
    """=> the text"""
    g = Guest("viz", append="quiet", **machine)
    try:
        text = g.run(f"snap {command}", LIMIT)
        complaint = re.search(r"(?m)^(snap|usage): .*", text)
        if complaint:
            raise Refused(complaint[0].strip())
        if "==== end" not in text:
            g.fail("no end of the snapshots")
        return text
    finally:
        g.close()


def main():
    if len(sys.argv) != 8:
        sys.exit("usage: capture.py TEXT KERNEL IMAGE CPUS MEM SWAP COMMAND")
    target, kernel, image, cpus, mem, swap, command = sys.argv[1:]
    try:
        text = run(command, kernel=kernel, image=image, cpus=int(cpus), mem=mem, swap=swap or None)
    except (GuestError, Refused) as e:
        sys.exit(f"viz: {e}")
    pathlib.Path(target).write_text(text)


if __name__ == "__main__":
    main()
