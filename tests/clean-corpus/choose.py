#!/usr/bin/env python3
"""Pins anew what lies in a folder: writes packages.tsv from FOLDER/{debian,pypi,npm,crates}.

Fill the folders with the registries' own clients first: `apt-get download`, `pip download --no-deps --only-binary=:all:
--platform …`, `npm pack`, and the crates that `cargo fetch` keeps. The pins are what came, with its SHA-256. Needs
`dpkg-deb`, and `apt-cache` for the paths in Debian's archive.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys
import tarfile

from measure import HERE, sha256


@functools.cache
def archive(folder):
    """Where Debian's packages lie in its archive, by name and version; one question, since each takes a second."""
    asked = ["=".join(debian_name(path)) for path in folder.glob("*.deb")]
    shown = subprocess.run(["apt-cache", "show", *asked], capture_output=True, text=True, check=True).stdout
    fields = (dict(re.findall(r"^(Package|Version|Filename): (.+)$", one, re.MULTILINE)) for one in shown.split("\n\n"))
    return {(one["Package"], one["Version"]): one["Filename"] for one in fields if one}


def debian_name(path):
    """Name and version; apt-get keeps the epoch in the file's name, the archive does not, so the package is asked."""
    shown = subprocess.run(["dpkg-deb", "-f", path, "Package", "Version"], capture_output=True, text=True, check=True).stdout
    return tuple(re.findall(r"^(?:Package|Version): (.+)$", shown, re.MULTILINE))


def debian(path):
    return *debian_name(path), archive(path.parent)[debian_name(path)]


def pypi(path):
    name, version, _ = path.name.split("-", 2)
    return name.replace("_", "-").lower(), version, path.name


def npm(path):
    with tarfile.open(path) as archive:
        member = next(m for m in archive if re.fullmatch(r"[^/]+/package\.json", m.name))
        about = json.load(archive.extractfile(member))
    return about["name"], about["version"], path.name


def crates(path):
    return *re.fullmatch(r"(.+?)-(\d+\.\d+\.\d+.*)\.crate", path.name).groups(), path.name


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = sorted((of.__name__, *of(path), sha256(path))
                  for of, end in ((debian, "deb"), (pypi, "whl"), (npm, "tgz"), (crates, "crate"))
                  for path in (folder / of.__name__).glob(f"*.{end}"))
    head = "# ecosystem\tname\tversion\tfile (Debian: path in the archive)\tSHA-256\n"
    (HERE / "packages.tsv").write_text(head + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
