# SPDX-License-Identifier: MIT
"""`make tlb`: modelled TLBs under a running program."""

import subprocess
import sys

import pytest

from guest import BUILD, ROOT

sys.path.append(str(ROOT / "tools/policy"))
import tlb


@pytest.fixture(scope="module")
def plugin():
    subprocess.run(["make", "-s", "build/tools/tlb.so"], cwd=ROOT, check=True, timeout=100)


def under_tlbs(path, *command):
    return subprocess.run([ROOT / "tools/policy/tlb.py", path, BUILD / "test/fs.img", *command],
                          capture_output=True, text=True, timeout=200)


def test_a_loop_over_more_pages_than_entries(plugin, tmp_path):
    """Each of them misses when the least recently used is replaced; none if all fit."""
    pages, rounds = 100, 50
    p = under_tlbs(tmp_path / "t", "rounds", str(pages), str(rounds))
    assert p.returncode == 0, p.stderr
    counts, _ = tlb.read(tmp_path / "t")
    references, used, misses = counts[12]
    assert pages < used < 128 and references > 3 * pages * rounds
    assert pages * rounds <= misses[64] <= pages * rounds + 2 * used
    assert misses[128] == misses[512] == used
    _, used, misses = counts[21]
    assert used < 10 and misses[64] == used
    rows = {(line.split()[0], line.split()[1]): line.split() for line in p.stdout.splitlines()
            if line.split()[2:3] == ["KiB"] or line.split()[2:3] == ["MiB"]}
    row = rows["64", "4"]
    assert int(row[6]) == 3 * int(row[4])                 # three tables a walk
    assert abs(float(row[7]) - 101 - 300 * int(row[4]) / references) < 0.01


def test_bad_input(plugin, tmp_path):
    p = under_tlbs(tmp_path / "t", "nosuchprogram")
    assert p.returncode != 0
    assert "without quotes" in under_tlbs(tmp_path / "t", "sh -c 'ls'").stderr
    assert under_tlbs(tmp_path / "t", " ").stderr.startswith("tlb: what to run?")
