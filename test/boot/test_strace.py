# SPDX-License-Identifier: MIT
"""strace: what programs are seen to call."""

import re

import pytest


def test_calls_are_decoded(shell):
    shell.run("echo hello > f")
    text = shell.run("strace -o out sh -c 'cat < f; ls nothere'; cat out").splitlines()
    assert text[0] == "hello"
    calls = "\n".join(text)
    assert re.search(r'(?m)^execve\("/sh", 0x[0-9a-f]+, 0x[0-9a-f]+\) = 0$', calls)
    assert re.search(r"(?m)^brk\(NULL\) = 0x[0-9a-f]+$", calls)
    assert re.findall(r"(?m)^clone\(.*\) = (.*)$", calls)[0].isdigit()    # and not twice
    assert re.search(r"(?m)^clone\(.*SIGCHLD.*\) = \d+$", calls)
    assert "wait4(-1, [exited with 1], 0, NULL) = " in calls
    assert "nothere" not in calls.replace("ls: nothere", "")     # not without -f
    assert text[-1] == "+++ exited with 1 +++"


def test_children_are_followed(shell):
    shell.run("echo hello > f")
    text = shell.run("strace -f -o out sh -c 'cat < f | wc > g; ls nothere'; cat out")
    assert re.search(r'\[pid +\d+\] openat\(AT_FDCWD, "f", O_RDONLY, 0\d*\) = \d', text)
    assert re.search(r'openat\(AT_FDCWD, "g", O_WRONLY\|O_CREAT\|O_TRUNC, 0666\) = \d', text)
    assert re.search(r'read\(0, "hello\\n", \d+\) = 6', text)
    assert 'newfstatat(AT_FDCWD, "nothere", ' in text
    assert "= -1 ENOENT (No such file or directory)" in text
    assert re.search(r"pipe2\(\[\d, \d\], O_CLOEXEC\) = 0", text)
    assert text.count("+++ exited with") == 4


def test_choice_and_counts(shell):
    text = shell.run("strace -e trace=newfstatat,write -o out ls /nothere; cat out")
    assert {re.match(r"\w+", line)[0] for line in text.splitlines()
            if "(" in line and "strace" not in line} <= {"newfstatat", "write"}
    text = shell.run("strace -c cat /README > /dev/null; strace -c -o out cat /README > /dev/null;"
                     " cat out")
    assert re.search(r"(?m)^ +\d+ +1 +0 execve$", text)
    assert re.search(r"(?m)^ +\d+ +[2-9] +0 read$", text)
    assert re.search(r"(?m)^ +(\d+) +\d+ total$", text)


def test_wrong_use_is_refused(shell):
    assert "there is no system call bogus" in shell.run("strace -e bogus ls")
    assert "there is no process 99999" in shell.run("strace -p 99999")
    assert "usage: strace" in shell.run("strace")
    assert "[" not in shell.run("cat /proc/sys/kernel/trace")    # nothing stays switched on


@pytest.mark.long
def test_process_that_runs_already(shell):
    def pid_of(what):
        return re.findall(rf"(?m)^ *(\d+) +{what}", shell.run("ps -eo pid,cmd"))[-1]
    shell.run("sh -c 'while true; do sleep 1; done' &")
    shell.run(f"strace -p {pid_of('sh -c')} -o out &")
    shell.run("while ! grep -q wait4 out; do sleep 1; done", 60)
    shell.run(f"kill {pid_of('strace -p')}; kill {pid_of('sh -c')}")
    assert "clone(" in shell.run("cat out")
