# SPDX-License-Identifier: MIT
"""Labs as data, and the functions they are about.

A lab is a folder here: README.md (the text), lab.toml (title, files that are handed
in, functions that are cut out), stub.c (what stands in their places), tests.py, and
wrong.toml (known-wrong solutions, which students do not get).  Functions are found in
the living source by libclang, so that nothing in it has to be marked.
"""

import functools
import pathlib
import re
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ORDER = ("pgtbl", "buddy", "slab", "lazy", "cow", "mmap", "swap", "policy")
FLAGS = ["-std=gnu11", "-I.", "-Iarch/riscv", "--target=riscv64", "-march=rv64imac", "-w"]


class Problem(Exception):
    """The lab does not fit the sources, or was asked for wrongly."""


class Lab:
    def __init__(self, name):
        self.name, self.folder = name, HERE / name
        if name not in ORDER or not self.folder.is_dir():
            there = " ".join(n for n in ORDER if (HERE / n).is_dir())
            raise Problem(f"LAB={name}: there is no such lab; there are {there}")
        data = tomllib.loads((self.folder / "lab.toml").read_text())
        self.title, self.files, self.functions = data["title"], data["files"], data["functions"]

    def stubs(self):
        """What stands in the place of each function; of those left out, nothing."""
        text = (self.folder / "stub.c").read_text()
        return {name: chunk for name, chunk in definitions(text.partition("\n\n")[2])}

    def wrong(self):
        """Known-wrong solutions: name, why, edits of functions, names of tests they lose."""
        return tomllib.loads((self.folder / "wrong.toml").read_text())["wrong"]


def definitions(text):
    """(name, text) of each function in a file of ours: it ends at a `}` in column 0.

    A line `//@ path` before it says in which file, where several have a function so named."""
    for chunk in re.split(r"(?<=\n\}\n)\n*", text):
        if chunk.strip():
            name = re.findall(r"^(\w+)\(", chunk, re.MULTILINE)[-1]
            if at := re.match(r"//@ (\S+)\n", chunk):
                name, chunk = f"{at.group(1)}:{name}", chunk[at.end():]
            yield name, chunk.strip("\n") + "\n"


def places(root, path):
    """Where functions are defined in a file: {name: (start, end)}, comments before them
    included, in bytes."""
    return places_of(root, path, (root / path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=None)
def places_of(root, path, changed):
    import clang.cindex as clang
    unit = clang.Index.create().parse(
        str(root / path), args=[f.replace("-I", f"-I{root}/", 1) if f.startswith("-I") else f
                                for f in FLAGS])
    text = (root / path).read_bytes()
    found = {}
    for c in unit.cursor.get_children():
        if (c.kind == clang.CursorKind.FUNCTION_DECL and c.is_definition()
                and c.location.file and c.location.file.name == str(root / path)):
            found[c.spelling] = (with_comment(text, c.extent.start.offset), c.extent.end.offset)
    return found


def with_comment(text, start):
    while start > 0:
        line = text.rfind(b"\n", 0, start - 1) + 1
        if not text[line:start].startswith(b"//"):
            break
        start = line
    return start


def where(root, files, names):
    """=> {path: {name: (start, end)}} of these functions; a name may have its path before it"""
    found = {path: {k: p for n, p in places(root, path).items() for k in (n, f"{path}:{n}")
                    if k in names} for path in files if (root / path).exists()}
    missing = set(names) - {n for there in found.values() for n in there}
    if missing:
        raise Problem(f"not found in {' '.join(files)}: {' '.join(sorted(missing))}")
    return found


def replace(root, files, texts):
    """Put texts in the places of functions: {name: text or None}.  => {path: new bytes}"""
    out = {}
    for path, there in where(root, files, texts).items():
        data = (root / path).read_bytes()
        for name, (start, end) in sorted(there.items(), key=lambda x: -x[1][0]):
            if texts[name] is None:
                end += len(data[end:]) - len(data[end:].lstrip(b"\n"))
                data = data[:start] + data[end:]
            else:
                data = data[:start] + texts[name].strip("\n").encode() + data[end:]
        out[path] = data
    return out


def cut(root, lab):
    """=> {path: bytes} of the hand-in files with the lab's functions cut out"""
    stubs = lab.stubs()
    if strange := set(stubs) - set(lab.functions):
        raise Problem(f"{lab.name}/stub.c: {' '.join(strange)}: not in lab.toml")
    return replace(root, lab.files, {n: stubs.get(n) for n in lab.functions})


def spoil(root, lab, wrong):
    """=> {path: bytes} of the hand-in files of a known-wrong solution"""
    edits = {}
    there = where(root, lab.files, {e["function"] for e in wrong["edit"]})
    for e in wrong["edit"]:
        path = next(p for p, names in there.items() if e["function"] in names)
        start, end = there[path][e["function"]]
        text = edits.get(e["function"], (root / path).read_bytes()[start:end].decode())
        pattern = r"\s+".join(re.escape(w) for w in e["from"].split())
        text, n = re.subn(pattern, lambda m: e["to"], text, count=1)
        if n == 0:
            raise Problem(f"{lab.name}: {wrong['name']}: no {e['from']!r} in {e['function']}")
        edits[e["function"]] = text
    return replace(root, lab.files, edits)
