# SPDX-License-Identifier: MIT
"""C programs made by the stock Linux toolchain behave as they do on Linux.

Each program in programs/ is built here with gcc and glibc, statically, some and
those in shared/ dynamically too, and run twice: by qemu-riscv64 on the host's Linux,
and by quire.  Both have to print the same and end with the same status.  Where
qemu-riscv64 knows too little of Linux to tell, the host's own build of the program
does.
"""

import os
import pathlib
import re
import subprocess

import pexpect
import pytest

from guest import BUILD, ROOT, Guest
from host import tool
from outside import PAGE, R, U, V, W, X, Snapshot

HERE = pathlib.Path(__file__).parent
SOURCES = sorted((HERE / "programs").glob("*.c"))
FLAGS = {"nolibc": ["-nostdlib"]}
NATIVE = {"corners", "edges", "mapping", "nice", "proc"}
SHARED = [HERE / "programs" / f"{name}.c" for name in ("pager", "stdio", "threads")] + [
    HERE / "shared" / "dynamic.c"]
TWINS = HERE / "shared" / "twins.c"
TERMINAL = HERE / "terminal.c"
LIMIT = 120
MEM = 128  # MiB

# Where qemu-riscv64 does not do what Linux does: what it prints -> what Linux would.
# It leaves sa_mask out of the handler's mask, and children tell its own libc.
# It does not see that code was written through another mapping, and cannot execute
# /proc/self/exe.
DEPARTURES = {
    "code": [
        (r"two mappings: .*", "two mappings: 1225"),
        (r"flags: .*", "flags: -1 Invalid argument"),
    ],
    "dynamic": [
        (r"again 99", "library begins\nagain with an environment\nlibrary ends\nagain 41"),
    ],
    "signals": [
        (r"(depth.*) other 0", r"\1 other 1"),
        (r"no notice: .*", "no notice: 0 times, signal 0, code 0, mine 0"),
        (r"no zombie: .*", "no zombie: -1 No child processes"),
    ],
}


# What it cannot run: it does not tell anybody of the death of threads, and who runs it may
# not be root.
EXPECTED = {
    "ids": ("""\
setrlimit(RLIMIT_CPU, &r): 0
child: signal 24
1 warnings, signal 9
prlimit(99999, RLIMIT_AS, NULL, NULL): No such process
syscall(SYS_setrlimit, RLIMIT_CORE, NULL): Bad address
syscall(SYS_getrlimit, RLIMIT_NOFILE, NULL): Bad address
syscall(SYS_getrlimit, 99, &r): Invalid argument
syscall(SYS_setrlimit, RLIMIT_NPROC, &r): 0
syscall(SYS_getrlimit, RLIMIT_NPROC, &r): 0
1 2
prlimit(getppid(), RLIMIT_NPROC, NULL, &r): 0
parent's 1 2
mount("none", "mounted", "tmpfs", 0, NULL): 0
umount2("mounted", 1 << 20): Invalid argument
umount2("mounted", MNT_FORCE): 0
umount2("mounted", MNT_FORCE): Invalid argument
rmdir("mounted"): 0
prctl(PR_GET_CHILD_SUBREAPER, 8): Bad address
prctl(PR_SET_CHILD_SUBREAPER, 1): 0
prctl(PR_GET_CHILD_SUBREAPER, &on): 0
on 1, child 0, grandchild 40
prctl(PR_SET_CHILD_SUBREAPER, 0): 0
prctl(PR_SET_PDEATHSIG, 65): Invalid argument
prctl(PR_GET_PDEATHSIG, 8): Bad address
signal 10, code 0, child's 0
setuid(0): 0
setuid(-1): Invalid argument
setreuid(-1, -1): 0
setresgid(0, -1, 0): 0
seteuid(7): Operation not permitted
setgid(5): 0
setgroups(2, groups): Operation not permitted
setgroups(1, groups): 0
setgroups(0, NULL): 0
setgroups(1, (void *)-8): Bad address
setgroups(70000, groups): Invalid argument
setfsuid(7): 0
setfsuid(-1): 0
setresuid(1000, 1000, 1000): 0
getresuid(&real, &effective, &saved): 0
1000 1000 1000 5
setuid(0): Operation not permitted
setgid(0): Operation not permitted
setreuid(1000, -1): 0
setgroups(0, NULL): Operation not permitted
kill(getppid(), 0): Operation not permitted
""", 0),
    "robust": ("process: Owner died\nthread: Owner died\nwhile waiting: Owner died\n"
               "in order again: Success\n", 0),
}


def compile_program(cross, *arguments):
    subprocess.run([f"{cross}gcc", "-O1", "-g", "-pthread", *map(str, arguments)], check=True,
                   timeout=120)


def compile_static(cross, source, to):
    compile_program(cross, "-static", *FLAGS.get(source.stem, []), "-o", to, source, "-lm")


