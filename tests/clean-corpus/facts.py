#!/usr/bin/env python3
"""Counts what the packages say at all, kind by kind: an indicator that looks where nothing was seen is not measured.

`facts.py FOLDER --underlabel BIN` reads what measure.py filled and writes facts.tsv: kind of fact, facts, files and
packages with one. Of strings, only those that the catalogue asks for are facts.
"""

import collections
import subprocess
import sys

from measure import BATCH, HERE, Failure, arguments, local_name, read_pins


def main():
    options = arguments(sys.argv[1:])
    paths = [f"{pin.ecosystem}/{local_name(pin)}" for pin in read_pins(options.packages)]
    facts, files, packages = (collections.Counter() for _ in range(3))
    last_file, last_package = {}, {}
    for start in range(0, len(paths), BATCH):
        command = [options.underlabel, "inspect", *paths[start:start + BATCH]]
        with subprocess.Popen(command, cwd=options.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as run:
            for line in run.stdout:
                place, _, rest = line.partition(b"\t")
                kind = rest.partition(b"\t")[0]
                path = place.partition(b"#")[0]
                package = path.partition(b"!")[0]
                facts[kind] += 1
                # The lines of a file, and the files of a package, stand together.
                if last_file.get(kind) != path:
                    last_file[kind], files[kind] = path, files[kind] + 1
                if last_package.get(kind) != package:
                    last_package[kind], packages[kind] = package, packages[kind] + 1
        if run.returncode not in (0, 3):
            raise Failure(f"underlabel inspect ended with {run.returncode}")
        print(f"{min(start + BATCH, len(paths))} of {len(paths)}", file=sys.stderr)
    lines = ["# What the packages say, by facts.py", "kind\tfacts\tfiles\tpackages"]
    lines += sorted(f"{kind.decode()}\t{facts[kind]}\t{files[kind]}\t{packages[kind]}" for kind in facts)
    (HERE / "facts.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
