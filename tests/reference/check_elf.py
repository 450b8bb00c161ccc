"""ELF: dynamic section, symbols and build id against readelf; kernel modules against modinfo."""

import re
import shutil
import subprocess

NAME = "elf"
if not shutil.which("readelf"):
    raise ImportError("readelf is not installed")


def claims(path, head):
    return head[:4] == b"\x7fELF"


def run(*command):
    return subprocess.run(command, capture_output=True).stdout.decode("utf-8", "replace")


def fields(path, facts):
    dynamic = run("readelf", "-dW", path)
    tag = lambda name: set(re.findall(rf"\({name}\)\s+.*?\[(.*)\]", dynamic))
    yield "SONAME", set(facts.get("soname")), tag("SONAME") - {""}
    yield "NEEDED", set(facts.get("needed")), tag("NEEDED") | tag("AUXILIARY") | tag("FILTER")
    yield "RPATH", set(facts.get("rpath")), (tag("RPATH") | tag("RUNPATH")) - {""}
    imports, exports = set(), set()
    for line in run("readelf", "--dyn-syms", "-W", path).splitlines():
        part = line.split(None, 7)
        if len(part) == 8 and part[0].endswith(":") and part[0][:-1].isdigit():
            name = re.split(r"@| \[", part[7])[0].strip()
            if name:
                (imports if part[6] == "UND" else exports).add(name)
    yield "dynamic imports", {v for k, f, v in facts.all if k == "import-symbol" and f == ".dynsym"}, imports
    yield "dynamic exports", {v for k, f, v in facts.all if k == "export-symbol" and f == ".dynsym"}, exports
    build = set(re.findall(r"Build ID: ([0-9a-f]+)", run("readelf", "-nW", path)))
    yield "build id", set(v for k, f, v in facts.all if k == "build-id" and "go" not in f.lower()), build
    if path.endswith(".ko") and shutil.which("modinfo"):
        theirs = set()
        for line in run("modinfo", "-0", path).split("\0"):
            key, _, value = line.partition("=")
            if key.strip() and not key.startswith("filename:") and key not in ("filename", "sig_id", "signer", "sig_key", "sig_hashalgo", "signature"):
                theirs.add(f"{key.strip()}={value.strip()}")
        ours = {v for k, f, v in facts.all if k == "module-info" and not v.startswith("note:")}
        # modinfo joins what a parameter says of itself and its type.
        plain = lambda values: {v for v in values if not v.startswith(("parm=", "parmtype=", "parm:"))}
        yield "modinfo", {v.strip() for v in plain(ours)}, plain(theirs)
