//! U-Boot FIT images: device trees that carry files. A device tree that carries none is no container.
//!
//! In: a blob. Out: the files below `/images`, within the tree or behind it. Must not know: what they are.

use super::uimage::{ending, step};
use crate::archive::{Carve, Format, Inside};
use crate::bytes::{be32, text_until_zero};
use crate::fact::Reason;
use crate::source::{Blob, Content};

const MAGIC: &[u8] = b"\xd0\x0d\xfe\xed";

pub(in crate::archive) const FORMAT: Format =
    Format { name: "fit", claim, open, carve: &[Carve { magic: MAGIC, at: 0, sound }] };

/// Steps through a tree, and files of it.
const STEPS: usize = 100_000;
const FILES: usize = 1024;

fn claim(blob: &Blob) -> bool {
    let head = blob.head();
    if !head.starts_with(MAGIC) {
        return false;
    }
    // A tree that is cut may have carried files behind the cut.
    let tree = be32(head, 4).is_none_or(|len| u64::from(len) > blob.len());
    tree || read(blob.content()).is_none_or(|tree| !tree.files.is_empty() || tree.broken)
}

fn sound(blob: &Blob) -> bool {
    let head = blob.head();
    let (Some(len), Some(at), Some(version)) = (be32(head, 4), be32(head, 8), be32(head, 20)) else { return false };
    (16..=17).contains(&version)
        && at < len
        && u64::from(len) <= blob.len()
        && read(blob.content()).is_some_and(|tree| !tree.files.is_empty() && !tree.broken)
}

#[derive(Default)]
struct File {
    name: String,
    data: Option<(u64, u64)>,
    offset: Option<u64>,
    position: Option<u64>,
    size: Option<u64>,
    method: String,
}

#[derive(Default)]
struct Tree {
    files: Vec<File>,
    end: u64,
    broken: bool,
}

/// Walks the tree for what stands below `/images`.
fn read(content: &Content) -> Option<Tree> {
    let head = content.bytes(0, 40).ok()?;
    let field = |at| be32(&head, at).map(u64::from);
    let (total, structure, strings) = (field(4)?, field(8)?, field(12)?);
    let mut tree = Tree { end: total, ..Tree::default() };
    let mut path: Vec<String> = Vec::new();
    let mut at = structure;
    let word = |at: u64| content.bytes(at, 4).ok().and_then(|data| be32(&data, 0));
    let name_at = |at: u64| {
        let bytes = content.bytes(at, 256.min(content.len().saturating_sub(at))).unwrap_or_default();
        text_until_zero(&bytes, 256).into_owned()
    };
    for _ in 0..STEPS {
        let token = word(at);
        at = at.saturating_add(4);
        match token {
            Some(1) => {
                let name = name_at(at);
                at += (name.len() as u64 + 1).next_multiple_of(4);
                path.push(name);
                if path.len() > 64 {
                    break;
                }
                if let [_, images, file] = path.as_slice()
                    && images == "images"
                    && tree.files.len() < FILES
                {
                    tree.files.push(File { name: file.clone(), ..File::default() });
                }
            }
            Some(2) => {
                path.pop();
            }
            Some(3) => {
                let (Some(len), Some(name)) = (word(at), word(at + 4)) else { break };
                let (start, len) = (at + 8, u64::from(len));
                at = start + len.next_multiple_of(4);
                let in_file = path.len() == 3 && path.get(1).is_some_and(|name| name == "images");
                let Some(file) = tree.files.last_mut().filter(|_| in_file) else { continue };
                match name_at(strings + u64::from(name)).as_str() {
                    "data" => file.data = Some((start, len)),
                    "data-offset" => file.offset = word(start).map(u64::from),
                    "data-position" => file.position = word(start).map(u64::from),
                    "data-size" => file.size = word(start).map(u64::from),
                    "compression" => file.method = name_at(start),
                    _ => {}
                }
            }
            Some(4) => {}
            Some(9) if path.is_empty() => return Some(tree),
            _ => break,
        }
    }
    tree.broken = true;
    Some(tree)
}

fn open(inside: &mut Inside<'_, '_>) {
    let content = inside.blob.content().clone();
    let Some(tree) = read(&content) else { return inside.gap(Reason::Truncated, "fit: the header is cut") };
    if tree.end > content.len() {
        inside.gap(Reason::Truncated, format!("fit: {} bytes where {} are declared", content.len(), tree.end));
    } else if tree.broken {
        inside.gap(Reason::Malformed, "fit: the tree breaks off");
    }
    let base = tree.end.next_multiple_of(4);
    let mut end = tree.end;
    for file in &tree.files {
        if !inside.go_on() {
            return;
        }
        let behind = file.position.or_else(|| base.checked_add(file.offset?));
        let place = file.data.or_else(|| behind.zip(file.size));
        let name = format!("{}{}", step(&file.name, "image"), ending(&file.method));
        match place {
            Some((_, 0)) => inside.name_only(&name),
            Some((start, len)) => {
                end = end.max(start.saturating_add(len));
                inside.part(&name, start, len);
            }
            None => inside.shut(&name, Reason::Malformed, "fit: an image without data"),
        }
    }
    inside.ends_at(end);
}
