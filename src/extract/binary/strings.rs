//! The string stage: printable runs that hold one of the catalogue's stems, in ASCII and UTF-16LE.
//!
//! In: the bytes of executable code, or of binary data of no known format, and the [`Stems`]. Out: a
//! `text` (or `data-text`) fact per distinct run, with its offset. Must not know what a run means:
//! the stems only say where to look, the matcher decides.
//!
//! Case is folded into a block copy, and a packed searcher looks for a few dozen rare stems; so the size
//! of the catalogue costs nothing here. What is not in memory is read in windows: no file is too long to be searched.

use std::collections::HashSet;
use std::io::Read as _;

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::super::{Extractor, Head, Input, Mine, Read, text};
use crate::archive::is_program;
use crate::fact::{FactKind, Inventory, Reason};
use crate::source::unreadable;

pub(in super::super) const EXTRACTOR: Extractor =
    Extractor { name: "binary/strings", claim, extract: Read::Stream(extract) };

/// Bytes folded and searched at a time: small enough to stay in the second-level cache.
const BLOCK: usize = 64 << 10;
/// A run is kept up to this many characters on either side of the stem.
const REACH: usize = 256;
/// What is read at once of a file that is not in memory.
const WINDOW: usize = 256 << 10;
/// Distinct runs kept per file; more is a gap.
const RUNS: usize = 4096;

/// The extractors whose blobs are code.
const CODE: &[&str] = &["binary/", "android/dex", "android/optimised", "java/class", "python/bytecode"];

/// What the string stage looks for: lower-case ASCII stems, one of which stands in every catalogued string.
#[derive(Debug, Default)]
pub struct Stems {
    search: Option<Search>,
    /// Stems before the UTF-16LE forms.
    narrow: usize,
    longest: usize,
}

#[derive(Debug)]
enum Search {
    Packed(Searcher),
    /// Where the processor has no vector unit the packed searcher needs, or the stems are too many for it.
    Automaton(AhoCorasick),
}

impl Stems {
    /// Prepares the search. Stems are folded to lower case; empty ones are left out.
    #[must_use]
    pub fn new<'s>(stems: impl IntoIterator<Item = &'s str>) -> Stems {
        let mut narrow: Vec<Vec<u8>> =
            stems.into_iter().filter(|s| !s.is_empty()).map(|s| s.to_ascii_lowercase().into()).collect();
        narrow.sort_unstable();
        narrow.dedup();
        if narrow.is_empty() {
            return Stems::default();
        }
        let wide = narrow.iter().map(|s| s.iter().flat_map(|b| [*b, 0]).collect::<Vec<u8>>());
        let all: Vec<Vec<u8>> = narrow.iter().cloned().chain(wide).collect();
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        let search = Searcher::new(&all).map(Search::Packed).or_else(|| {
            let kind = Some(AhoCorasickKind::DFA);
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .kind(kind)
                .build(&all)
                .ok()
                .map(Search::Automaton)
        });
        Stems { search, narrow: narrow.len(), longest }
    }

    /// True where a stem stands in these bytes, in either width.
    pub(super) fn stand_in(&self, data: &[u8]) -> bool {
        let mut found = false;
        self.each(data, 0, data.len(), &mut Vec::new(), &mut |_, _| found = true);
        found
    }

    /// The texts that hold a stem, of those that a reader knows the borders of.
    pub(in super::super) fn among<'t>(&self, texts: &[(usize, &'t [u8])]) -> Vec<(usize, &'t [u8])> {
        let mut all = Vec::new();
        let mut ends = Vec::with_capacity(texts.len());
        for (_, text) in texts {
            all.extend_from_slice(text);
            // No stem holds a NUL in its narrow form, so none reaches across.
            all.extend([0, 0]);
            ends.push(all.len());
        }
        let mut found = Vec::new();
        let mut last = None;
        self.each(&all, 0, all.len(), &mut Vec::new(), &mut |at, wide| {
            let index = ends.partition_point(|end| *end <= at);
            if !wide && last != Some(index) {
                last = Some(index);
                found.extend(texts.get(index).copied());
            }
        });
        found
    }

    /// Calls `hit` with the offset of every stem that begins in `from..to`, and whether it is UTF-16LE.
    fn each(&self, data: &[u8], from: usize, to: usize, folded: &mut Vec<u8>, hit: &mut dyn FnMut(usize, bool)) {
        let Some(search) = &self.search else { return };
        let mut start = from;
        while start < to {
            let stop = (start + BLOCK).min(to);
            // The overlap lets a stem that begins in this block end behind it.
            let end = (stop + self.longest - 1).min(data.len());
            folded.clear();
            folded.extend_from_slice(data.get(start..end).unwrap_or_default());
            folded.make_ascii_lowercase();
            let mut found = |at: usize, pattern: usize| {
                if start + at < stop {
                    hit(start + at, pattern >= self.narrow);
                }
            };
            match search {
                Search::Packed(packed) => {
                    packed.find_iter(&*folded).for_each(|m| found(m.start(), m.pattern().as_usize()));
                }
                Search::Automaton(ac) => ac.find_iter(&*folded).for_each(|m| found(m.start(), m.pattern().as_usize())),
            }
            start = stop;
        }
    }
}

