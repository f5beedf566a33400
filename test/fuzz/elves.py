#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Programs for the ELF loader to be careful with.

    elves.py DIRECTORY [COUNT [SEED]]

writes them there as files: a good one, one for every field set to every awkward
value, and COUNT with random damage.  None is larger than two pages.
"""

import pathlib
import random
import struct
import sys

PAGE = 4096
BASE = 0x10000
USER_TOP = 0x3FC0000000

# exit_group(0): li a0, 0; li a7, 94; ecall
CODE = struct.pack("<3I", 0x00000513, 0x05E00893, 0x00000073)

LINKER = b"/elves/pie\0"

HEADER = {"type": "H", "machine": "H", "version": "I", "entry": "Q", "phoff": "Q", "shoff": "Q",
          "flags": "I", "ehsize": "H", "phentsize": "H", "phnum": "H", "shentsize": "H",
          "shnum": "H", "shstrndx": "H"}
SEGMENT = {"type": "I", "flags": "I", "offset": "Q", "vaddr": "Q", "paddr": "Q", "filesz": "Q",
           "memsz": "Q", "align": "Q"}
HEADER_SIZE, SEGMENT_SIZE = 64, 56
IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)

AWKWARD = [0, 1, 2, 3, 7, 8, 55, 56, 57, 64, 127, 128, 129, 0xFFF, PAGE, PAGE + 1, 2 * PAGE,
           0xFFFF, BASE, BASE - 1, BASE + 1, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1,
           1 << 32, 1 << 38, (1 << 38) - 1, USER_TOP - PAGE, USER_TOP - 1, USER_TOP, USER_TOP + 1,
           0x2AAAAAA000, (1 << 63) - 1, 1 << 63, (1 << 64) - PAGE, (1 << 64) - 1,
           (1 << 64) - BASE, 0xFFFFFFFF80200000, 0xFFFFFFC080200000]


def pack(fields, values):
    return b"".join(struct.pack("<" + code, values[name] & ((1 << 8 * struct.calcsize(code)) - 1))
                    for name, code in fields.items())


def segment(**changes):
    return {"type": 1, "flags": 5, "offset": 0, "vaddr": BASE, "paddr": 0, "filesz": 0x200,
            "memsz": 0x200, "align": PAGE} | changes


def elf(segments, ident=IDENT, **changes):
    header = {"type": 2, "machine": 243, "version": 1, "entry": BASE + 0x180, "phoff": HEADER_SIZE,
              "shoff": 0, "flags": 5, "ehsize": HEADER_SIZE, "phentsize": SEGMENT_SIZE,
              "phnum": len(segments), "shentsize": 0, "shnum": 0, "shstrndx": 0} | changes
    image = ident + pack(HEADER, header) + b"".join(pack(SEGMENT, s) for s in segments)
    return (image.ljust(0x180, b"\0") + CODE).ljust(PAGE + 0x100, b"\0")


def good():
    return elf([segment(), segment(flags=6, offset=PAGE, vaddr=BASE + PAGE, filesz=0x100,
                                   memsz=3 * PAGE)])


def awkward():
    """(name, bytes) of each"""
    data = {"flags": 6, "offset": PAGE, "vaddr": BASE + PAGE, "filesz": 0x100, "memsz": 3 * PAGE}
    for field in HEADER:
        for n, value in enumerate(AWKWARD):
            yield f"header.{field}.{n}", elf([segment(), segment(**data)], **{field: value})
    for field in SEGMENT:
        for n, value in enumerate(AWKWARD):
            yield f"text.{field}.{n}", elf([segment(**{field: value}), segment(**data)])
            yield f"data.{field}.{n}", elf([segment(), segment(**data | {field: value})])
    for n in range(len(IDENT)):
        yield f"ident.{n}", elf([segment()], IDENT[:n] + bytes([IDENT[n] ^ 0x41]) + IDENT[n + 1:])
    for n in (0, 1, 3, 4, 16, 63, 64, 65, 119, 120, 121, 0x180, PAGE, PAGE + 1):
        yield f"short.{n}", good()[:n]
    whole = segment(vaddr=0x10000, filesz=0, memsz=USER_TOP - 0x10000)
    yield "everything", elf([whole])
    yield "twice", elf([segment(), segment()])
    yield "overlap", elf([segment(), segment(vaddr=BASE + 0x100, offset=0x100)])
    yield "stack", elf([segment(), segment(vaddr=USER_TOP - PAGE, filesz=0, memsz=PAGE, flags=6)])
    yield "many", elf([segment(vaddr=BASE + n * PAGE, filesz=0x180 if n == 0 else 0)
                       for n in range(4)], phnum=4)
    yield "pie", elf([segment(vaddr=0)], type=3, entry=0x180)
    yield "pie.high", elf([segment(vaddr=USER_TOP - PAGE)], type=3, entry=USER_TOP - PAGE + 0x180)
    yield "linker", elf([segment(), segment(type=3)])
    linker = {"type": 3, "offset": 0x1C0, "filesz": len(LINKER), "memsz": len(LINKER)}
    for field in SEGMENT:
        for n, value in enumerate(AWKWARD):
            image = bytearray(elf([segment(), segment(**linker | {field: value})]))
            image[0x1C0:0x1C0 + len(LINKER)] = LINKER
            yield f"linker.{field}.{n}", bytes(image)


def damaged(rng):
    image = bytearray(good())
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(HEADER_SIZE + 2 * SEGMENT_SIZE)
        if rng.random() < 0.5:
            image[at] = rng.randrange(256)
        else:
            struct.pack_into("<Q", image, at & ~7, rng.choice(AWKWARD))
    return bytes(image[:rng.randrange(len(image))] if rng.random() < 0.1 else image)


def main():
    where = pathlib.Path(sys.argv[1])
    count, seed = (int(a) for a in (sys.argv[2:] + ["200", "1"][len(sys.argv) - 2:])[:2])
    where.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    corpus = {"good": good(), **dict(awkward())}
    corpus |= {f"damaged.{n}": damaged(rng) for n in range(count)}
    for name, image in corpus.items():
        (where / name).write_bytes(image)
        (where / name).chmod(0o755)


if __name__ == "__main__":
    main()
