"""PE: version resources, imports, exports, the DLL's own name, PDB path, against pefile."""

import pefile

NAME = "pe"
# Its own bounds, raised above what real files hold: Qt's have some twenty thousand symbols, and C++ names are long.
for bound in ("MAX_SYMBOL_EXPORT_COUNT", "MAX_IMPORT_SYMBOLS", "MAX_SYMBOL_NAME_LENGTH", "MAX_IMPORT_NAME_LENGTH"):
    if hasattr(pefile, bound):
        setattr(pefile, bound, 1_000_000)
KINDS = {
    "CompanyName": "company-name", "ProductName": "product-name", "FileDescription": "file-description",
    "InternalName": "internal-name", "OriginalFilename": "original-filename", "LegalCopyright": "legal-copyright",
    "LegalTrademarks": "legal-trademarks", "ProductVersion": "product-version", "FileVersion": "file-version",
}
DIRECTORIES = [pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{n}"] for n in
               ("EXPORT", "IMPORT", "RESOURCE", "DEBUG", "DELAY_IMPORT")]


def claims(path, head):
    at = int.from_bytes(head[0x3C:0x40], "little")
    return head[:2] == b"MZ" and head[at:at + 4] == b"PE\0\0"


def text(data):
    return data.decode("utf-8", "replace").strip("\0 \t\r\n")


def fields(path, facts):
    pe = pefile.PE(path, fast_load=True)
    pe.parse_data_directories(DIRECTORIES)
    strings = {}
    for info in getattr(pe, "FileInfo", []) or []:
        for part in info:
            for table in getattr(part, "StringTable", []) or []:
                for key, value in table.entries.items():
                    if text(value):
                        strings.setdefault(text(key), set()).add(text(value))
    for key, kind in KINDS.items():
        yield key, set(facts.get(kind, "VERSIONINFO")), strings.get(key, set())
    others = {f"{k}={v}".strip() for k, vs in strings.items() if k not in KINDS for v in vs}
    ours = {v for v in facts.get("version-string") if not v.startswith("Fixed")}
    yield "other strings", ours, others
    imports = {text(d.dll) for d in getattr(pe, "DIRECTORY_ENTRY_IMPORT", [])}
    imports |= {text(d.dll) for d in getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", [])}
    ours = set(facts.get("import-module", "IMPORT")) | set(facts.get("import-module", "DELAY_IMPORT"))
    yield "import modules", ours, imports
    symbols = {text(i.name) for n in ("IMPORT", "DELAY_IMPORT")
               for d in getattr(pe, "DIRECTORY_ENTRY_" + n, [])
               for i in d.imports if i.name and not i.import_by_ordinal}
    ours = set(facts.get("import-symbol", "IMPORT")) | set(facts.get("import-symbol", "DELAY_IMPORT"))
    yield "import symbols", ours, symbols
    export = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    yield "own name", set(facts.get("export-name")), {text(export.name)} - {""} if export and export.name else set()
    names = [text(s.name) for s in export.symbols if s.name] if export else []
    yield "exports", set(facts.get("export-symbol", "EXPORT")), set(names)
    forwards = {text(s.forwarder) for s in export.symbols if s.forwarder} if export else set()
    yield "forwards", set(facts.get("export-forward", "EXPORT")), forwards
    pdb = {text(d.entry.PdbFileName) for d in getattr(pe, "DIRECTORY_ENTRY_DEBUG", [])
           if d.entry is not None and hasattr(d.entry, "PdbFileName")}
    yield "PDB path", set(facts.get("debug-file")), pdb - {""}
