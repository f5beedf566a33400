#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write a compilation database for clangd.

    compile-commands.py OUT {GROUP COMPILER-AND-FLAGS SOURCE...}...

GROUP is one of kernel, user, host and unit; it only starts a new list.
"""

import json
import os
import sys

GROUPS = {"kernel", "user", "host", "unit"}


def groups(args):
    command = None
    for arg in args:
        if arg in GROUPS:
            command = None
        elif command is None:
            command = arg
        else:
            yield command, arg


def main(out, *args):
    entries = [
        {"directory": os.getcwd(), "file": source, "command": f"{command} -c {source}"}
        for command, source in groups(args)
    ]
    with open(out, "w") as f:
        json.dump(entries, f, indent=1)


main(*sys.argv[1:])