def compile_shared(cross, where):
    """The programs of SHARED, and the libraries they use."""
    for name, *needs in (("private", "-lm"), ("plugin", "-lprivate")):
        compile_program(cross, "-shared", "-fPIC", "-o", where / f"lib{name}.so",
                        HERE / "shared" / f"{name}.c", f"-L{where}", *needs)
    for source in SHARED + [TWINS]:
        compile_program(cross, "-rdynamic", "-o", where / source.stem, source, f"-L{where}",
                        "-Wl,--as-needed", "-lprivate", "-lm")


@pytest.fixture(scope="module")
def programs(cross):
    """{name: the built program}"""
    where = BUILD / "test" / "abi"
    (where / "shared").mkdir(parents=True, exist_ok=True)
    built = {source.stem: where / source.stem for source in SOURCES + [TERMINAL]}
    for source in SOURCES + [TERMINAL]:
        compile_static(cross, source, built[source.stem])
    compile_shared(cross, where / "shared")
    return built | {f"shared/{source.stem}": where / "shared" / source.stem
                    for source in SHARED + [TWINS]}


@pytest.fixture(scope="module")
def libraries(cross):
    """Where the cross compiler keeps the dynamic linker and libc."""
    p = subprocess.run([f"{cross}gcc", "-print-file-name=libc.so.6"], check=True,
                       capture_output=True, text=True)
    return pathlib.Path(p.stdout.strip()).resolve().parent


class Machine:
    """One guest for all programs; a new one after it broke."""

    def __init__(self, image):
        self.image = image
        self.guest = None
        self.count = 0

    def get(self):
        if self.guest is None or not self.guest.alive():
            self.count += 1
            self.guest = Guest(f"abi-{self.count}", cpus=4, mem=f"{MEM}M", image=self.image)
            self.guest.check("mkdir t && cd t")
        return self.guest

    def drop(self):
        if self.guest:
            self.guest.close()
        self.guest = None


def put(cross, image, where, files):
    subprocess.run([ROOT / "tools" / "put.sh", "-i", image, "-d", where, *files],
                   check=True, env={**os.environ, "CROSS": cross}, timeout=120)


@pytest.fixture(scope="module")
def machine(programs, libraries, cross, tmp_path_factory):
    image = tmp_path_factory.mktemp("abi") / "fs.img"
    image.write_bytes((BUILD / "test" / "fs.img").read_bytes())
    tool("fsput", "-d", image, "/abi", "/abi/shared")
    for shared in False, True:
        files = [path for name, path in programs.items() if ("/" in name) == shared]
        put(cross, image, "/abi/shared" if shared else "/abi", files)
    # What is loaded at run time: by a program, and by pthread_cancel().
    tool("fsput", image, BUILD / "test" / "abi" / "shared" / "libplugin.so", "/abi/shared")
    put(cross, image, "/", [libraries / "libgcc_s.so.1"])
    m = Machine(image)
    yield m
    m.drop()


def on_linux(program, libraries, where):
    """=> (output, status as a shell tells it)"""
    env = {"PATH": os.environ["PATH"], "EMULATOR": "qemu-riscv64"}
    command = ["qemu-riscv64", "-L", libraries.parent, "-E", f"LD_LIBRARY_PATH={program.parent}",
               program]
    if program.name in NATIVE:
        compile_program("", "-o", where / "native", HERE / "programs" / f"{program.name}.c")
        command = [where / "native"]
    p = subprocess.run(command, cwd=where, env=env, timeout=LIMIT, stdin=subprocess.DEVNULL,
                       capture_output=True)
    status = p.returncode if p.returncode >= 0 else 128 - p.returncode
    output = p.stdout.decode()
    for wrong, right in DEPARTURES.get(program.name, []):
        output = re.sub(wrong, right, output)
    return output, status


NAMES = [source.stem for source in SOURCES] + [f"shared/{source.stem}" for source in SHARED]


def expected_of(name, programs, libraries, where):
    return EXPECTED.get(name) or on_linux(programs[name], libraries, where)


def run_program(g, name):
    """In a directory of its own.  => (output, status)"""
    where = "/run-" + name.replace("/", "-")
    g.check(f"mkdir {where} && cd {where}")
    g.run(f"/abi/{name} < /dev/null > out", LIMIT)
    status = int(g.run("echo $?"))
    found = g.run("cat out") + "\n", status
    g.check("cd /")
    g.vm_check()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_program(machine, programs, libraries, tmp_path, name):
    expected = expected_of(name, programs, libraries, tmp_path)
    try:
        found = run_program(machine.get(), name)
    except Exception:
        machine.drop()
        raise
    assert found == expected


def run_programs(g, names, programs, libraries, where):
    for name in names:
        assert run_program(g, name) == expected_of(name, programs, libraries, where), name


