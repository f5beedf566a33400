# SPDX-License-Identifier: MIT
"""Disk images from the host's side: mkfs, fsput, fsget and fsls; swap disks."""

import struct
import subprocess

from guest import BUILD

MASK = (1 << 64) - 1


def tool(name, *args, ok=True):
    """Run a host tool. => what it printed, or (with ok=False) the whole result"""
    p = subprocess.run([BUILD / "mkfs" / name, *map(str, args)], capture_output=True, timeout=120)
    if not ok:
        return p
    assert p.returncode == 0, f"{name} {args}: {p.stderr.decode()}"
    return p.stdout


def get(image, path, to):
    tool("fsget", image, path, to)
    return to.read_bytes()


def pattern(kib, seed):
    """The bytes that test/boot/programs/pattern writes."""
    out, x = [], seed
    for _ in range(kib * 128):
        x ^= x >> 12
        x ^= x << 25 & MASK
        x ^= x >> 27
        out.append(x * 0x2545F4914F6CDD1D & MASK)
    return struct.pack(f"<{len(out)}Q", *out)


def swap_image(path, mib, pages=None):
    """A swap disk with the header that util-linux's mkswap writes."""
    path.write_bytes(b"")
    with open(path, "r+b") as f:
        f.truncate(mib << 20)
    subprocess.run(["/sbin/mkswap", path], check=True, capture_output=True)
    if pages is not None:
        with open(path, "r+b") as f:
            f.seek(1028)
            f.write(struct.pack("<I", pages))
    return path
