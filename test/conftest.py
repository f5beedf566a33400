# SPDX-License-Identifier: MIT
"""Fixtures: guests for tests.

`shell` is a guest at its prompt that tests share as long as all goes well;
`boot(...)` starts one of a test's own.  After every test each guest that still
answers recounts its memory, and a failing test shows the console.
"""

import fcntl
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "boot"))
import guest
from guest import BUILD, ROOT, Guest, GuestError, file_name
from remains import Recorder, Remains
from host import swap_image, tool

DEFAULT = {"cpus": 3, "mem": "128M"}


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="more machines, longer runs")
    parser.addoption("--seed", type=int, default=random.SystemRandom().getrandbits(31),
                     help="of what is random in tests and guests")
    parser.addoption("--record", help="where to record machines with one hart")
    parser.addoption("--cross", default="riscv64-linux-gnu-", help="prefix of the toolchain")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with --long")
    guest.SEED = config.getoption("--seed")
    config.remains = Remains(guest.SEED, config.getoption("--cross"))


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        chosen = [i for i in items if not i.get_closest_marker("long")]
        config.hook.pytest_deselected(items=[i for i in items if i not in chosen])
        items[:] = chosen


@pytest.fixture(scope="session")
def cross(request):
    return request.config.getoption("--cross")


@pytest.fixture(scope="session")
def kernel_with(cross):
    """kernel_with(checks) => the kernel built with them"""
    def build(*checks):
        image = BUILD / "-".join(checks).lower() / "kernel.elf"
        with open(BUILD / "test/making", "w") as making:    # tests run side by side
            fcntl.flock(making, fcntl.LOCK_EX)
            subprocess.run(["make", "-j2", *(f"{c}=1" for c in checks), f"TOOLPREFIX={cross}",
                            image.relative_to(ROOT)], cwd=ROOT, check=True, timeout=900,
                           stdout=subprocess.DEVNULL)
        return image
    return build


@pytest.fixture(autouse=True)
def seeded(request):
    random.seed(f"{guest.SEED} {request.node.nodeid}")


@pytest.fixture
def guests(request):
    """The guests of this test; checked and closed at its end."""
    mine = []
    yield mine
    try:
        for g in mine:
            if g.alive() and not getattr(request.node, "failed", False):
                g.vm_check()
    except GuestError:
        keep(request.node, mine)
        raise
    finally:
        for g in mine:
            g.close()


@pytest.fixture
def boot(request, guests):
    """boot(cpus=, mem=, append=, ...) => a Guest; see Guest for the arguments."""
    numbers = itertools.count(1)
    where = request.config.getoption("--record")
    recorder = Recorder(where) if where else None

    def start(wait=True, **options):
        name = file_name(f"{request.node.name}-{next(numbers)}")
        g = Guest(name, **{**DEFAULT, "recorder": recorder, **options}, wait=False)
        guests.append(g)
        if wait:
            g.wait_prompt(30)
        return g

    return start


class Shared:
    """One guest for many tests; a new one after a failure."""

    def __init__(self):
        self.guest = None
        self.count = 0

    def get(self):
        if self.guest is None or not self.guest.alive():
            self.count += 1
            of = os.environ.get("PYTEST_XDIST_WORKER", "")
            self.guest = Guest(f"shared-{of}{self.count}", **DEFAULT)
        return self.guest

    def drop(self):
        if self.guest:
            self.guest.close()
        self.guest = None


@pytest.fixture(scope="session")
def shared():
    s = Shared()
    yield s
    s.drop()


@pytest.fixture
def shell(request, shared):
    """The shared guest, in an empty directory of this test's own."""
    g = shared.get()
    request.node.shell = g
    g.log.write(f"\n==== {request.node.name} ====\n")
    where = "/t." + file_name(request.node.name)[:60]
    try:
        g.check(f"mkdir {where}")
        g.check(f"cd {where}")
        yield g
        if getattr(request.node, "failed", False):
            shared.drop()
        else:
            g.check("cd /")
            g.vm_check()
    except GuestError:
        shared.drop()
        raise


@pytest.fixture
def image(tmp_path):
    """A private copy of the disk image, for what must outlast a boot."""
    copy = tmp_path / "fs.img"
    shutil.copyfile(BUILD / "test" / "fs.img", copy)
    return copy


@pytest.fixture
def disk(tmp_path):
    """disk(MiB) => a swap disk; see swap_image"""
    def make(mib=64, **more):
        return swap_image(tmp_path / "swap.img", mib, **more)
    return make


@pytest.fixture
def linux_program(cross, image, tmp_path):
    """A function that puts a program onto the image, made by the stock compiler from C."""
    def make(name, source, *options):
        (tmp_path / f"{name}.c").write_text(source)
        subprocess.run([f"{cross}gcc", "-O1", "-o", tmp_path / name, tmp_path / f"{name}.c",
                        *options], check=True, timeout=120)
        tool("fsput", image, tmp_path / name, "/")
    return make


@pytest.fixture
def hogs(linux_program, image):
    """An image with a program of the stock compiler's that does everything to memory."""
    linux_program("hogs", (ROOT / "test/abi/programs/hogs.c").read_text(), "-pthread", "-static")
    return image


def keep(item, guests):
    """Once for a test: the first failure is the one to look into."""
    if guests and not hasattr(item, "left") and not item.config.getoption("--record"):
        item.left = item.config.remains.keep(item.nodeid, guests)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        seen = list(item.funcargs.get("guests", [])) + [getattr(item, "shell", None)]
        seen = [g for g in seen if g and not g.log.closed]
        report.sections += [(f"console of {g.name}", g.tail()) for g in seen]
        keep(item, seen)
        if hasattr(item, "left"):
            report.sections.append(("what is left of it", item.left))
