//! Everything said about one blob: the walk makes one, the extractors fill it, the matcher reads it.
//!
//! In: facts, labels, gaps, notes, documents inside. Out: [`Inventory`], within its bounds. Must not know: any format.

use std::collections::HashMap;
use std::sync::Arc;

use super::{COMPONENT_BYTES, Component, Coverage, FactKind, Gap, Graph, Label, Location, Note, Reason, Usage, VALUE};

/// More notes than this about one file are counted, not kept.
const NOTES_KEPT: usize = 20;
/// The same for gaps.
const GAPS_KEPT: usize = 1000;
/// Named parts of one blob; more are left unnamed.
const REGIONS_KEPT: usize = 4096;
/// Bytes of embedded documents held of one blob.
const EMBEDDED_BYTES: usize = 256 << 20;

/// Who is handed each declared component as it is read.
pub type Taker<'s> = &'s mut dyn FnMut(&Component);

/// A document inside a blob: the payload of an envelope, the second line of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its name behind the `!/`.
    pub name: String,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// Everything said about one blob. The walk makes one, the extractors fill it, the matcher reads it.
pub struct Inventory<'s> {
    /// The blob itself.
    pub file: Component,
    /// What documents in it name, where nobody takes them as they come.
    pub components: Vec<Component>,
    /// How many components documents in it name.
    pub declared: u64,
    taker: Option<Taker<'s>>,
    spare: Component,
    /// The labels it shows.
    pub labels: Vec<Label>,
    /// What could not be examined.
    pub gaps: Vec<Gap>,
    /// Gaps beyond those kept.
    pub gaps_dropped: u64,
    /// What was repaired.
    pub notes: Vec<Note>,
    /// Notes beyond those kept.
    pub notes_dropped: usize,
    /// The formats that were recognised, by extractor name.
    pub formats: Vec<&'static str>,
    /// What depends on what, by the document.
    pub graph: Graph,
    /// How complete a document in it is.
    pub coverage: Option<Coverage>,
    /// Documents inside it, to be looked at by themselves.
    pub embedded: Vec<Embedded>,
    embedded_bytes: usize,
    regions: Vec<(u64, u64, String)>,
    /// Where a program's own parts end.
    pub program_end: Option<u64>,
    /// Whether every repair is to be a gap.
    pub strict: bool,
    /// Uses that a document states apart from its components.
    pub usages: HashMap<u64, Usage>,
}

impl<'s> Inventory<'s> {
    /// An inventory of the blob at `path`, which lies in the container `scope`.
    #[must_use]
    pub fn new(path: &Arc<str>, scope: &Arc<str>) -> Self {
        Inventory {
            file: Component {
                found_by: "file",
                path: Arc::clone(path),
                scope: Arc::clone(scope),
                ..Component::default()
            },
            components: Vec::new(),
            declared: 0,
            taker: None,
            spare: Component::default(),
            labels: Vec::new(),
            gaps: Vec::new(),
            gaps_dropped: 0,
            notes: Vec::new(),
            notes_dropped: 0,
            formats: Vec::new(),
            graph: Graph::default(),
            coverage: None,
            embedded: Vec::new(),
            embedded_bytes: 0,
            regions: Vec::new(),
            program_end: None,
            strict: false,
            usages: HashMap::new(),
        }
    }

    /// The same, with somebody who takes each declared component as it is read: none is kept then.
    #[must_use]
    pub fn with_taker(path: &Arc<str>, scope: &Arc<str>, taker: Taker<'s>) -> Self {
        Inventory { taker: Some(taker), ..Inventory::new(path, scope) }
    }

    /// The same inventory, once nothing more is declared.
    #[must_use]
    pub fn without_taker<'t>(self) -> Inventory<'t> {
        Inventory { taker: None, ..self }
    }

    /// Adds a fact about the blob itself.
    pub fn say(&mut self, kind: FactKind, value: impl AsRef<str>, field: impl AsRef<str>) {
        self.file.say(kind, value, field);
    }

    /// A new component that a document in this blob names at `pointer`. Hand it back with [`Inventory::add`].
    #[must_use]
    pub fn declare(&mut self, found_by: &'static str, pointer: &str) -> Component {
        let mut component = std::mem::take(&mut self.spare);
        component.renew();
        component.found_by = found_by;
        component.path = Arc::clone(&self.file.path);
        component.declared = true;
        component.pointer.push_str(pointer);
        component
    }