fn claim(head: &Head<'_>) -> bool {
    // Text is no binary: a word in a script or a list says nothing of what the product is made of.
    text::is_binary(head.data)
}

fn extract(input: &Input<'_>, inventory: &mut Inventory<'_>) -> Mine {
    // Code holds what it is made of; data of no known format may; a document only speaks of things.
    let kind = match inventory.formats.first() {
        // A program too long to be read as one.
        None if is_program(input.blob.head()) => FactKind::Text,
        None => FactKind::DataText,
        Some(name) if CODE.iter().any(|code| name.starts_with(code)) => FactKind::Text,
        Some(_) => return Mine::No,
    };
    let mut runs = Runs { kind, seen: HashSet::new(), done: [0; 2], full: false };
    let stems = &input.options.stems;
    let mut folded = Vec::with_capacity(BLOCK + stems.longest);
    match input.blob.held() {
        Some(data) => {
            stems.each(data, 0, data.len(), &mut folded, &mut |at, wide| runs.hit(data, 0, at, wide, inventory));
        }
        None => windows(input, &mut runs, &mut folded, inventory),
    }
    if runs.full {
        inventory.gap("", Reason::Limit, format!("more than {RUNS} catalogued strings; the rest was not kept"));
    }
    // Strings alone do not make a format known.
    Mine::No
}

/// Reads the blob window by window, with enough before and behind each place for the run it stands in.
fn windows(input: &Input<'_>, runs: &mut Runs, folded: &mut Vec<u8>, inventory: &mut Inventory<'_>) {
    let stems = &input.options.stems;
    let margin = 2 * REACH + stems.longest;
    let mut buffer = vec![0; WINDOW + 2 * margin];
    // Bytes in the buffer, how many of them were searched already, and where the first stands in the file.
    let (mut filled, mut searched, mut base) = (0, 0, 0u64);
    let mut reader = input.blob.reader();
    loop {
        let read = match reader.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) => return inventory.gaps.push(unreadable(&inventory.at(""), &error)),
        };
        filled += read;
        if read > 0 && filled < buffer.len() {
            continue;
        }
        if input.limits.stop.raised() {
            return inventory.gap("", Reason::Limit, "stopped before the end (time limit or interrupt)");
        }
        let data = buffer.get(..filled).unwrap_or_default();
        let to = if read == 0 { filled } else { filled - margin };
        stems.each(data, searched, to, folded, &mut |at, wide| runs.hit(data, base, at, wide, inventory));
        if read == 0 {
            return;
        }
        let from = to - margin;
        buffer.copy_within(from..filled, 0);
        (filled, searched, base) = (filled - from, margin, base + from as u64);
    }
}

/// The runs found so far.
struct Runs {
    kind: FactKind,
    seen: HashSet<String>,
    /// How far runs of either width reach.
    done: [u64; 2],
    full: bool,
}

