# SPDX-License-Identifier: MIT
"""What a boot test that failed leaves in build/failed/NAME, to be looked into:

console-*, kernel.elf   what each guest said, and what ran
core-*                  the memory of a guest that was still there, for gdb
again                   the command that repeats the test, with its seed
recording-*             of a test whose machines have one hart: it is run once more under
                        record, and if it fails there too that run can be had again

Nothing of it is done, or prepared, as long as no test fails.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from guest import BUILD, ROOT, GuestError, file_name

FAILED = BUILD / "failed"
CORES, RECORDINGS, LIMIT = 4, 2, 300         # in one session; seconds for a recording
RECORDED = "recording-"


class Remains:
    def __init__(self, seed, cross):
        self.seed, self.cross = seed, cross
        self.cores, self.recordings = CORES, RECORDINGS

    def keep(self, nodeid, guests):
        """=> what there is and how to look at it, in words"""
        where = FAILED / file_name(nodeid.partition("::")[2])
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        again = f"make test ARGS='--seed={self.seed} test/{nodeid}'"
        (where / "again").write_text(again + "\n")
        said = [f"in {self.name(where)}: consoles, kernel; again: {again}"]
        for g in guests:
            (where / f"console-{g.name}").write_text(g.said())
            shutil.copyfile(g.kernel, where / "kernel.elf")
            if g.alive() and self.cores > 0:
                self.cores -= 1
                said.append(self.core(g, where))
        if all(g.recordable() for g in guests) and self.recordings > 0:
            self.recordings -= 1
            said.append(self.record(nodeid, where))
        return "\n".join(said)

    @staticmethod
    def name(path):
        return path.relative_to(ROOT)

    def core(self, g, where):
        dump, core = where / "dump", where / f"core-{g.name}"
        try:
            g.qmp.do("dump-guest-memory", paging=False, protocol=f"file:{dump}")
            made = subprocess.run(
                [ROOT / "tools/debugger/core.py", dump, core, where / "kernel.elf"],
                capture_output=True, text=True, timeout=LIMIT)
        except (GuestError, OSError, subprocess.SubprocessError) as e:
            return f"no core: {e}"
        finally:
            dump.unlink(missing_ok=True)
        return (made.stderr if made.returncode else
                f"gdb-multiarch {self.name(where)}/kernel.elf {self.name(core)} "
                "-x tools/debugger/main.py").strip()

    def record(self, nodeid, where):
        command = [sys.executable, "-B", "-m", "pytest", "-q", "--long", "--rootdir", "test", "-p",
                   "no:cacheprovider", f"--record={where}", f"--seed={self.seed}",
                   f"--cross={self.cross}", f"test/{nodeid}"]
        try:
            done = subprocess.run(command, cwd=ROOT, timeout=LIMIT, capture_output=True, text=True,
                                  env=os.environ | {"PATIENCE": "4"})
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = "a time-out"
        recordings = sorted(where.glob(RECORDED + "*"))
        if status != 1 or not recordings:
            for path in recordings:
                shutil.rmtree(path)
            return f"under record it did not fail (pytest: {status})"
        last = self.name(recordings[-1])
        return (f"it failed under record too; to go back in that run: make qemu-replay BACK=1 "
                f"RECORD={last}; and there: make gdb, file {last}/kernel.elf")


class Recorder:
    """Says where the next machine of a test that is run under record is recorded."""

    def __init__(self, where):
        self.where, self.n = pathlib.Path(where), 0

    def next(self):
        self.n += 1
        return self.where / f"{RECORDED}{self.n}"
