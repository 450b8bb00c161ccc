//! Software bills of materials: what a vendor declares to be inside.
//!
//! In: documents. Out: a component per entry, the label of what the document describes, who depends on whom, how
//! complete it is, gaps and notes. Lenient in fields, strict in structure: a wrong type costs that field and a note,
//! a break in the text a gap, with line and column, and what stood before it is kept.
//!
//! Every notation of a format (JSON, XML, YAML, tag-value, RDF, protobuf) is turned into the tree of its JSON form,
//! so that a format has one reader; pointers are those of the JSON form.

pub(super) mod auditable;
mod conformance;
pub(super) mod cyclonedx;
pub(super) mod envelope;
pub(super) mod github;
pub(super) mod other;
mod probe;
pub(super) mod spdx;
pub(super) mod spdx3;
pub(super) mod swid;
pub(super) mod syft;
pub(super) mod trivy;

pub(super) use probe::Form;

use super::json::Node;
use super::stream::{End, Outcome, Window};
use super::{Input, text, xml};
use crate::fact::{Component, Coverage, FactKind, Inventory, Reason, cut};
use crate::source::base_name;

impl Input<'_> {
    /// The text, as a window over it.
    fn window(&self) -> Option<Window<'_>> {
        if let Some(data) = self.blob.held() {
            return Some(Window::over(data));
        }
        let head = self.blob.head();
        if matches!(head, [0xfe | 0xff | 0, ..] | [_, 0, ..]) {
            // UTF-16 of that length is decoded as a whole.
            let mut data = Vec::new();
            let most = self.limits.max_loaded_bytes;
            std::io::Read::read_to_end(&mut std::io::Read::take(self.blob.reader(), most), &mut data).ok()?;
            return Some(Window::owned(&data));
        }
        Some(Window::reading(self.blob.reader()))
    }

    /// What kind of JSON document it is.
    pub(super) fn form(&self) -> Form {
        *self.form.get_or_init(|| {
            let Some(mut window) = self.window() else { return Form::Other };
            match probe::of_window(&mut window) {
                Form::Other => self.form_by_content(),
                Form::BrokenArtifacts if self.blob.holds_any(&[b"\"foundBy\""]) => Form::Syft,
                Form::BrokenGraph if self.blob.holds_any(&[b"spdxId"]) => Form::Spdx3,
                Form::BrokenArtifacts | Form::BrokenGraph => self.form_by_content(),
                form => form,
            }
        })
    }

    /// A document that is broken before its marker, or one with another inside it.
    fn form_by_content(&self) -> Form {
        if !self.blob.holds_any(&probe::needles().collect::<Vec<_>>()) {
            // UTF-16 holds the markers only once decoded.
            let utf16 = self.blob.held().filter(|d| matches!(d, [0xfe | 0xff | 0, ..] | [_, 0, ..]));
            if !utf16.is_some_and(|data| probe::marked(text::decode(data).0.as_bytes())) {
                return Form::Other;
            }
        }
        // Of a large file its two ends: markers stand at one of them.
        let ends = match self.blob.held() {
            Some(_) => Vec::new(),
            None => [self.blob.head(), &self.blob.tail(64 << 10).unwrap_or_default()].concat(),
        };
        let (text, _) = text::decode(self.blob.held().unwrap_or(&ends));
        // The marker of a broken document stands in front of the break, at the top.
        let object = text.trim_start().starts_with('{');
        let broken =
            self.window().filter(|_| object).map(|mut w| w.members(&|_| super::stream::Want::Skip, &mut |_, _, _| {}));
        if broken.is_some_and(|outcome| !outcome.whole() || !outcome.faults.is_empty()) {
            // Of two ends without a middle the brackets tell nothing.
            let states = if self.blob.held().is_some() { probe::states_at_top } else { probe::states };
            let top = |key: &str, value: &str| states(text.as_bytes(), key, value);
            if top("bomFormat", "CycloneDX") {
                return Form::CycloneDx;
            }
            if top("spdxVersion", "SPDX-") {
                return Form::Spdx2;
            }
        }
        // A word that is searched for is not yet a document.
        match self.blob.held() {
            Some(_) if !probe::marked(text.as_bytes()) && !probe::expanded(text.as_bytes()) => Form::Other,
            _ => Form::Wrapper,
        }
    }
}

