# SPDX-License-Identifier: MIT
"""Commands about tasks, harts and locks."""

import pathlib
import re

import gdb

from kernel import (Command, call_chain, function_at, harts, is_current, linked, name_of, number,
                    pointer, string, symbol_at, task_by_tid, tasks, value)

SWITCHING = ("resched", "schedule", "sleep_", "wait_", "rw_")       # as for /proc/PID/wchan


def waits_in(task):
    """The last function on its stack that is not about switching."""
    name = "?"
    for pc in call_chain(task):
        name = symbol_at(pc - 1)
        if not name.startswith(SWITCHING):
            break
    return name


class Tasks(Command):
    """tasks: list all tasks: tid, parent, state, hart, name, and where it waits."""
    name = "tasks"

    def show(self, args):
        print(" tid ppid  state      hart name             at")
        for t in tasks():
            state = name_of(t["state"])
            hart = int(t["hart"]["index"]) if number(t["hart"]) else "-"
            where = "" if is_current(t) else waits_in(t)
            print(f"{int(t['tid']):4} {int(t['process']['ppid']):4}  {state:10} {hart!s:4} "
                  f"{t['comm'].string():16} {where}")


class LxPs(Tasks):
    """lx-ps: the same as `tasks`, under the name that Linux's helpers have."""
    name = "lx-ps"


class Current(Command):
    """current: what each hart runs, and how many tasks wait for it."""
    name = "current"

    def show(self, args):
        for h in harts():
            t = h["current"].dereference()
            who = "idle" if number(h["current"]) == number(h["idle"]) else (
                f"{int(t['tid'])} {t['comm'].string()}")
            print(f"hart {int(h['index'])}: {who}; {int(h['nrunnable'])} more want to run")


class RunQueues(Command):
    """run-queues: the tasks that want to run on each hart, the next first."""
    name = "run-queues"

    def show(self, args):
        for h in harts():
            names = [f"{int(t['tid'])} {t['comm'].string()}"
                     for t in linked(h["runq"], "struct task", "run")]
            print(f"hart {int(h['index'])}: {', '.join(names) or 'nobody'}")


def in_program(task, pc, after_call=False):
    """function_at() of a user address, by the symbols of the task's own program if they are there.

    Several programs' symbols lie at the same addresses."""
    def own(path):
        return pathlib.Path(path).name.removesuffix(".elf")[:15] == task["comm"].string()

    line = gdb.find_pc_line(pc - after_call)
    if line.symtab and own(line.symtab.objfile.filename):
        return function_at(pc, after_call)
    for found in gdb.execute(f"info symbol {pc - after_call:#x}", to_string=True).splitlines():
        m = re.match(r"(\S+)(?: \+ (\d+))? in section \S+ of (.*)", found)
        if m and own(m[3]):
            return f"{m[1]}+{int(m[2] or 0) + after_call:#x}"
    return f"{pc:#x}"


class TaskTrace(Command):
    """task-trace TID: the call chain of a task that waits, down to where it entered.

Then where it is in its program: `user FILE` before gives names.
For one that runs: `info threads` and `thread N`, then `backtrace`."""
    name = "task-trace"
    kind = gdb.COMMAND_STACK

    def show(self, args):
        if len(args) != 1:
            raise self.usage()
        task = task_by_tid(args[0])
        if is_current(task):
            raise gdb.GdbError(f"task {args[0]} is running on hart {int(task['hart']['index'])}: "
                               f"`thread {int(task['hart']['index']) + 1}`, then `backtrace`")
        for depth, pc in enumerate(call_chain(task)):
            print(f"#{depth:<3} {pc:#x} {function_at(pc, after_call=True)}")
        if number(task["space"]):
            pc, ra = (number(task["tf"][name]) for name in ("pc", "ra"))
            print(f"in user mode at {in_program(task, pc)}, "
                  f"which may return to {in_program(task, ra, True)}")


class Locks(Command):
    """locks: what locks each task holds or is about to take (in a DEBUG=1 build)."""
    name = "locks"

    def show(self, args):
        held = False
        for t in tasks():
            try:
                record = t["locks"]
                n = int(record["nheld"])
            except gdb.error as e:
                raise gdb.GdbError("only a DEBUG=1 build records them; "
                                   "`lock EXPRESSION` shows one") from e
            for i in range(n):
                one = record["held"][i]
                held = True
                print(f"{int(t['tid'])} {t['comm'].string()}: {number(one['lock']):#x}, "
                      f"taken in {function_at(number(one['taker']))}")
        if not held:
            print("none is held")


class Lock(Command):
    """lock EXPRESSION: who holds a lock, such as `lock family_lock`, and who waits."""
    name = "lock"

    def show(self, args):
        if not args:
            raise self.usage()
        lock = value(" ".join(args))
        if lock.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            lock = lock.dereference()
        is_struct = lock.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT
        fields = {f.name for f in lock.type.fields()} if is_struct else set()
        if "name" not in fields:
            raise gdb.GdbError(f"{args[0]} is no lock")
        if "word" in fields:
            word = number(lock["word"])
            holder = number(lock["writer"]) if word & 2 else 0
            print(f"{string(lock['name'])}: {word >> 2} readers, "
                  f"{'written by ' + self.who(holder) if holder else 'no writer'}; "
                  f"{int(lock['readers_waiting'])} readers and {int(lock['writers_waiting'])} "
                  f"writers wait")
            return
        holder = number(lock["holder" if "holder" in fields else "owner"]) & ~1
        print(f"{string(lock['name'])}: " + (f"held by {self.who(holder)}" if holder else "free"))
        if "waiters" in fields:
            for t in linked(lock["waiters"]["waiters"], "struct task", "wait"):
                print(f"  {self.who(number(t.address))} waits")

    @staticmethod
    def who(address):
        t = pointer("struct task", address)
        return f"{int(t['tid'])} {t['comm'].string()}"


COMMANDS = (Tasks, LxPs, Current, RunQueues, TaskTrace, Locks, Lock)
