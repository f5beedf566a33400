#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Disk images for the file system to be careful with.

    images.py DIRECTORY COUNT [SEED]

makes one with all that qfs has to offer (by the tools in build/mkfs), and COUNT
copies of it with damaged metadata, whose superblocks carry true checksums.
"""

import pathlib
import random
import struct
import subprocess
import sys
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "build" / "mkfs"
SIZE = "2M"
BLOCK, INODE, SUPER, CHECKSUM_AT = 4096, 256, 512, 12
INODE_FILE_AT, HEIGHT_AT, ROOT_AT, ROOTS = 256, 84, 96, 20
DIRECTORY_MAGIC = struct.pack("<I", 0x72696471)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tool(name, *args):
    subprocess.run([TOOLS / name, *map(str, args)], check=True, capture_output=True, timeout=60)


def sound(path):
    """Directories of one and of many blocks, files of one and of many, shared blocks, links."""
    path.unlink(missing_ok=True)
    tool("mkfs", path, SIZE)
    with tempfile.TemporaryDirectory() as d:
        source = pathlib.Path(d)
        (source / "large").write_bytes(bytes(range(256)) * 1600)
        (source / "small").write_bytes(b"hello\n")
        (source / "empty").write_bytes(b"")
        many = [source / f"name-{n}-{'x' * 60}" for n in range(120)]
        for file in many:
            file.write_bytes(b"")
        tool("fsput", "-d", path, "/dir", "/dir/sub", "/many")
        tool("fsput", path, source / "large", source / "small", source / "empty", "/")
        tool("fsput", path, source / "small", "/dir/sub")
        tool("fsput", path, *many, "/many")
        tool("fsput", "-c", "/large", path, "/dir/shares")


def u64(image, at):
    return struct.unpack_from("<Q", image, at)[0]


def tree(image, inode_at):
    """(blocks of the tree, blocks of data) of an inode"""
    def pointers(at, count):
        return [b for n in range(count) if (b := u64(image, at + 8 * n))]
    nodes, data = [], pointers(inode_at + ROOT_AT, ROOTS)
    for _ in range(struct.unpack_from("<I", image, inode_at + HEIGHT_AT)[0]):
        nodes += data
        data = [b for node in data for b in pointers(node * BLOCK, BLOCK // 8)]
    return nodes, data


def metadata(image):
    """Lists of places (offset, size) worth damaging, one of a kind."""
    nodes, inodes = tree(image, INODE_FILE_AT)
    used = [at for block in inodes for n in range(BLOCK // INODE)
            if struct.unpack_from("<I", image, at := block * BLOCK + n * INODE)[0] & 0o170000]
    for at in used:
        nodes += tree(image, at)[0]
    blocks = range(len(image) // BLOCK)
    directories = [b for b in blocks if image[b * BLOCK:b * BLOCK + 4] == DIRECTORY_MAGIC]
    return [[(0, SUPER)], [(u64(image, 40) * BLOCK, 128)],
            [(u64(image, 168) * BLOCK + 4 * u64(image, 72), 1024)], [(at, INODE) for at in used],
            [(b * BLOCK, 256) for b in directories], [(b * BLOCK, BLOCK) for b in directories],
            [(b * BLOCK, 1024) for b in nodes] or [(0, SUPER)]]


def damage(image, rng):
    kinds = metadata(image)
    blocks = len(image) // BLOCK
    out = bytearray(image)
    for _ in range(rng.choice([1, 1, 2, 3, 8, 30])):
        at, size = rng.choice(rng.choice(kinds))
        at += rng.randrange(size)
        if rng.random() < 0.3:
            out[at] = rng.randrange(256)
            continue
        width, code = rng.choice([(2, "H"), (4, "I"), (8, "Q")])
        value = rng.choice([0, 1, 2, rng.randrange(64), rng.randrange(blocks), blocks, blocks - 1,
                            0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 44, 1 << 63, (1 << 64) - 1])
        struct.pack_into("<" + code, out, at & -width, value & ((1 << 8 * width) - 1))
    if rng.random() < 0.95:
        out[0:8] = image[0:8]
    struct.pack_into("<I", out, CHECKSUM_AT, 0)
    struct.pack_into("<I", out, CHECKSUM_AT, crc32c(out[:SUPER]))
    return bytes(out)


def main():
    where, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    where.mkdir(parents=True, exist_ok=True)
    sound(where / "sound.img")
    image = (where / "sound.img").read_bytes()
    for n in range(count):
        (where / f"damaged.{n}.img").write_bytes(damage(image, rng))


if __name__ == "__main__":
    main()
