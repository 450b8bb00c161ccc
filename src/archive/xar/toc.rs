//! The table of contents of a xar archive.
//!
//! In: its XML. Out: each file with its path and where its data stands, and how far the heap reaches. Must not know: the
//! archive.

use base64::Engine as _;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::fact::{Reason, cut};

/// Folders within folders, and elements within one another.
const DEPTH: usize = 400;
/// The longest text of one element.
const TEXT: usize = 64 << 10;

/// Where the data of a file stands in the heap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    pub offset: u64,
    /// As it stands there.
    pub length: u64,
    /// Unpacked.
    pub size: u64,
    /// How it is packed, as a media type.
    pub style: String,
}

/// One file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub path: String,
    pub kind: String,
    pub data: Option<Data>,
}

/// What is met in the table.
pub(super) enum Met {
    File(Entry),
    /// The heap reaches at least so far.
    Reaches(u64),
}

/// A file that is not at its end.
#[derive(Default)]
struct Open {
    name: String,
    coded: bool,
    kind: String,
    data: Option<Data>,
}

/// Reads a table until `take` has enough; says where it broke.
pub(super) fn read(
    text: &str,
    most: u64,
    longest: usize,
    take: &mut dyn FnMut(Met) -> bool,
) -> Option<(Reason, String)> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut names: Vec<String> = Vec::new();
    let mut files: Vec<Open> = Vec::new();
    let mut place = Data::default();
    let mut value = String::new();
    let mut seen = 0;
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => {
                return Some((Reason::Malformed, format!("the table breaks: {error}; members may be missing")));
            }
        };
        match event {
            Event::Start(tag) => {
                if names.len() >= DEPTH {
                    return Some((
                        Reason::Limit,
                        format!("more than {DEPTH} folders within one another; the rest was not read"),
                    ));
                }
                value.clear();
                begin(&tag, &names, &mut files, &mut place);
                names.push(tag.local_name().as_ref().to_owned());
            }
            Event::Empty(tag) => begin(&tag, &names, &mut files, &mut place),
            Event::Text(part) => push(&mut value, &part.xml10_content()),
            Event::CData(part) => push(&mut value, &part.xml10_content()),
            Event::GeneralRef(name) => {
                let letter = match name.resolve_char_ref() {
                    Ok(Some(letter)) => Some(letter.to_string()),
                    _ => quick_xml::escape::resolve_predefined_entity(&name.xml10_content()).map(str::to_owned),
                };
                push(&mut value, &letter.unwrap_or_default());
            }
            Event::End(_) => {
                let Some(name) = names.pop() else { continue };
                let parent = names.last().map(String::as_str).unwrap_or_default();
                let number = || value.trim().parse().unwrap_or(0);
                match (parent, name.as_str()) {
                    ("file", "name") => {
                        if let Some(file) = files.last_mut() {
                            file.name = if file.coded { decoded(&value) } else { std::mem::take(&mut value) };
                        }
                    }
                    ("file", "type") => {
                        if let Some(file) = files.last_mut() {
                            value.trim().clone_into(&mut file.kind);
                        }
                    }
                    (_, "offset") => place.offset = number(),
                    (_, "length") => place.length = number(),
                    (_, "size") => place.size = number(),
                    (_, "data" | "ea" | "checksum" | "signature" | "x-signature") => {
                        let data = std::mem::take(&mut place);
                        let len = if data.length == 0 { data.size } else { data.length };
                        if !take(Met::Reaches(data.offset.saturating_add(len))) {
                            return None;
                        }
                        if let (Some(file), "file", "data") = (files.last_mut(), parent, name.as_str()) {
                            file.data = Some(data);
                        }
                    }
                    (_, "file") => {
                        let path = path(&files, longest);
                        let Some(Open { kind, data, .. }) = files.pop() else { continue };
                        seen += 1;
                        if seen > most {
                            return Some((Reason::Limit, format!("more than {most} files; the rest was not read")));
                        }
                        if !take(Met::File(Entry { path, kind, data })) {
                            return None;
                        }
                    }
                    _ => {}
                }
                value.clear();
            }
            Event::Eof => {
                let cut = !names.is_empty() || seen == 0 && !text.contains("<toc");
                return cut.then(|| (Reason::Truncated, "the table ends early; members may be missing".to_owned()));
            }
            _ => {}
        }
    }
}

fn begin(tag: &BytesStart<'_>, names: &[String], files: &mut Vec<Open>, place: &mut Data) {
    let attribute = |wanted: &str| {
        let mut all = tag.attributes();
        all.with_checks(false).flatten().find(|a| a.key.as_ref() == wanted).map(|a| a.value.to_string())
    };
    match tag.local_name().as_ref() {
        "file" => files.push(Open::default()),
        "data" | "ea" | "checksum" | "signature" | "x-signature" => *place = Data::default(),
        "encoding" => place.style = attribute("style").unwrap_or_default(),
        "name" if names.last().is_some_and(|parent| parent == "file") => {
            if let Some(file) = files.last_mut() {
                file.coded = attribute("enctype").is_some_and(|kind| kind == "base64");
            }
        }
        _ => {}
    }
}

fn push(value: &mut String, part: &str) {
    let room = TEXT.saturating_sub(value.len());
    value.push_str(cut(part, room));
}

fn decoded(value: &str) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names of all open files. A hostile table nests long names in long names: each path is cut.
fn path(files: &[Open], longest: usize) -> String {
    let mut path = String::new();
    for file in files {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(cut(&file.name, longest.saturating_sub(path.len()).saturating_add(1)));
    }
    path
}
