# SPDX-License-Identifier: MIT
"""The laboratory of page replacement on the host: `make policy`."""

import importlib.util
import random
import re
import subprocess
import sys

import pytest

from guest import BUILD, ROOT, wait_for
from test_swap import vmstat

sys.path.append(str(ROOT / "tools/policy"))
import references
from references import Reference

TWENTY = "7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1"
BELADY = "1 2 3 4 1 2 5 1 2 3 4 5"
KERNELS = ["esc", "aging", "clock", "fifo"]


def lab(**settings):
    return subprocess.run(["make", "-s", "policy", *(f"{k}={v}" for k, v in settings.items())],
                          cwd=ROOT, capture_output=True, text=True, timeout=120)


def answer(**settings):
    p = lab(**settings)
    assert p.returncode == 0, p.stderr
    return p.stdout


def faults(**settings):
    """=> {frames: {policy: faults}}"""
    lines = re.search(r"(?ms)^faults\n(.*?)(\n\n|\Z)", answer(**settings))[1].splitlines()
    names = lines[0].split()[1:]
    return {int(n): dict(zip(names, map(int, counts)))
            for n, *counts in (line.split() for line in lines[1:])}


# ---- Strings whose faults are known ----

def test_textbook_faults():
    three = faults(REFS=TWENTY, FRAMES=3)[3]
    assert (three["fifo"], three["lru"], three["opt"]) == (15, 12, 9)


def test_beladys_anomaly():
    counts = faults(REFS=BELADY, FRAMES="3 4")
    assert (counts[3]["fifo"], counts[4]["fifo"]) == (9, 10)
    assert (counts[3]["lru"], counts[4]["lru"]) == (10, 8)
    assert (counts[3]["opt"], counts[4]["opt"]) == (7, 6)
    assert "fifo: more faults with 4 frames than with 3: Belady's anomaly" in answer(
        REFS=BELADY, FRAMES="3-4")


def test_loop_a_page_longer_than_memory():
    loop = " ".join(str(i % 11) for i in range(110))
    counts = faults(REFS=loop, FRAMES="10 11")
    assert counts[10]["lru"] == 110 and counts[10]["fifo"] == 110
    assert counts[10]["opt"] == 20      # 11, then one for every 11 or so
    assert set(counts[11].values()) == {11}


def test_frame_by_frame():
    out = answer(REFS=TWENTY, FRAMES=3, POLICY="fifo")
    assert "fifo, 3 frames: 15 faults" in out
    assert "\nframe 0  7  7  7  2     2  2  4  4  4  0        0  0        7  7  7\n" in out


def test_modified_pages_are_written():
    """esc spares the page that would have to be written; fifo does not."""
    refs = "1w 2 3 4 2"
    assert "0" == re.search(r"written out\nframes  esc\n3 +(\d)", answer(
        REFS=refs, FRAMES=3, POLICY="esc"))[1]
    assert "1" == re.search(r"written out\nframes  fifo\n3 +(\d)", answer(
        REFS=refs, FRAMES=3, POLICY="fifo"))[1]


def test_effective_access_time():
    """A fault in a thousand: 0.999 x 200 ns + 0.001 x 8 ms."""
    out = answer(REFS="1 " * 1000, FRAMES=1, POLICY="opt")
    assert re.search(r"effective access time.*\nframes +opt\n1 +8.2 us", out)
    out = answer(REFS="1 2 1 2", FRAMES=2, POLICY="opt", MEMORY="100ns", FAULT="1us")
    assert re.search(r"(?m)^2 +550 ns", out)


# ---- Against a simulator that is slow and plain ----

def plain(refs, frames, policy):
    held, count = [], 0                 # in the order of arrival
    for i, page in enumerate(refs):
        if page not in held:
            count += 1
            if len(held) == frames:
                if policy == "fifo":
                    victim = held[0]
                elif policy == "lru":
                    victim = min(held, key=lambda p: max(k for k in range(i) if refs[k] == p))
                else:
                    victim = max(held, key=lambda p: next(
                        (k for k in range(i, len(refs)) if refs[k] == p), len(refs)))
                held.remove(victim)
            held.append(page)
    return count


