# SPDX-License-Identifier: MIT
"""Tests that fail on purpose, and what they leave: it opens."""

import re
import shutil
import subprocess
import sys

import pytest

import remains
from guest import ROOT


@pytest.fixture
def fail():
    """fail(test, options) => (status of pytest, what it said, the directory that is left)"""
    made = []

    def run(name, *options):
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "--rootdir", "test", "-p",
             "no:cacheprovider", *options, f"test/boot/failing.py::{name}"], cwd=ROOT,
            capture_output=True, text=True, timeout=300)
        where = remains.FAILED / name.replace("[", "-").strip("]")
        made.append(where)
        return done.returncode, done.stdout, where

    yield run
    for where in made:
        shutil.rmtree(where, ignore_errors=True)


def test_what_a_failure_on_two_harts_leaves(fail):
    status, said, where = fail("test_that_fails[2]", "--seed=31")
    assert status == 1
    command = "make test ARGS='--seed=31 test/boot/failing.py::test_that_fails[2]'"
    assert command in said and (where / "again").read_text().strip() == command
    console, = where.glob("console-*")
    seed = re.search(r"seed \d+", console.read_text())[0]
    core, = where.glob("core-*")
    gdb = re.search(r"gdb-multiarch (.*)", said)[1].split()
    out = subprocess.run(["gdb-multiarch", "-q", "-nx", "-batch", *gdb, "-ex", "tasks"], cwd=ROOT,
                         capture_output=True, text=True, timeout=60).stdout
    assert re.search(r"(?m)^ +1 +0 +sleeping +\d +init", out), out
    assert not list(where.glob("recording-*")) and "record" not in said
    # The same seed has it the same again.
    assert re.search(seed, fail("test_that_fails[2]", "--seed=31")[1])


def test_what_a_failure_on_one_hart_leaves(fail):
    """The recording has the run's end; and gdb goes there, and back."""
    status, said, where = fail("test_that_fails[1]")
    recording = re.search(r"make qemu-replay BACK=1 RECORD=(\S+);", said)[1]
    assert status == 1 and ROOT / recording == where / "recording-1"
    again = subprocess.run([ROOT / "tools/record.sh", "replay", recording], cwd=ROOT, timeout=120,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "the last of it\n" in again.stdout.replace("\r", "").split("echo seed")[1]


def test_what_passes_leaves_nothing(fail):
    status, said, where = fail("test_that_passes")
    assert status == 0 and not where.exists()
