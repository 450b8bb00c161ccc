#!/usr/bin/env python3
"""Measures the specificity of the catalogue on software that holds no Kaspersky code.

In: packages.tsv, the pinned packages; a folder for them; the underlabel program. Out: src/catalog/measured.tsv, how
often each indicator is seen in them, and RESULT.md beside this file. Python's standard library only; see README.md.
"""

import argparse
import collections
import concurrent.futures
import csv
import datetime
import hashlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MEASURED = HERE.parent.parent / "src" / "catalog" / "measured.tsv"
ECOSYSTEMS = ("debian", "pypi", "npm", "crates")
# Paths given to one process: the command line of Windows holds 32,767 characters.
BATCH = 200
# What must be found, or the run proves nothing: a document that names the maker as supplier.
CONTROL = {"bomFormat": "CycloneDX", "specVersion": "1.6",
           "components": [{"type": "library", "name": "mail-scan-engine", "supplier": {"name": "AO Kaspersky Lab"}}]}

Pin = collections.namedtuple("Pin", "ecosystem name version file sha256")


class Failure(Exception):
    """What ends the run, with a sentence for the user."""


# The pins and the folder

def read_pins(path):
    """The pinned packages; a line that is out of order or double is an error, so that differences stay readable."""
    with open(path, encoding="utf-8", newline="") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    for row in rows:
        if len(row) != 5 or row[0] not in ECOSYSTEMS or not re.fullmatch("[0-9a-f]{64}", row[4]):
            raise Failure(f"{path}: not a pin: {row}")
    if rows != sorted(rows) or len({(row[0], local_name(Pin(*row))) for row in rows}) != len(rows):
        raise Failure(f"{path}: not sorted, or a file stands in it twice")
    return [Pin(*row) for row in rows]


def local_name(pin):
    """A package's name in the folder: Debian's file column is its path in the archive."""
    return pin.file.rsplit("/", 1)[-1]


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        while piece := data.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


# Downloading

def get(url, accept="*/*"):
    """An opened answer; a registry that is busy is asked three times."""
    request = urllib.request.Request(url, headers={"User-Agent": "underlabel-clean-corpus", "Accept": accept})
    for wait in (2, 10, None):
        try:
            return urllib.request.urlopen(request, timeout=120)
        except urllib.error.HTTPError as error:
            if wait is None or error.code not in (429, 500, 502, 503, 504):
                raise
        except (urllib.error.URLError, TimeoutError):
            if wait is None:
                raise
        time.sleep(wait)


class Links(html.parser.HTMLParser):
    """The links of a simple index's page (PEP 503), by file name."""

    def __init__(self):
        super().__init__()
        self.found, self.href = {}, None

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.href = dict(attrs).get("href")

    def handle_data(self, data):
        if self.href and data.strip():
            self.found.setdefault(data.strip(), self.href)

    def handle_endtag(self, tag):
        if tag == "a":
            self.href = None


def addresses(pin, options):
    """Where a package may lie, one after another; looked up only when asked for."""
    quote = urllib.parse.quote
    if pin.ecosystem == "debian":
        base = options.debian_security if pin.file.startswith("pool/updates/") else options.debian
        yield f"{base}/{quote(pin.file)}"
        # The archive drops old versions; the snapshot service keeps them, by SHA-1.
        binary = f"{options.snapshot}/mr/binary/{quote(pin.name)}/{quote(pin.version)}/binfiles"
        architecture = local_name(pin).removesuffix(".deb").rsplit("_", 1)[-1]
        for one in json.load(get(binary))["result"]:
            if one["architecture"] == architecture:
                yield f"{options.snapshot}/file/{one['hash']}"
    elif pin.ecosystem == "pypi" and options.pypi.endswith("/simple"):
        page = f"{options.pypi}/{re.sub('[-_.]+', '-', pin.name).lower()}/"
        links = Links()
        links.feed(get(page, "text/html").read().decode("utf-8", "replace"))
        if pin.file in links.found:
            yield urllib.parse.urljoin(page, links.found[pin.file])
    elif pin.ecosystem == "pypi":
        answer = json.load(get(f"{options.pypi}/pypi/{quote(pin.name)}/{quote(pin.version)}/json"))
        yield from (one["url"] for one in answer["urls"] if one["filename"] == pin.file)
    elif pin.ecosystem == "npm":
        base = pin.name.rsplit("/", 1)[-1]
        yield f"{options.npm}/{pin.name}/-/{base}-{quote(pin.version)}.tgz"
    else:
        yield f"{options.crates}/crates/{pin.name}/{pin.name}-{quote(pin.version)}.crate"


