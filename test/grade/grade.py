#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Grade a lab: this tree, or a class.

Of a submission only the lab's hand-in files are taken and laid over a pristine tree,
which is built and run in a sandbox.  Verdicts rest on what is seen of the machine from
outside.  Of this tree, or of one submission without --out, the report is printed and the
exit status is 1 if it falls short; a class's go to build/grade/LAB (or --out), a folder a
submission.
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build"
sys.path[:0] = [str(HERE), str(ROOT / "test" / "labs")]
import lab as labs
import machine
import report
import sandbox
import submission

PATIENCE = float(os.environ.get("PATIENCE", "1"))
SECONDS, IMPATIENT = 20, 8       # to the next point; once a test has stalled
BUILD_SECONDS = 180
TAKEN_ALONG = ("arch", "kernel", "mm", "fs")      # folders of objects


# ---- Tests ----

class Tests:
    """What a lab's tests.py fills: `tests` is in its namespace."""

    def __init__(self):
        self.all = []

    def __call__(self, name, points, hint):
        def enter(fn):
            self.all.append((name, points, hint, fn))
            return fn
        return enter


def load_tests(lab):
    tests = Tests()
    spec = importlib.util.spec_from_file_location(f"lab_{lab.name}", lab.folder / "tests.py")
    module = importlib.util.module_from_spec(spec)
    module.test = tests
    spec.loader.exec_module(module)
    return tests.all


class Run:
    """One test's means: random inputs, and machines with the kernel under test."""

    def __init__(self, kernel, ours, lab, seed, name, scratch, seconds):
        self.ours = ours
        self.random = random.Random(f"{seed}/{name}")
        self.kernel, self.lab, self.scratch, self.seconds = kernel, lab, scratch, seconds
        self.machine = None

    def boot(self, *args, **options):
        """=> a Machine with the lab's probe and these arguments; the last one is closed"""
        self.close()
        self.machine = machine.Machine(
            self.kernel, BUILD / "labs" / "fs.img", BUILD / "labs" / self.lab.name, args,
            self.scratch, seconds=self.seconds * PATIENCE, ours=self.ours, **options)
        return self.machine.connect()

    def close(self):
        if self.machine:
            self.machine.close()

    def number(self):
        """That nobody could guess."""
        return self.random.getrandbits(62) | 1


def run_test(kernel, ours, lab, seed, test, scratch, seconds, again):
    name, points, hint, fn = test
    run = Run(kernel, ours, lab, seed, name, scratch, seconds)
    start, failure = time.time(), None
    try:
        fn(run)
    except machine.Wrong as e:
        failure = e
    except (machine.Lost, OSError, ArithmeticError, LookupError, ValueError, RecursionError) as e:
        failure = machine.Wrong(f"what is in the machine makes no sense: {e}")
    finally:
        run.close()
    m = run.machine if failure else None
    return {"name": name, "points": points, "passed": failure is None,
            "seconds": round(time.time() - start, 2), "why": str(failure or ""),
            "hint": hint if failure else "", "console": m.console_tail() if m else "",
            "trace": m.stall if m else "", "again": again(name),
            "stalled": isinstance(failure, machine.Stalled)}


# ---- Trees ----

def git(*args):
    return subprocess.run(["git", *args], cwd=ROOT, capture_output=True, check=True).stdout


def handed_out():
    """The commit that a student got, or None in our own tree."""
    if not (ROOT / "test" / "labs" / "LAB").exists():
        return None
    return git("rev-list", "--max-parents=0", "HEAD").split()[-1].decode()


