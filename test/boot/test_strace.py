# SPDX-License-Identifier: MIT
"""strace: what programs are seen to call."""

import re
import subprocess

import pytest

from guest import ROOT


def test_calls_are_decoded(shell):
    shell.run("echo hello > f")
    text = shell.run("strace -o out sh -c 'cat < f; ls nothere'; cat out").splitlines()
    assert text[0] == "hello"
    calls = "\n".join(text)
    assert re.search(r'(?m)^execve\("/sh", \["sh", "-c", "cat < f; ls nothere"\], '
                     r"0x[0-9a-f]+ /\* \d+ vars \*/\) = 0$", calls)
    assert re.search(r"(?m)^brk\(NULL\) {31}= 0x[0-9a-f]+$", calls)      # in the column of strace
    assert re.findall(r"(?m)^clone\(.*\) += (.*)$", calls)[0].isdigit()    # and not twice
    assert re.search(r"(?m)^clone\(child_stack=NULL, flags=SIGCHLD\) += \d+$", calls)
    assert "wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 1}], 0, NULL) = " in calls
    assert 'AT_FDCWD, "nothere"' not in calls                    # not without -f
    assert text[-1] == "+++ exited with 1 +++"


def test_children_are_followed(shell):
    shell.run("echo hello > f")
    text = shell.run("strace -f -o out sh -c 'cat < f | wc > g; ls nothere'; cat out")
    assert re.search(r'(?m)^\d+ +openat\(AT_FDCWD, "f", O_RDONLY\) += \d', text)
    assert re.search(r'openat\(AT_FDCWD, "g", O_WRONLY\|O_CREAT\|O_TRUNC, 0666\) += \d', text)
    assert re.search(r'read\(0, "hello\\n", \d+\) += 6', text)
    assert 'newfstatat(AT_FDCWD, "nothere", ' in text
    assert "= -1 ENOENT (No such file or directory)" in text
    assert re.search(r"pipe2\(\[\d, \d\], O_CLOEXEC\) += 0", text)
    assert text.count("+++ exited with") == 4


def test_choice_and_counts(shell):
    text = shell.run("strace -e trace=newfstatat,write -o out ls /nothere; cat out")
    assert {re.match(r"\w+", line)[0] for line in text.splitlines()
            if "(" in line and "strace" not in line} <= {"newfstatat", "write"}
    text = shell.run("strace -c cat /README > /dev/null; strace -c -o out cat /README > /dev/null;"
                     " cat out")
    assert re.search(r"(?m)^ *[\d.]+ +\d\.\d{6} +\d+ +1 +execve$", text)
    assert re.search(r"(?m)^ *[\d.]+ +\d\.\d{6} +\d+ +[2-9] +read$", text)
    assert re.search(r"(?m)^100.00 +\d\.\d{6} +\d+ +\d+ +\d+ total$", text)
    text = shell.run("strace -e '!%file' -o out cat < /README > /dev/null; cat out")
    assert "read(" in text and "execve(" not in text
    text = shell.run("strace -T -tt -e %memory -o out sh -c true; cat out")
    assert re.search(r"(?m)^\d\d:\d\d:\d\d\.\d{6} brk\(NULL\) += 0x[0-9a-f]+ <\d\.\d{6}>$", text)


def test_wrong_use_is_refused(shell):
    assert "there is no system call bogus" in shell.run("strace -e bogus ls")
    assert "there is no process 99999" in shell.run("strace -p 99999")
    assert "usage: strace" in shell.run("strace")
    assert "[" not in shell.run("cat /proc/sys/kernel/trace")    # nothing stays switched on


def test_process_that_waits_already(shell):
    """What it waits in was begun before anybody looked."""
    shell.run("mkfifo pipe; cat pipe &")
    pid = re.findall(r"(?m)^ *(\d+) +cat pipe", shell.run("ps -eo pid,cmd"))[-1]
    assert shell.run(f"cat /proc/{pid}/syscall").startswith("56 0xffffffffffffff9c 0x")
    assert shell.run("cat /proc/self/syscall") == "running"
    shell.run(f"strace -p {pid} -o out &")
    shell.run("while ! grep -q unfinished out; do sleep 1; done", 60)
    assert re.search(r"openat\(AT_FDCWD, 0x[0-9a-f]+, O_RDONLY.* <unfinished", shell.run("cat out"))
    shell.run("echo hello > pipe; while ! grep -q exited out; do sleep 1; done", 60)
    said = shell.run("cat out").splitlines()
    assert re.search(r"<\.\.\. openat resumed>\) += \?", said[1])
    assert re.search(r'^read\(3, "hello\\n", \d+\) += 6', said[2])