def download(pin, path, options):
    """One package, checked before it gets its name."""
    problems = []
    part = path.with_name(path.name + ".part")
    try:
        for url in addresses(pin, options):
            try:
                with get(url) as answer, open(part, "wb") as out:
                    while piece := answer.read(1 << 20):
                        out.write(piece)
            except (OSError, urllib.error.URLError) as error:
                problems.append(f"{url}: {error}")
                continue
            if (seen := sha256(part)) == pin.sha256:
                os.replace(part, path)
                return
            problems.append(f"{url}: SHA-256 is {seen}, not {pin.sha256}")
    except (OSError, ValueError, KeyError) as error:
        problems.append(str(error))
    finally:
        part.unlink(missing_ok=True)
    raise Failure(f"{pin.ecosystem} {pin.name} {pin.version}: " + ("; ".join(problems) or "no such file in the registry"))


def fill(pins, options):
    """Checks what is there, downloads what is not. Every problem is told, then the run ends."""
    problems, missing = [], []
    for pin in pins:
        path = options.folder / pin.ecosystem / local_name(pin)
        path.parent.mkdir(parents=True, exist_ok=True)
        if pin.ecosystem == "debian" and ":" in pin.version and not path.exists():
            # apt-get keeps the epoch in the file's name, the archive does not.
            epoch = pin.version.split(":")[0]
            kept = path.with_name(path.name.replace("_", f"_{epoch}%3a", 1))
            if kept.exists():
                kept.rename(path)
        if not path.exists():
            missing.append((pin, path))
        elif (seen := sha256(path)) != pin.sha256:
            problems.append(f"{path}: SHA-256 is {seen}, not {pin.sha256}")
    if missing and options.offline:
        problems += [f"{path}: missing" for _, path in missing]
        missing = []
    if missing:
        print(f"downloading {len(missing)} of {len(pins)} packages", file=sys.stderr)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(download, pin, path, options) for pin, path in missing]:
            try:
                job.result()
            except Failure as failure:
                problems.append(str(failure))
    if problems:
        raise Failure("\n".join(problems))


# Scanning

def scan(program, paths, folder):
    """The report on these paths, which are named from the folder on: the result is the same in any folder."""
    with tempfile.TemporaryDirectory() as temporary:
        report = os.path.join(temporary, "report.json")
        command = [program, "scan", *paths, "--rules", "all", "--mentions", "--fail-on", "never", "-o", f"json={report}"]
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)
        # 3 is an incomplete run: the gaps are in the report.
        if done.returncode not in (0, 3):
            raise Failure(f"underlabel ended with {done.returncode}: {' '.join(command[:3])} …")
        with open(report, encoding="utf-8") as text:
            return json.load(text)


def control(program):
    """Nothing found means something only where something can be found."""
    with tempfile.TemporaryDirectory() as temporary:
        pathlib.Path(temporary, "control.cdx.json").write_text(json.dumps(CONTROL), encoding="utf-8")
        if not scan(program, ["control.cdx.json"], temporary)["findings"]:
            raise Failure("the control was not found: this program cannot be measured")