    /// Takes a declared component over.
    pub fn add(&mut self, component: Component) {
        self.declared += 1;
        self.file.dropped += component.dropped;
        self.file.shortened += component.shortened;
        if let Some(coverage) = &mut self.coverage {
            coverage.count(&component);
        }
        match &mut self.taker {
            Some(taker) => {
                taker(&component);
                self.spare = component;
            }
            None => self.components.push(component),
        }
    }

    /// The document says, apart from the component, how it is used.
    pub fn used(&mut self, reference: u64, usage: Usage, most: usize) {
        if self.usages.len() < most {
            self.usages.insert(reference, usage);
        }
    }

    /// Takes over what a document says of itself: matched like a component, and not counted as one.
    pub fn add_aside(&mut self, component: Component) {
        match &mut self.taker {
            Some(taker) => {
                taker(&component);
                self.spare = component;
            }
            None => self.components.push(component),
        }
    }

    /// Says what the bounds kept out. Called once, when all extractors are done.
    pub fn close(&mut self) {
        // Readers of tables stop once it is full, so that alone is enough to say.
        if self.file.full() || self.file.dropped > 0 {
            let detail =
                format!("more than {} MiB of facts about one component; the rest was not kept", COMPONENT_BYTES >> 20);
            self.gap("", Reason::Limit, detail);
        }
        if self.file.shortened > 0 {
            let detail = format!("{} values longer than {} KiB were cut to that", self.file.shortened, VALUE >> 10);
            self.gap("", Reason::Limit, detail);
        }
        if self.graph.is_full() {
            self.note("", "too many dependencies to keep: paths to components are not shown");
        }
    }

    /// Records that a part could not be examined.
    pub fn gap(&mut self, field: impl Into<String>, reason: Reason, detail: impl Into<String>) {
        if self.gaps.len() < GAPS_KEPT {
            self.gaps.push(Gap { at: Location::field(&self.file.path, field), reason, detail: detail.into() });
        } else {
            self.gaps_dropped += 1;
        }
    }

    /// Records a repaired place: a note, or a gap where conformance is asked for.
    pub fn note(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.strict {
            self.gap(field, Reason::Nonconforming, detail);
        } else {
            self.remark(field, detail);
        }
    }

    /// Records what is worth knowing and is no repair.
    pub fn remark(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(Note { at: Location::field(&self.file.path, field), detail: detail.into() });
        } else {
            self.notes_dropped += 1;
        }
    }

    /// Keeps a document inside this blob for a look of its own.
    pub fn embed(&mut self, name: impl Into<String>, data: impl AsRef<[u8]> + Into<Vec<u8>>) {
        let name = name.into();
        // Each costs more than its bytes; what does not fit is not even copied.
        self.embedded_bytes = self.embedded_bytes.saturating_add(data.as_ref().len() + 128);
        if self.embedded_bytes > EMBEDDED_BYTES {
            let detail = format!("{name}: more than {} MiB of documents in one file; not read", EMBEDDED_BYTES >> 20);
            self.gap("", Reason::Limit, detail);
        } else {
            self.embedded.push(Embedded { name, data: data.into() });
        }
    }

    /// Names a part of the blob, such as a section of a program: what is found in it is told with the name.
    pub fn name_region(&mut self, start: u64, len: u64, name: impl Into<String>) {
        if self.regions.len() < REGIONS_KEPT && len > 0 {
            self.regions.push((start, start.saturating_add(len), name.into()));
        }
    }

    /// The part a place stands in; the smallest where parts lie in each other.
    #[must_use]
    pub fn region(&self, at: u64) -> Option<&str> {
        let round = self.regions.iter().filter(|(start, end, _)| (*start..*end).contains(&at));
        round
            .min_by_key(|(start, end, _)| end - start)
            .map(|(_, _, name)| name.as_str())
            .filter(|name| !name.is_empty())
    }

    /// The place of a field of this blob.
    #[must_use]
    pub fn at(&self, field: impl Into<String>) -> Location {
        Location::field(&self.file.path, field)
    }
}
