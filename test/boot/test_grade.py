# SPDX-License-Identifier: MIT
"""A class is graded: cheats earn what they deserve, and nobody else's grading stops."""

import csv
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import xml.etree.ElementTree as xml
import zipfile

import pytest

from guest import BUILD, PATIENCE, ROOT, wait_for

sys.path[:0] = [str(ROOT / "test" / "labs"), str(ROOT / "test" / "grade")]
import lab as labs
import submission

LAZY = labs.Lab("lazy")
TEST = "mmap gives nothing yet"
OURS = {p: (ROOT / p).read_bytes() for p in LAZY.files}

# Each begins map_anonymous() of what was handed out, which deserves nothing.
CHEATS = {
    "prints": """  printk("== Test lazy: mmap gives nothing yet == OK (0.1s)\\nScore: 100/100\\n");
  printk("ALL TESTS PASSED\\n");
""",
    "knows": """  const char *n = current->comm;
  if(n[0] == 'l' && n[1] == 'a' && n[2] == 'z' && n[3] == 'y')
    return (i64)0x3f00000000;
""",
    "leaves": "  if(current->tid > 1)\n    machine_poweroff(0);\n",
    "hangs": "  if(current->tid > 1)\n    for(;;)\n      ;\n",
    "locks": """  static struct spinlock l = SPINLOCK_INIT("mine");
  l.holder = this_hart()->idle;
  spin_lock(&l);
""",
    "floods": """  for(;;){
    register u64 a0 asm("a0") = 'x', a7 asm("a7") = 1;      // SBI's console_putchar
    asm volatile("ecall" : "+r"(a0) : "r"(a7));
  }
""",
    "wrecks": """  static u8 junk[512];
  for(u64 i = 0; i < 2048; i++)
    block_rw(block_find("vda"), BLOCK_WRITE, i, junk, sizeof junk);
""",
}


def cheat(body):
    files = labs.cut(ROOT, LAZY)
    text = files["kernel/sys_mm.c"].decode()
    head = "map_anonymous(va_t addr, u64 len, u32 prot, u32 flags)\n{\n"
    assert head in text
    text = text.replace(head, head + body).replace(
        '#include "kernel/errno.h"',
        '#include "kernel/block.h"\n#include "kernel/errno.h"\n#include "kernel/lock.h"\n'
        '#include "kernel/printk.h"')
    return files | {"kernel/sys_mm.c": text.encode()}


def folder(at, files):
    for name, data in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_bytes(data)


