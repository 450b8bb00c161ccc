""".NET: assembly name, references, P/Invoke modules and name spaces against dnfile."""

import dnfile

NAME = "dotnet"


def claims(path, head):
    at = int.from_bytes(head[0x3C:0x40], "little")
    if head[:2] != b"MZ" or head[at:at + 4] != b"PE\0\0":
        return False
    wide = head[at + 24:at + 26] == b"\x0b\x02"
    entry = at + 24 + (112 if wide else 96) + 14 * 8
    return int.from_bytes(head[entry:entry + 4], "little") != 0


def rows(net, table):
    found = getattr(net.mdtables, table, None)
    return found.rows if found else []


def fields(path, facts):
    net = dnfile.dnPE(path).net
    if net is None or net.mdtables is None:
        raise ValueError("not read")
    assembly = {str(r.Name) for r in rows(net, "Assembly")}
    if assembly:
        yield "assembly", set(facts.get("assembly-name")), assembly
    yield "references", set(facts.get("assembly-reference", ".NET")), {str(r.Name) for r in rows(net, "AssemblyRef")}
    spaces = {str(r.TypeNamespace) for r in rows(net, "TypeDef")} - {""}
    yield "name spaces", set(facts.get("namespace")), spaces
    used = {str(r.ImportScope.row.Name) for r in rows(net, "ImplMap") if r.ImportScope and r.ImportScope.row}
    yield "P/Invoke modules", set(facts.get("import-module", ".NET")), used - {""}
