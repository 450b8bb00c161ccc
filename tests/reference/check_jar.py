"""JAR and other ZIP files: the members met, against zipfile (as `unzip -l`)."""

import zipfile

NAME = "jar"


def claims(path, head):
    return head[:4] == b"PK\x03\x04" and path.endswith((".jar", ".aar", ".apk", ".whl"))


def fields(path, facts):
    theirs = {i.filename for i in zipfile.ZipFile(path).infolist() if not i.is_dir()}
    yield "members", theirs & set(facts.members), theirs
