"""Lists of installed packages and RPM packages, against dpkg-query and rpm."""

import os
import shutil
import subprocess

for tool in ("rpm", "dpkg-query"):
    if not shutil.which(tool):
        raise ImportError(f"{tool} is not installed")

NAME = "installed"
KINDS = ("name", "version", "purl", "supplier", "publisher", "path")
QUERY = "@%{NAME}|%{EPOCHNUM}|%{VERSION}-%{RELEASE}|%{ARCH}|%{VENDOR}|%{PACKAGER}\\n[%{FILENAMES}\\n]"


def claims(path, head):
    base = os.path.basename(path)
    return (head.startswith(b"\xed\xab\xee\xdb") or base == "rpmdb.sqlite"
            or (base == "Packages" and head[12:16] in (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61"))
            or (base == "status" and head.startswith(b"Package: ")))


def without_address(text):
    return text.split("<")[0].strip().strip('"') or text


def ours(facts):
    """Packages in the order of the file: what is said of one begins with its name."""
    packages = []
    for kind, field, value in facts.all:
        if kind == "name":
            packages.append({"path": []})
        # The path of the list itself is nobody's file.
        if packages and kind in KINDS and field != "path":
            packages[-1]["path"].append(value) if kind == "path" else packages[-1].setdefault(kind, value)
    return packages


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fields(path, facts):
    said = ours(facts)
    if os.path.basename(path) == "status":
        lines = output("dpkg-query", f"--admindir={os.path.dirname(path)}", "-W",
                       "-f", "${Package}\t${Version}\t${Maintainer}\t${db:Status-Status}\n").splitlines()
        rows = [line.split("\t") for line in lines]
        theirs = {(n, v, without_address(m)) for n, v, m, s in rows if s not in ("config-files", "not-installed")}
        yield "packages", {(p["name"], p.get("version"), p.get("supplier")) for p in said}, theirs
        return
    where = ["-qp", path] if path.endswith(".rpm") else ["--dbpath", os.path.dirname(os.path.abspath(path)), "-qa"]
    if os.path.basename(path) == "Packages":
        where += ["--define", "_db_backend bdb_ro"]
    theirs, files = set(), set()
    for line in output("rpm", "--nosignature", *where, "--qf", QUERY).splitlines():
        if line.startswith("@"):
            name, _, version, _, vendor, packager = line[1:].split("|")
            texts = [without_address(text) if text != "(none)" else None for text in (vendor, packager)]
            theirs.add((name, version, *texts))
        elif line and line != "(none)":
            files.add(line)
    yield "packages", {(p["name"], p.get("version"), p.get("supplier"), p.get("publisher")) for p in said}, theirs
    yield "files", {f for p in said for f in p["path"]}, files
