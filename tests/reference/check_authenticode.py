"""Authenticode: certificate serial numbers of all signers and whether the digest fits, against osslsigncode."""

import re
import shutil
import subprocess

NAME = "authenticode"
if not shutil.which("osslsigncode"):
    raise ImportError("osslsigncode is not installed")
SIGNER = re.compile(r"Signer's certificate:\n\t(?:-+\n\t)?Signer #\d+:\n\t\tSubject: .*\n\t\tIssuer : .*\n\t\tSerial : ([0-9A-Fa-f]+)")
DIGEST = re.compile(r"Calculated message digest\s*: [0-9A-F]+( +MISMATCH)?")


def claims(path, head):
    at = int.from_bytes(head[0x3C:0x40], "little")
    return (head[:2] == b"MZ" and head[at:at + 4] == b"PE\0\0") or head[:4] == b"\xd0\xcf\x11\xe0"


def fields(path, facts):
    ran = subprocess.run(["osslsigncode", "verify", "-in", path], capture_output=True)
    out = ran.stdout.decode("utf-8", "replace")
    yield "serial numbers", sorted(v.lstrip("0") for v in facts.get("certificate-serial")), \
        sorted(v.upper().lstrip("0") for v in SIGNER.findall(out))
    ours = sorted(v.startswith("valid") for v in facts.get("signature-digest"))
    yield "digest fits", ours, sorted(not m for m in DIGEST.findall(out))