@pytest.mark.long
def test_process_that_runs_already(shell):
    def pid_of(what):
        return re.findall(rf"(?m)^ *(\d+) +{what}", shell.run("ps -eo pid,cmd"))[-1]
    shell.run("sh -c 'while true; do sleep 1; done' &")
    shell.run(f"strace -p {pid_of('sh -c')} -o out &")
    shell.run("while ! grep -q wait4 out; do sleep 1; done", 60)
    shell.run(f"kill {pid_of('strace -p')}; kill {pid_of('sh -c')}")
    assert "clone(" in shell.run("cat out")


# Of a program of glibc, dynamically linked, with threads, signals, children: its lines, as the
# strace of Linux writes them, but for addresses.
GLIBC = r"""
execve("/calls", ["/calls", "one"], ADDR /* N vars */) = 0
brk(NULL) = ADDR
openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
read(3, "\177ELF\2\1\1\3\0\0\0\0\0\0\0\0\3\0\363\0\1\0\0\0
mmap(ADDR, N, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE, 3, ADDR) = ADDR
mmap(ADDR, N, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = ADDR
set_tid_address(ADDR) = N
set_robust_list(ADDR, 24) = 0
prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0
rt_sigaction(SIGUSR1, {sa_handler=ADDR, sa_mask=[USR2], sa_flags=SA_RESTART}, NULL, 8) = 0
rt_sigprocmask(SIG_BLOCK, [USR2 CHLD], [], 8) = 0
tgkill(N, N, SIGUSR1) = 0
--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_TKILL, si_pid=N, si_uid=0} ---
mmap(NULL, 8392704, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK, -1, 0) = ADDR
CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid=[N]
clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=0, tv_nsec=100000000}, NULL) = 0
futex(ADDR, FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME, N, NULL, FUTEX_BITSET_MATCH_ANY) = 0
pipe2([4, 5], O_NONBLOCK|O_CLOEXEC) = 0
write(5, "a\tb\n\"q\"\\\1\377", 10) = 10
ppoll([{fd=4, events=POLLIN}, {fd=5, events=POLLOUT}], 2, {tv_sec=1, tv_nsec=0}, NULL, 0) = 2
= 2 ([{fd=4, revents=POLLIN}, {fd=5, revents=POLLOUT}])
read(4, ADDR, 100) = -1 EAGAIN (Resource temporarily unavailable)
openat(AT_FDCWD, "/tmp/f", O_RDWR|O_CREAT|O_TRUNC, 0644) = 6
newfstatat(6, "", {st_mode=S_IFREG|0644, st_size=8192, ...}, AT_EMPTY_PATH) = 0
mremap(ADDR, 1048576, 2097152, MREMAP_MAYMOVE) = ADDR
fcntl(6, F_GETFL) = ADDR (flags O_RDWR
fcntl(6, F_GETFD) = 0x1 (flags FD_CLOEXEC)
fcntl(6, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=0, l_len=10}) = 0
prctl(PR_SET_NAME, "renamed") = 0
umask(022) = 022
epoll_ctl(7, EPOLL_CTL_ADD, 4, {events=EPOLLIN, data={u32=4, u64=4}}) = 0
socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = -1 EAFNOSUPPORT (
getrandom("\xADDR", 4, GRND_NONBLOCK) = 4
pselect6(5, [4], NULL, NULL, {tv_sec=0, tv_nsec=1000000}, NULL) = 0 (Timeout)
execve("/sh", ["sh", "-c", "exit 3"], ADDR /* N vars */) = 0
wait4(N, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = N
--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8} ---
+++ killed by SIGSEGV +++
wait4(N, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV}], 0, NULL) = N
exit_group(0) = ?
"""


def test_calls_of_glibc_are_decoded(boot, image, linux_program, tmp_path):
    linux_program("calls", (ROOT / "test/boot/linux/calls.c").read_text(), "-pthread")
    subprocess.run([ROOT / "tools/put.sh", "-i", image, tmp_path / "calls"], check=True)
    said = boot(image=image).run("strace -f -o out /calls one; cat out", 60)
    lines = {re.sub(r" +", " ", line) for line in said.splitlines()}
    for line in GLIBC.strip().splitlines():
        pattern = re.sub(r"\bN\b", r"\\d+", re.escape(line))
        pattern = pattern.replace("ADDR", "(0x)?[0-9a-fx\\\\]+")
        assert any(re.search(pattern, seen) for seen in lines), (line, pattern, said)
    assert "syscall_0x" not in said
