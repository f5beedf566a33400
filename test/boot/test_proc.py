# SPDX-License-Identifier: MIT
"""/proc: Linux's names and formats, so that Linux's programs can read it."""

import pathlib
import re

import pytest

from test_demand import wait_for


def test_meminfo(shell):
    fields = dict(re.fullmatch(r"(\w+(?:\(\w+\))?):\s+(\d+) kB", line).groups()
                  for line in shell.run("cat /proc/meminfo").splitlines())
    for name in ("MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapTotal",
                 "SwapFree", "Dirty", "AnonPages", "Mapped", "Slab", "PageTables"):
        assert name in fields
    total, free = int(fields["MemTotal"]), int(fields["MemFree"])
    assert 128 * 1024 * 0.9 < total <= 128 * 1024 and 0 < free < total
    assert free * 0.9 < int(fields["MemAvailable"]) < total


def test_vmstat(shell):
    def read():
        lines = shell.run("cat /proc/vmstat").splitlines()
        return {k: int(v) for k, v in (line.split() for line in lines)}
    before = read()
    assert {"nr_free_pages", "pgfault", "pgmajfault", "pgfree"} <= before.keys()
    shell.run("echo some work | cat")
    assert read()["pgfault"] > before["pgfault"]


def test_faults_are_timed_by_kind(shell):
    """A sample of each kind that is common: those timed are among those counted."""
    def read():
        return dict(line.split() for line in shell.run("cat /proc/vmstat").splitlines())
    kinds = ("zero_fill", "file_map", "cow_copy")
    for kind in kinds:
        shell.run(f"while ! grep -q 'quire_{kind}_timed [1-9]' /proc/vmstat; do"
                  " ls / > /dev/null; done", 90)
    after = read()
    for kind in (*kinds, "zero_map", "cow_reuse", "spurious", "swap_map"):
        timed, ns = (int(after[f"quire_{kind}_timed{unit}"]) for unit in ("", "_ns"))
        assert timed <= int(after[f"quire_{kind}"]) and (ns > 0) == (timed > 0)
    assert re.search(r"(?m)^ +\d+ faults quire_cow_copy were timed: \d+\.\d{3} us each$",
                     shell.run("vmstat -s"))