@pytest.mark.parametrize("seed", range(3))
def test_random_strings(seed):
    rng = random.Random(seed)
    refs = [min(rng.randrange(12), rng.randrange(12)) for _ in range(300)]
    counts = faults(REFS=" ".join(map(str, refs)), FRAMES="1-12")
    for frames, row in counts.items():
        for policy in ("opt", "lru", "fifo"):
            assert row[policy] == plain(refs, frames, policy), (frames, policy)
        assert all(row["opt"] <= row[p] for p in row)
    assert all(counts[12][p] == len(set(refs)) for p in counts[12])


# ---- Traces ----

def write(path, refs):
    references.write_trace(path, refs)
    return path


def test_trace_says_the_same_as_its_string(tmp_path):
    trace = write(tmp_path / "t", references.parse_string(TWENTY))
    assert faults(TRACE=trace, FRAMES="3 4", TICK=1) == faults(REFS=TWENTY, FRAMES="3 4")


def test_traces_run_together(tmp_path):
    """Two processes, both with the number 1 in their traces."""
    one = write(tmp_path / "1", [Reference(10 * i, 1, i % 4, False) for i in range(100)])
    two = write(tmp_path / "2", [Reference(10 * i + 5, 1, i % 12, i % 2 == 0) for i in range(100)])
    out = answer(TRACE=f"{one} {two}", FRAMES=12, PRIORITY="1 2", MINIMUM=3, POLICY="fifo")
    rows = {m[1]: m[2].split() for m in re.finditer(r"(?m)^([a-z ]+?)  +(\d.*)$", out)}
    assert "200 references, 16 pages, 2 processes" in out
    assert rows["equal"] == ["4", "(6)", "100", "(6)", "104"]
    assert rows["by size"] == ["100", "(3)", "100", "(9)", "200"]
    assert rows["by priority"] == ["4", "(4)", "100", "(8)", "104"]
    assert int(rows["global"][2]) >= 100


def test_accesses_behind_a_trace(tmp_path):
    trace = tmp_path / "t"
    trace.write_text("# accesses 1000\n0 1 a r\n5 1 b w\n")
    assert "8.2 us" in answer(TRACE=trace, FRAMES=1, FAULT="4ms", POLICY="opt")


def test_shares():
    assert references.share_out(62, [10, 127], 1) == [5, 57]
    assert references.share_out(62, [10, 127], 10) == [10, 52]
    assert references.share_out(10, [1, 1, 1], 1) == [4, 3, 3]
    with pytest.raises(references.Refused):
        references.share_out(7, [1, 1], 4)


def test_working_set():
    refs = references.parse_string("2 6 1 5 7 7 7 7 5 1 6 2 3 4 1 2 3 4 4 4 3 4 3 4 4 4")
    sizes = references.working_set(refs, 10)
    assert sizes[9] == len({1, 2, 5, 6, 7}) and sizes[-1] == len({3, 4})
    assert sizes[:4] == [1, 2, 3, 4]
    assert max(references.working_set(refs, 1)) == 1


def test_fault_frequency():
    """A set of three pages, then one of two: the frames follow."""
    refs = references.parse_string("1 2 3 " * 10 + "4 5 " * 10)
    d = references.fault_frequency(refs, 5)
    assert d.faults == 5 and d.peak == 5
    d = references.fault_frequency(references.parse_string("1 1 1 1 2 2 2 2 3 3 3 3"), 4)
    assert (d.faults, d.peak) == (3, 2)


# ---- How near to LRU ----

def zipf(rng, pages, n):
    weights = [1 / (i + 1) for i in range(pages)]
    names = rng.sample(range(pages), pages)
    return rng.choices(names, weights, k=n)