def scan_all(pins, options):
    """The reports of one ecosystem after another."""
    reports = collections.defaultdict(list)
    for ecosystem in ECOSYSTEMS:
        chosen = [pin for pin in pins if pin.ecosystem == ecosystem]
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start:start + BATCH]
            began = time.monotonic()
            report = scan(options.underlabel, [f"{ecosystem}/{local_name(pin)}" for pin in batch], options.folder)
            seen = {subject["path"]: subject.get("sha256") for subject in report["subjects"]}
            if seen != {f"{ecosystem}/{local_name(pin)}": pin.sha256 for pin in batch}:
                raise Failure(f"{ecosystem}: the report's subjects are not the packages given")
            reports[ecosystem].append(report)
            print(f"{ecosystem}: {start + len(batch)} of {len(chosen)}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return reports


# The figures

def indicators(program):
    """Every indicator's id, as the program lists them."""
    text = subprocess.run([program, "catalog", "list"], capture_output=True, text=True, encoding="utf-8", check=True).stdout
    return sorted(set(re.findall(r"^ +(?:weak|supporting|strong|conclusive) +(\S+)$", text, re.MULTILINE)))


class Figures:
    """What the reports say, added up."""

    def __init__(self, pins, reports, options):
        self.packages = collections.Counter(pin.ecosystem for pin in pins)
        self.files, self.bytes, self.unpacked = collections.Counter(), collections.Counter(), collections.Counter()
        self.gaps, self.places = collections.Counter(), collections.defaultdict(set)
        self.above, self.mentions = [], []
        self.catalog, self.tool, self.dropped = None, None, 0
        self.date = options.date or datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        by_file = {f"{pin.ecosystem}/{local_name(pin)}": pin for pin in pins}
        for ecosystem, report in ((e, r) for e in ECOSYSTEMS for r in reports[e]):
            examined = report["examined"]
            self.files[ecosystem] += examined["inputs"] + examined["members"]
            self.bytes[ecosystem] += examined["bytes"]
            self.unpacked[ecosystem] += examined["unpacked"]
            self.dropped += examined.get("signs_dropped", 0)
            self.catalog, self.tool = report["catalog"], report["tool"]
            self.gaps.update((gap["reason"], ecosystem) for gap in report["gaps"])
            for finding in report["findings"]:
                self.add(finding, by_file[finding["subject"]])
        self.ids = indicators(options.underlabel)
        if unlisted := set(self.places) - set(self.ids):
            raise Failure(f"indicators that `catalog list` does not name: {sorted(unlisted)}")
        if len(self.ids) != self.catalog["indicators"]:
            raise Failure(f"`catalog list` names {len(self.ids)} indicators, the report {self.catalog['indicators']}")

    def add(self, finding, pin):
        if finding["places_total"] != len(finding["places"]):
            raise Failure(f"{pin.file}: more places than a report lists, so they cannot be counted")
        for place in finding["places"]:
            # One row an indicator and file, with the first value.
            firsts = {}
            for evidence in place["evidence"]:
                firsts.setdefault(evidence["indicator"], evidence)
            for indicator, evidence in firsts.items():
                self.places[indicator].add((pin, place["path"]))
                rows = self.mentions if finding["relation"] == "mention" else self.above
                rows.append((pin, indicator, evidence, finding))


def measured(figures):
    """The text of measured.tsv."""
    total = sum(figures.files.values())
    lines = ["# How often each indicator is seen in software that holds no Kaspersky code. Written by",
             "# tests/clean-corpus/measure.py; what the figures mean is in tests/clean-corpus/README.md.",
             f"# date: {figures.date}", f"# catalogue: {figures.catalog['version']}"]
    lines += [f"# {one}: {figures.packages[one]} packages, {figures.files[one]} files" for one in ECOSYSTEMS]
    lines += [f"# all: {sum(figures.packages.values())} packages, {total} files", "indicator\tfiles\thits\tpackages"]
    for one in figures.ids:
        hits = figures.places.get(one, ())
        lines.append(f"{one}\t{total}\t{len(hits)}\t{len({pin for pin, _ in hits})}")
    return "\n".join(lines) + "\n"


def explanations():
    """What was found out by hand about a package's hits: (ecosystem, package, indicator or *) → sentence."""
    path = HERE / "explained.tsv"
    with open(path, encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row and row[0][:1] != "#"]
    return {tuple(row[:3]): row[3] for row in rows}


def cell(text, most=100):
    """A table's cell; what stands in packages is untrusted text."""
    text = "".join(c if c.isprintable() else " " for c in str(text))
    text = text if len(text) <= most else text[:most - 1] + "…"
    return re.sub(r"([\\`*_\[\]<>|&#~])", r"\\\1", text)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def result(figures, known):
    """The text of RESULT.md, and how many findings nobody has explained."""
    unexplained = 0

    def rows(found):
        nonlocal unexplained
        for pin, indicator, evidence, finding in sorted(found, key=lambda f: (f[0], f[1], f[2]["at"])):
            say = known.get((pin.ecosystem, pin.name, indicator)) or known.get((pin.ecosystem, pin.name, "*"))
            unexplained += say is None and finding["relation"] != "mention"
            place = evidence["at"].removeprefix(finding["subject"]).lstrip("!/")
            yield [cell(f"{pin.ecosystem}: {pin.name} {pin.version}"), f"`{indicator}`", finding["relation"],
                   finding["confidence"], cell(f"{evidence['fact']}: {evidence['value']}", 80), cell(place, 140),
                   cell(say or "not yet explained", 600)]

    head = ["package", "indicator", "relation", "confidence", "what stood there", "place", "explanation"]
    lines = ["# Measured specificity", "",
             "Written by `measure.py`; [README.md](README.md) says what was measured and how to do it again.", "",
             f"Date {figures.date}, underlabel {figures.tool['version']}, catalogue {figures.catalog['version']} with "
             f"{figures.catalog['indicators']} indicators.", "",
             "```text", "python3 tests/clean-corpus/measure.py FOLDER --underlabel target/release/underlabel", "```", "",
             "## What was examined", ""]
    size = lambda n: f"{n / 1e6:,.0f}"
    lines += table(["ecosystem", "packages", "files", "MB", "MB unpacked"], [
        *([e, f"{figures.packages[e]:,}", f"{figures.files[e]:,}", size(figures.bytes[e]), size(figures.unpacked[e])]
          for e in ECOSYSTEMS),
        ["all", *(f"{sum(c.values()):,}" for c in (figures.packages, figures.files)),
         *(size(sum(c.values())) for c in (figures.bytes, figures.unpacked))]])
    packages = {pin for pin, *_ in figures.above}
    lines += ["", f"## Findings: {len({id(f) for *_, f in figures.above})} in {len(packages)} packages", "",
              "Every sign of every finding above a mention.", ""]
    lines += table(head, rows(figures.above)) if figures.above else ["None."]
    packages = {pin for pin, *_ in figures.mentions}
    lines += ["", f"## Mentions: {len(figures.mentions)} signs in {len(packages)} packages", "",
              "Signs that make no find by themselves; listed only on request.", ""]
    lines += table(head, rows(figures.mentions)) if figures.mentions else ["None."]
    lines += ["", "## What could not be examined", ""]
    gaps = sorted({reason for reason, _ in figures.gaps})
    lines += table(["reason", *ECOSYSTEMS, "all"], [
        [g, *(f"{figures.gaps[g, e]:,}" for e in ECOSYSTEMS), f"{sum(figures.gaps[g, e] for e in ECOSYSTEMS):,}"] for g in gaps])
    if figures.dropped:
        lines += ["", f"{figures.dropped} signs were counted and not listed: more of indicators that are listed."]
    return "\n".join(lines) + "\n", unexplained


def arguments(argv):
    base = lambda text: text.rstrip("/")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where the packages are, or are to be put")
    parser.add_argument("--underlabel", default="underlabel", metavar="BIN", help="the program to measure")
    parser.add_argument("--packages", type=pathlib.Path, default=HERE / "packages.tsv", metavar="FILE")
    parser.add_argument("--measured", type=pathlib.Path, default=MEASURED, metavar="FILE", help="figures, as TSV")
    parser.add_argument("--result", type=pathlib.Path, default=HERE / "RESULT.md", metavar="FILE", help="figures, to read")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="the day to write into them instead of today")
    parser.add_argument("--offline", action="store_true", help="ask no registry; a missing package ends the run")
    parser.add_argument("--only-download", action="store_true", help="fill and check the folder, scan nothing")
    parser.add_argument("--debian", type=base, default="https://deb.debian.org/debian", metavar="URL")
    parser.add_argument("--debian-security", type=base, default="https://deb.debian.org/debian-security", metavar="URL")
    parser.add_argument("--snapshot", type=base, default="https://snapshot.debian.org", metavar="URL")
    parser.add_argument("--pypi", type=base, default="https://pypi.org", metavar="URL",
                        help="with PyPI's JSON API; one that ends in /simple is read as a simple index (PEP 503)")
    parser.add_argument("--npm", type=base, default="https://registry.npmjs.org", metavar="URL")
    parser.add_argument("--crates", type=base, default="https://static.crates.io", metavar="URL")
    options = parser.parse_args(argv)
    options.folder = options.folder.resolve()
    if os.sep in options.underlabel:
        options.underlabel = str(pathlib.Path(options.underlabel).resolve())
    return options


def main(argv=None):
    options = arguments(argv)
    try:
        pins = read_pins(options.packages)
        fill(pins, options)
        if options.only_download:
            return 0
        control(options.underlabel)
        figures = Figures(pins, scan_all(pins, options), options)
        text, unexplained = result(figures, explanations())
        options.measured.write_text(measured(figures), encoding="utf-8", newline="\n")
        options.result.write_text(text, encoding="utf-8", newline="\n")
    except (Failure, OSError, subprocess.CalledProcessError) as failure:
        print(f"measure.py: {failure}", file=sys.stderr)
        return 2
    print(f"{sum(figures.packages.values())} packages, {sum(figures.files.values())} files, "
          f"{len(figures.above)} signs in findings ({unexplained} not explained), {len(figures.mentions)} mentions")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