impl Runs {
    /// A stem stands at `at` in `data`, which begins at `base` in the file.
    fn hit(&mut self, data: &[u8], base: u64, at: usize, wide: bool, inventory: &mut Inventory<'_>) {
        let Some(done) = self.done.get_mut(usize::from(wide)) else { return };
        if base + (at as u64) < *done || self.full {
            return;
        }
        let (from, to, run) = if wide { wide_run(data, at) } else { narrow_run(data, at) };
        *done = base + to as u64;
        if self.seen.len() >= RUNS {
            self.full = true;
        } else if self.seen.insert(run.clone()) {
            let at = base + from as u64;
            let region = inventory.region(at).map_or_else(String::new, |name| format!(" {name}"));
            inventory.say(self.kind, &run, format!("0x{at:x}{region}{}", if wide { " (UTF-16LE)" } else { "" }));
        }
    }
}

fn printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// The printable ASCII run round `at`: start, end, text.
fn narrow_run(data: &[u8], at: usize) -> (usize, usize, String) {
    let before = data.get(at.saturating_sub(REACH)..at).unwrap_or_default();
    let from = at - before.iter().rev().take_while(|b| printable(**b)).count();
    let rest = data.get(at..).unwrap_or_default();
    let to = at + rest.iter().take(REACH).take_while(|b| printable(**b)).count();
    let text = String::from_utf8_lossy(data.get(from..to).unwrap_or_default()).into_owned();
    (from, to, text)
}

/// The same for UTF-16LE, ASCII letters only.
fn wide_run(data: &[u8], at: usize) -> (usize, usize, String) {
    let unit = |pair: &[u8]| matches!(pair, [letter, 0] if printable(*letter));
    let before = data.get(at.saturating_sub(2 * REACH)..at).unwrap_or_default();
    let from = at - 2 * before.rchunks_exact(2).take_while(|p| unit(p)).count();
    let rest = data.get(at..).unwrap_or_default();
    let to = at + 2 * rest.chunks_exact(2).take(REACH).take_while(|p| unit(p)).count();
    let text = data.get(from..to).unwrap_or_default().iter().step_by(2).map(|b| char::from(*b)).collect();
    (from, to, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(stems: &[&str], data: &[u8]) -> Vec<(usize, bool)> {
        let mut found = Vec::new();
        let stems = Stems::new(stems.iter().copied());
        stems.each(data, 0, data.len(), &mut Vec::new(), &mut |at, wide| found.push((at, wide)));
        found
    }

    #[test]
    fn finds_both_widths_in_any_case() {
        let mut data = b"\x01KL_Plugins_Path\0".to_vec();
        let wide = data.len();
        data.extend("KL_PLUGINS".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(hits(&["kl_plugins"], &data), [(1, false), (wide, true)]);
    }

    #[test]
    fn finds_a_stem_across_every_block_border() {
        for shift in 0..24 {
            let at = BLOCK - shift;
            let mut data = vec![b'.'; BLOCK * 2];
            data[at..at + 10].copy_from_slice(b"kl_plugins");
            assert_eq!(hits(&["kl_plugins"], &data), [(at, false)], "shift {shift}");
        }
    }

    #[test]
    fn texts_of_known_borders_are_told_apart() {
        let stems = Stems::new(["kl_plugins"]);
        let texts = [(7, &b"KL_PLUG"[..]), (9, b"INS"), (20, b"my KL_PLUGINS and KL_PLUGINS"), (60, b"")];
        assert_eq!(stems.among(&texts), [texts[2]]);
    }

    #[test]
    fn no_stems_find_nothing() {
        assert!(hits(&[], b"kl_plugins").is_empty());
        assert!(hits(&[""], b"kl_plugins").is_empty());
    }

    #[test]
    fn runs_are_cut_at_what_cannot_be_printed() {
        let data = b"ab\0KL_X=1\x01zz";
        assert_eq!(narrow_run(data, 3), (3, 9, "KL_X=1".to_owned()));
        let wide: Vec<u8> = "a\u{1}key".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(wide_run(&wide, 4), (4, 10, "key".to_owned()));
    }
}
