# SPDX-License-Identifier: MIT
"""Files that live in memory: what a tmpfs holds, what it refuses, what it gives back."""

PAGE_KIB = 4


def df(guest, where, inodes=False):
    """(all, used, free)"""
    line = guest.run(f"df {'-i' if inodes else ''} {where}").splitlines()[-1]
    return tuple(int(n) for n in line.split()[1:4])


def test_where_it_is(shell):
    mounts = {f[1]: f[2] for f in (s.split() for s in shell.run("cat /proc/mounts").splitlines())}
    assert mounts["/tmp"] == mounts["/dev/shm"] == "tmpfs"
    known = {s.split("\t")[-1] for s in shell.run("cat /proc/filesystems").splitlines()}
    assert set(mounts.values()) <= known
    for where in ("/tmp", "/dev/shm"):
        assert "Access: 1777" in shell.run(f"stat {where}")
        before = df(shell, where)[1]
        shell.check(f"pattern write {where}/data 3000 7")
        shell.check(f"pattern check {where}/data 3000 7")
        shell.check(f"pattern map {where}/data 3000 7")
        assert df(shell, where)[1] == before + 3000
        shell.check(f"rm {where}/data")
        assert df(shell, where)[1] == before


def test_it_is_forgotten_at_the_end(boot, image):
    g = boot(image=image, snapshot=False)
    g.check("echo x > /tmp/file; ln -s there /tmp/link; sync")
    assert g.poweroff()[1] == 0
    g = boot(image=image, snapshot=False)
    assert g.run("ls /tmp") == ""


def test_size_limit(shell):
    """The limit is met to the page, and what is removed can be used again."""
    shell.check("mkdir m; mount -t tmpfs -o size=1m,mode=750 x m")
    assert "Access: 0750" in shell.run("stat m")
    for _ in range(2):
        assert "No space left" in shell.run("dd if=/dev/zero of=m/f bs=4096")
        assert df(shell, "m") == (1024, 1024, 0)
        assert "No space left" in shell.run("dd if=/dev/zero of=m/g bs=1 count=1")
        shell.check("dd if=/dev/zero of=m/f bs=4096 count=1 conv=notrunc 2> /dev/null")
        shell.check("rm m/f m/g")
        assert df(shell, "m")[1] == 0
    shell.check("umount m")
    for wrong in ("size=", "size=1x", "size=101%", "mode=8", "mode=10000", "what=1", "size=1,,x"):
        assert "Invalid argument" in shell.run(f"mount -t tmpfs -o {wrong} x m")
    shell.check("rmdir m")


def test_inode_limit(shell):
    shell.check("mkdir m; mount -t tmpfs -o nr_inodes=3 x m; mkdir m/d; ln -s nowhere m/d/l")
    assert "No space left" in shell.run("mkdir m/e")
    shell.check("ln m/d/l m/another; rm m/d/l m/another; mkdir m/e")
    assert df(shell, "m", inodes=True) == (3, 3, 0)
    shell.check("umount m")


def test_unmounting(shell):
    """While a file is open or a directory is somebody's, it stays; then all goes."""
    shell.check("mkdir m; mount -t tmpfs x m; mkdir m/d; echo 1 > m/d/f")
    busy = "umount: m: Device or resource busy"
    assert shell.run("(sleep 3 < m/d/f) & sleep 1; umount m") == busy
    assert shell.run("cat m/d/f") == "1"
    assert "busy" in shell.run("cd m/d; umount ../../m; cd ../..")
    assert shell.run("cat m/d/f") == "1"
    shell.check("sleep 3; umount m")
    assert shell.run("ls m") == ""
    assert shell.run("umount m") == "umount: m: Invalid argument"


def test_mounted_and_unmounted_again(shell):
    """A hundred times over, files and all, costs no memory."""
    shell.check("mkdir m; echo 'mount -t tmpfs x m; mkdir -p m/a/b; pattern write m/a/f 400 1; "
                "ln -s f m/a/l; umount m' > once")
    for _ in range(3):
        shell.check("sh once")
    before = int(shell.run("free").split()[9])
    for _ in range(10):
        shell.check("for i in 1 2 3 4 5 6 7 8 9 10; do sh once; done", 60)
    assert int(shell.run("free").split()[9]) >= before - 400


def test_many_names(shell):
    """A directory of thousands is read whole, in pieces, while it shrinks."""
    shell.check("mkdir /tmp/d; cd /tmp/d; names 3000; cd /", 60)
    assert int(shell.run("ls /tmp/d | wc -l")) == 3000
    shell.check("rm -r /tmp/d", 60)


def test_holes_cost_nothing(boot):
    """A file much larger than memory can be read, for its pages can be made again."""
    g = boot(mem="24M")
    g.check("dd if=/dev/zero of=/tmp/f bs=1024 seek=40000 count=1 2> /dev/null")
    assert df(g, "/tmp")[1] == PAGE_KIB
    assert g.run("wc -c < /tmp/f", 60).split()[0] == str(40001 * 1024)
    assert df(g, "/tmp")[1] == PAGE_KIB


def test_it_stays_when_memory_is_short(boot):
    g = boot(mem="24M")
    g.check("pattern write /tmp/f 6000 9")
    g.check("pattern write big 20000 3", 60)
    g.check("pattern check big 20000 3", 60)
    g.check("pattern check /tmp/f 6000 9")
