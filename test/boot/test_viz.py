# SPDX-License-Identifier: MIT
"""The picture of memory (`make viz`): what the page shows is what /proc said."""

import collections
import hashlib
import re
import subprocess
import sys

import pytest

from browser import Browser
from guest import KERNEL, ROOT
from test_demand import wait_for
from host import swap_image

sys.path.append(str(ROOT / "tools/viz"))
import page

OWN = ("snap", "sh", "init")       # they go on while snap writes


@pytest.fixture
def capture(boot, tmp_path):
    """capture(command, mem) => what snap showed"""
    def run(command, mem):
        g = boot(mem=mem, cpus=2, append="quiet", swap=swap_image(tmp_path / "swap", 64))
        return g.run(f"snap {command}", 200)
    return run


def states_by_step(data):
    """As the page's script has them. => for each step {frame: packed record}"""
    now = {}
    for step in data["steps"]:
        now.update(step["set"])
        yield step, dict(now)


def check_frames(data, texts, snapshots):
    exact = 0
    for step, now in states_by_step(data):
        states = collections.Counter(f[0] for f in now.values())
        assert sum(states.values()) == data["frames"]
        assert all(f[0] < len(data["states"]) for f in now.values())
        if not step.get("exact"):
            continue
        lines = re.search(r"pid:page...\n(.*?)====", texts[exact], re.S)[1].splitlines()
        assert len(lines) == data["frames"]
        for words in map(str.split, lines):
            f = now[int(words[0], 16)]
            assert f[1:6] == [words[1], words[2], *map(int, words[3:6])]
            assert f[7].split() == words[7:]
        assert abs(states[page.FREE] - snapshots[exact].vmstat["nr_free_pages"]) < 16
        exact += 1
    assert exact == len(texts) == len(snapshots)


def check_tables(s):
    """Whom a frame names has it in its table, and the other way round."""
    programs = [p for p in s.processes if p["name"] not in OWN]
    pids = {p["pid"] for p in programs}
    tables = {(p["pid"], at): where for p in programs for at, where in p["entries"] if where >= 0}
    named = {place: pfn for pfn, f in s.frames.items() for place in f.pages if place[0] in pids}
    zero = {pfn for pfn, f in s.frames.items() if f.kind == "zero"}
    assert named == {k: pfn for k, pfn in tables.items() if pfn not in zero}
    return len(named)


def test_page_is_what_proc_said(capture):
    text = capture("-n 2 -t 1000 thrash -l 60 -f 2 1", "8M").replace("\r", "")
    snapshots = page.parse(text)
    data = page.data_of(snapshots)
    check_frames(data, text.split("==== snapshot\n")[1:], snapshots)
    mapped = [check_tables(s) for s in snapshots]
    assert mapped[-1] > 512                # three processes with 256 pages each
    # Events alone bring the frames near to what the second snapshot saw.
    first, last = snapshots
    changed = sum(first.frames[p].kind != f.kind for p, f in last.frames.items())
    assert last.lost == 0 and changed > 256 and data["steps"][-1]["wrong"] < changed / 8
    assert last.vmstat["policy_hand"] in last.frames and len(last.buddy) == 11
    made = page.page(data)
    assert not re.search(r"@[A-Z0-9]+@|<(script|link|img)[^>]* (src|href)", made)
    library = hashlib.sha256((ROOT / "tools/viz/d3.min.js").read_bytes()).hexdigest()
    assert library in (ROOT / "docs/viz.md").read_text()


def test_bad_text():
    empty = "==== snapshot\n==== /proc/frames\n"
    one = empty + " 80000 free    -----     0     0   0        0\n"
    assert len(page.parse(one)) == 1
    for text in ("", empty, one + one.replace("80000", "80001")):
        with pytest.raises(page.BadText):
            page.parse(text)


def test_page_of_a_machine_that_is_gone(boot, tmp_path):
    """From its memory alone: the same frames, tables and counters as it told of itself."""
    g = boot(mem="8M", cpus=2, append="quiet", swap=swap_image(tmp_path / "swap", 64))
    g.run("thrash -p zipf -l 3600 -f 2 4 > /dev/null &")
    wait_for(lambda: int(re.search(r"pswpin (\d+)", g.run("cat /proc/vmstat"))[1]) > 100)
    g.qmp.do("stop")
    g.qmp.do("dump-guest-memory", paging=False, protocol=f"file:{tmp_path / 'dump'}")
    done = subprocess.run([ROOT / "tools/viz/from_core.sh", tmp_path / "dump", KERNEL,
                           tmp_path / "text", "gdb-multiarch"], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    g.qmp.do("cont")
    snapshot, = page.parse((tmp_path / "text").read_text())
    assert check_tables(snapshot) > 512
    named = [where for p in snapshot.processes for _, where in p["entries"]]
    assert sum(where < 0 for where in named) > 100               # in swap
    used = sum(int(s[3]) for s in snapshot.swaps) // 4
    assert 100 < used <= 64 * 256
    free = sum(f.kind == "free" for f in snapshot.frames.values())
    blocks = sum(n << order for order, n in enumerate(snapshot.buddy))
    assert 0 <= free - blocks < 2 * 64 + 64 and snapshot.vmstat["policy_hand"] in snapshot.frames
    assert snapshot.vmstat["pswpin"] > 100 and len(page.data_of([snapshot])["steps"]) == 1
    assert {"init", "sh", "thrash"} <= {p["name"] for p in snapshot.processes}
    bad = subprocess.run([ROOT / "tools/viz/from_core.sh", ROOT / "README.md", KERNEL,
                          tmp_path / "bad", "gdb-multiarch"], capture_output=True, text=True)
    assert bad.returncode != 0 and "no ELF file" in bad.stderr and not (tmp_path / "bad").exists()


@pytest.mark.long
def test_page_in_a_browser(capture, tmp_path):
    """Drag the slider, hover a frame, click it, read what is there."""
    data = page.data_of(page.parse(capture("-n 3 -t 500 thrash -p zipf -l 60 -f 3 4", "8M")))
    where = tmp_path / "viz.html"
    where.write_text(page.page(data))
    with Browser(where, tmp_path) as b:
        assert b.value("document.title").startswith("quire")
        pixels = "document.getElementById('frames').toDataURL()"
        before = b.value(pixels)
        slider = b.box("slider")
        y = slider["y"] + slider["height"] / 2
        b.drag(slider["x"] + 8, y, slider["x"] + slider["width"] - 8, y)
        assert int(b.value("document.getElementById('slider').value")) == len(data["steps"]) - 1
        assert b.value(pixels) != before
        *_, (_, now) = states_by_step(data)
        pfn, f = next((n, f) for n, f in now.items() if f[0] == page.PRIVATE and f[7])
        x, y = b.value(f"placeOf({pfn} - data.first)")
        canvas = b.box("frames")
        b.mouse("mouseMoved", canvas["x"] + x + 4, canvas["y"] + y + 4)
        tip = b.value("document.getElementById('tip').innerText")
        assert f"frame {pfn:x}: private" in tip and f[7].split()[0] in tip
        b.click(canvas["x"] + x + 4, canvas["y"] + y + 4)
        probes = b.value("document.getElementById('probes').textContent")
        assert f"{pfn - data['first'] + 1} frames looked at" in probes
        assert int(b.value("d3.selectAll('.page').size()")) > 512
        assert b.errors == []