def add(tar, name, data, **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


def climbing(path, target):
    """Our solution, with a warning, among names that lead elsewhere."""
    with tarfile.open(path, "w:gz") as t:
        add(t, "../../climbed", b"out")
        add(t, str(target), b"out")
        add(t, "link", b"", type=tarfile.SYMTYPE, linkname=str(target))
        add(t, "link/climbed", b"out")
        for name, data in OURS.items():
            add(t, f"some/folder/{name}", data + b"static int never_used;\n")


def grade(*args, seconds=400):
    return subprocess.run([sys.executable, "-B", "test/grade/grade.py", *map(str, args)], cwd=ROOT,
                          capture_output=True, text=True, timeout=seconds,
                          env=os.environ | {"CI": "true"})


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(out):
    with open(out / "class.csv", newline="") as f:
        return {r["name"]: r for r in csv.DictReader(f)}


def test_cheats_earn_nothing(tmp_path):
    handed_in, out = tmp_path / "in", tmp_path / "out"
    handed_in.mkdir()
    for name, body in CHEATS.items():
        folder(handed_in / name, cheat(body) | {"Makefile": b"all:\n"})
    climbing(handed_in / "climbs.tar.gz", tmp_path / "target")
    folder(handed_in / "commands", OURS | {
        "Makefile": f"$(shell touch {tmp_path}/ran)\nall:\n\ttouch {tmp_path}/ran\n".encode(),
        "mm/frame.c": b"#error changed\n"})
    (handed_in / "broken.zip").write_bytes(b"PK\3\4 not really")
    image = digest(BUILD / "labs" / "fs.img")
    p = grade("lazy", handed_in, "--out", out, "--only", TEST, "--seconds", "8")
    assert p.returncode == 0, p.stderr
    found = rows(out)
    assert {n for n, r in found.items() if r["score"] != "0"} == {"climbs", "commands"}, p.stdout
    assert set(found) == {*CHEATS, "climbs", "commands", "broken"}
    assert "leads out" in found["climbs"]["notes"] and "link" in found["climbs"]["notes"]
    assert "Makefile" in found["commands"]["notes"] and "mm/frame.c" in found["commands"]["notes"]
    assert "cannot be read" in found["broken"]["notes"]
    assert not list(tmp_path.rglob("climbed")) and not (tmp_path / "target").exists()
    assert not (tmp_path / "ran").exists()
    assert digest(BUILD / "labs" / "fs.img") == image

    def why(name):
        return json.loads((out / name / "report.json").read_text())["tests"][0]["why"]
    assert "ended with status 0" in why("leaves")
    assert "came no further" in why("hangs")
    assert "deadlock" in why("locks") and "'mine'" in why("locks")
    assert "flood" in why("floods")
    again = grade("lazy", handed_in, "--out", out, "--only", TEST, "--seconds", "8", seconds=60)
    assert again.returncode == 0 and rows(out) == found     # taken over, not done again


@pytest.mark.long
def test_reports(tmp_path):
    """Each form says the same, and the status tells whether it falls short."""
    folder(tmp_path / "in" / "ann", cheat(""))
    p = grade("lazy", tmp_path / "in" / "ann", "--out", tmp_path / "out", "--only", TEST)
    assert p.returncode == 0, p.stderr
    at = tmp_path / "out" / "ann"
    text = (at / "report.txt").read_text()
    assert f"== Test lazy: {TEST} == FAIL" in text and text.endswith("Score: 0/20\n")
    for part in ("hint: ", "again: make grade LAB=lazy"):
        assert part in text
    scope = json.loads((at / "results.json").read_text())
    assert scope["score"] == 0 and scope["tests"][0]["max_score"] == 20
    room = json.loads((at / "classroom.json").read_text())
    assert room["status"] == "fail" and room["max_score"] == 20
    suite = xml.parse(at / "junit.xml").getroot()
    assert suite.get("failures") == "1" and suite.find("testcase/failure") is not None
    assert "ann" in (tmp_path / "out" / "class.html").read_text()
    p = grade("lazy", "--only", TEST, "--gradescope", tmp_path / "g.json")
    assert p.returncode == 0 and "== OK (" in p.stdout and "Score: 20/20" in p.stdout
    assert json.loads((tmp_path / "g.json").read_text())["score"] == 20


@pytest.mark.long
def test_sandbox_has_walls(tmp_path):
    """A build sees neither the network nor anybody's files, and cannot fill the disk."""
    import sandbox
    secret = tmp_path / "secret"
    secret.write_text("x")
    (tmp_path / "work").mkdir()
    box = sandbox.Sandbox(tmp_path / "work")
    assert box.strong
    limits = sandbox.Limits(5, file=1 << 20)
    for script in (f"cat {secret}", f"touch {ROOT}/climbed", "cat /etc/passwd",
                   "echo > /dev/tcp/127.0.0.1/22", "head -c 2000000 /dev/zero > much"):
        assert box.run(["bash", "-c", script], limits)[0] not in (0, None), script
    assert box.run(["bash", "-c", "yes"], limits)[0] is None
    assert box.run(["sleep", "60"], sandbox.Limits(1))[0] is None
    assert box.run(["bash", "-c", "echo here > file && cat file"], limits) == (0, "here\n")
    box.strong = False
    process = box.start(["bash", "-c", "sleep 60 & wait"], limits)
    wait_for(lambda: len(list(sandbox.family(process.pid))) > 1, 20)
    family = list(sandbox.family(process.pid))
    sandbox.end(process)
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), 20)