/// A JSON document may be claimed from its first character; its own marker then decides.
fn looks_like_json(head: &super::Head<'_>) -> bool {
    matches!(text::first_mark(head.data), Some(b'{' | b'['))
}

/// Turns the end of a stream into gaps, notes and further documents.
pub(super) fn close(window: &mut Window<'_>, outcome: &Outcome, inventory: &mut Inventory<'_>) {
    if let Some(encoding) = outcome.encoding {
        inventory.note("", format!("encoded as {encoding}"));
    }
    for fault in &outcome.faults {
        let (reason, detail) = if fault.limit {
            (Reason::Limit, fault.why.clone())
        } else {
            (Reason::Malformed, format!("JSON breaks here: {}; what stood before is in the result", fault.why))
        };
        inventory.gap(format!("line {}, column {}", fault.line, fault.column), reason, detail);
    }
    let (line, column) = outcome.at;
    match outcome.end {
        End::Clean => {}
        End::Truncated => inventory.gap(
            format!("line {line}, column {column}"),
            Reason::Truncated,
            "JSON ends here before the document does; what stood before is in the result",
        ),
        End::Broken => inventory.gap(
            format!("line {line}, column {column}"),
            Reason::Malformed,
            "JSON could not be followed beyond this place; the rest was not read",
        ),
        End::Another(_) => {
            window.documents(2, &mut |number, raw| inventory.embed(format!("document {number}"), raw));
        }
        End::Trailing(at) => {
            let mut documents = 0;
            window.documents(2, &mut |number, raw| {
                if raw.contains(&b'{') {
                    documents += 1;
                    inventory.embed(format!("document {number}"), raw);
                }
            });
            if documents == 0 {
                inventory.note(format!("byte {at}"), "more text after the document; passed over");
            }
        }
    }
}

/// The same for XML.
pub(super) fn close_xml(fault: Option<xml::Fault>, encoding: Option<&'static str>, inventory: &mut Inventory<'_>) {
    if let Some(encoding) = encoding {
        inventory.remark("", format!("encoded as {encoding}"));
    }
    if let Some(fault) = fault {
        let reason = match () {
            () if fault.limit => Reason::Limit,
            () if fault.truncated => Reason::Truncated,
            () => Reason::Malformed,
        };
        let detail = format!("XML breaks here: {}; what stood before is in the result", fault.why);
        inventory.gap(format!("line {}, column {}", fault.line, fault.column), reason, detail);
    }
}

/// A document whose marker stands elsewhere than at its root: another's that quotes it, or a broken one.
fn nested_xml(fault: Option<&xml::Fault>, inside: bool, what: &str, inventory: &mut Inventory<'_>) -> super::Mine {
    inventory.coverage = None;
    match fault {
        Some(fault) => {
            let reason = if fault.truncated { Reason::Truncated } else { Reason::Malformed };
            let at = format!("line {}, column {}", fault.line, fault.column);
            inventory.gap(at, reason, format!("{what} that breaks before its root can be read: {}", fault.why));
            super::Mine::Yes
        }
        None if inside => {
            inventory.gap(
                "",
                Reason::Unsupported,
                format!("{what} within another document: recognised, not read by this version"),
            );
            super::Mine::Yes
        }
        None => super::Mine::No,
    }
}

/// Counts the components of one document against their limit.
struct Tally {
    left: u64,
    cut: bool,
    seen: u64,
}

impl Tally {
    /// For a document of a format, which is counted for its completeness, too.
    fn new(format: &str, most: u64, inventory: &mut Inventory<'_>) -> Tally {
        inventory.coverage = Some(Coverage::of(format, ""));
        Tally { left: most, cut: false, seen: 0 }
    }

    /// Room for one more component at this place; the limit is said when the document ends.
    fn room(&mut self, node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) -> bool {
        if misplaced(node, at, inventory) {
            return false;
        }
        self.cut |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        self.seen += u64::from(!self.cut);
        !self.cut
    }

