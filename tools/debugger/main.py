# SPDX-License-Identifier: MIT
"""The debugger's commands for quire; sourced by .gdbinit.  `help quire` lists them."""

import pathlib
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import back
import memory
import snapshot
import tasks

COMMANDS = tasks.COMMANDS + memory.COMMANDS + snapshot.COMMANDS + back.COMMANDS


class Quire(gdb.Command):
    __doc__ = "Helpers for quire.\n\n" + "\n".join(
        c.__doc__.partition("\n")[0] for c in COMMANDS) + (
        "\nuser PROGRAM: add the symbols of a user program, for `break main`.")

    def __init__(self):
        super().__init__("quire", gdb.COMMAND_USER, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        gdb.execute("help quire")


class Connect(gdb.Command):
    """Connect to the machine that `make qemu-gdb` started."""

    def __init__(self):
        super().__init__("quire-connect", gdb.COMMAND_RUNNING)

    def invoke(self, argument, from_tty):
        target = gdb.convenience_variable("quire_target")
        if target is None:
            port = pathlib.Path("build/gdbport")
            if not port.exists():
                raise gdb.GdbError("Nothing to connect to: run `make qemu-gdb` in another window.")
            target = f"127.0.0.1:{port.read_text().strip()}"
        else:
            target = target.string()
        gdb.execute(f"target remote {target}")


class User(gdb.Command):
    """user PROGRAM: add the symbols of build/user/PROGRAM.elf, or of a file, linked statically."""

    def __init__(self):
        super().__init__("user", gdb.COMMAND_FILES)

    def invoke(self, argument, from_tty):
        name = argument.strip()
        own = pathlib.Path(f"build/user/{name}.elf")
        gdb.execute(f"add-symbol-file {own if own.exists() else name}")


for command in (Quire, Connect, User, *COMMANDS):
    command()
