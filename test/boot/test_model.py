# SPDX-License-Identifier: MIT
"""The Promela models of test/model: what they promise holds, and they notice what
would break it."""

import re
import shutil
import subprocess

import pytest

from guest import ROOT

MODELS = ROOT / "test/model"

# model -> the variants that are checked in full, and the faults planted in which of them
CHECKED = {
    "page": ["", "ALONE THREADS", "ALONE SWAPOFF"],
    "table": [""], "shootdown": [""], "writeback": [""],
    "frozen": [""], "move": [""], "object": ["", "TRUNCATE"],
}
PLANTED = {
    "page": {"COUNT_BEFORE_FENCE": "", "LOSE_D": "", "FORK_KEEPS_D": "", "INSTALL_BUSY": "",
             "FREE_MAPPED": "", "FREE_DIRTY": "", "PUT_UNLOCKED": "",
             "SLOT_UNFENCED": "ALONE THREADS", "OPEN_DEAD": "ALONE SWAPOFF",
             "OPEN_MAPPED": "ALONE SWAPOFF"},
    "table": dict.fromkeys(["EARLY_RELEASE", "FREE_UNLOCKED", "FREE_UNFENCED"], ""),
    "shootdown": dict.fromkeys(["LATE_JOIN", "NO_SWITCH_FENCE", "NO_SHOOT_FENCE", "LOOK_ONCE",
                                "FORGET_FIRST", "FORGET_SLEEPERS"], ""),
    "writeback": dict.fromkeys(["WRITE_BEFORE_FENCE", "CLEAN_AFTER_WRITE", "FOLD_FIRST_ONLY",
                                "DROP_MAPPED"], ""),
    "frozen": dict.fromkeys(["NO_FORK_FENCE", "EVICT_IN_FORK", "COPY_KEEPS_W",
                             "TAKE_BACK_SHARED"], ""),
    "move": dict.fromkeys(["MOVE_BUSY", "FORGET_SLOT", "FORGET_FRAME", "EARLY_UNBUSY"], ""),
    "object": {"LOOK_FIRST": "", "LOSE_D": "", "IGNORE_PINS": "", "DROP_MAPPED": "",
               "FREE_FIRST": "", "CUT_MAPPED": "TRUNCATE", "CUT_FIRST": "TRUNCATE"},
}


def check(where, model, defines, compile_with=("-O0",), pan_with=(), limit=240):
    """=> (errors found, was everything searched?, what pan said)"""
    shutil.copy(MODELS / f"{model}.pml", where / "model.pml")
    for command in (["spin", *(f"-D{d}" for d in defines.split()), "-a", "model.pml"],
                    ["cc", "-w", "-DSAFETY", "-DMEMLIM=3000", *compile_with, "-o", "pan", "pan.c"]):
        p = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=120)
        assert p.returncode == 0, p.stdout + p.stderr
    p = subprocess.run(["./pan", "-n", "-m1000000", *pan_with], cwd=where, capture_output=True,
                       text=True, timeout=limit)
    errors = int(re.search(r"errors: (\d+)", p.stdout)[1])
    complete = not re.search(r"not completed|too small|out of memory|reached -D", p.stdout)
    return errors, complete, p.stdout


@pytest.mark.parametrize("model, variant", [(m, v) for m, vs in CHECKED.items() for v in vs])
def test_model_holds(model, variant, tmp_path):
    errors, complete, said = check(tmp_path, model, variant, ("-O1",))
    assert errors == 0 and complete, said


@pytest.mark.parametrize("model, fault", [(m, f) for m, fs in PLANTED.items() for f in fs])
def test_planted_fault_is_found(model, fault, tmp_path):
    errors, _, said = check(tmp_path, model, f"{PLANTED[model][fault]} {fault}",
                            ("-O0", "-DBFS"))
    assert errors > 0, said


def test_every_fault_a_model_names_is_planted():
    for path in MODELS.glob("*.pml"):
        text = path.read_text().partition("// Faults to plant:\n")[2].partition("\n\n")[0]
        assert set(re.findall(r"(?m)^//   (\w+)", text)) == set(PLANTED[path.stem]), path
        for fault in PLANTED[path.stem]:
            assert len(re.findall(rf"#.*\b{fault}\b", path.read_text())) > 0, fault


@pytest.mark.long
@pytest.mark.parametrize("model, variant", [
    ("page", "THREADS"), ("page", "SWAPOFF"), ("page", "ALONE THREADS SWAPOFF"),
    ("frozen", "THREADS"),
])
def test_large_model_holds(model, variant, tmp_path):
    """Too many states to keep them all: a bit each in a table of a gigabit."""
    errors, _, said = check(tmp_path, model, variant, ("-O2", "-DBITSTATE"), ("-w33",), 1800)
    assert errors == 0, said