def phases(rng, pages, n):
    """Ten sets of a quarter of the pages, one after the other, and now and then any page."""
    for _ in range(10):
        base = rng.randrange(pages)
        for _ in range(n // 10):
            near = rng.random() < 0.95
            yield (base + rng.randrange(pages // 4)) % pages if near else rng.randrange(pages)


@pytest.mark.parametrize("kind", [zipf, phases])
def test_default_policy_is_near_lru(kind, tmp_path):
    """With batches of the kernel's size, in rings that are many windows long."""
    rng = random.Random(1)
    refs = [Reference(i, 1, page, rng.random() < 0.3)
            for i, page in enumerate(kind(rng, 10240, 200_000))]
    trace = write(tmp_path / "t", refs)
    p = subprocess.run([ROOT / "build/tools/policy/sim", "-b", "32", trace, "1024,3072,7168",
                        "lru", "esc"], capture_output=True, text=True, check=True)
    counts = {(w[0], w[1]): int(w[3]) for w in map(str.split, p.stdout.splitlines())}
    for frames in ("1024", "3072", "7168"):
        assert counts["esc", frames] <= 1.1 * counts["lru", frames], counts


def touched(pattern, pages, touches):
    """The pages that `thrash -p pattern -t touches` refers to, in order (user/thrash.c)."""
    state, quarter, mask = 88172645463325252 | 1, pages // 4 + 1, (1 << 64) - 1

    def draw(n):
        nonlocal state
        state ^= state << 13 & mask
        state ^= state >> 7
        state ^= state << 17 & mask
        return state % n

    yield from range(pages)
    for i in range(touches):
        if pattern == "zipf":
            k = 1 << draw(pages.bit_length())
            yield (k + draw(k) - 1) * 7919 % pages
        else:
            yield min(i // (quarter * 8) % 4 * quarter + draw(quarter), pages - 1)
        draw(100)                       # is it a store?
    yield from range(pages)


def test_kernel_is_near_lru(boot, disk, tmp_path):
    """Pages it brought in, against exact LRU with as many frames as the program ever had."""
    subprocess.run(["make", "-s", "build/tools/policy/sim"], cwd=ROOT, check=True, timeout=100)
    g = boot(cpus=1, mem="16M", swap=disk(64), append="quiet")
    for pattern, mib, touches in (("zipf", 20, 20000), ("phase", 24, 40000)):
        refs = list(touched(pattern, mib * 256, touches))
        trace = write(tmp_path / "t", [Reference(i, 1, p, False) for i, p in enumerate(refs)])
        before, resident = vmstat(g)["pswpin"], 0

        def ended():
            nonlocal resident
            if m := re.search(r"(?m)^ *\d+ +\d+ \w +(\d+) .* thrash$", g.run("ps", 60)):
                resident = max(resident, int(m[1]))
            return "ok" in g.run("cat out", 60)
        g.run(f"thrash -p {pattern} -t {touches} {mib} > out &")
        wait_for(ended, 120)
        frames = str(resident // 4)
        p = subprocess.run([ROOT / "build/tools/policy/sim", trace, frames, "lru"],
                           capture_output=True, text=True, check=True)
        lru = int(p.stdout.split()[3]) - len(set(refs))    # but for those that were new
        assert lru > 1000 and vmstat(g)["pswpin"] - before <= 1.1 * lru, (pattern, frames)


# ---- Traces of a running quire ----

def capture(trace, *command, keep="1", image=BUILD / "test/fs.img"):
    return subprocess.run([ROOT / "tools/policy/capture.py", trace, keep, image, *command],
                          capture_output=True, text=True, timeout=200)


def region_of(trace):
    refs, _ = references.read_trace(trace)
    return [f"{r.page - 0x40000}{'w' * r.write}" for r in refs if 0x40000 <= r.page < 0x40040]


@pytest.fixture(scope="module")
def plugin():
    subprocess.run(["make", "-s", "build/tools/trace.so"], cwd=ROOT, check=True, timeout=100)


def test_captured_references_are_those_made(plugin, tmp_path):
    """Among those to the program's own text, data and stack, in the same order."""
    made = "7w 0 1 2 0 3w 0 4 2 3 0 3w 2 1 2 63w 63 0 1 7".split()
    p = capture(tmp_path / "t", "touch_pages", *made)
    assert p.returncode == 3, p.stdout + p.stderr
    assert region_of(tmp_path / "t") == made
    refs, accesses = references.read_trace(tmp_path / "t")
    assert (tmp_path / "t").read_text().endswith("\n# complete\n")
    assert accesses > len(refs) > 100 and len({r.page for r in refs}) >= 13
    counts = faults(TRACE=tmp_path / "t", FRAMES="8 40")
    assert counts[8]["opt"] <= min(counts[8].values()) and len(set(counts[40].values())) == 1


def test_pages_just_used_are_not_repeated(plugin, tmp_path):
    p = capture(tmp_path / "t", "touch_pages", *"1 1w 1w 1 2 1 1w".split(), keep="64")
    assert p.returncode == 3, p.stdout + p.stderr
    assert region_of(tmp_path / "t") == ["1", "1w", "2"]


@pytest.mark.parametrize("arguments, words", [
    (["t"], "what to run?"),
    (["t", "0", "i", "seq"], "KEEP=0: from 1 to 64"),
    (["/no/such/t", "1", "i", "seq"], "TRACE=/no/such/t: No such file"),
    (["a,b", "1", "i", "seq"], "TRACE=a,b: QEMU wants no comma"),
])
def test_senseless_captures_are_refused_in_words(arguments, words, tmp_path):
    p = subprocess.run([ROOT / "tools/policy/capture.py", *arguments], cwd=tmp_path,
                       capture_output=True, text=True, timeout=100)
    assert p.returncode == 1 and words in p.stderr


def test_program_that_is_not_there(plugin, tmp_path):
    assert capture(tmp_path / "t", "no_such_program").returncode == 1


# ---- Input that makes no sense ----

@pytest.mark.parametrize("settings, words", [
    ({}, "give REFS="),
    ({"REFS": "1 x"}, "REFS: x is not a page"),
    ({"REFS": "1 -2"}, "REFS: -2 is not a page"),
    ({"REFS": "99999999999999999999"}, "REFS: 99999999999999999999 is not a page"),
    ({"REFS": ","}, "REFS: no reference"),
    ({"REFS": "1", "FRAMES": "0"}, "FRAMES: 0 is not"),
    ({"REFS": "1", "FRAMES": "3-1"}, "FRAMES: 3-1 is not"),
    ({"REFS": "1", "FRAMES": "99999999999"}, "FRAMES: 99999999999 is not"),
    ({"REFS": "1", "POLICY": "best"}, "best: no such policy; there are opt lru"),
    ({"REFS": "1", "FAULT": "8 miles"}, "FAULT: 8 miles is not a time"),
    ({"REFS": "1", "TICK": "0"}, "TICK: 0 is not"),
    ({"REFS": "1", "PRIORITY": "1 2"}, "PRIORITY: 2 numbers for 1 processes"),
    ({"REFS": "1", "TRACE": "x"}, "give REFS="),
    ({"TRACE": "/no/such"}, "/no/such: No such file"),
])
def test_senseless_input_is_refused_in_words(settings, words):
    p = lab(**settings)
    assert p.returncode != 0 and words in p.stderr
    assert "Traceback" not in p.stderr


@pytest.mark.parametrize("line", ["1 1 a", "1 1 a x", "1 1 a r r", "x 1 a r", "-1 1 a r",
                                  "1 1 zz r", "1 1 a r\n0 1 a r"])
def test_broken_trace(line, tmp_path):
    trace = tmp_path / "t"
    trace.write_text(f"0 1 a r\n{line}\n")
    p = lab(TRACE=trace)
    assert p.returncode != 0 and re.search(r"t:[23]: (not TIME PID PAGE|earlier)", p.stderr)
    direct = subprocess.run([ROOT / "build/tools/policy/sim", trace, "3", "fifo"],
                            capture_output=True, text=True)
    assert direct.returncode == 1 and re.search(r"t:[23]: (not TIME|earlier)", direct.stderr)


# ---- Plots ----

def test_plots(tmp_path):
    """Or, without matplotlib, what to do about it."""
    settings = ["REFS=1:1 2:1 1:2w 2:2 1:3 2:1", "FRAMES=2-4", f"PLOT={tmp_path / 'p'}"]
    p = subprocess.run([ROOT / "tools/policy/policy.py", *settings], capture_output=True,
                       text=True, timeout=120)
    if importlib.util.find_spec("matplotlib") is None:
        assert p.returncode == 1 and "`make tools-plot` installs it" in p.stderr
        return
    assert p.returncode == 0, p.stderr
    for name in ("faults", "pages", "working-sets", "allotments"):
        assert (tmp_path / "p" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
