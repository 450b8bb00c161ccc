//! Where to go on behind a break.
//!
//! In: a window that stands at a broken place. Out: the next place that makes sense: an object that looks like an
//! element, a wanted list, the end of a value by its brackets alone. Bounded in tries and in bytes looked through.

use super::super::json::{self, Node};
use super::window::{Stuck, Window};
use super::{FAULTS, Want};

/// Places tried for the next sound element after a break, and bytes looked through for it.
const TRIES: usize = 2000;
const LOOKED_THROUGH: usize = 16 << 20;

impl Window<'_> {
    /// After a break within a list: goes to the next object that looks like an element.
    pub(super) fn next_element(&mut self) -> Result<(), Stuck> {
        if self.faults.len() >= FAULTS {
            return Err(Stuck::Syntax);
        }
        let mut looked = 0;
        for _ in 0..TRIES {
            // Another list of the document begins: what stands in it is no element of this one.
            let ahead = self.rest().get(..memchr::memchr(b'{', self.rest()).unwrap_or(self.rest().len()));
            if let Some(other) = ahead.and_then(other_list) {
                self.at += other;
                return Err(Stuck::Syntax);
            }
            let Some(next) = memchr::memchr(b'{', self.rest()) else {
                looked += self.rest().len();
                self.at = self.data.len();
                if looked < LOOKED_THROUGH && self.fill() {
                    continue;
                }
                return Err(Stuck::Syntax);
            };
            self.at += next;
            // Only what an element has at its beginning tells it from a part of one.
            let head = self.rest().get(..4096).unwrap_or(self.rest());
            match json::parse(head) {
                Ok((node, _)) if is_element(&node) => return Ok(()),
                Err((_, Some(node))) if is_element(&node) => return Ok(()),
                Err((error, _)) if error.is_eof() && head.len() < 4096 && self.reader.is_some() => {
                    if !self.fill() {
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(Stuck::Syntax)
    }

    /// After a break outside of a wanted list: goes to the next wanted list.
    pub(super) fn next_list(&mut self, want: &dyn Fn(&str) -> Want) -> Option<String> {
        if self.faults.len() >= FAULTS {
            return None;
        }
        for _ in 0..TRIES {
            let Some(quote) = memchr::memchr(b'"', self.rest()) else {
                self.at = self.data.len();
                if self.fill() {
                    continue;
                }
                return None;
            };
            self.at += quote;
            let head = self.rest().get(1..).map(|rest| rest.get(..65).unwrap_or(rest)).unwrap_or_default();
            let key = head.iter().position(|b| *b == b'"').and_then(|end| head.get(..end));
            let key = key.and_then(|key| std::str::from_utf8(key).ok()).filter(|key| want(key) == Want::Items);
            if let Some(key) = key.map(str::to_owned) {
                self.at += key.len() + 2;
                if self.peek() == Some(b':') {
                    self.at += 1;
                    if self.peek() == Some(b'[') {
                        return Some(key);
                    }
                }
            } else {
                self.at += 1;
            }
        }
        None
    }
}

/// Where in a text the name of one of the documents' lists stands, as the name of a member.
fn other_list(text: &[u8]) -> Option<usize> {
    const LISTS: &[&str] = &[
        "vulnerabilities",
        "services",
        "components",
        "dependencies",
        "compositions",
        "annotations",
        "formulation",
        "relationships",
        "packages",
        "files",
        "snippets",
        "hasExtractedLicensingInfos",
        "artifactRelationships",
    ];
    memchr::memchr_iter(b'"', text).find(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        LISTS.iter().any(|name| {
            let behind = rest.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"\""));
            behind.is_some_and(|rest| rest.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':'))
        })
    })
}

/// What elements of SBOMs have and parts of them have not.
fn is_element(node: &Node<'_>) -> bool {
    let has = |key: &str| node.get(key).is_some();
    ["bom-ref", "SPDXID", "purl", "fileName", "spdxId", "packageFileName", "versionInfo"].iter().any(|k| has(k))
        || (has("name") && ["type", "version", "supplier", "group", "publisher", "licenses"].iter().any(|k| has(k)))
}

/// Follows strings and brackets through a text that comes in parts.
#[derive(Default)]
pub(super) struct Brackets {
    depth: usize,
    begun: bool,
    string: bool,
    escape: bool,
}

impl Brackets {
    /// Where the value ends, if it does in this part.
    pub(super) fn end(&mut self, part: &[u8]) -> Option<usize> {
        for (at, byte) in part.iter().enumerate() {
            if self.string {
                match byte {
                    _ if self.escape => self.escape = false,
                    b'\\' => self.escape = true,
                    b'"' => {
                        self.string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => (self.string, self.begun) = (true, true),
                b'{' | b'[' => {
                    self.depth += 1;
                    self.begun = true;
                }
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