class Pristine:
    """The tree that submissions are laid over, with objects already built."""

    def __init__(self, scratch):
        self.folder = pathlib.Path(scratch) / "pristine"
        self.commit = handed_out()
        self.changed = set()
        if self.commit:
            out = git("diff", "--name-only", "-z", self.commit).decode()
            self.changed = set(filter(None, out.split("\0")))
        self.paths = self._paths()

    def _paths(self):
        out = (git("ls-tree", "-r", "--name-only", "-z", self.commit) if self.commit
               else git("ls-files", "-z"))
        return [p for p in out.decode().split("\0") if p]

    def bytes(self, path):
        """=> of a file as it was handed out; None: it is not ours"""
        if path not in self.known:
            return None
        if path in self.changed:
            return git("show", f"{self.commit}:{path}")
        return (ROOT / path).read_bytes()

    def key(self):
        """Changes with all that may change a verdict."""
        h = hashlib.sha256()
        for p in sorted(self.paths):
            if p.startswith((*TAKEN_ALONG, "test/labs", "test/grade", "debug")):
                h.update(p.encode() + b"\0" + (self.bytes(p) or b""))
        return h.hexdigest()[:16]

    def make(self):
        self.known = {p for p in self.paths if p in self.changed or (ROOT / p).is_file()}
        for p in self.known:
            to = self.folder / p
            to.parent.mkdir(parents=True, exist_ok=True)
            if p in self.changed:
                to.write_bytes(self.bytes(p))
            else:
                shutil.copy2(ROOT / p, to)
        built = self.folder / "build"
        built.mkdir()
        for d in TAKEN_ALONG:
            if (BUILD / d).is_dir():
                shutil.copytree(BUILD / d, built / d)
        for f in ("kernel.flags", "kernel.elf", "kernel.first.elf", "ksyms.S"):
            if (BUILD / f).exists():
                shutil.copy2(BUILD / f, built / f)
        self._forgive_warnings(built / "kernel.flags")
        self._settle()
        return self

    @staticmethod
    def _forgive_warnings(flags):
        """A submission is built without -Werror, which changes no object, whoever builds it."""
        if flags.exists():
            old = flags.stat()
            flags.write_text(flags.read_text().replace("-Werror", ""))
            os.utime(flags, ns=(old.st_atime_ns, old.st_mtime_ns))

    def _settle(self):
        """What is stale here is made once and not for each submission."""
        status, text = build(self.folder)
        if status != 0:
            raise labs.Problem(f"the pristine tree does not build:\n{text[-2000:]}")


def build(tree):
    """=> (status, what was said)"""
    return sandbox.Sandbox(tree).run(["make", "-s", "WERROR=", "build/kernel.elf"],
                                     sandbox.Limits(int(BUILD_SECONDS * PATIENCE)))


# ---- Grading ----

