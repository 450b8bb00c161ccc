#!/usr/bin/env python3
"""Lists the packages that hold the maker's name: the hard negatives among the pinned ones.

`names.py FOLDER` reads what measure.py filled and writes named.tsv: package, files in it with the word "kaspersky" in
any case, and the first of them. Looks one level deep and at bytes as they stand, so it tells at least so many.
"""

import io
import multiprocessing
import pathlib
import sys
import tarfile
import zipfile

from measure import HERE, local_name, read_pins

WORD = b"kaspersky"
PIECE = 1 << 22


def holds(data):
    """Whether a stream holds the word; a piece keeps the end of the one before."""
    rest = b""
    while piece := data.read(PIECE):
        if WORD in (rest + piece).lower():
            return True
        rest = piece[1 - len(WORD):]
    return False


def tar_members(data):
    with tarfile.open(fileobj=data, mode="r|*") as archive:
        for member in archive:
            if member.isfile():
                yield member.name, archive.extractfile(member)


def members(path):
    """A package's files as (name, stream)."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name, archive.open(name)
    elif path.suffix == ".deb":
        data = path.read_bytes()
        at = 8
        while at + 60 <= len(data):
            name, size = data[at:at + 16].decode("ascii").strip(" /"), int(data[at + 48:at + 58])
            if name.startswith("data.tar"):
                yield from tar_members(io.BytesIO(data[at + 60:at + 60 + size]))
            at += 60 + size + size % 2
    else:
        with open(path, "rb") as data:
            yield from tar_members(data)


def look(job):
    pin, path = job
    return pin, sorted(name for name, data in members(path) if holds(data))


def main():
    folder = pathlib.Path(sys.argv[1])
    jobs = [(pin, folder / pin.ecosystem / local_name(pin)) for pin in read_pins(HERE / "packages.tsv")]
    with multiprocessing.Pool() as pool:
        found = [(pin, names) for pin, names in pool.imap(look, jobs, 4) if names]
    lines = ["# Packages that hold the word \"kaspersky\", by names.py", "ecosystem\tpackage\tfiles\tfirst"]
    lines += [f"{p.ecosystem}\t{p.name}\t{len(names)}\t{names[0]}" for p, names in found]
    (HERE / "named.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    print(f"{len(found)} of {len(jobs)} packages")


if __name__ == "__main__":
    main()
