"""DEX classes, Android manifests and APK signers, against androguard."""

import logging
import zipfile

from androguard.core.apk import APK
from androguard.core.dex import DEX

try:
    from loguru import logger
    logger.remove()
except ImportError:
    logging.disable(logging.CRITICAL)

NAME = "android"


def claims(path, head):
    if head[:4] == b"dex\n":
        return True
    if head[:4] != b"PK\x03\x04":
        return False
    try:
        return "AndroidManifest.xml" in zipfile.ZipFile(path).namelist() and not path.endswith(".aar")
    except zipfile.BadZipFile:
        return False


def fields(path, facts):
    if path.endswith((".dex",)) or open(path, "rb").read(4) == b"dex\n":
        dex = DEX(open(path, "rb").read())
        yield "DEX classes", set(facts.get("java-class")), {c.get_name()[1:-1] for c in dex.get_classes()}
        return
    apk = APK(path)
    serials = {f"{c.serial_number:X}".lstrip("0") for c in apk.get_certificates_v2() + apk.get_certificates_v3()}
    yield "v2/v3 signers", {v.lstrip("0") for v in facts.get("certificate-serial", "APK")}, serials
