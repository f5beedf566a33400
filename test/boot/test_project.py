# SPDX-License-Identifier: MIT
"""The Makefile and the tools around it."""

import re
import shutil
import socket
import subprocess

import pytest

from guest import ROOT


def make(*args, cwd=ROOT):
    return subprocess.run(["make", *args], cwd=cwd, capture_output=True, text=True, timeout=300)


def test_help_names_every_target_and_variable():
    text = make("help").stdout
    for word in ("qemu", "qemu-gdb", "gdb", "print-gdbport", "test", "test-long", "usertests",
                 "bench", "bench-check", "lint", "fs-reset", "clean", "doctor", "help",
                 "compile_commands.json", "policy", "trace", "viz", "CPUS",
                 "MEM", "SWAP", "TOOLPREFIX", "DEBUG", "APPEND", "V="):
        assert re.search(rf"(?m)^  {re.escape(word)}", text), word


@pytest.mark.parametrize("setting", [
    "CPUS=0", "CPUS=-1", "CPUS=x", "CPUS=", "CPUS=1000", "MEM=3M", "MEM=0", "MEM=lots", "MEM=",
    "MEM=4096K", "SWAP=x"])
def test_impossible_machines_are_refused_in_words(setting):
    p = make("machine", setting)
    assert p.returncode != 0
    assert p.stderr.startswith(f"quire: {setting}: ")


@pytest.mark.parametrize(
    "setting", ["CPUS=1", "CPUS=8", "MEM=5M", "MEM=6144K", "MEM=1g", "MEM=128"])
def test_possible_machines(setting, tmp_path):
    name, value = setting.split("=")
    values = {"CPUS": "3", "MEM": "128M", name: value}
    p = subprocess.run(
        [ROOT / "tools/machine.sh", values["CPUS"], values["MEM"], "0", tmp_path / "swap"])
    assert p.returncode == 0


def test_doctor_finds_the_tools():
    p = make("doctor")
    assert p.returncode == 0 and "MISSING" not in p.stdout
    assert re.search(r"qemu .*version \d", p.stdout)


def test_toolchain_that_is_not_there():
    p = make("all", "TOOLPREFIX=no-such-")
    assert p.returncode != 0
    assert "quire: TOOLPREFIX=no-such-: there is no no-such-gcc" in p.stderr


def bare_machine(path, **scripts):
    """A PATH with the basics of a system, and scripts in place of other tools."""
    for tool in ("sh", "sed", "head", "tr", "dirname", "id", "env", "cat"):
        (path / tool).symlink_to(shutil.which(tool))
    for name, text in scripts.items():
        file = path / name.replace("_", "-")
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
    return {"env": {"PATH": str(path)}, "capture_output": True, "text": True}


def test_doctor_says_how_to_get_a_tool(tmp_path):
    """With nothing on the path but the basics, each line has its command."""
    p = subprocess.run([ROOT / "tools/setup.sh", "doctor"], **bare_machine(tmp_path))
    assert p.returncode != 0
    missing = [line for line in p.stdout.splitlines() if line.startswith("MISSING")]
    assert len(missing) >= 4
    assert all("sudo apt-get install -y" in line for line in missing)


def test_setup_installs_what_is_missing(tmp_path):
    """With an apt-get that only takes notes."""
    notes = tmp_path / "notes"
    p = subprocess.run([ROOT / "tools/setup.sh", "install", "test"], **bare_machine(
        tmp_path, apt_get=f'echo "$@" >> {notes}', apt_cache="exit 1",
        sudo='test "$1" = -n && shift; exec "$@"'))
    update, install = notes.read_text().splitlines()
    assert update.startswith("update")
    for package in ("gcc", "gcc-riscv64-linux-gnu", "qemu-system-misc", "libcmocka-dev"):
        assert package in install.split()
    assert "installed, yet not found" in p.stderr and p.returncode != 0


def test_gdb_port_is_free_and_remembered(tmp_path):
    def port(*args):
        return int(subprocess.check_output([ROOT / "tools/gdbport.py", *args]))
    file = str(tmp_path / "port")
    first = port(file)
    assert port(file) == first == port("--free", file)
    with socket.socket() as s:
        s.bind(("127.0.0.1", first))
        s.listen()
        assert port("--free", file) != first


def test_makefile_is_short():
    assert len((ROOT / "Makefile").read_text().splitlines()) < 250


def test_readme_shows_what_happens(boot):
    """The session in it, but for numbers that change."""
    def shape(text):
        return [re.sub(r"[0-9a-f]{8,}|\d+", "N", line).rstrip() for line in text.splitlines()]
    session = re.search(r"```\n\$ make qemu\n(.*?)\$ poweroff\n```",
                        (ROOT / "README.md").read_text(), re.S)[1]
    banner, *commands = re.split(r"(?m)^\$ ", session)
    g = boot()
    for line in shape(banner)[1:]:
        assert line in shape(g.said())
    for command in commands:
        line, _, output = command.partition("\n")
        assert shape(g.run(line)) == shape(output)


def test_documents_mention_files_that_exist():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text()
        for name in re.findall(r"\]\(([\w./-]+)\)", text):
            assert (page.parent / name).exists(), (page, name)
        for name in re.findall(r"`((?!build/)\w+/[\w./-]+\.(?:c|h|S|py|sh|json))`", text):
            assert any((where / name).exists() for where in (ROOT, ROOT / "user/include")), name