class Grader:
    def __init__(self, lab, scratch, options, pristine=None):
        self.lab, self.scratch, self.options = lab, pathlib.Path(scratch), options
        self.tests = [t for t in load_tests(lab) if not options.only or t[0] in options.only]
        if not self.tests:
            raise labs.Problem(f"--only: lab {lab.name} has no such test")
        self.pristine = pristine or Pristine(scratch).make()
        self.seconds = getattr(options, "seconds", SECONDS)
        self.ours = self.pristine.folder / "build" / "kernel.elf"
        self.key = self.pristine.key()

    def again(self, where, seed):
        path = f" SUBMISSIONS={where}" if where else ""
        return lambda name: (f"make grade LAB={self.lab.name}{path} "
                             f"ARGS=\"--seed {seed} --only '{name}'\"")

    def grade(self, s, where=None, only=None):
        """=> the result of a Submission, in all tests or only those named"""
        tests = [t for t in self.tests if only is None or t[0] in only]
        seed = self.options.seed if self.options.seed is not None else random.getrandbits(31)
        notes = s.notes + self.ignored(s)
        again = self.again(where, seed)
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="s.") as d:
            tree = pathlib.Path(d) / "tree"
            subprocess.run(["cp", "-a", str(self.pristine.folder), str(tree)], check=True)
            for path, data in s.files.items():
                if (tree / path).read_bytes() != data:
                    (tree / path).write_bytes(data)
            status, text = build(tree)
            if status != 0:
                why = ("it does not compile" if status else
                       "its compilation takes too long, or says too much")
                results = [self.unbuilt(t, why, text, again) for t in tests]
            else:
                results = self.run(tests, tree / "build" / "kernel.elf", seed, d, again)
        score = sum(t["points"] for t in results if t["passed"])
        return {"lab": self.lab.name, "name": s.name, "seed": seed, "notes": notes,
                "score": score, "points": sum(t["points"] for t in results), "tests": results}

    def run(self, tests, kernel, seed, scratch, again):
        results = []
        for t in tests:
            stalled = any(r["stalled"] for r in results)
            results.append(run_test(kernel, self.ours, self.lab, seed, t, scratch,
                                    min(self.seconds, IMPATIENT) if stalled else self.seconds,
                                    again))
        return results

    @staticmethod
    def unbuilt(test, why, text, again):
        name, points, _, _ = test
        return {"name": name, "points": points, "passed": False, "seconds": 0.0, "why": why,
                "hint": "", "console": "\n".join(text.strip().split("\n")[-12:]), "trace": "",
                "again": again(name), "stalled": False}

    def ignored(self, s):
        other = [p for p, d in sorted(s.others.items()) if self.pristine.bytes(p) != d]
        if not other:
            return []
        more = f" and {len(other) - 8} more" if len(other) > 8 else ""
        return [f"changed, but not handed in, and so ignored: {', '.join(other[:8])}{more}"]


def this_tree(lab, pristine):
    """The tree that we stand in, as a submission."""
    files = {p: (ROOT / p).read_bytes() for p in lab.files if (ROOT / p).exists()}
    others = {p: (ROOT / p).read_bytes() for p in pristine.changed
              if p not in lab.files and (ROOT / p).exists()}
    return submission.Submission(lab.name, files, others, [])


# ---- A class ----

def bad_result(grader, name, why):
    tests = [grader.unbuilt(t, why, "", lambda n: "") for t in grader.tests]
    return {"lab": grader.lab.name, "name": name, "seed": 0, "notes": [why], "score": 0,
            "points": sum(t["points"] for t in tests), "tests": tests}


def grade_one(grader, path, name, out):
    """A submission of a class, unless it has been graded already."""
    folder = out / name
    try:
        s = submission.read(path, grader.lab.files)
        s.name = name
    except submission.Bad as e:
        s, result = None, bad_result(grader, name, str(e))
    if s:
        h = hashlib.sha256(f"{grader.key} {grader.options.seed} {grader.options.only}".encode())
        for p in sorted(s.files):
            h.update(p.encode() + s.files[p])
        key = h.hexdigest()
        done = folder / "report.json"
        if done.exists():
            old = json.loads(done.read_text())
            if old.get("key") == key:
                return old
        result = grader.grade(s, path) | {"key": key}
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder, result)
    return result


def progress(done, total, started):
    width = 30
    full = width * done // max(total, 1)
    left = (time.time() - started) / done * (total - done) if done else 0
    end = "\n" if done == total else ""
    print(f"\r[{'#' * full}{'.' * (width - full)}] {done}/{total}, "
          f"{int(left) // 60}:{int(left) % 60:02} to go ", end=end, file=sys.stderr, flush=True)


def grade_class(grader, paths, out, jobs):
    out.mkdir(parents=True, exist_ok=True)
    started, results, names = time.time(), {}, submission.names(paths)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(grade_one, grader, p, names[p], out): names[p] for p in paths}
        progress(0, len(futures), started)
        try:
            for f in concurrent.futures.as_completed(futures):
                name = futures[f]
                try:
                    results[name] = f.result()
                except Exception as e:           # of ours: the others go on
                    results[name] = bad_result(grader, name, f"the grader failed: {e!r}")
                progress(len(results), len(futures), started)
        except BaseException:                    # interrupted: what has begun is still finished
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    ordered = [results[n] for n in sorted(results)]
    report.write_class(out, ordered)
    for r in ordered:
        print(f"{r['name']:30} {r['score']}/{r['points']}")
    print(f"reports: {out}/class.html, class.csv, and a folder for each")
    print(f"{len(results)} submissions in {time.time() - started:.0f} s")