def test_diskstats(shell):
    def read():
        return shell.run("cat /proc/diskstats").split()
    before = read()
    assert len(before) == 20 and before[2] == "vda"
    assert int(before[5]) >= int(before[3]) > 0           # sectors read, reads
    shell.run("echo some work > /tmp/file; sync")
    after = read()
    assert int(after[7]) > int(before[7]) and int(after[9]) > int(before[9])
    assert int(after[18]) > int(before[18])               # flushes
    shell.run("dd if=/dev/vda of=/dev/null bs=1M count=16")
    after = [int(n) for n in read()[3:]]
    took = shell.run("cat /proc/uptime").split()[0].replace(".", "")
    reading, writing, in_flight, busy, together = (after[k] for k in (3, 7, 8, 9, 10))
    assert reading > int(before[6]) and in_flight == 0
    assert 0 < busy <= int(took) * 10 and busy <= together + 1
    assert reading + writing <= together
    both = shell.run("cat /proc/diskstats /proc/vmstat")
    disk = both.split()[:20]
    told = re.search(r"(?m)^pgpgin (\d+)\npgpgout (\d+)$", both)
    assert [int(kib) for kib in told.groups()] == [int(disk[5]) // 2, int(disk[9]) // 2]


def test_time_spent_waiting_for_disks(shell):
    def waiting():
        return int(shell.run("cat /proc/stat").split()[5])
    before = waiting()
    shell.run("dd if=/dev/vda of=/dev/null bs=1M count=64")
    after = waiting()
    assert after > before
    shell.run("sleep 1")
    assert waiting() <= after + 10        # mere idling is something else


def test_stat_has_linux_fields(shell):
    text = shell.run("cat /proc/self/stat")
    pid, comm, rest = re.fullmatch(r"(\d+) \((.*)\) (.*)", text).groups()
    fields = rest.split()
    assert comm == "cat" and fields[0] == "R" and len(fields) == 50
    assert int(fields[1]) >= 1                     # parent
    assert int(fields[20]) > 0                     # vsize, bytes
    assert 0 < int(fields[21]) < int(fields[20]) // 4096 + 1  # rss, pages


def shape(line):
    """What of a line is the same on every Linux."""
    return re.sub(r"\d+", "N", re.sub(r"\b[0-9a-f]{16}\b", "HHHHHHHHHHHHHHHH", line))


def test_status_has_linux_lines(shell):
    """Lines that Linux has look as on the host, in its order, but for where they may run."""
    def read(text):
        return {line.split(":")[0]: line for line in text.splitlines()}
    own = {"VmWset", "FaultFreq", "Suspended"}
    guest, host = (read(text) for text in (
        shell.run("cat < /proc/self/status"), pathlib.Path("/proc/self/status").read_text()))
    assert list(host)[:6] == list(guest)[:6]
    common = [name for name in host if name in guest]
    assert [name for name in guest if name not in own] == common
    assert {"Umask", "VmPeak", "VmLib", "SigQ", "CapEff", "Cpus_allowed",
            "nonvoluntary_ctxt_switches"} <= set(common)
    for name in common:
        if name not in ("Name", "Groups", "Cpus_allowed", "Cpus_allowed_list"):
            assert re.sub(r" +N", " N", shape(guest[name])) == re.sub(r" +N", " N",
                                                                      shape(host[name]))
    for name in ("VmSize", "VmRSS"):
        assert len(guest[name]) == len(host[name])
    assert guest["Cpus_allowed"] == "Cpus_allowed:\t7"
    assert guest["Cpus_allowed_list"] == "Cpus_allowed_list:\t0-2"


def test_terminal_and_kernel_tasks(shell):
    """tty_nr and tpgid of a job and of what has no terminal; the kernel's tasks are of no
    session, and ps of any make takes their names for them."""
    def stat(pid):
        return shell.run(f"cat /proc/{pid}/stat").rsplit(")")[1].split()
    mine = stat("self")
    assert mine[4] == "1281"                       # 5:1, /dev/console
    assert mine[5] == mine[2] != mine[3]           # the foreground group is its own
    init = stat(1)
    assert init[2:6] == ["1", "1", "0", "-1"] and int(init[6]) & 0x200000 == 0
    tasks = {p["comm"]: p for p in (
        dict(zip(("pid", "comm"), line.split())) for line in
        shell.run("ps -o pid=,comm=").splitlines())}
    for name in ("flusher", "tty", "reaper"):
        pid = tasks[name]["pid"]
        assert stat(pid)[2:6] == ["0", "0", "0", "-1"] and int(stat(pid)[6]) & 0x200000
        assert "Kthread:\t1\n" in shell.run(f"cat /proc/{pid}/status")


def test_status(shell):
    fields = dict(line.split(":\t", 1) for line in shell.run("cat /proc/self/status").splitlines())
    assert fields["Name"] == "cat"
    assert fields["State"] == "R (running)"
    assert int(fields["Pid"]) > 2 and int(fields["PPid"]) >= 1
    assert fields["Uid"].split() == ["0"] * 4
    for name in ("VmSize", "VmRSS", "VmData", "VmStk", "VmExe"):
        assert re.fullmatch(r"\s*\d+ kB", fields[name])
    assert int(fields["Threads"]) == 1


def test_maps(shell):
    pattern = (r"([0-9a-f]{8,16})-([0-9a-f]{8,16}) ([r-][w-][x-][ps]) ([0-9a-f]{8}) "
               r"([0-9a-f]{2,}:[0-9a-f]{2,}) (\d+) *(\S.*)?")
    lines = [re.fullmatch(pattern, line) for line in shell.run("cat /proc/self/maps").splitlines()]
    assert all(lines)
    areas = [(int(m[1], 16), int(m[2], 16), m[3], m[7]) for m in lines]
    assert all(a < b and a % 4096 == b % 4096 == 0 for a, b, _, _ in areas)
    assert all(x[1] <= y[0] for x, y in zip(areas, areas[1:]))
    assert areas[0][0] == 0x10000 and areas[0][2:] == ("r-xp", "/cat")
    names = [name for *_, name in areas]
    assert "[stack]" in names
    assert not any("w" in p and "x" in p for _, _, p, _ in areas)


def test_cmdline_and_exe(shell):
    assert shell.run("cat /proc/self/cmdline").split("\0") == ["cat", "/proc/self/cmdline", ""]
    assert "/ls" in shell.run("ls -l /proc/self/exe")


def test_oom_score(shell):
    assert 0 <= int(shell.run("cat /proc/self/oom_score")) <= 1000
    assert shell.run("cat /proc/1/oom_score") == "0"


def test_processes_are_listed(shell):
    shell.run("sleep 5 &")
    pids = [name for name in shell.run("ls /proc").split() if name.isdigit()]
    assert "1" in pids
    comms = [re.search(r"\((.*)\)", shell.run(f"cat /proc/{p}/stat 2> /dev/null")) for p in pids]
    assert {"init", "sh", "sleep"} <= {m[1] for m in comms if m}


def test_check_finds_nothing_wrong(shell):
    assert shell.run("cat /proc/sys/vm/check") == "ok"


@pytest.mark.parametrize("path", [
    "/proc/0/stat", "/proc/99999/stat", "/proc/nosuch", "/proc/self/nosuch", "/proc/1x/stat",
    "/proc/00001/stat"])
def test_what_is_not_there(shell, path):
    assert shell.status(f"cat {path} 2> /dev/null") != 0


@pytest.mark.parametrize("path", ["/proc/meminfo", "/proc/vmstat", "/proc/self/status"])
def test_reading_by_small_pieces(shell, path):
    """One byte at a time gives the same lines: the same names and units."""
    def shape(text):
        return re.sub(r"\d+", "N", re.sub(r"\b(cat|dd)\b", "PROGRAM", text)).split()
    whole = shell.run(f"cat {path}")
    pieces = shell.run(f"dd if={path} bs=1 2> /dev/null", 60)
    assert shape(pieces) == shape(whole)


@pytest.mark.parametrize("path", ["/proc/meminfo", "/proc/self/stat", "/proc/version"])
def test_writing_is_refused(shell, path):
    assert shell.status(f"echo x > {path} 2> /dev/null") != 0


def test_cannot_make_files_in_proc(shell):
    assert shell.status("mkdir /proc/d 2> /dev/null") != 0
    assert shell.status("rm /proc/meminfo 2> /dev/null") != 0


def test_mounts(shell):
    lines = [line.split() for line in shell.run("cat /proc/mounts").splitlines()]
    assert {"/", "/proc", "/dev"} <= {fields[1] for fields in lines}


def test_interrupts(shell):
    def read():
        head, *lines = shell.run("cat /proc/interrupts").splitlines()
        assert head.split() == ["CPU0", "CPU1", "CPU2"]
        rows = [re.fullmatch(r"( +\d+|[A-Z]{3}):( +\d+)( +\d+)( +\d+)( .*)", line)
                for line in lines]
        assert all(len(m[k]) == 11 for m in rows for k in (2, 3, 4))   # below the headings
        assert all(re.fullmatch(r" SiFive PLIC +(\d+) Level     \w+", m[5])[1] == m[1].strip()
                   for m in rows if m[1].strip().isdigit())
        return {m[5].split(maxsplit=4 if m[1].strip().isdigit() else 0)[-1].strip():
                [int(m[k]) for k in (2, 3, 4)] for m in rows}
    before = read()
    assert {"vda", "uart", "timer", "from other harts"} == before.keys()
    shell.run("echo 3 > /proc/sys/vm/drop_caches; cat /usertests > /dev/null; sync; sleep 1")
    after = read()
    assert after["vda"][0] > before["vda"][0] and after["uart"][0] > before["uart"][0]
    assert sum(after["timer"]) > sum(before["timer"])
    assert all(n >= m for name in after for n, m in zip(after[name], before[name]))
    total, *each = map(int, re.search(r"(?m)^intr (.*)", shell.run("cat /proc/stat"))[1].split())
    assert len(each) == 11 and sum(each) < total
    assert [n for n, count in enumerate(each) if count] == [1, 10]    # vda's line, the uart's
    assert sum(map(sum, after.values())) <= total <= sum(map(sum, read().values()))


# ---- Commands that read it ----

def test_ps_columns(shell):
    head, *lines = shell.run("ps -eo min_flt,maj_flt,cmd | (head -1 ; tail -4)").splitlines()
    assert head.split() == ["MINFL", "MAJFL", "CMD"]
    assert len(lines) == 4 and all(re.fullmatch(r" *\d+ +\d+ \S.*", line) for line in lines)
    lines = shell.run("ps -o pid=,ppid=,comm=").splitlines()
    assert ["1", "0", "init"] in [line.split() for line in lines] and "PID" not in lines[0]
    assert shell.run("ps -o pid=NUMBER").splitlines()[0].split() == ["NUMBER"]
    assert shell.status("ps -o nosuch 2> /dev/null") == 1
    pids = [int(n) for n in shell.run("ps -eo pid= --sort=-pid").split()]
    assert pids == sorted(pids, reverse=True) and len(pids) > 5
    assert shell.run("ps aux").split()[:9] == shell.run("ps -ef").split()[:9]
    assert shell.status("ps --sort=nosuch 2> /dev/null") == 1
    assert shell.status("ps axe 2> /dev/null") == 1


def test_ps_tells_what_they_wait_in(shell):
    def rows():
        head, *lines = shell.run("ps -l").splitlines()
        assert head.split() == "S PID PPID PRI NI RSS VSZ WCHAN TIME NAME".split()
        return {line.split()[-1]: line.split() for line in lines}
    shell.run("nice -n 4 sleep 50 &")
    wait_for(lambda: "nanosleep" in rows().get("sleep", [""] * 8)[7])
    assert rows()["sleep"][3:5] == ["24", "4"]
    assert rows()["ps"][3:5] == ["20", "0"] and rows()["ps"][7] == "-"
    shell.run(f"kill {rows()['sleep'][1]}")


def test_nice(shell):
    assert shell.run("nice; nice nice; nice -n 30 nice -n -1 nice").split() == ["0", "10", "18"]
    shell.start("spin")
    shell.press("\x1a")
    pid = shell.run("ps -o pid=,comm= | grep spin").split()[0]
    shell.check(f"nice -n 7 -p {pid}")
    assert shell.run(f"ps -o pid=,ni= | grep '^ *{pid} '").split() == [pid, "7"]
    shell.run(f"kill -9 {pid}")
    assert shell.status("nice -n 3 -p 99999 2> /dev/null") == 1
    assert shell.status("nice nosuch 2> /dev/null") == 127


def test_time(shell):
    out = shell.run("time sleep 1")
    fields = re.fullmatch(r"real (\d+\.\d\d)\nuser \d+\.\d\d\nsys  \d+\.\d\d\n"
                          r"faults (\d+) minor, \d+ major", out)
    assert float(fields[1]) >= 1 and int(fields[2]) > 0
    assert shell.status("time false 2> /dev/null") == 1
    assert shell.status("time nosuch 2> /dev/null") == 127


def test_sysctl(shell):
    assert shell.run("sysctl vm.policy") == "vm.policy = esc"
    assert shell.run("sysctl -w vm.policy=clock; cat /proc/sys/vm/policy") == (
        "vm.policy = clock\nclock")
    assert shell.status("sysctl vm.policy=nosuch 2> /dev/null") == 1
    assert shell.run("sysctl -n vm.policy; sysctl vm.policy=esc") == "clock\nvm.policy = esc"
    assert "kernel.ostype = Linux" in shell.run("sysctl -a").splitlines()
    assert shell.status("sysctl no.such 2> /dev/null") == 1
    below = shell.run("sysctl vm").splitlines()
    assert "vm.policy = esc" in below and all(line.startswith("vm.") for line in below)


def test_free(shell):
    kib, units = (line.split() for line in
                  shell.run("free | grep Mem; free -h | grep M").splitlines())
    assert len(kib) == len(units) == 6 and all(re.fullmatch(r"\d+\.\d[KM]i", u) for u in units[1:])
    assert float(units[1][:-2]) == int(kib[1]) * 10 // 1024 / 10


def test_pmap(shell):
    """Area by area what smaps says; the sums are of the areas."""
    head, titles, *areas, total = shell.run("pmap 1").splitlines()
    assert head == "1: /init" and "RSS" in titles.split()
    rows = [line.split() for line in areas]
    assert [sum(int(row[k]) for row in rows) for k in range(1, 6)] == [
        int(n) for n in total.split()[1:]]
    rss = re.search(r"VmRSS:\s+(\d+)", shell.run("cat /proc/1/status"))[1]
    assert total.split()[2] == rss and rows[-1][-1] == "[stack]"
    assert shell.status("pmap 99999 2> /dev/null") == 1


def test_vmstat_command(shell):
    lines = [line.split() for line in shell.run("vmstat 1 2").splitlines()]
    assert len(lines) == 4 and len(lines[1]) == len(lines[2]) == len(lines[3])
    row = dict(zip(lines[1], (int(n) for n in lines[3])))
    assert row["id"] > 50 and abs(sum(row[k] for k in ("us", "sy", "id", "wa")) - 100) <= 3
    assert row["free"] > 0


def test_vmstat_of_disks(shell):
    def figures():
        return next([int(n) for n in line.split()[1:]]
                    for line in shell.run("vmstat -d").splitlines() if line.startswith("vda"))
    before = figures()
    shell.run("echo 3 > /proc/sys/vm/drop_caches; cat /usertests > f; sync")
    reads, sectors_read, writes, sectors_written, flushes = (
        b - a for a, b in zip(before, figures()))
    assert 0 < reads < sectors_read and 0 < writes < sectors_written and flushes > 0


def test_vmstat_in_words(shell):
    """The figures of the files, each with what it means."""
    def figure(out, words):
        return int(re.search(rf"(?m)^ *(\d+) +{words}", out)[1])
    total = re.search(r"MemTotal: +(\d+)", shell.run("cat /proc/meminfo"))[1]
    before = shell.run("vmstat -s")
    shell.run("echo 3 > /proc/sys/vm/drop_caches; cat /usertests > /dev/null")
    after = shell.run("vmstat -s")
    assert figure(after, "KiB of memory") == int(total)
    assert figure(after, "page faults") > figure(before, "page faults")
    waits = r"waits of faults for a page of a file: \d+\.\d{3} ms, [1-9]\d* us each"
    assert figure(after, waits) > figure(before, r"waits of faults for a page of a file")
    assert shell.status("vmstat -s 1 2> /dev/null") == 1


def test_top(shell):
    out = shell.run("spin & top -b -n 2 -d 1")
    first, second = re.split(r"(?m)^up \d+ s, ", out)[1:]
    assert second.splitlines()[5].split()[-1] == "spin"      # the busiest
    assert float(second.splitlines()[5].split()[1]) > 50
    parts = re.fullmatch(r"cpu %: (\d+) user, (\d+) system, (\d+) waiting for a disk, (\d+) idle",
                         second.splitlines()[1])
    assert int(parts[1]) > int(parts[2]) and 96 < sum(map(int, parts.groups())) <= 100
    pid, = (line.split()[0] for line in shell.run("ps -o pid,comm").splitlines()
            if line.endswith("spin"))
    shell.check(f"kill -9 {pid}")


def test_top_on_a_terminal_ends_with_q(shell):
    shell.start("top -d 2")
    shell.expect("COMMAND")
    shell.send("q")
    shell.wait_prompt(10)
    assert shell.run("echo sane") == "sane"


def test_tasks(boot, hogs):
    """A thread has a directory; times and faults there are its own."""
    g = boot(cpus=2, image=hogs, append="quiet")
    g.run("hogs -t 3 -n 1000000000 &")
    def child():                        # the first waits for it
        family = re.findall(r"^ *(\d+) +(\d+) .*hogs", g.run("ps"), re.M)
        return [pid for pid, parent in family if parent == family[0][0]]
    wait_for(child)
    pid = child()[0]
    def threads():
        return re.findall(r"^(\d+) ", g.run(f"ls /proc/{pid}/task"), re.M)
    wait_for(lambda: len(threads()) == 4)
    g.run(f"kill -STOP {pid}")
    tids = sorted(threads(), key=int)
    assert tids[0] == pid
    stat = [g.run(f"cat /proc/{pid}/task/{t}/stat").split() for t in tids]
    whole = g.run(f"cat /proc/{pid}/stat").split()
    assert [s[0] for s in stat] == tids and {s[19] for s in stat} == {"4"}
    for field in 9, 13, 14:             # faults, times in user mode and in the kernel
        assert 0 <= int(whole[field]) - sum(int(s[field]) for s in stat) < 4
    status = g.run(f"cat /proc/{pid}/task/{tids[2]}/status")
    assert re.search(rf"Tgid:\t{pid}\nNgid:\t0\nPid:\t{tids[2]}\n", status)
    assert "No such file" in g.run(f"cat /proc/{pid}/task/1/stat")
    assert "No such file" in g.run(f"ls /proc/{pid}/task/{pid}/task")
