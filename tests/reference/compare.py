#!/usr/bin/env python3
"""Compares what `underlabel inspect --json` reads with reference readers, field by field. See README.md."""

import argparse
import collections
import importlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

CHECKS = ["pe", "dotnet", "authenticode", "elf", "macho", "android", "jar", "installed"]


class Facts:
    """What underlabel says of one file: of itself, and of its members."""

    def __init__(self, path, lines):
        self.path, self.all, self.gaps, self.members, self.inner = path, [], [], [], []
        for line in lines:
            said = json.loads(line)
            place, _, field = said["at"].partition("#")
            if place != path:
                member = place.removeprefix(path + "!/")
                if said["type"] == "fact" and said["kind"] == "path" and "!/" not in member:
                    self.members.append(said["value"])
                elif said["type"] == "fact":
                    self.inner.append((member, said["kind"], said["value"]))
                continue
            if said["type"] == "fact":
                self.all.append((said["kind"], field, said["value"]))
            elif said["type"] == "gap":
                self.gaps.append(said["detail"])

    def inside(self, member, kind):
        """Values of a kind in the members whose name ends so, none of them packed once more."""
        return [v for m, k, v in self.inner if k == kind and m.endswith(member) and "!/" not in m]

    def get(self, kind, field=""):
        return [value for k, f, value in self.all if k == kind and f.startswith(field)]


def walk(folders):
    for folder in folders:
        if os.path.isfile(folder):
            yield folder
        for root, _, names in os.walk(folder):
            for name in sorted(names):
                path = os.path.join(root, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) > 64:
                    yield path


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--underlabel", default="underlabel")
    args.add_argument("--only", help="one of " + ", ".join(CHECKS))
    args.add_argument("--most", type=int, default=400, help="files per check")
    args.add_argument("--list", type=int, default=20, help="unequal fields listed per check")
    args.add_argument("paths", nargs="+")
    args = args.parse_args()
    checks = []
    for name in [args.only] if args.only else CHECKS:
        try:
            checks.append(importlib.import_module("check_" + name))
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)
    files = collections.Counter()
    counts = collections.defaultdict(lambda: collections.Counter())
    unequal = collections.defaultdict(list)
    for path in walk(args.paths):
        with open(path, "rb") as file:
            head = file.read(4096)
        wanted = [c for c in checks if files[c.NAME] < args.most and c.claims(path, head)]
        if not wanted:
            continue
        ran = subprocess.run([args.underlabel, "inspect", "--json", path], capture_output=True)
        facts = Facts(path, ran.stdout.decode("utf-8", "replace").splitlines())
        for check in wanted:
            try:
                fields = list(check.fields(path, facts))
            except Exception as error:  # the reference gives up on some files
                counts[check.NAME, "reference failed"][type(error).__name__] += 1
                continue
            files[check.NAME] += 1
            for field, ours, theirs, *reason in fields:
                same = ours == theirs
                known = None if same else (reason[0] if reason else None)
                counts[check.NAME, field]["equal" if same else known or "unequal"] += 1
                if not same and not known and len(unequal[check.NAME]) < args.list:
                    unequal[check.NAME].append((path, field, short(ours, theirs), short(theirs, ours)))
    failed = False
    print(f"{'check':<14} {'field':<24} {'files':>6} {'equal':>6} {'unequal':>8}  reasons")
    for (check, field), count in sorted(counts.items()):
        rest = {k: v for k, v in count.items() if k not in ("equal", "unequal")}
        print(f"{check:<14} {field:<24} {files[check]:>6} {count['equal']:>6} {count['unequal']:>8}  {rest or ''}")
        failed |= count["unequal"] > 0
    for check, rows in unequal.items():
        print(f"\n{check}")
        for path, field, ours, theirs in rows:
            print(f"  {path}\n    {field}: only ours {ours}; only theirs {theirs}")
    sys.exit(1 if failed else 0)


def short(one, other):
    if isinstance(one, (set, frozenset, list)) and isinstance(other, (set, frozenset, list)):
        one = sorted(set(one) - set(other), key=str)[:4]
    return str(one)[:300]


if __name__ == "__main__":
    main()
