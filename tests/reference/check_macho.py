"""Mach-O: install name, libraries, RPATH, UUID and signature identifiers against LIEF."""

import lief

NAME = "macho"
MAGIC = {b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce"}
lief.logging.disable()


def claims(path, head):
    fat = head[:4] == b"\xca\xfe\xba\xbe" and 0 < int.from_bytes(head[4:8], "big") < 32
    return head[:4] in MAGIC or fat


def fields(path, facts):
    # Kept as long as its parts are looked at: they are views into it.
    parsed = lief.MachO.parse(path)
    if parsed is None:
        raise ValueError("not read")
    binaries = [one for one in parsed]
    names, libraries, rpaths, uuids, exports = set(), set(), set(), set(), set()
    for one in binaries:
        for command in one.commands:
            kind = command.command
            if kind == lief.MachO.LoadCommand.TYPE.ID_DYLIB:
                names.add(command.name)
        libraries |= {l.name for l in one.libraries if l.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB}
        rpaths |= {r.path for r in one.rpaths} if hasattr(one, "rpaths") else {one.rpath.path} if one.has_rpath else set()
        if one.has_uuid:
            uuids.add(bytes(one.uuid.uuid).hex())
    yield "install name", set(facts.get("install-name")), names
    yield "libraries", set(facts.get("load-dylib")), libraries
    yield "RPATH", set(facts.get("rpath")), rpaths
    yield "UUID", {v.replace("-", "").lower() for k, f, v in facts.all if k == "build-id" and "UUID" in f.upper()}, uuids
