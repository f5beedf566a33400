#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Run the unit tests, then the boot tests; end with `N passed, N failed`.

    run.py [--long] [--again] [--cross PREFIX] [--unit | --boot] [pytest arguments]

Unit tests are the cmocka programs in build/test/unit; a program that dies
counts as one failed test.  Pytest arguments (`-k NAME`, `-x`, `-v`, a file)
choose boot tests; with them, only boot tests run.  A skipped test counts as
failed: nothing is left out silently.

As many files of boot tests run at once as there are processors; -n1 runs one after
the other.

With --again up to three boot tests may fail, if each then passes twice in a row by
itself: they count as passed and are named as unsteady, and what their consoles showed
the first time stands in the output.  For machines shared with others.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "test"
CACHE = BUILD / "pytest"
UNIT_LIMIT, BOOT_LIMIT, LONG_LIMIT = 300, 1500, 4 * 3600  # seconds
UNSTEADY = 3                                              # tests that may be, with --again


def count_cases(path):
    """(passed, names of failed) in a JUnit file, whoever wrote it."""
    passed, failed = 0, []
    for case in xml.parse(path).iter("testcase"):
        if any(case.find(k) is not None for k in ("failure", "error", "skipped")):
            failed.append(f"{case.get('classname') or path.stem}: {case.get('name')}")
        else:
            passed += 1
    return passed, failed


def run_unit(program):
    """=> (passed, failed names, output)"""
    with tempfile.TemporaryDirectory() as d:
        env = os.environ | {
            "CMOCKA_MESSAGE_OUTPUT": "xml", "CMOCKA_XML_FILE": f"{d}/%g.xml",
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        try:
            p = subprocess.run([program], env=env, cwd=ROOT, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=UNIT_LIMIT)
            output, status = p.stdout, p.returncode
        except subprocess.TimeoutExpired as e:
            output, status = (e.stdout or b"").decode(errors="replace"), "a time-out"
        passed, failed = 0, []
        for report in pathlib.Path(d).glob("*.xml"):
            p, f = count_cases(report)
            passed, failed = passed + p, failed + f
        if status != 0 and not failed:
            failed = [f"{program.name}: ended with {status}"]
        if passed + len(failed) == 0:
            failed = [f"{program.name}: ran no test"]
        return passed, failed, output


def unit_tests():
    programs = sorted(p for p in (BUILD / "unit").glob("test_*") if p.suffix == "")
    print(f"== unit tests: {len(programs)} programs", flush=True)
    passed, failed = 0, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program, (p, f, output) in zip(programs, pool.map(run_unit, programs)):
            print(f"{program.name:24} {p} passed, {len(f)} failed", flush=True)
            if f:
                print(output)
            passed, failed = passed + p, failed + f
    return passed, failed or ([] if programs else ["unit tests: there are none"])


def pytest(options, chosen):
    """=> (passed, names of failed)"""
    report = BUILD / "boot.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-B", "-m", "pytest", "-o", f"cache_dir={CACHE}", "--tb=short",
               "-o", "junit_logging=no", "--rootdir", "test", f"--junitxml={report}",
               f"--cross={options.cross}", "--durations=5", "-q", "--dist=loadfile",
               f"-n{os.cpu_count()}"]
    command += ["--long"] if options.long else []
    limit = LONG_LIMIT if options.long else BOOT_LIMIT
    try:
        status = subprocess.run(command + chosen, cwd=ROOT, timeout=limit).returncode
    except subprocess.TimeoutExpired:
        return 0, [f"boot tests: not done within {limit} s"]
    passed, failed = count_cases(report) if report.exists() else (0, [])
    if status != 0 and not failed:
        failed = [f"pytest: ended with status {status}"]
    return passed, failed


def last_failed():
    path = CACHE / "v/cache/lastfailed"
    return [f"test/{name}" for name in json.loads(path.read_text())] if path.exists() else []


def boot_tests(options, more):
    print("== boot tests", flush=True)
    shutil.rmtree(CACHE, ignore_errors=True)
    names_a_file = any(not a.startswith("-") and "/" in a for a in more)
    passed, failed = pytest(options, more if names_a_file
                            else ["test/abi", "test/oracle", "test/boot", *more])
    names = last_failed()
    if options.again and 0 < len(names) == len(failed) <= UNSTEADY:
        print("== again:", *names, flush=True)
        if not any(pytest(options, ["-n0", *names])[1] for _ in range(2)):
            print(*(f"UNSTEADY {name}" for name in failed), sep="\n")
            return passed + len(failed), []
    return passed, failed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--cross", default="riscv64-linux-gnu-")
    parser.add_argument("--unit", action="store_true")
    parser.add_argument("--boot", action="store_true")
    options, more = parser.parse_known_args()
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"):
        os.environ.pop(name, None)  # tests that run make start afresh

    passed, failed = 0, []
    if not options.boot and not more:
        passed, failed = unit_tests()
    if not options.unit:
        p, f = boot_tests(options, more)
        passed, failed = passed + p, failed + f
    for name in failed:
        print("FAILED", name)
    print(f"{passed} passed, {len(failed)} failed")
    return 0 if passed and not failed else 1


sys.exit(main())
