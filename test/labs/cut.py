#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Cut a lab out of the sources: a git repository with one commit, to be handed out.

    cut.py LAB OUT [--base official|DIR]

The bodies of the lab's functions go; contracts and what boots without them take their
places.  --base official (the default): all else is our solution; DIR: a student's own
tree, which has solved earlier labs.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import lab as labs

# What a student does not get: solutions' traces, and tests of the kit itself.
KEPT_BACK = ("wrong.toml", "cut.py", "test_labs.py")


def git(*args, cwd):
    p = subprocess.run(["git", *args], cwd=cwd, capture_output=True, text=True)
    if p.returncode:
        raise labs.Problem(f"git {args[0]} in {cwd}: {p.stderr.strip()}")
    return p.stdout


def handed_out(path, lab):
    parts = pathlib.PurePath(path).parts
    if parts[:2] == ("test", "labs") and len(parts) > 3 and parts[2] not in (lab.name, "probe"):
        return False
    return parts[-1] not in KEPT_BACK


def copy_tree(base, out, lab):
    for path in git("ls-files", "-z", cwd=base).split("\0"):
        if path and handed_out(path, lab) and (base / path).exists():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(base / path, out / path)
    for name in ("lab.toml", "stub.c", "tests.py", "README.md"):   # DIR may be of another lab
        (out / "test/labs" / lab.name).mkdir(parents=True, exist_ok=True)
        shutil.copy2(lab.folder / name, out / "test/labs" / lab.name / name)


def commit(out, lab):
    identity = ["-c", "user.name=quire", "-c", "user.email=quire@localhost",
                "-c", "commit.gpgsign=false"]
    git("init", "-q", "-b", "main", cwd=out)
    git("add", "-A", cwd=out)
    git(*identity, "commit", "-q", "-m", f"Lab {lab.name}: {lab.title}", cwd=out)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("lab")
    parser.add_argument("out")
    parser.add_argument("--base", default="official")
    options = parser.parse_args()
    try:
        lab = labs.Lab(options.lab)
        if not options.out:
            raise labs.Problem("OUT=dir: where is the lab to go?")
        out = pathlib.Path(options.out).resolve()
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise labs.Problem(f"OUT={options.out}: it is not an empty folder")
        base = labs.ROOT if options.base == "official" else pathlib.Path(options.base).resolve()
        stubs = labs.cut(base, lab)
        out.mkdir(parents=True, exist_ok=True)
        copy_tree(base, out, lab)
        for path, data in stubs.items():
            (out / path).write_bytes(data)
        (out / "test/labs/LAB").write_text(lab.name + "\n")
        shutil.copy2(lab.folder / "README.md", out / "LAB.md")
        commit(out, lab)
    except (labs.Problem, OSError) as e:
        sys.exit(f"make lab: {e}")
    print(f"Lab {lab.name} is in {os.path.relpath(out)}: read LAB.md there")


main()