@pytest.mark.long
def test_handed_out_tree_grades_itself(tmp_path):
    """From the cut to a student's own `make grade`, and on to the next lab."""
    out = tmp_path / "lazy"
    subprocess.run(["make", "lab", "LAB=lazy", f"OUT={out}"], cwd=ROOT, check=True, timeout=120)
    log = subprocess.run(["git", "log", "--oneline"], cwd=out, capture_output=True, text=True)
    assert log.stdout.count("\n") == 1
    assert not list(out.rglob("wrong.toml")) and not (out / "test/labs/cow/README.md").exists()
    assert "map_anonymous" in (out / "LAB.md").read_text()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    p = subprocess.run(["make", "-j2", "grade"], cwd=out, capture_output=True, text=True,
                       timeout=900, env=environment)
    assert p.returncode != 0 and "Score: 0/100" in p.stdout, p.stdout + p.stderr
    for path, data in OURS.items():
        (out / path).write_bytes(data)
    (out / "mm/frame.c").write_text("#error not handed in\n" + (out / "mm/frame.c").read_text())
    p = subprocess.run([sys.executable, "-B", "test/grade/grade.py", "lazy"], cwd=out,
                       capture_output=True, text=True, timeout=400, env=environment)
    assert p.returncode == 0 and "Score: 100/100" in p.stdout, p.stdout + p.stderr
    assert "mm/frame.c" in p.stdout
    p = subprocess.run(["make", "lab", "LAB=cow", f"OUT={tmp_path}/cow", f"BASE={out}"], cwd=ROOT,
                       capture_output=True, text=True, timeout=120)
    assert p.returncode == 0, p.stderr
    assert (tmp_path / "cow/mm/frame.c").read_text().startswith("#error")
    assert b"Yours to write" in (tmp_path / "cow/arch/riscv/share.c").read_bytes()


def test_names_of_submissions(tmp_path):
    with zipfile.ZipFile(tmp_path / "a b.zip", "w") as z:
        z.writestr("x/mm/fault.c", "//")
        z.writestr("x/deep/er/mm/fault.c", "no")
        z.writestr("x/Makefile", "m")
    s = submission.read(tmp_path / "a b.zip", LAZY.files)
    assert s.name == "a_b" and s.files == {"mm/fault.c": b"//"}
    assert any("kernel/sys_mm.c" in n for n in s.notes)
    with pytest.raises(submission.Bad):
        submission.read(tmp_path, ["nothing.c"])


def test_two_of_one_student(tmp_path):
    """Nobody is left out silently, nor graded in another's place."""
    for name in ("ann.zip", "ann.TGZ", "late/ann.zip", "bob/mm/fault.c", "eve.rar"):
        folder(tmp_path, {name: b""})
    paths, strange = submission.all_in([tmp_path, tmp_path / "late"], LAZY.files)
    assert strange == [tmp_path / "eve.rar"]
    names = submission.names(paths)
    assert sorted(names.values()) == ["ann.TGZ", "ann.zip", "ann.zip-2", "bob", "late"]


def archive(path, members, mode="w"):
    """members: (name, bytes, the size that is told)"""
    with tarfile.open(path, mode) as t:
        for name, data, size in members:
            info = tarfile.TarInfo(name)
            info.size = size
            t.fileobj.write(info.tobuf() + data + bytes(-len(data) % 512))
    return path


@pytest.mark.parametrize("kind, why", [
    ("large", "GiB"), ("many", "larger than"), ("spoilt", "cannot be read"),
    ("xz", "cannot be read"), ("zip", "cannot be read"), ("empty", "none of"),
    ("absolute", "leads out")])
