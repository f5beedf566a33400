# SPDX-License-Identifier: MIT
"""Record and replay: a run is had again, and debugged backwards."""

import re
import subprocess

from guest import IMAGE, KERNEL, ROOT

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


def test_back_to_the_store_that_did_it(tmp_path):
    """From where a wrong value is seen to where it was written."""
    record(tmp_path / "run", "forktest")
    sock, script = tmp_path / "gdb", tmp_path / "script"
    script.write_text(f"""set confirm off
target remote {sock}
break process_exit
continue
delete
print $pc
reverse-stepi
stepi
print $pc
watch -l *(long *)current->comm
reverse-continue
backtrace
kill
""")
    qemu = subprocess.Popen([SCRIPT, "replay", tmp_path / "run", "-S", "-gdb",
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
        gdb = subprocess.run(["gdb-multiarch", "-batch", "-nx", str(KERNEL), "-x", script],
                             capture_output=True, text=True, timeout=120)
    finally:
        qemu.kill()
        qemu.wait()
    # The first to exit is a child, whose name was set as it was made.
    assert re.search(r" in strlcpy \(.*\n(.*\n)*#\d .*task_clone", gdb.stdout), \
        gdb.stdout + gdb.stderr
    places = [line.split(" = ")[1] for line in gdb.stdout.splitlines() if line.startswith("$")]
    assert len(places) == 2 and places[0] == places[1]


def test_replay_of_nothing_is_refused(tmp_path):
    done = subprocess.run([SCRIPT, "replay", tmp_path], capture_output=True, text=True)
    assert done.returncode == 2 and "nothing is recorded" in done.stderr
