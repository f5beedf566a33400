# SPDX-License-Identifier: MIT
"""What was handed in: folders and archives, of which only named files are taken.

Nothing is ever unpacked to where an archive says: members are looked at by name, and
the bytes of those that are wanted are read.  Links are not followed.
"""

import collections
import lzma
import pathlib
import re
import tarfile
import zipfile
import zlib

MOST = 1 << 20                   # bytes of one file
KEPT, UNPACKED = 256 << 20, 4 << 30    # ... of all that are looked at, and of all there are
MEMBERS = 20000                  # of one archive, looked at
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")
IGNORED = re.compile(r"(^|/)(\.git|build|__pycache__|__MACOSX)(/|$)")


class Bad(Exception):
    """It cannot be graded; says why."""


class Submission:
    def __init__(self, name, files, others, notes):
        """files: {path: bytes} of the hand-in; others: {path: bytes} of the rest."""
        self.name, self.files, self.others, self.notes = name, files, others, notes


def clean(path):
    """=> the parts of a member's name, or None if it leads out of the archive"""
    parts = [p for p in path.replace("\\", "/").split("/") if p not in ("", ".")]
    return None if ".." in parts or path.startswith("/") or not parts else parts


def tar_members(path):
    size = 0
    with tarfile.open(path) as t:
        for k, m in enumerate(t):
            size += m.size
            if k == MEMBERS or size > UNPACKED:
                raise Bad(f"more than {MEMBERS} members, or {UNPACKED >> 30} GiB")
            if m.isfile():
                yield m.name, m.size, lambda m=m: t.extractfile(m).read(MOST + 1)
            elif not m.isdir():
                yield m.name, None, None
        while size < UNPACKED and t.fileobj.read(MOST):      # a checksum is at the end
            size += MOST


def zip_members(path):
    with zipfile.ZipFile(path) as z:
        for m in z.infolist()[:MEMBERS]:
            if (m.external_attr >> 28) == 0xA:
                yield m.filename, None, None
            elif not m.is_dir():
                yield m.filename, m.file_size, lambda m=m: z.open(m).read(MOST + 1)


def folder_members(path):
    for p in sorted(path.rglob("*")):
        name = p.relative_to(path).as_posix()
        if IGNORED.search(name) or p.is_dir() and not p.is_symlink():
            continue
        if p.is_symlink() or not p.is_file():
            yield name, None, None
        else:
            yield name, p.stat().st_size, lambda p=p: p.read_bytes()


def members(path):
    if path.is_dir():
        return folder_members(path)
    return zip_members(path) if path.suffix.lower() == ".zip" else tar_members(path)


def read(path, wanted):
    """=> the Submission in a folder or archive; the tree may lie a few folders down"""
    found, notes, kept = {}, [], 0
    try:
        for name, size, get in members(path):
            parts = clean(name)
            if parts is None:
                notes.append(f"{name!r} leads out of the archive: ignored")
            elif get is None:
                notes.append(f"{name!r} is a link or a device: ignored")
            elif not IGNORED.search("/".join(parts)):
                if size > MOST and any("/".join(parts).endswith(w) for w in wanted):
                    raise Bad(f"{name} is larger than {MOST >> 20} MiB")
                if size <= MOST:
                    found["/".join(parts)] = get()
                    kept += size
                if kept > KEPT:
                    raise Bad(f"its files are larger than {KEPT >> 20} MiB")
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError,
            RuntimeError, ValueError) as e:
        raise Bad(f"it cannot be read: {str(e).partition(':' + chr(10))[0]}") from e
    prefix = root_of(found, wanted)
    files = {w: found[prefix + w] for w in wanted if prefix + w in found}
    if not files:
        raise Bad("; ".join([f"none of {' '.join(wanted)} is in it", *notes[:3]]))
    notes += [f"{w} is not in it: taken as it was handed out" for w in wanted if w not in files]
    others = {p[len(prefix):]: d for p, d in found.items()
              if p.startswith(prefix) and p[len(prefix):] not in wanted}
    return Submission(stem(path), files, others, notes[:50])


def root_of(found, wanted):
    """The shortest prefix under which a wanted file lies."""
    prefixes = {p[:-len(w)] for p in found for w in wanted
                if p == w or p.endswith("/" + w)}
    return min(prefixes, key=lambda p: (p.count("/"), p), default="")


def is_archive(path):
    return path.name.lower().endswith(ARCHIVES)


def stem(path):
    name = path.name
    for a in sorted(ARCHIVES, key=len, reverse=True):
        if path.is_file() and name.lower().endswith(a):
            name = name[:-len(a)]
            break
    return plain(name)


def plain(name):
    return re.sub(r"[^\w.@+-]", "_", name).lstrip(".") or "_"


def names(paths):
    """=> {path: name} where no two have one name: ann.zip, ann.tar and ann/ann.zip may be"""
    times, out = collections.Counter(map(stem, paths)), {}
    for p in paths:
        name = first = stem(p) if times[stem(p)] == 1 else plain(p.name)
        for k in range(2, len(paths) + 2):
            if name not in out.values():
                break
            name = f"{first}-{k}"
        out[p] = name
    return out


def all_in(paths, wanted):
    """=> the submissions that paths name: an archive, a tree, or a folder of such; and what
    lies among them and is neither"""
    def is_tree(path):
        return any((path / name).exists() for name in ("Makefile", *wanted))

    found, strange = [], []
    for path in paths:
        if not path.exists():
            raise Bad(f"{path} is not there")
        inside = [p for p in sorted(path.iterdir()) if not p.name.startswith(".")] \
            if path.is_dir() and not is_tree(path) else []
        good = [p for p in inside if p.is_dir() or is_archive(p)]
        found += good or [path]
        strange += [p for p in inside if p not in good] if good else []
    return list(dict.fromkeys(found)), strange
