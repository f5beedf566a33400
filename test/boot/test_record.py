# SPDX-License-Identifier: MIT
"""Record and replay: a run is had again, and debugged backwards."""

import re
import subprocess

from guest import IMAGE, KERNEL, ROOT, Guest

SCRIPT = ROOT / "tools/record.sh"


def record(directory, program):
    """=> what the console said"""
    done = subprocess.run([SCRIPT, "record", directory, KERNEL, "128M",
                           f"panic=exit test=/{program}", IMAGE], check=True, timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout


def test_replay_is_the_same_run(tmp_path):
    said = record(tmp_path / "run", "forktest")
    assert "init has exited with status 0" in said
    again = subprocess.run([SCRIPT, "replay", tmp_path / "run"], check=True, timeout=120,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert again.stdout == said


def debug(directory, script):
    """Replay under gdb. => what gdb said"""
    sock, commands = directory / "gdb", directory / "script"
    commands.write_text(f"set confirm off\nsource {ROOT}/tools/debugger/main.py\n"
                        f"target remote {sock}\n{script}kill\n")
    qemu = subprocess.Popen([SCRIPT, "replay", directory, "-S", "-gdb",
                             f"unix:{sock},server=on,wait=off"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if sock.exists():
                break
            try:
                qemu.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        gdb = subprocess.run(["gdb-multiarch", "-batch", "-nx", directory / "kernel.elf",
                              "-x", commands], capture_output=True, text=True, timeout=120)
    finally:
        qemu.kill()
        qemu.wait()
    return gdb.stdout + gdb.stderr


def printed(said):
    return [line.split(" = ", 1)[1] for line in said.splitlines() if line.startswith("$")]


def test_back_to_the_store_that_did_it(tmp_path):
    """From where a wrong value is seen to where it was written."""
    record(tmp_path / "run", "forktest")
    said = debug(tmp_path / "run", """break process_exit
continue
delete
print $pc
reverse-stepi
stepi
print $pc
watch -l *(long *)current->comm
reverse-continue
backtrace
monitor info replay
reverse-continue
monitor info replay
""")
    places = re.findall(r"instruction count = (\d+)", said)
    assert len(places) == 2 and int(places[0]) > int(places[1]) + 1, said
    # The first to exit is a child, whose name was set as it was made.
    assert re.search(r" in strlcpy \(.*\n(.*\n)*#\d .*task_clone", said), said
    assert len(printed(said)) == 2 and printed(said)[0] == printed(said)[1], said


def test_back_and_forth_over_waits(tmp_path):
    """What somebody typed, with waits for the keyboard, the disk and the clock in between."""
    class Recorder:
        def next(self):
            return tmp_path / "run"

    g = Guest("record", cpus=1, recorder=Recorder())
    g.run("cat nosuch")
    g.run("sleep 0.1")
    g.poweroff()
    tell = 'printf "$at = %s\\n", current->comm\n'
    said = debug(tmp_path / "run", "break exit_current\n" + tell.join([
        "continue\ncontinue\n", "reverse-continue\n", "reverse-continue\n", "continue\n",
        "delete\nbreak sys_wait4\nreverse-continue\n", ""]))
    assert printed(said) == ["sleep", "cat", "cat", "sleep", "sh"], said
    assert said.count("met before here") == 1


def test_replay_of_nothing_is_refused(tmp_path):
    done = subprocess.run([SCRIPT, "replay", tmp_path], capture_output=True, text=True)
    assert done.returncode == 2 and "nothing is recorded" in done.stderr
