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
    yield "package", set(facts.inside("AndroidManifest.xml", "android-package")), {apk.get_package()}
    components = {n for f in (apk.get_activities, apk.get_services, apk.get_receivers, apk.get_providers) for n in f()}
    ours = set(facts.inside("AndroidManifest.xml", "manifest-component"))
    yield "components", {c for c in ours if c in components}, components
    asked = set(apk.get_permissions())
    yield "permissions", asked & set(facts.inside("AndroidManifest.xml", "manifest-permission")), asked
    classes = {c.get_name()[1:-1] for data in apk.get_all_dex() for c in DEX(data).get_classes()}
    yield "DEX classes", set(facts.inside(".dex", "java-class")), classes
    serials = {f"{c.serial_number:X}".lstrip("0") for c in apk.get_certificates_v2() + apk.get_certificates_v3()}
    yield "v2/v3 signers", {v.lstrip("0") for v in facts.get("certificate-serial", "APK")}, serials