@pytest.mark.long
@pytest.mark.parametrize("cpus,mem", [(1, "48M"), (2, "64M"), (8, "256M")])
def test_programs_on(machine, programs, libraries, tmp_path, boot, cpus, mem):
    g = boot(cpus=cpus, mem=mem, image=machine.image)
    run_programs(g, NAMES, programs, libraries, tmp_path)


CHECKED = ["signals", "robust"]     # timers that fire, the rarer user copies


@pytest.mark.parametrize("names", [CHECKED, pytest.param(NAMES, marks=pytest.mark.long)],
                         ids=["some", "all"])
def test_programs_with_checks(machine, programs, libraries, tmp_path, boot, kernel_with, names):
    kernel = kernel_with("DEBUG", "KASAN", "UBSAN")
    g = boot(kernel=kernel, cpus=2, image=machine.image, append="panic=exit quiet")
    run_programs(g, names, programs, libraries, tmp_path)


def test_job_control(machine, programs, tmp_path):
    """What jobs may do with the terminal, and what happens to those that nobody controls."""
    expected = tmp_path / "out"
    pexpect.run(f"qemu-riscv64 {programs['terminal']} {expected}", timeout=LIMIT)
    g = machine.get()
    g.run("/abi/terminal out", LIMIT)
    assert g.run("cat out") + "\n" == expected.read_text()


SCRIPTS = {
    # command: (its lines, the start of what it prints)
    "plain": ("#!/echo\n", "./plain a b c"),
    "argument": ("#! \t/echo  one two \t\n", "one two ./argument a b c"),
    "unfinished": ("#!/echo x", "x ./unfinished a b c"),
    "cut": ("#!/echo " + 300 * "y" + "\n", 247 * "y" + " ./cut a b c"),
    "empty": ("#!  \n/echo as commands $1\n", "as commands a"),
    "long": ("#!/" + 300 * "z" + "\n/echo as commands $2\n", "as commands b"),
    "nowhere": ("#!/nowhere\n", "./nowhere: not found"),
    "level1": ("#!/echo 1\n", "1 ./level1 a b c"),
    "level2": ("#!./level1 2\n", "1 ./level1 2 ./level2 a b c"),
    "level5": ("#!./level4 5\n",
               "1 ./level1 2 ./level2 3 ./level3 4 ./level4 5 ./level5 a b c"),
    "level6": ("#!./level5 6\n", "./level6: Too many symbolic links"),
    "level3": ("#!./level2 3\n", "1 ./level1 2 ./level2 3 ./level3 a b c"),
    "level4": ("#!./level3 4\n", "1 ./level1 2 ./level2 3 ./level3 4 ./level4 a b c"),
}


def test_scripts(boot, image, tmp_path):
    for name, (text, _) in SCRIPTS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    tool("fsput", "-d", image, "/s")
    tool("fsput", image, *(tmp_path / name for name in SCRIPTS), "/s")
    g = boot(image=image)
    g.check("cd /s")
    assert {name: g.run(f"./{name} a b c") for name in SCRIPTS} == {
        name: printed for name, (_, printed) in SCRIPTS.items()}


def test_text_of_libc_is_held_once(machine, libraries):
    """Two programs, each started by its own execve, have the same frames for libc's
    text, and frames of their own for the data that the dynamic linker wrote."""
    g = machine.get()
    g.start("/abi/shared/twins")
    lines = [line.split() for line in g.expect(r"waiting\r*\n")[0].splitlines()]
    said = {}
    for name, *values in lines:
        said.setdefault(name, []).append([int(v, 0) for v in values])
    s = Snapshot(g, MEM)
    g.send("\n")
    g.wait_prompt()

    one, two = (s.user_root(said[f"{who}-pid"][0][0]) for who in ("one", "two"))
    assert said["one-text"] == said["two-text"] and said["one-data"] == said["two-data"]

    def pages(kind):
        """What both have there: (of the one, of the other, offset in the file)"""
        for start, size, offset in said[f"one-{kind}"]:
            for at in range(start & -PAGE, start + size, PAGE):
                a, b = s.entry(one, at), s.entry(two, at)
                if a and b and a.has(V) and b.has(V):
                    yield a, b, (offset & -PAGE) + at - (start & -PAGE)

    libc = (libraries / "libc.so.6").read_bytes()
    text, data = list(pages("text")), list(pages("data"))
    assert len(text) >= 50
    for a, b, offset in text:
        assert a.pa == b.pa and a.has(R | X | U) and not a.has(W) and not b.has(W)
        assert s.read(a.pa, PAGE) == libc[offset:offset + PAGE].ljust(PAGE, b"\0")
        assert s.frame(a.pa).kind == "OBJECT" and s.frame(a.pa).mapped >= 2
    written = [(a, b) for a, b, offset in data if s.frame(a.pa).kind == "ANON"]
    assert written and all(a.pa != b.pa for a, b in written)
