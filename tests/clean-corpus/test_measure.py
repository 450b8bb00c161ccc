"""What measure.py does with registries, tried on one that lives on this machine for the test.

`python3 -m unittest tests/clean-corpus/test_measure.py`; needs neither network nor underlabel.
"""

import contextlib
import hashlib
import http.server
import io
import json
import pathlib
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import measure  # noqa: E402

DATA = b"a package\n"
SUM = hashlib.sha256(DATA).hexdigest()


class Registry(http.server.BaseHTTPRequestHandler):
    pages = {}

    def do_GET(self):
        page = self.pages.get(self.path)
        self.send_response(404 if page is None else 200)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, *_):
        pass


class Downloads(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_with(self, pins, pages, *options):
        """The exit code, what was said, and the files that are there then."""
        Registry.pages = pages
        listed = self.folder / "packages.tsv"
        listed.write_text("".join("\t".join(pin) + "\n" for pin in pins))
        every = [f"--{one}={self.base}/{one}" for one in ("debian", "debian-security", "snapshot", "pypi", "npm", "crates")]
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            code = measure.main([str(self.folder / "in"), f"--packages={listed}", "--only-download", *every, *options])
        there = sorted(p.name for p in (self.folder / "in").rglob("*") if p.is_file())
        return code, said.getvalue(), there

    def test_each_registry_is_asked_in_its_own_way(self):
        pins = [("crates", "c", "1.0.0", "c-1.0.0.crate", SUM),
                ("debian", "d", "1:2-3", "pool/main/d/d/d_2-3_all.deb", SUM),
                ("debian", "e", "4", "pool/updates/main/e/e/e_4_all.deb", SUM),
                ("npm", "@s/n", "5.0.0", "s-n-5.0.0.tgz", SUM),
                ("pypi", "p", "6", "p-6-py3-none-any.whl", SUM)]
        answer = {"urls": [{"filename": "p-6.tar.gz", "url": f"{self.base}/no"},
                           {"filename": "p-6-py3-none-any.whl", "url": f"{self.base}/files/p"}]}
        pages = {"/crates/crates/c/c-1.0.0.crate": DATA, "/debian/pool/main/d/d/d_2-3_all.deb": DATA,
                 "/debian-security/pool/updates/main/e/e/e_4_all.deb": DATA, "/npm/@s/n/-/n-5.0.0.tgz": DATA,
                 "/pypi/pypi/p/6/json": json.dumps(answer).encode(), "/files/p": DATA}
        code, _, there = self.run_with(pins, pages)
        self.assertEqual((code, len(there)), (0, 5))
        # Nothing is asked for again.
        self.assertEqual(self.run_with(pins, {})[0], 0)

    def test_a_simple_index_serves_as_well(self):
        page = b'<html><a href="../../files/P_q-6-py3-none-any.whl#sha256=00" >P_q-6-py3-none-any.whl</a></html>'
        pages = {"/pypi/simple/p-q/": page, "/pypi/files/P_q-6-py3-none-any.whl": DATA}
        pins = [("pypi", "p.q", "6", "P_q-6-py3-none-any.whl", SUM)]
        code, said, there = self.run_with(pins, pages, f"--pypi={self.base}/pypi/simple/")
        self.assertEqual((code, there), (0, ["P_q-6-py3-none-any.whl"]), said)

    def test_what_debian_dropped_comes_from_the_snapshots(self):
        listing = {"result": [{"architecture": "arm64", "hash": "aa"}, {"architecture": "amd64", "hash": "bb"}]}
        pages = {"/snapshot/mr/binary/d/1%3A2-3/binfiles": json.dumps(listing).encode(), "/snapshot/file/bb": DATA}
        code, said, there = self.run_with([("debian", "d", "1:2-3", "pool/main/d/d/d_2-3_amd64.deb", SUM)], pages)
        self.assertEqual((code, there), (0, ["d_2-3_amd64.deb"]), said)

    def test_other_bytes_and_missing_ones_are_told_and_kept_out(self):
        pins = [("crates", "c", "1.0.0", "c-1.0.0.crate", SUM), ("npm", "n", "5.0.0", "n-5.0.0.tgz", SUM),
                ("pypi", "p", "6", "p-6-py3-none-any.whl", SUM)]
        pages = {"/crates/crates/c/c-1.0.0.crate": b"another", "/pypi/pypi/p/6/json": b'{"urls": []}'}
        code, said, there = self.run_with(pins, pages)
        self.assertEqual((code, there), (2, []))
        for part in ("crates c 1.0.0", "SHA-256 is", "npm n 5.0.0", "404", "pypi p 6: no such file in the registry"):
            self.assertIn(part, said)

    def test_a_changed_file_in_the_folder_is_told(self):
        pins = [("crates", "c", "1.0.0", "c-1.0.0.crate", SUM)]
        (self.folder / "in" / "crates").mkdir(parents=True)
        (self.folder / "in" / "crates" / "c-1.0.0.crate").write_bytes(b"changed")
        code, said, _ = self.run_with(pins, {})
        self.assertEqual(code, 2)
        self.assertIn("SHA-256 is", said)

    def test_without_the_network_nothing_is_asked_for(self):
        pages = {"/crates/crates/c/c-1.0.0.crate": DATA}
        code, said, there = self.run_with([("crates", "c", "1.0.0", "c-1.0.0.crate", SUM)], pages, "--offline")
        self.assertEqual((code, there), (2, []))
        self.assertIn("missing", said)

    def test_the_name_that_apt_gives_is_known(self):
        (self.folder / "in" / "debian").mkdir(parents=True)
        (self.folder / "in" / "debian" / "d_1%3a2-3_all.deb").write_bytes(DATA)
        pins = [("debian", "d", "1:2-3", "pool/main/d/d/d_2-3_all.deb", SUM)]
        code, said, there = self.run_with(pins, {}, "--offline")
        self.assertEqual((code, there), (0, ["d_2-3_all.deb"]), said)

    def test_a_list_out_of_order_is_refused(self):
        code, said, _ = self.run_with([("npm", "b", "1", "b", SUM), ("npm", "a", "1", "a", SUM)], {})
        self.assertEqual(code, 2)
        self.assertIn("not sorted", said)

    def test_untrusted_text_cannot_break_a_table(self):
        self.assertEqual(measure.cell("a|b\n<c>"), r"a\|b \<c\>")
        self.assertEqual(len(measure.cell("x" * 500)), 100)


class Pins(unittest.TestCase):
    def test_the_committed_list_is_in_order_and_large_enough(self):
        pins = measure.read_pins(measure.HERE / "packages.tsv")
        count = lambda ecosystem, *ends: sum(
            pin.ecosystem == ecosystem and any(end in pin.file for end in ends or ("",)) for pin in pins)
        self.assertGreaterEqual(count("debian"), 300)
        self.assertGreaterEqual(count("pypi"), 300)
        self.assertGreaterEqual(count("npm"), 200)
        self.assertGreaterEqual(count("crates"), 100)
        for platform in ("-win_amd64.", "-macosx_", "-manylinux"):
            self.assertGreaterEqual(count("pypi", platform), 80, platform)


if __name__ == "__main__":
    unittest.main()
