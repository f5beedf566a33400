# SPDX-License-Identifier: MIT
"""A quire running in QEMU, and how a test talks to it.

A Guest boots a private view of a disk image, keeps its console in a file, and
answers within time limits or raises with the tail of that console.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import tempfile
import time

import pexpect

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
KERNEL = BUILD / "kernel.elf"
IMAGE = BUILD / "test" / "fs.img"
CONSOLE = ["-chardev", "stdio,id=con,signal=off", "-serial", "chardev:con"]
PROMPT = r"(?:^|[\r\n])\$ $"

SEED = None                    # of what QEMU gives guests to be random by; conftest.py sets it

# Machines that run tests are slow at times, and tests run side by side; limits are
# for hangs, not for speed.
PATIENCE = float(os.environ.get("PATIENCE", os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


class GuestError(Exception):
    """The guest did not do what was asked in time; shows what it last said."""


class Guest:
    def __init__(self, name, cpus=2, mem="128M", append="", image=IMAGE, snapshot=True,
                 swap=None, qemu=(), wait=True, kernel=KERNEL, recorder=None):
        """Boot; with `wait`, until the prompt.

        snapshot: writes to the image are thrown away at the end.
        qemu: more arguments for QEMU.
        recorder: if the machine can be recorded, it is, where that says.
        """
        self.name, self.kernel = name, kernel
        self._can_record = cpus == 1 and image is not None and not qemu
        self.recorded = recorder is not None and self._can_record
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="quire-"))
        self.log_path = BUILD / "test" / "boot" / f"{name}.log"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        arguments = self._arguments(kernel, cpus, mem, append, image, snapshot, swap, qemu)
        if self.recorded:
            disks = [str(disk) for disk in (image, swap) if disk is not None]
            arguments = ["record", str(recorder.next()), str(kernel), mem, append, *disks, "--",
                         *self._own_arguments()]
        self.console = pexpect.spawn(
            str(ROOT / "tools/record.sh") if self.recorded else "qemu-system-riscv64", arguments,
            env=os.environ | {"SERIAL": " ".join(CONSOLE)}, encoding="utf-8",
            codec_errors="replace", timeout=20 * PATIENCE, echo=False, dimensions=(50, 200))
        self.console.delaybeforesend = None
        self.console.logfile_read = self.log
        self.started = time.monotonic()
        self._qmp = None
        if wait:
            self.wait_prompt(30)

    def _arguments(self, kernel, cpus, mem, append, image, snapshot, swap, more):
        args = [
            "-M", "virt", "-smp", str(cpus), "-m", mem, "-display", "none", "-monitor", "none",
            *CONSOLE, "-bios", "default", "-kernel", str(kernel), "-append", append, "-no-reboot",
            "-global", "virtio-mmio.force-legacy=false", *self._own_arguments(),
        ]
        if image is not None:
            args += self._disk(0, image, snapshot)
        if swap is not None:
            args += self._disk(1, swap, True)
        return args + list(more)

    def _own_arguments(self):
        seed = [] if SEED is None else ["-seed", str(SEED)]
        return ["-qmp", f"unix:{self.scratch}/qmp,server=on,wait=off", *seed]

    @staticmethod
    def _disk(slot, path, snapshot):
        mode = "on" if snapshot else "off"
        return [
            "-drive", f"file={path},if=none,format=raw,id=x{slot},snapshot={mode}",
            "-device", f"virtio-blk-device,drive=x{slot},bus=virtio-mmio-bus.{slot}",
        ]

    # ---- Talking ----

    def expect(self, pattern, timeout=20):
        """Wait for a regular expression. => (text before it, the match)"""
        try:
            self.console.expect(pattern, timeout=timeout * PATIENCE)
        except pexpect.TIMEOUT:
            self.fail(f"no {pattern!r} within {timeout} s")
        except pexpect.EOF:
            self.fail(f"QEMU ended while waiting for {pattern!r}")
        return self.console.before.replace("\r", ""), self.console.match

    def send(self, text):
        if not self.recorded:
            self.console.send(text)
            return
        for at in range(0, len(text), 8):      # record drops nothing, but keeps back what
            self.console.send(text[at:at + 8]) # finds the UART full
            time.sleep(0.05)

    def wait_prompt(self, timeout=20):
        """=> what came before the prompt"""
        return self.expect(PROMPT, timeout)[0]

    def start(self, line):
        """Type a line; consume its echo, nothing more."""
        self.send(line + "\n")
        self.expect(r"\r\n", 10)

    def run(self, line, timeout=20):
        """Run a shell line. => its output, without the newline at the end"""
        self.start(line)
        return self._output(timeout)

    def _output(self, timeout):
        text = self.expect(r"\$ $", timeout)[0]
        # Behind a newline that was the prompt; else perhaps not, if more follows.
        while text and not text.endswith("\n") and self._more_follows():
            text += "$ " + self.expect(r"\$ $", timeout)[0]
        return text[:-1] if text.endswith("\n") else text

    def _more_follows(self):
        try:
            self.console.expect(r".", timeout=0.1)
        except pexpect.TIMEOUT:
            return False
        self.console.buffer = self.console.after + self.console.buffer
        return True

    def press(self, key, pattern=PROMPT):
        """A key that ends or stops what is in the foreground, once it is there.

        Before that it is lost, so it is pressed until the pattern comes.
        => what came before it
        """
        time.sleep(0.3)             # mostly it is there by then
        for _ in range(4):
            self.send(key)
            try:
                return self.expect(pattern, 5)[0]
            except GuestError:
                pass
        return self.expect(pattern)[0]

    def status(self, line, timeout=20):
        """Run a shell line. => its exit status"""
        self.run(line, timeout)
        return int(self.last_status())

    def check(self, line, timeout=20):
        """Run a shell line that must succeed. => its output"""
        out = self.run(line, timeout)
        status = self.last_status()
        if status != "0":
            self.fail(f"{line!r} ended with status {status}: {out}")
        return out

    def last_status(self):
        """The shell may have something to say of its jobs first."""
        return self.run("echo $?").split("\n")[-1]

    def vm_check(self):
        """Have the kernel recount all of its memory."""
        out = self.run("cat /proc/sys/vm/check", 60)
        if out.strip() != "ok":
            self.fail(f"vm_check: {out}")

    # ---- Ends ----

    def alive(self):
        return self.console.isalive()

    def recordable(self):
        return self._can_record

    def wait_exit(self, timeout=20):
        """Wait for QEMU to end by itself. => (the rest of the console, exit status)"""
        try:
            self.console.expect(pexpect.EOF, timeout=timeout * PATIENCE)
        except pexpect.TIMEOUT:
            self.fail(f"still running after {timeout} s")
        self.console.wait()
        return self.console.before.replace("\r", ""), self.console.exitstatus

    def poweroff(self):
        self.start("poweroff")
        return self.wait_exit()

    def close(self):
        if self.recorded and self.alive():
            self.console.kill(signal.SIGTERM)  # and the recording is whole
            self.console.expect(pexpect.EOF, timeout=20 * PATIENCE)
        if self._qmp:
            self._qmp.close()
        if self.console.isalive():
            self.console.kill(signal.SIGKILL)
            self.console.wait()
        self.console.close()
        self.log.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def said(self):
        """All of the console so far."""
        self.log.flush()
        return self.log_path.read_bytes().decode(errors="replace").replace("\r", "")

    def tail(self, lines=40):
        text = re.sub(r"(?s)OpenSBI.*Boot HART MEDELEG[^\n]*\n", "", self.said())
        return "\n".join(text.split("\n")[-lines:])

    def fail(self, why):
        raise GuestError(f"{self.name}: {why}\nconsole ({self.log_path}) ends:\n{self.tail()}")

    # ---- Looking in from outside ----

    @property
    def qmp(self):
        if self._qmp is None:
            self._qmp = Qmp(f"{self.scratch}/qmp")
        return self._qmp

    def stop(self):
        """Let time stand still."""
        self.qmp.do("stop")

    def memory(self, base, size):
        """A snapshot of guest physical memory, all taken in one instant."""
        path = self.scratch / "memory"
        self.qmp.do("stop")
        self.qmp.do("pmemsave", val=base, size=size, filename=str(path))
        self.qmp.do("cont")
        return path.read_bytes()


class Qmp:
    """QEMU's machine protocol over a unix socket, as far as tests need it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        json.loads(self.file.readline())
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise GuestError(f"QMP {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.file.close()
        self.socket.close()


def wait_for(what, seconds=60):
    """Until what() is true; what is waited for may take its time."""
    for _ in range(int(seconds * PATIENCE) * 5):
        if what():
            return
        time.sleep(0.2)
    raise AssertionError("it never came")


def file_name(text):
    """Make a name for a log file out of a test's name."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-")