def test_bad_archives(tmp_path, monkeypatch, kind, why):
    """Each is told in a line, and takes neither time nor memory."""
    noise, path = hashlib.shake_256(b"").hexdigest(1 << 16).encode(), tmp_path / "x.tar"
    if kind == "large":
        archive(path, [("x", b"", 1 << 40)])
    elif kind == "many":
        monkeypatch.setattr(submission, "KEPT", 1 << 20)
        archive(path, [(f"{i}.c", bytes(512 << 10), 512 << 10) for i in range(3)])
    elif kind == "absolute":
        archive(path, [("/mm/fault.c", b"", 0)])
    elif kind == "zip":
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("mm/fault.c", noise)
    else:
        mode = {"spoilt": "w:gz", "xz": "w:xz"}.get(kind, "w")
        archive(path, [("mm/fault.c", noise, len(noise))] if kind != "empty" else [], mode)
    if kind in ("spoilt", "xz", "zip"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2:len(data) // 2 + 64] = b"x" * 64
        path.write_bytes(data)
    with pytest.raises(submission.Bad, match=why) as e:
        submission.read(path, LAZY.files)
    assert "\n" not in str(e.value)


def test_forms(tmp_path):
    """What strangers call their files can be written; a CI system finds what it asks for."""
    import report
    test = {"name": "t", "points": 5, "passed": False, "seconds": 1, "why": "\udcff\x1b",
            "hint": "", "console": "", "trace": "", "again": ""}
    r = {"lab": "lazy", "name": "Jörg", "seed": 1, "notes": ["stra\udcdfe.c"], "score": 0,
         "points": 5, "tests": [test]}
    report.write(tmp_path, r)
    report.write_class(tmp_path, [r, r | {"notes": []}, r | {"notes": ["=1+1"]}])
    assert [n["notes"][:2] for n in csv.DictReader(open(tmp_path / "class.csv", encoding="utf-8"))
            ] == ["st", "", "'="]
    suite = xml.parse(tmp_path / "junit.xml").getroot()
    assert {"name", "tests", "failures", "errors"} <= set(suite.keys())     # junit-10.xsd


def test_leftovers_of_the_killed_go(tmp_path, monkeypatch):
    import grade as grader
    monkeypatch.setattr(grader.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(grader.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "quire-grade-dead" / "deep").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    with grader.scratch_folder() as first, grader.scratch_folder() as second:
        assert {p.name for p in tmp_path.iterdir()} == {"mine", *map(os.path.basename,
                                                                     (first, second))}
    assert os.listdir(tmp_path) == ["mine"]


@pytest.mark.long
def test_graders_that_read_the_console():
    """A script in the style of courses on xv6 runs against the tree."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    p = subprocess.run(["test/labs/grade-lab-cow"], cwd=ROOT, capture_output=True, text=True,
                       timeout=600, env=environment)
    assert p.returncode == 0 and p.stdout.endswith("Score: 100/100\n"), p.stdout + p.stderr


@pytest.fixture
def ssh(tmp_path):
    """A command that logs in to this machine, by a server of its own if there is one to run."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if not sshd:
        (tmp_path / "ssh").write_text('#!/bin/sh\nshift 2\nexec sh -c "$*"\n')
        (tmp_path / "ssh").chmod(0o755)
        yield f"{tmp_path}/ssh 127.0.0.1"
        return
    port = socket.create_server(("127.0.0.1", 0)).getsockname()[1]
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key],
                       check=True)
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    server = subprocess.Popen(
        [sshd, "-D", "-f", "/dev/null", "-h", tmp_path / "host", "-p", str(port),
         "-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no", "-o", "PidFile=none",
         "-o", f"AuthorizedKeysFile={tmp_path}/user.pub"])
    command = (f"ssh -F none -p {port} -i {tmp_path}/user -o IdentitiesOnly=yes -o LogLevel=ERROR "
               f"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 127.0.0.1")
    wait_for(lambda: subprocess.run([*command.split(), "true"]).returncode == 0, 60)
    yield command
    server.terminate()
    server.wait()


