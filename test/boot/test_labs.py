# SPDX-License-Identifier: MIT
"""The labs are right: what is handed out scores nothing, our solution all, and each
known-wrong one loses what it should."""

import os
import subprocess
import sys
import types

import pytest

from guest import ROOT

sys.path[:0] = [str(ROOT / "test" / "labs"), str(ROOT / "test" / "grade")]
import grade
import lab as labs
import submission

LABS = [labs.Lab(n) for n in labs.ORDER if (labs.HERE / n).is_dir()]
WRONG = [(lab, w) for lab in LABS for w in lab.wrong()]
SHORT = {("cow", "forgets the fence")}      # one that is shown in `make test`


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    """grader(lab) => its Grader, with one pristine tree for all labs"""
    subprocess.run(["make", "-j2", "build/kernel.elf", "build/labs/fs.img"], cwd=ROOT, check=True,
                   timeout=600, stdout=subprocess.DEVNULL)
    scratch = tmp_path_factory.mktemp("grade")
    options = types.SimpleNamespace(only=None, seed=None)
    graders = {}

    def get(lab):
        if lab.name not in graders:
            first = next(iter(graders.values()), None)
            graders[lab.name] = grade.Grader(lab, scratch, options, first and first.pristine)
        return graders[lab.name]
    return get


def verdicts(grader, lab, files, only=None):
    s = submission.Submission(lab.name, files, {}, [])
    result = grader(lab).grade(s, only=only)
    assert not any("compile" in t["why"] for t in result["tests"]), result
    return {t["name"]: t for t in result["tests"]}


def official(lab):
    return {p: (ROOT / p).read_bytes() for p in lab.files}


def long_but(names):
    """Marks for those that are not among the few of `make test`."""
    return [pytest.param(lab, marks=() if lab.name in names else pytest.mark.long, id=lab.name)
            for lab in LABS]


@pytest.mark.parametrize("lab", LABS, ids=lambda x: x.name)
def test_cuts_apply(lab, cross, tmp_path):
    """What is handed out compiles without a warning, and all wrong solutions still fit."""
    assert len(lab.wrong()) >= 5
    known = {t[0] for t in grade.load_tests(lab)}
    assert sum(t[1] for t in grade.load_tests(lab)) == 100
    for path, data in labs.cut(ROOT, lab).items():
        (tmp_path / "x.c").write_bytes(data)
        subprocess.run(
            [f"{cross}gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter",
             "-Werror", "-I.", "-Iarch/riscv", f"-I{os.path.dirname(path)}",
             "-march=rv64imac_zicsr_zifencei", "-mabi=lp64", "-mcmodel=medany", "-ffreestanding",
             "-fno-pie", "-fno-strict-aliasing", "-c", "-o", tmp_path / "x.o", tmp_path / "x.c"],
            cwd=ROOT, check=True)
    for w in lab.wrong():
        assert labs.spoil(ROOT, lab, w) != official(lab)
        assert w["loses"] and set(w["loses"]) <= known, w["name"]


@pytest.mark.parametrize("lab", long_but({"cow"}))
def test_handed_out_scores_nothing(grader, lab):
    found = verdicts(grader, lab, labs.cut(ROOT, lab))
    assert [n for n, t in found.items() if t["passed"]] == []


@pytest.mark.parametrize("lab", long_but({"cow"}))
def test_ours_scores_all(grader, lab):
    found = verdicts(grader, lab, official(lab))
    assert {n: t["why"] for n, t in found.items() if not t["passed"]} == {}


@pytest.mark.long
@pytest.mark.parametrize("lab", LABS, ids=lambda x: x.name)
def test_ten_agree(grader, lab):
    for _ in range(10):
        test_ours_scores_all(grader, lab)


@pytest.mark.parametrize("lab, wrong", [
    pytest.param(lab, w, id=f"{lab.name}-{w['name']}",
                 marks=() if (lab.name, w["name"]) in SHORT else pytest.mark.long)
    for lab, w in WRONG])
def test_wrong_loses(grader, lab, wrong):
    found = verdicts(grader, lab, labs.spoil(ROOT, lab, wrong), wrong["loses"])
    assert [n for n, t in found.items() if t["passed"]] == []
