#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Print the TCP port of this tree's gdb stub, and record it in a file.

    gdbport.py FILE          the recorded port; picks one if there is none
    gdbport.py --free FILE   the same, but another one if it is in use
"""

import pathlib
import socket
import sys


def is_free(port):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def recorded(path):
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def main(args):
    must_be_free = args[:1] == ["--free"]
    if len(args) != 1 + must_be_free:
        sys.exit(__doc__)
    path = pathlib.Path(args[-1])
    port = recorded(path)
    if port is None or (must_be_free and not is_free(port)):
        port = pick()
        path.write_text(f"{port}\n")
    print(port)


main(sys.argv[1:])