# ---- Where it is done ----

SCRATCH = "quire-grade-"


@contextlib.contextmanager
def lock(folder, how=0):
    """A folder's, or OSError: it is gone, or with LOCK_NB somebody has it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | how)
        os.stat(folder)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def scratch_folder():
    """A folder for this run.  Those of runs that were killed go: nobody has their locks."""
    for old in pathlib.Path(tempfile.gettempdir()).glob(SCRATCH + "*"):
        with contextlib.suppress(OSError), lock(old, fcntl.LOCK_NB):
            shutil.rmtree(old)
    with tempfile.TemporaryDirectory(prefix=SCRATCH) as scratch, lock(scratch):
        yield scratch


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], epilog=__doc__.split(
        "\n\n", 1)[1])
    parser.add_argument("lab", help="cow, lazy, ...")
    parser.add_argument("submissions", nargs="*", type=pathlib.Path,
                        help="archives, trees, or folders of such; none: this tree")
    parser.add_argument("--out", type=pathlib.Path, help="of a class (build/grade/LAB)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at a time (a core each)")
    parser.add_argument("--seed", type=int, help="of the inputs, to repeat a run")
    parser.add_argument("--seconds", type=int, default=SECONDS,
                        help="to get from one point to the next, before it has stalled")
    parser.add_argument("--only", action="append", metavar="TEST", help="only this test")
    parser.add_argument("--repeat", type=int, default=1, metavar="N",
                        help="this tree N times; the verdicts must agree")
    for name in ("json", "junit", "gradescope", "classroom"):
        parser.add_argument(f"--{name}", type=pathlib.Path, metavar="FILE",
                            help="this tree's result, also in that form")
    return parser.parse_args()


def grade_this(grader, options):
    s = this_tree(grader.lab, grader.pristine)
    results = []
    for _ in range(options.repeat):
        results.append(grader.grade(s))
        print(report.as_text(results[-1]), end="", flush=True)
    verdicts = {tuple(t["passed"] for t in r["tests"]) for r in results}
    if len(verdicts) > 1:
        print("the runs do not agree")
    for name in ("json", "junit", "gradescope", "classroom"):
        if path := getattr(options, name):
            report.put(path, getattr(report, f"as_{name}")(results[-1]))
    return len(verdicts) > 1 or any(r["score"] < r["points"] for r in results)


def grade_alone(grader, path):
    """One submission: its report, here."""
    s = submission.read(path, grader.lab.files)
    result = grader.grade(s, path)
    print(report.as_text(result), end="")
    return result["score"] < result["points"]


def main():
    options = arguments()
    sys.stdout.reconfigure(errors="backslashreplace")
    if not sandbox.works():
        print(f"warning: {sandbox.WEAKER}", file=sys.stderr)
    try:
        with scratch_folder() as scratch:
            grader = Grader(labs.Lab(options.lab), scratch, options)
            if not options.submissions:
                return grade_this(grader, options)
            paths, strange = submission.all_in(options.submissions, grader.lab.files)
            for p in strange:
                print(f"warning: {p} is neither a folder nor a tar or zip: left out",
                      file=sys.stderr)
            if paths == options.submissions and len(paths) == 1 and not options.out:
                return grade_alone(grader, paths[0])
            grade_class(grader, paths, options.out or BUILD / "grade" / options.lab, options.jobs)
            return 0
    except (labs.Problem, submission.Bad, subprocess.CalledProcessError) as e:
        print(f"grade: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ngrade: interrupted; a class goes on from here next time", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
