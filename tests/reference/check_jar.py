"""JAR and other ZIP files: the members met, against zipfile (as `unzip -l`)."""

import zipfile

NAME = "jar"


def claims(path, head):
    return head[:4] == b"PK\x03\x04" and path.endswith((".jar", ".aar", ".apk", ".whl"))


def fields(path, facts):
    theirs = {i.filename for i in zipfile.ZipFile(path).infolist() if not i.is_dir()}
    yield "members", set(facts.members), theirs
    if not path.endswith(".jar") or "META-INF/MANIFEST.MF" not in theirs:
        return
    # Main attributes; a line that begins with a space goes on with the one before.
    text = zipfile.ZipFile(path).read("META-INF/MANIFEST.MF").decode("utf-8", "replace").replace("\r\n", "\n")
    main = text.split("\n\n")[0].replace("\n ", "")
    values = {v.strip() for k, _, v in (line.partition(":") for line in main.split("\n"))
              if k in ("Implementation-Vendor", "Bundle-Vendor", "Specification-Vendor") and v.strip()}
    yield "vendors", set(facts.inside("META-INF/MANIFEST.MF", "company-name")), values
    classes = {n[:-6] for n in theirs if n.endswith(".class") and not n.startswith(("META-INF/", "WEB-INF/"))}
    classes = {c for c in classes if not c.endswith(("module-info", "package-info"))}
    seen = {c for c in facts.inside(".class", "java-class") if not c.endswith(("module-info", "package-info"))}
    versions = {n.split("/", 3)[3][:-6] for n in theirs if n.startswith("META-INF/versions/") and n.endswith(".class")}
    yield "classes", seen - versions, classes - versions