    /// Says at the end what is left to say: the limit, an empty document, odd references, the counts.
    fn close(self, what: &str, version: Option<&str>, whole: bool, inventory: &mut Inventory<'_>) {
        if self.cut {
            inventory.gap("", Reason::Limit, "more components than the limit allows; the rest was not read");
        }
        if self.seen == 0 && whole {
            inventory.gap("", Reason::Empty, format!("{what}: nothing to assess"));
        }
        // The others relate to more than components.
        let only_components =
            |c: &Coverage| c.format.starts_with("sbom/cyclonedx") || c.format.starts_with("sbom/spdx-");
        if inventory.coverage.as_ref().is_some_and(only_components) {
            references(inventory);
        }
        let relations = inventory.graph.edges() as u64;
        if let Some(coverage) = &mut inventory.coverage {
            coverage.relations = relations;
            coverage.version = cut(version.unwrap_or(&coverage.version), 64).to_owned();
        }
    }
}

/// True, and said, for an element that is no object: a null says nothing, anything else is lost content.
fn misplaced(node: &Node<'_>, at: &str, inventory: &mut Inventory<'_>) -> bool {
    match node {
        Node::Map(_) => return false,
        Node::Null => inventory.note(at, "null where an object belongs; passed over"),
        other => inventory.gap(at, Reason::Malformed, format!("{} where an object belongs; not read", other.shape())),
    }
    true
}

/// Says a scalar member; another shape costs the field and a note.
fn say(
    c: &mut Component,
    kind: FactKind,
    node: &Node<'_>,
    key: &'static str,
    field: &'static str,
    inventory: &mut Inventory<'_>,
) {
    match node.get(key) {
        None => {}
        Some(value) => match value.text() {
            Some(text) => {
                c.say(kind, text, field);
                identifier(c, kind, text, field, inventory);
            }
            None => {
                let at = format!("{}{field}", c.pointer);
                inventory.note(at, format!("{} where a string belongs; what is text in it is read", value.shape()));
                for text in value.items().iter().filter_map(Node::text) {
                    c.say(kind, text, field);
                }
            }
        },
    }
}

/// Notes an identifier that is none of its kind; it is kept as it stands.
fn identifier(c: &Component, kind: FactKind, text: &str, field: &str, inventory: &mut Inventory<'_>) {
    let begins =
        |prefix: &str| text.trim_start().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let odd = match kind {
        FactKind::Purl if !text.is_empty() => (!begins("pkg:") || !text.contains('/')).then_some("package URL"),
        FactKind::Cpe if !text.is_empty() => (!begins("cpe:/") && !begins("cpe:2.3:")).then_some("CPE name"),
        _ => None,
    };
    if let Some(what) = odd {
        let shown = cut(text, 80);
        inventory.note(format!("{}{field}", c.pointer), format!("{shown:?} is no {what}; kept as it stands"));
    }
}

/// Notes references that stand for several components, and dependencies on what is not listed.
fn references(inventory: &mut Inventory<'_>) {
    let (twice, dangling) = inventory.graph.faults();
    if twice > 0 {
        inventory
            .note("", format!("{twice} references stand for more than one component; the first gives the name shown"));
    }
    if dangling > 0 {
        inventory.note("", format!("{dangling} dependencies name components that are not listed"));
    }
}

/// A component's name is also the name of a file, where it is one: engines are listed as `libx.so`.
fn say_file_name(c: &mut Component, name: &str, field: &str) {
    if name.contains(['/', '\\']) {
        c.say(FactKind::Path, name.replace('\\', "/").trim_start_matches("./"), field);
    }
    c.say(FactKind::FileName, base_name(name), field);
}

/// A digest as `algorithm:hex`, however the document spells the algorithm.
fn say_digest(c: &mut Component, algorithm: Option<&str>, value: Option<&str>, field: std::fmt::Arguments<'_>) {
    if let (Some(algorithm), Some(value)) = (algorithm, value) {
        let mut text = String::with_capacity(algorithm.len() + value.len() + 1);
        algorithm.split(['-', '_']).for_each(|part| text.push_str(part));
        text.push(':');
        text.push_str(value);
        text.make_ascii_lowercase();
        c.say_at(FactKind::Digest, text, field);
    }
}
