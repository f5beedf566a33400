# SPDX-License-Identifier: MIT
"""Where a stranger's code is built and run: a few folders, no network, limits.

With bubblewrap the commands see /usr, what is given to them, and nothing else.
Without it they run as this user with the same limits: weaker, and said so.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

BWRAP = shutil.which("bwrap")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
SHARED = 4
WEAKER = "no bubblewrap here: submissions run as this user, with limits of time and memory only"


def works():
    """Is there a bubblewrap, and may this user make namespaces?"""
    if BWRAP is None:
        return False
    probe = [BWRAP, "--unshare-all", *(a for d in SYSTEM for a in ("--ro-bind-try", d, d)), "true"]
    return subprocess.run(probe, capture_output=True).returncode == 0


class Limits:
    def __init__(self, seconds, memory=2 << 30, file=64 << 20, output=1 << 20):
        """seconds: of a processor, for each process; the clock gets SHARED times that, for
        a machine has more to do than this.  The rest in bytes."""
        self.seconds, self.memory, self.file, self.output = seconds, memory, file, output

    def prefix(self):
        return ["prlimit", f"--as={self.memory}", f"--cpu={self.seconds}",
                f"--fsize={self.file}", "--core=0"]


class Sandbox:
    """One folder that commands may write to, `work`; they see it as the same path."""

    def __init__(self, work, readable=()):
        self.work = pathlib.Path(work).resolve()
        self.readable = [str(pathlib.Path(p).resolve()) for p in readable]
        self.strong = works()

    def command(self, args, limits):
        if not self.strong:
            return [*limits.prefix(), *args]
        wall = [BWRAP, "--unshare-all", "--die-with-parent", "--new-session",
                "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp"]
        for d in SYSTEM:
            wall += ["--ro-bind-try", d, d]
        for p in self.readable:
            wall += ["--ro-bind", p, p]
        wall += ["--bind", str(self.work), str(self.work), "--chdir", str(self.work), "--"]
        return [*limits.prefix(), *wall, *args]

    def start(self, args, limits, stdin=subprocess.DEVNULL):
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C"}
        return subprocess.Popen(self.command(args, limits), cwd=self.work, env=environment,
                                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def run(self, args, limits):
        """=> (exit status or None if a limit was met, output)"""
        process = self.start(args, limits)
        out = Output(process, limits.output)
        try:
            status = process.wait(SHARED * limits.seconds)
        except subprocess.TimeoutExpired:
            status = None
        end(process)
        out.join()
        return (None if out.flooded else status), out.text()


def end(process):
    """A process and all it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def family(pid):
    """A process and all it started that still are."""
    yield pid
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield from family(int(child))


class Clock:
    """The time as a process sees it: it stands while the process waits for a processor.

    So a verdict that rests on a limit of time is the same on a machine with much to do."""

    def __init__(self, process):
        self.pid, self.waited = process.pid, 0

    def now(self):
        """Seconds."""
        with contextlib.suppress(OSError):        # it ends while we look
            for pid in family(self.pid):
                for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                    self.waited = max(self.waited, int(path.read_text().split()[1]))
        return time.monotonic() - self.waited / 1e9


class Output:
    """What a process says, read as it comes; the first and the last of it are kept.

    Who says more than `limit` is ended."""
    KEEP = 1 << 16

    def __init__(self, process, limit):
        self.process, self.limit = process, limit
        self.head, self.tail, self.size, self.flooded = b"", b"", 0, False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while data := self.process.stdout.read1(1 << 16):
            self.size += len(data)
            self.head += data[:max(0, self.KEEP - len(self.head))]
            self.tail = (self.tail + data)[-self.KEEP:]
            if self.size > self.limit and not self.flooded:
                self.flooded = True
                end(self.process)

    def join(self):
        self.thread.join(10)

    def text(self):
        data = self.head if self.size <= self.KEEP else self.head + b"\n[...]\n" + self.tail
        return data.decode(errors="replace").replace("\r", "")