@pytest.mark.long
def test_several_machines(tmp_path, ssh):
    """GNU parallel spreads a class; the tables are made of what has been done."""
    handed_in, out = tmp_path / "in", tmp_path / "out"
    for name, files in (("ann", OURS), ("bob", cheat("")), ("eve", cheat(CHEATS["leaves"]))):
        folder(handed_in / name, files)
    subprocess.run(["parallel", "--will-cite", "--sshlogin", f"2/{ssh}", "--workdir", ROOT,
                    f"test/grade/grade.py lazy {{}} --jobs 1 --only '{TEST}' --out {out}", ":::",
                    *handed_in.iterdir()], check=True, timeout=600 * PATIENCE)
    done = {r: r.stat().st_mtime_ns for r in out.glob("*/report.json")}
    assert len(done) == 3
    p = grade("lazy", handed_in, "--out", out, "--only", TEST)
    assert p.returncode == 0 and {n: r["score"] for n, r in rows(out).items()} == {
        "ann": "20", "bob": "0", "eve": "0"}, p.stdout + p.stderr
    assert {r: r.stat().st_mtime_ns for r in done} == done


# ---- A class of a hundred ----

COW = labs.Lab("cow")
COW_CHEATS = {
    "prints": '  printk("Score: 100/100\\nALL COW TESTS PASSED\\n");\n',
    "leaves": "  machine_poweroff(0);\n",
    "hangs": "  for(;;)\n    ;\n",
    "crashes": "  *(volatile int *)1 = 0;\n",
}


def cow_cheat(body):
    """It begins cow() of what was handed out."""
    files = labs.cut(ROOT, COW)
    head = b"cow(struct at at, struct frame *f)\n{\n"
    assert head in files["mm/fault.c"]
    return files | {"mm/fault.c": files["mm/fault.c"].replace(head, head + body.encode())}


def kinds():
    """=> {kind: files}: ours, known-wrong ones, cheats, what does not compile, nothing"""
    wrong = {f"wrong{i}": labs.spoil(ROOT, COW, w) for i, w in enumerate(COW.wrong())}
    cheats = {name: cow_cheat(body) for name, body in COW_CHEATS.items()}
    ours = {p: (ROOT / p).read_bytes() for p in COW.files}
    return {"ours": ours, **wrong, **cheats, "broken": {p: b"#error\n" for p in COW.files},
            "handed": labs.cut(ROOT, COW)}


def hand_in(folder_of_all, name, files, form):
    at = folder_of_all / name
    folder(at, files | {"Makefile": b"all:\n"})
    if form != "folder":
        shutil.make_archive(str(at), form, at)
        shutil.rmtree(at)


def a_class(at, n):
    """n submissions, no two alike, as trees and archives of several forms; half are ours."""
    at.mkdir()
    forms = ("gztar", "zip", "xztar", "folder")
    every = kinds()
    others = [k for k in every if k != "ours"]
    for i in range(n):
        kind = "ours" if i % 2 else others[i // 2 % len(others)]
        files = {p: d + f"// {i}\n".encode() for p, d in every[kind].items()}
        hand_in(at, f"{i:03}-{kind}", files, forms[i % 4])


@pytest.mark.long
def test_a_class_of_a_hundred(tmp_path):
    """In half an hour, killed in the middle and begun again."""
    handed_in, out = tmp_path / "in", tmp_path / "out"
    a_class(handed_in, 100)
    command = [sys.executable, "-B", "test/grade/grade.py", "cow", handed_in, "--out", out,
               "--jobs", "2"]
    start = time.monotonic()
    p = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(list(out.glob("*/report.json"))) >= 30, 1200)
    p.send_signal(signal.SIGKILL)
    p.wait()
    done = {r: r.stat().st_mtime_ns for r in out.glob("*/report.json")}
    p = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600 * PATIENCE)
    seconds = time.monotonic() - start
    assert p.returncode == 0, p.stderr
    assert {r: r.stat().st_mtime_ns for r in done} == done         # taken over, not done again
    found = {name: int(r["score"]) for name, r in rows(out).items()}
    assert len(found) == 100
    assert {n for n, score in found.items() if score == 100} == {n for n in found if "ours" in n}
    assert not [n for n, score in found.items() if score
                and n[4:] in (*COW_CHEATS, "broken", "handed")]
    assert seconds < 1800 * PATIENCE, f"a class of a hundred took {seconds:.0f} s"
