//! Classes that a Mach-O image defines: Objective-C by its class list and its symbols, Swift by its type records.
//!
//! In: an [`Image`]. Out: class names. Pointers of images for newer loaders carry chains and authentication in their upper
//! bits: each way to read one is tried, and what it leads to must look like a class.

use std::borrow::Cow;
use std::collections::HashSet;

use super::image::Image;
use super::symbols::Said;
use super::{FactKind, Inventory, Reason};
use crate::bytes::until_zero;

/// Classes of one image; the largest real ones have some ten thousand.
const CLASSES: usize = 200_000;
/// Classes that could not be read, after which the list is given up.
const UNREAD: usize = 10_000;
/// Longest name of a class.
const NAME: usize = 1024;
/// Types within types, and the module round them.
const NESTED: usize = 8;

/// Says the classes.
pub(super) fn say(image: &Image<'_>, prefix: &str, said: &Said<'_>, inventory: &mut Inventory<'_>) {
    let mut known: HashSet<Cow<'_, str>> = HashSet::new();
    listed(image, prefix, &mut known, inventory);
    for name in &said.offered {
        // Symbols of the present and of the first Objective-C runtime.
        let class = name.strip_prefix(b"_OBJC_CLASS_$_").or_else(|| name.strip_prefix(b".objc_class_name_"));
        if let Some(class) = class.filter(|name| is_name(name)) {
            known.insert(String::from_utf8_lossy(class));
        }
    }
    let mut names: Vec<_> = known.into_iter().collect();
    names.sort_unstable();
    let field = format!("{prefix}__objc_classlist");
    names.iter().for_each(|name| inventory.say(FactKind::ObjcClass, name, &field));
    swift(image, prefix, inventory);
}

/// True for what may be the name of a class: letters, digits and what Swift mangles with.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() < NAME
        && std::str::from_utf8(name).is_ok_and(|n| n.chars().all(|c| c.is_alphanumeric() || "_$.".contains(c)))
}

fn listed<'a>(image: &Image<'a>, prefix: &str, known: &mut HashSet<Cow<'a, str>>, inventory: &mut Inventory<'_>) {
    // What the linker has not put together has no addresses.
    if image.kind == 1 {
        return;
    }
    let width = if image.wide { 8 } else { 4 };
    let field = format!("{prefix}__objc_classlist");
    let (mut read, mut unread) = (0usize, 0usize);
    // Linkers write one list; loaders read each that is there.
    let places = image.sections.iter().filter(|s| s.name == "__objc_classlist").filter_map(|s| image.bytes(s));
    let places = places.flat_map(|list| {
        let start = list.as_ptr() as usize - image.data.as_ptr() as usize;
        (0..list.len() / width).map(move |index| start + index * width)
    });
    for (index, at) in places.enumerate() {
        if index >= CLASSES || unread >= UNREAD {
            inventory.gap(
                &field,
                Reason::Limit,
                format!("more than {CLASSES} classes, or {UNREAD} that are none; the rest was not read"),
            );
            break;
        }
        match class(image, at, width) {
            Some(name) => {
                read += 1;
                known.insert(String::from_utf8_lossy(name));
            }
            None => unread += 1,
        }
    }
    if unread > 0 && image.encrypted.is_none() {
        let detail = format!("{unread} of {} classes could not be read", read + unread);
        inventory.gap(field, Reason::Malformed, detail);
    }
}

/// The name of the class that a pointer in the list leads to.
fn class<'a>(image: &Image<'a>, at: usize, width: usize) -> Option<&'a [u8]> {
    // `isa`, superclass, cache and its table stand in front of the data; flags and sizes in front of the name.
    let name_at = if width == 8 { 24 } else { 16 };
    targets(image, at).into_iter().flatten().find_map(|class| {
        // The lowest bits of the pointer tell of Swift.
        targets(image, class.checked_add(4 * width)?).into_iter().flatten().find_map(|data| {
            targets(image, (data & !7).checked_add(name_at)?).into_iter().flatten().find_map(|name| {
                let name = until_zero(image.data.get(name..)?, NAME);
                is_name(name).then_some(name)
            })
        })
    })
}

/// Where a pointer may lead, by every way to read it.
fn targets(image: &Image<'_>, at: usize) -> [Option<usize>; 4] {
    let Some(raw) = image.pointer(at).filter(|p| *p != 0) else { return [None; 4] };
    let base = image.base();
    let mut ways = [
        // As it stands.
        Some(raw),
        // Thirty-six bits of address, or forty-three where it may be authenticated.
        (raw > u64::from(u32::MAX)).then_some(raw & 0x7ff_ffff_ffff),
        // The same counted from the image's base.
        image.wide.then(|| (raw & 0xf_ffff_ffff).saturating_add(base)),
        // Authenticated: thirty-two bits from the base.
        image.wide.then(|| (raw & 0xffff_ffff).saturating_add(base)),
    ]
    .map(|address| address.and_then(|address| image.offset(address)));
    if let Some(first) = ways.first().copied().flatten() {
        ways = [Some(first), None, None, None];
    }
    ways
}

/// Types of Swift: each record leads, by a distance from itself, to a descriptor that names the type and what it is in.
fn swift(image: &Image<'_>, prefix: &str, inventory: &mut Inventory<'_>) {
    let Some((_, list)) = image.section("", "__swift5_types") else { return };
    if image.kind == 1 {
        return;
    }
    let field = format!("{prefix}__swift5_types");
    let start = list.as_ptr() as usize - image.data.as_ptr() as usize;
    for index in 0..list.len() / 4 {
        if index >= CLASSES {
            return inventory.gap(field, Reason::Limit, format!("more than {CLASSES} types; the rest was not read"));
        }
        if inventory.file.full() {
            return;
        }
        let mut parts: Vec<Cow<'_, str>> = Vec::new();
        let mut at = relative(image, start + index * 4);
        while let Some(descriptor) = at.filter(|_| parts.len() < NESTED) {
            // Modules, classes, structures and enumerations have their name behind their parent.
            let kind = image.word(descriptor).unwrap_or(0) & 0x1f;
            let name = relative(image, descriptor + 8).and_then(|at| image.data.get(at..)).map(|d| until_zero(d, NAME));
            match name.filter(|name| is_name(name) && matches!(kind, 0 | 16..=18)) {
                Some(name) => parts.push(String::from_utf8_lossy(name)),
                None if kind == 1 || kind == 2 => {}
                None => break,
            }
            at = if kind == 0 { None } else { relative(image, descriptor + 4) };
        }
        // Types of C that are only used here.
        if parts.last().is_some_and(|module| module == "__C") {
            continue;
        }
        parts.reverse();
        inventory.say(FactKind::ObjcClass, parts.join("."), &field);
    }
}

/// Where a distance leads that is counted from where it stands. Sections keep their distances in the file only within one
/// segment, so both are taken through their addresses.
fn relative(image: &Image<'_>, at: usize) -> Option<usize> {
    let distance = i64::from(image.word(at)?.cast_signed());
    // The lowest bit says that a pointer stands there.
    if distance == 0 || distance & 1 != 0 {
        return None;
    }
    let place = at as u64;
    let segment = image.segments.iter().find(|s| place >= s.offset && place - s.offset < s.length)?;
    let address = (place - segment.offset).checked_add(segment.address)?;
    image.offset(address.checked_add_signed(distance)?)
}
