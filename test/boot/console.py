#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run one command in a guest on a private image, showing its console.

    console.py [--cpus N] [--mem SIZE] [--append TEXT] [--kernel FILE] COMMAND [ARGUMENT ...]

Exit status: the command's.
"""

import argparse
import sys

from guest import KERNEL, Guest, GuestError


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cpus", default="3")
    parser.add_argument("--mem", default="128M")
    parser.add_argument("--append", default="")
    parser.add_argument("--kernel", default=KERNEL)
    parser.add_argument("--limit", type=float, default=3600, help="seconds")
    options, command = parser.parse_known_args()

    guest = Guest("console", cpus=options.cpus, mem=options.mem, append=options.append,
                  kernel=options.kernel)
    try:
        guest.console.logfile_read = sys.stdout
        status = guest.status(" ".join(command), options.limit)
        guest.vm_check()
        return status
    except GuestError as e:
        print(e, file=sys.stderr)
        return 1
    finally:
        guest.close()


sys.exit(main())
