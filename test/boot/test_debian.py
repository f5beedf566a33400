# SPDX-License-Identifier: MIT
"""Programs of Debian for riscv64 run as they are: tools/debian.sh puts them on a disk."""

import random
import re
import shutil
import subprocess
import time

import pytest

from guest import BUILD, ROOT

pytestmark = pytest.mark.long

PACKAGES = ("bash coreutils lua5.4 memtester procps python3 sqlite3 stress-ng").split()

# What stress-ng calls them.  Each maps, faults, forks, writes and checks what it reads;
# all but those that want a kernel of Linux's own (huge pages, sockets, seals ...).
STRESSORS = """
    bad-altstack bigheap brk dev-shm malloc mlock mmap mmapaddr mmapcow mmapfiles mmapfixed
    mmapfork mmapmany mmaptorture mprotect mremap msync msyncmany munmap pagemove physpage shm
    stack stackmmap vm vma vm-addr vm-segv chdir chmod clone close copy-file daemon dentry dir
    dirdeep dirmany dup dynlib eventfd exit-group fallocate fault fcntl fd-fork file-ioctl
    filename filerace flipflop flock fork forkheavy fstat full futex getdent hdd io iomix itimer
    kill link locka lockf lockmix lockofd memfd metamix mutex nanosleep null open pipe pipeherd
    poll prctl procfs pthread rename resources revio ring-pipe rlimit rmap seek sem sendfile
    session sigabrt sigbus sigchld sigfpe sighup sigill signal signest sigpending sigpipe sigq
    sigrt sigsegv sigsuspend sigtrap sleep switch symlink sysbadaddr sysinfo timerfd
    tlb-shootdown touch umask utime vfork vforkmany wait yield zero zombie
""".split()


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """A disk with the programs, besides ours"""
    image = tmp_path_factory.mktemp("debian") / "fs.img"
    shutil.copyfile(BUILD / "test/fs.img", image)
    subprocess.run([ROOT / "tools/debian.sh", "-i", image, *PACKAGES], check=True, timeout=900)
    return image


def start(boot, debian, **options):
    g = boot(image=debian, append="quiet", **options)
    g.run("export PATH=/usr/bin:/usr/sbin:/; mkdir /t; cd /t")
    return g


PYTHON = """
import os, sys, mmap
m = mmap.mmap(-1, 1 << 20)
m[::4096] = bytes(range(256))
pid = os.fork()
if pid == 0:
    m[0] = 7
    os._exit(3)
print(os.waitpid(pid, 0)[1] >> 8, m[0], sum(m[::4096]))
d = {str(k): k for k in range(100000)}
print(sum(d.values()), len(os.listdir('/proc/self/fd')) > 2, sys.platform)
"""


def test_interpreters(boot, debian, tmp_path):
    (tmp_path / "p.py").write_text(PYTHON)
    subprocess.run([BUILD / "mkfs/fsput", debian, tmp_path / "p.py", "/"], check=True)
    g = start(boot, debian)
    assert g.run("python3 /p.py", 120).split("\n") == ["3 7 32647", "4999950000 True linux"]
    assert g.run("lua5.4 -e 'print(string.rep(\"ab\", 3), 2^53)'").split() == [
        "ababab", "9.007199254741e+15"]
    sql = ("create table t(n); with recursive c(n) as (select 1 union all select n+1 from c "
           "limit 9999) insert into t select n from c; select count(*), sum(n) from t; "
           "pragma integrity_check")
    assert g.run(f"sqlite3 /t/db '{sql}'", 60).split("\n") == ["9999|49995000", "ok"]
    script = ("f() { echo $((2**10)) ${1^^}; }; f abc | tac; "
              "seq 1 20000 | sort -rn | md5sum | cut -c1-8")
    assert g.run(f"bash -c '{script}'", 60).split("\n") == [
        "1024 ABC", subprocess.run(["bash", "-c", "seq 1 20000 | sort -rn | md5sum | cut -c1-8"],
                                   capture_output=True, text=True).stdout.strip()]


def insert_until_killed(g, mode, first, seconds):
    """Each row is a transaction of its own and is told of when it is done. => the last"""
    g.send('bash -c \'echo "pragma synchronous=extra; pragma journal_mode=' + mode + ';"; '
           f'for ((n={first};;n++)); do '
           'echo "insert into t values($n, hex(randomblob(300))); select -$n;"; done\' '
           '| sqlite3 /t/db\n')
    end, done = time.monotonic() + seconds, first - 1
    while done < first or time.monotonic() < end:
        done = int(g.expect(r"\n-(\d+)\r")[1][1])
    g.close()
    return done


def test_sqlite_when_power_fails(boot, debian, tmp_path):
    """Whatever was said to be in the database is there, whichever way it keeps its journal."""
    image, rng = tmp_path / "fs.img", random.Random(1)
    shutil.copyfile(debian, image)
    g = start(boot, image, snapshot=False)
    g.check("echo 'pragma synchronous=extra; create table t(n integer primary key, v);' "
            "| sqlite3 /t/db")
    done = 0
    for mode in ("delete", "wal", "truncate", "persist") * 4:
        done = insert_until_killed(g, mode, done + 1, rng.uniform(0, 4))
        g = start(boot, image, snapshot=False, cpus=rng.choice((1, 2, 4)))
        said = g.run("echo 'pragma integrity_check; select count(*), max(n) from t;' "
                     "| sqlite3 /t/db", 60).split("\n")
        count, last = map(int, said[1].split("|"))
        assert said[0] == "ok" and count == last >= done
        done = last


def test_procps_reads_proc(boot, debian):
    g = start(boot, debian)
    total = int(re.search(r"MemTotal: +(\d+)", g.run("cat /proc/meminfo"))[1])
    assert re.search(rf"^Mem: +{total} +\d+ +\d+", g.run("free"), re.M)
    assert re.search(r"^root +1 .* /init$", g.run("ps aux"), re.M)
    assert re.search(r"^ *1 +0 /init$", g.run("ps -eo pid,ppid,args"), re.M)
    assert re.search(r"^ *\d+ +\d+ +\d+ +\d+ +\d+", g.run("vmstat 1 2", 30).split("\n")[-1])
    assert re.search(r"^ *\d+ +\d+ +\d+% .* dentry", g.run("slabtop -o", 30), re.M)
    assert re.search(r"rw--- +\[ stack \]", g.run("pmap -x 1"))
    assert re.search(r"load average: \d", g.run("uptime"))
    assert re.search(r"^/dev/vda +\d+ +\d+ +\d+ +\d+% /$", g.run("df"), re.M)


def test_memtester(boot, debian):
    assert re.search(r"Done\.\s*$", start(boot, debian).run("memtester 1M 1", 240))


@pytest.mark.parametrize("cpus, mem", [(1, "64M"), (4, "64M")])
def test_stress_ng(boot, debian, tmp_path, cpus, mem):
    """Two of each for two seconds, with swap; it verifies what it did, and we the memory."""
    swap = tmp_path / "swap.img"
    subprocess.run(["truncate", "-s", "256M", swap], check=True)
    g = start(boot, debian, cpus=cpus, mem=mem, swap=swap)
    g.run("mkswap /dev/vdb; swapon /dev/vdb", 30)
    wrong = []
    for name in STRESSORS:
        said = g.run(f"stress-ng --{name} 2 -t 2 --verify --oomable --vm-bytes 24M; "
                     "echo status=$?", 300)
        if not re.search(r"failed: 0\n[^$]*status=0$", said):
            wrong.append(f"{name}: {said[-600:]}")
    assert wrong == []
    g.vm_check()
