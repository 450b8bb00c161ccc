//! What was read, before anything is compared: every fact, label and gap, as it comes.
//!
//! In: sources and limits. Out: [`Said`], one at a time, so that memory does not grow with them. Must not know: the
//! rules; of the catalogue only the stems, because the string stage looks for nothing else.

use serde::Serialize;

use crate::archive::{self, Opened, Seen, Step, Walk};
use crate::catalog::Catalog;
use crate::error::Error;
use crate::extract;
use crate::fact::{self, Inventory};
use crate::source::{self, Limits, Source};

/// One thing that was read.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Said<'a> {
    /// What a file or member was recognised as.
    Formats {
        /// The file or member.
        at: &'a str,
        /// Names of containers and extractors.
        names: Vec<&'static str>,
    },
    /// A fact.
    Fact {
        /// Where: path, `#`, field or offset.
        at: String,
        /// The kind, by its stable name.
        kind: &'static str,
        /// The value as it stood there.
        value: &'a str,
        /// True where the signature it stands in was not shown to fit the file.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        doubted: bool,
    },
    /// A brand on the box.
    Label {
        /// Where.
        at: String,
        /// Who sells it.
        #[serde(skip_serializing_if = "Option::is_none")]
        vendor: Option<&'a str>,
        /// What it is called.
        #[serde(skip_serializing_if = "Option::is_none")]
        product: Option<&'a str>,
        /// Its version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<&'a str>,
    },
    /// What could not be read.
    Gap {
        /// Where.
        at: String,
        /// Why, by its stable name.
        reason: &'static str,
        /// What exactly.
        detail: &'a str,
    },
}

/// Calls `each` for everything the readers say of the sources.
///
/// # Errors
/// When a source cannot be opened at all.
pub fn inspect(
    sources: &[Source],
    catalog: &Catalog,
    limits: &Limits,
    strict: bool,
    each: &mut dyn FnMut(&Said<'_>),
) -> Result<(), Error> {
    let options = extract::Options { stems: super::stems(catalog), strict };
    for source in sources {
        let mut listing = source::list(source, limits)?;
        listing.gaps.iter().for_each(|gap| each(&said_gap(gap)));
        for mut entry in std::mem::take(&mut listing.entries) {
            let mut blob = match entry.open() {
                Ok(blob) => blob,
                Err(gap) => {
                    each(&said_gap(&gap));
                    continue;
                }
            };
            let path = std::sync::Arc::clone(&blob.path);
            let mut walk = Walk::new(limits, blob.len());
            archive::walk(&mut blob, &mut walk, &mut |step, _| match step {
                Step::Look(blob, opened) => read(blob, opened, limits, &options, each),
                // What is read is printed at every place.
                Step::Begin(_) | Step::End(..) | Step::Defer(_) | Step::Settle => Seen::default(),
            });
            walk.into_gaps(&path).iter().for_each(|gap| each(&said_gap(gap)));
        }
    }
    Ok(())
}

fn said_gap(gap: &fact::Gap) -> Said<'_> {
    Said::Gap { at: gap.at.to_string(), reason: gap.reason.name(), detail: &gap.detail }
}

fn read(
    blob: &mut source::Blob,
    opened: Opened,
    limits: &Limits,
    options: &extract::Options,
    each: &mut dyn FnMut(&Said<'_>),
) -> Seen {
    let mut taker = |component: &fact::Component| facts(component, each);
    let mut inventory = Inventory::with_taker(&blob.path, &blob.scope, &mut taker);
    inventory.strict = options.strict;
    extract::name_facts(blob, &mut inventory);
    super::walk::read(blob, opened, limits, options, &mut inventory);
    let mut inventory = inventory.without_taker();
    let mut names = inventory.formats.clone();
    if let Opened::As(format) = opened {
        names.insert(0, format);
    }
    if !names.is_empty() {
        each(&Said::Formats { at: &blob.path, names });
    }
    facts(&inventory.file, each);
    for label in &inventory.labels {
        each(&Said::Label {
            at: label.at.to_string(),
            vendor: label.vendor.as_deref(),
            product: label.product.as_deref(),
            version: label.version.as_deref(),
        });
    }
    inventory.gaps.iter().for_each(|gap| each(&said_gap(gap)));
    let embedded = std::mem::take(&mut inventory.embedded);
    let recognised = !inventory.formats.is_empty();
    Seen { embedded, recognised, program_end: inventory.program_end, repeated: false }
}

fn facts(component: &fact::Component, each: &mut dyn FnMut(&Said<'_>)) {
    for fact in component.facts() {
        each(&Said::Fact {
            at: component.at(fact.field).to_string(),
            kind: fact.kind.name(),
            value: fact.value,
            doubted: fact.doubted,
        });
    }
}
