# SPDX-License-Identifier: MIT
"""The benchmark: that its rows do their work, that its judgement is right."""

import json
import subprocess
import sys

import pytest

from guest import BUILD, ROOT

sys.path.append(str(ROOT / "test" / "bench"))
import bench
import swap

IMAGE = BUILD / "test/bench/fs.img"
PROGRAM = BUILD / "test/bench/bench"
QUICK = ["null_syscall", "pipe_pingpong", "ctx_yield", "fork_exit_small", "mmap_munmap",
         "brk_grow", "mprotect_cycle", "open_close", "stat", "create_unlink", "file_write_seq"]


def line(row, value, verdict="ok "):
    return f"{row:22} {value:10.1f} a {'call':10} {verdict} ops=10 ticks=100\n"


def test_output_is_read():
    figures, absent = bench.parse("init: x\n" + line("stat", 12345678.9) + line("cow", 1, "BAD")
                                  + "file_mmap              - cannot mmap: error 38\n")
    assert figures["stat"] == (12345678.9, "call", True, 10)
    assert not figures["cow"].ok and absent == {"file_mmap": "cannot mmap: error 38"}
    with pytest.raises(bench.BenchError):
        bench.parse("panic: it is over\n")


def test_goal_is_half_of_linux_or_near_the_bound():
    anchors = json.loads(bench.ANCHORS.read_text())
    assert bench.goal(anchors["stat"]) == 1185
    assert bench.goal(anchors["file_read_seq"]) == pytest.approx(1414.5)
    assert bench.goal(anchors["fork_exit_64m"]) == 18 * 64 * 256
    assert bench.goal({"linux": 100, "bound": 80}) == pytest.approx(92)


@pytest.mark.parametrize("factor,caught", [(1.03, True), (1.019, False), (0.9, False)])
def test_check_compares_with_accepted(factor, caught):
    figures, _ = bench.parse(line("stat", 1000 * factor) + line("new_row", 5))
    assert bool(bench.worse(figures, {"stat": 1000.0})) == caught


def test_check_wants_every_row_done():
    figures, _ = bench.parse(line("stat", 10, "BAD"))
    assert bench.worse(figures, {"stat": 10.0})
    assert bench.missing(figures, {"stat": 1, "brk_grow": 1}, []) != []
    assert bench.missing(figures, {"stat": 1, "brk_grow": 1}, ["stat"]) == []


def test_counts_go_to_their_rows():
    counts = bench.parse_counts("result 0 30 1 2 3\n10000 20\n20000 10\nresult 1 5 0 0 0\n"
                                "total 99 0123\n", ["a", "b"])
    assert counts["a"] == (30, 1, 2, 3, {0x10000: 20, 0x20000: 10})
    assert counts["b"].instructions == 5 and counts["b"].blocks == {}


def test_check_catches_a_regression(tmp_path, monkeypatch, capsys):
    """Figures 3 % better than what this kernel can do are accepted; it fails."""
    rows = ["null_syscall", "stat"]
    figures, _ = bench.parse(bench.boot(rows))
    monkeypatch.setattr(bench, "ACCEPTED", tmp_path / "accepted.json")
    bench.save(bench.ACCEPTED, {row: f.value for row, f in figures.items()})
    assert bench.check(rows) == 0
    bench.save(bench.ACCEPTED, {row: f.value / 1.03 for row, f in figures.items()})
    assert bench.check(rows) == 1
    assert "stat: " in capsys.readouterr().out


def test_profile_agrees_with_the_clock():
    """The plugin counts the instructions that the guest's clock shows, and fences."""
    figures, _ = bench.parse(bench.boot(["null_syscall", "cow_fault"], plugin=True))
    counts = bench.parse_counts(bench.COUNTS.read_text(), figures)
    assert list(counts) == ["null_syscall", "cow_fault", "cow_reuse"]
    for row, f in figures.items():
        assert counts[row].instructions / f.operations == pytest.approx(f.value, rel=0.01)
        assert sum(counts[row].blocks.values()) == counts[row].instructions
    assert counts["null_syscall"].fences == 0 and counts["cow_fault"].fences >= 4096


def test_requests_for_swap_are_counted():
    trace = ("virtio_blk_handle_write vdev 0x1 req 0x2 sector 0 nsectors 8\n"
             "virtio_blk_handle_write vdev 0x1 req 0x3 sector 8 nsectors 512\n"
             "virtio_blk_handle_read vdev 0x1 req 0x4 sector 64 nsectors 8\n"
             "virtio_blk_handle_read vdev 0x1 req 0x5 sector 128 nsectors 16\n")
    assert swap.requests(trace) == {"pages in": 3, "reads": 2, "pages out": 64, "writes": 1}


def test_a_row_with_swap_counts_the_same_inside_and_outside(monkeypatch):
    """QEMU sees the requests that the kernel says it makes, at most on its way to print."""
    monkeypatch.setattr(swap, "MEMORY", 16)
    monkeypatch.setattr(swap, "REGION", 24)
    text = swap.boot_disk("swap_seq")
    figures, _ = bench.parse(text)
    inside, outside = swap.vmstat(text), swap.requests(swap.TRACE.read_text())
    assert figures["swap_seq"].ok and outside["pages in"] > 24 * 256 and outside["writes"] > 0
    for what, n in inside.items():
        assert n <= outside[what] <= n + 64


def test_a_scan_does_not_drive_out_what_it_needs_next(monkeypatch):
    """Exact LRU, which has just forgotten what comes next, brings every page in twice."""
    monkeypatch.setattr(swap, "MEMORY", 32)
    monkeypatch.setattr(swap, "REGION", 40)
    lru = 2 * 40 * 256
    assert swap.exact("swap_seq")["swap_seq"]["pages in"] < 0.6 * lru


def test_eviction_costs_as_much_with_more_memory_and_relatives():
    """A thousand children have the pages that go, too."""
    alone = swap.of_a_page(16, 0)["instructions"]
    assert swap.of_a_page(128, 1000)["instructions"] < 1.4 * alone


def test_check_of_swap_compares_with_accepted():
    accepted = {"swap_seq": {"instructions": 1000, "pages in": 100}}
    assert swap.worse({"swap_seq": {"instructions": 1090, "pages in": 110}}, accepted) == []
    assert swap.worse({"swap_seq": {"instructions": 1110}}, accepted) != []
    assert swap.worse({"swap_seq": {"pages in": 116}}, accepted) != []


def test_rows_do_their_work_here(boot):
    g = boot(cpus=1, mem="256M", image=None, wait=False, qemu=("-initrd", str(IMAGE)),
             append="root=ram0 quiet test=/bench -- " + " ".join(QUICK))
    text, status = g.wait_exit(60)
    figures, absent = bench.parse(text)
    assert status == 0 and not absent
    assert set(QUICK) < set(figures)


def test_rows_do_their_work_on_linux(tmp_path):
    """The same program, on what the host calls Linux."""
    p = subprocess.run(["qemu-riscv64", PROGRAM, "-d", tmp_path, *QUICK], timeout=120,
                       capture_output=True, text=True)
    figures, absent = bench.parse(p.stdout)
    assert p.returncode == 0 and not absent and len(figures) == len(QUICK) + 2


def test_bad_requests_are_refused(shell):
    assert shell.status("/bench no_such_row") == 2
    assert shell.status("/bench -r none stat") == 2
    assert shell.status("/bench -d /no/such stat") == 2
