//! What the tests of the readers share: walks made-up bytes and tells what was met.

use super::{Seen, Step, Walk, walk};
use crate::source::{Limits, Source, list};

/// The places of all members below the file, and the gaps, as text.
pub(super) fn seen(name: &str, data: Vec<u8>) -> (Vec<String>, Vec<String>) {
    seen_within(name, data, &Limits::default())
}

/// The same within limits.
pub(super) fn seen_within(name: &str, data: Vec<u8>, limits: &Limits) -> (Vec<String>, Vec<String>) {
    let source = Source::Bytes { name: name.to_owned(), data };
    let mut members = Vec::new();
    let mut gaps = Vec::new();
    for mut entry in list(&source, limits).map(|l| l.entries).unwrap_or_default() {
        let Ok(mut blob) = entry.open() else { continue };
        let mut state = Walk::new(limits, blob.len());
        walk(&mut blob, &mut state, &mut |step, _| {
            if let Step::Look(blob, _) = step
                && blob.depth > 0
            {
                members.push(blob.path.split_once("!/").map_or("", |(_, inner)| inner).to_owned());
            }
            Seen::default()
        });
        gaps.extend(state.into_gaps(&entry.path).iter().map(|g| format!("{} {}: {}", g.at, g.reason.name(), g.detail)));
    }
    (members, gaps)
}
