# SPDX-License-Identifier: MIT
"""busybox, built from upstream's source: its commands read our /proc, and its own tests pass."""

import re
import subprocess

import pytest

from guest import BUILD, ROOT
from host import tool

pytestmark = pytest.mark.long

VERSION = "1.35.0"
SHA256 = "faeeb244c35a348a334f4a59e44626ee870fb07b6884d68c10ae8bc19f83a694"
SOURCE = BUILD / f"upstream/busybox-{VERSION}"

# Of its tests these want what a machine with this image has not: devices in /sys, loop and
# bind mounts, /usr/bin, zip, a name with a domain, harts to choose; du counts the block that
# says where the others are.
NOT_HERE = re.compile(r"mdev .*|mount .*|move rule .*|cpio -p with absolute paths|hostname-d-works|"
                      r"unzip \(subdir only\)|taskset \(set_aff.*|du-m-works|"
                      r"start-stop-daemon with both -x and -a")

# Minutes of arithmetic that says nothing of a kernel.
ARITHMETIC = {"bc", "dc", "factor", "md5sum", "sha1sum", "sha256sum", "sha512sum", "sha3sum"}


@pytest.fixture(scope="module")
def busybox(cross):
    program = SOURCE / "busybox"
    if program.exists():
        return program
    if not SOURCE.exists():
        subprocess.run([ROOT / "test/upstream/fetch.sh", "busybox", VERSION, SHA256,
                        SOURCE.parent], check=True, timeout=600)

    def make(*what):
        subprocess.run(["make", "-s", "-j2", f"CROSS_COMPILE={cross}", *what], cwd=SOURCE,
                       check=True, timeout=1800, stdout=subprocess.DEVNULL)
    make("defconfig")
    config = SOURCE / ".config"
    text = config.read_text().replace("# CONFIG_STATIC is not set", "CONFIG_STATIC=y")
    config.write_text(text.replace("CONFIG_TC=y", "# CONFIG_TC is not set"))
    make("busybox")
    return program


@pytest.fixture
def guest(busybox, boot, image, tmp_path):
    subprocess.run(["tar", "cf", tmp_path / "suite.tar", ".config", "testsuite"], cwd=SOURCE,
                   check=True)
    tool("fsput", image, busybox, tmp_path / "suite.tar", "/")
    return boot(image=image, append="quiet")


def kib(text, name):
    return int(re.search(rf"{name}:? +(\d+)", text).group(1))


def test_commands_read_proc(guest):
    g = guest
    assert re.search(r"^ +1 0 .* /init\n(.*\n)*.*\bsh\n", g.check("busybox ps"), re.M)
    free, meminfo = g.check("busybox free"), g.run("cat /proc/meminfo")
    assert kib(free, "Mem") == kib(meminfo, "MemTotal")
    assert re.search(r"Mem: \d+K used, \d+K free.*\nCPU: .*idle", g.check("busybox top -b -n 1"))
    assert "load average" in g.check("busybox uptime")
    assert re.search(r"/dev/vda .* /\n", g.check("busybox df"))
    assert "/dev/vda on / type qfs (rw)" in g.check("busybox mount")
    assert re.search(r"\[stack\]\n-.*\ntotal", g.check("busybox pmap -x 1"))
    assert re.search(r"^init-.*-sh-", g.check("busybox pstree"), re.M)
    assert re.search(r"^vda +[\d.]+ ", g.check("busybox iostat"), re.M)
    assert "all" in g.check("busybox mpstat")
    assert g.check("busybox nproc") == "3"
    assert "vda: " in g.check("busybox dmesg")
    assert g.check("busybox pidof init") == "1"
    assert g.check("busybox sysctl -n vm.overcommit_memory vm.policy").endswith("esc")


def test_its_own_tests(guest):
    tests = sorted({p.name.split(".")[0] for p in (SOURCE / "testsuite").iterdir()
                    if p.suffix == ".tests" or (p.is_dir() and not p.name.startswith("."))})
    tests = [t for t in tests if t not in ARITHMETIC | {"wget"}]
    g = guest
    g.check("mkdir bb && cd bb && busybox tar xf /suite.tar && ln /busybox busybox", 60)
    g.check("rm -f /bin/sh && ln -s /busybox /bin/sh && busybox --install -s /bin; true", 60)
    script = "export PATH=/bin SKIP_KNOWN_BUGS=1 SKIP_INTERNET_TESTS=1; cd /bb/testsuite; " \
             f"for t in {' '.join(tests)}; do ./runtest $t; done 2>&1"
    g.check(f"echo '{script}' > /bb/run; true")
    out = g.run("busybox sh /bb/run", 3000)
    assert len(re.findall(r"^PASS: ", out, re.M)) > 500
    failed = [f for f in re.findall(r"^FAIL: (.*?)\r?$", out, re.M) if not NOT_HERE.fullmatch(f)]
    assert failed == []
