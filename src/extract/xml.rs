//! XML as a tree, one child of the root at a time.
//!
//! In: text. Out: [`Element`]s, handed over and forgotten, and where the text breaks. Bounded in depth and in the
//! elements of one child. No entity is expanded but the predefined ones and character references.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::json::Node;

/// Elements within elements.
const DEPTH: usize = 200;
/// Elements and attributes held at one time.
const HELD: usize = 4_000_000;

/// An element with what it holds. Names are without their prefixes, but for those of another name space than the
/// root's, which keep them: `ext:component` is no component.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    /// An attribute by its local name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As the tree of the JSON form of the same document: attributes and children become members, text a string or
    /// the member `content`; the children of an element that `is_list` names become a list; `renamed` gives a child
    /// another name.
    pub fn node(self, is_list: &dyn Fn(&str) -> bool, renamed: &dyn Fn(&str) -> Option<&'static str>) -> Node<'static> {
        let Element { name, attributes, children, text } = self;
        if is_list(&name) && attributes.is_empty() {
            let own = children.into_iter().filter(|child| !child.name.contains(':'));
            return Node::List(own.map(|child| child.node(is_list, renamed)).collect());
        }
        let text = text.trim();
        if attributes.is_empty() && children.is_empty() {
            return Node::Str(Cow::Owned(text.to_owned()));
        }
        let owned = |text: &str| Node::Str(Cow::Owned(text.to_owned()));
        let mut members: Vec<(Cow<'static, str>, Node<'static>)> =
            attributes.into_iter().map(|(key, value)| (Cow::Owned(key), Node::Str(Cow::Owned(value)))).collect();
        if !text.is_empty() {
            members.extend(["content", "value"].map(|key| (Cow::Borrowed(key), owned(text))));
        }
        for child in children {
            let key = renamed(&child.name).map_or_else(|| Cow::Owned(child.name.clone()), Cow::Borrowed);
            let node = child.node(is_list, renamed);
            // An element that stands several times is a list.
            match members.iter_mut().find(|(k, _)| *k == key) {
                Some((_, Node::List(items))) => match node {
                    Node::List(more) => items.extend(more),
                    one => items.push(one),
                },
                Some((_, held)) => {
                    let first = std::mem::replace(held, Node::Null);
                    *held = Node::List(vec![first, node]);
                }
                None => members.push((key, node)),
            }
        }
        Node::Map(members)
    }
}

/// Where and why a text broke off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub line: usize,
    pub column: usize,
    pub why: String,
    /// The text ends too early.
    pub truncated: bool,
    /// Only a limit of ours stands in the way.
    pub limit: bool,
}

/// What is met, in order.
pub(super) enum Met {
    /// The root's start: its name, attributes and name space.
    Root { name: String, space: Option<String>, attributes: Vec<(String, String)> },
    /// A child of the root, or of a child that was to be opened: its parent's name then, and its number there.
    Child { within: Option<String>, index: usize, element: Element },
}

/// Streams over the children of the root; `open` names those whose own children come one at a time.
pub(super) fn stream(text: &str, open: &dyn Fn(&str) -> bool, take: &mut dyn FnMut(Met)) -> Option<Fault> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut stack: Vec<Element> = Vec::new();
    // Depth at which elements are handed over: 1 for children of the root, 2 for those of an opened child.
    let (mut depth, mut opened, mut index, mut held) = (0usize, None::<String>, 0usize, 0usize);
    // The prefixes of the root's name space, once the root was met.
    let mut rooted: Option<Vec<Option<String>>> = None;
    let place = |at: u64| {
        let before = text.get(..usize::try_from(at).unwrap_or(0)).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        (line, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
    };
    let fault = |at: u64, why: String, truncated: bool, limit: bool| {
        let (line, column) = place(at);
        Some(Fault { line, column, why, truncated, limit })
    };
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > DEPTH || held > HELD {
                    fold(&mut stack, opened.take(), index, take);
                    let why = format!("more than {DEPTH} elements within one another, or {HELD} at once");
                    return fault(at, why, false, true);
                }
                start(&tag, depth, &mut rooted, &mut opened, &mut index, &mut stack, &mut held, open, take);
            }
            Ok(Event::Empty(tag)) => {
                start(&tag, depth + 1, &mut rooted, &mut opened, &mut index, &mut stack, &mut held, open, take);
                end(depth + 1, &mut opened, &mut index, &mut stack, &mut held, take);
            }
            Ok(Event::End(_)) => {
                end(depth, &mut opened, &mut index, &mut stack, &mut held, take);
                depth = depth.saturating_sub(1);
            }
            Ok(Event::Text(part)) => push(&mut stack, &part.xml10_content()),
            Ok(Event::CData(part)) => push(&mut stack, &part.xml10_content()),
            Ok(Event::GeneralRef(name)) => {
                let letter = match name.resolve_char_ref() {
                    Ok(Some(letter)) => Some(letter.to_string()),
                    _ => quick_xml::escape::resolve_predefined_entity(&name.xml10_content()).map(str::to_owned),
                };
                push(&mut stack, &letter.unwrap_or_default());
            }
            Ok(Event::Eof) => {
                if depth > 0 || rooted.is_none() {
                    fold(&mut stack, opened.take(), index, take);
                    return fault(text.len() as u64, format!("the text ends with {depth} elements open"), true, false);
                }
                return None;
            }
            Ok(_) => {}
            Err(error) => {
                fold(&mut stack, opened.take(), index, take);
                return fault(reader.error_position(), error.to_string(), false, false);
            }
        }
    }
}

fn push(stack: &mut [Element], text: &str) {
    if let Some(top) = stack.last_mut() {
        top.text.push_str(text);
    }
}

#[allow(clippy::too_many_arguments)]
fn start(
    tag: &BytesStart<'_>,
    depth: usize,
    rooted: &mut Option<Vec<Option<String>>>,
    opened: &mut Option<String>,
    index: &mut usize,
    stack: &mut Vec<Element>,
    held: &mut usize,
    open: &dyn Fn(&str) -> bool,
    take: &mut dyn FnMut(Met),
) {
    let prefix = tag.name().prefix().map(|p| p.as_ref().to_owned());
    let own = rooted.as_ref().is_none_or(|prefixes| prefixes.contains(&prefix));
    let name = if own { tag.local_name().as_ref().to_owned() } else { tag.name().as_ref().to_owned() };
    let (mut attributes, mut space) = (Vec::new(), None);
    let mut spaces: Vec<(Option<String>, String)> = Vec::new();
    for attribute in tag.attributes().with_checks(false).flatten() {
        let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) else { continue };
        let key = attribute.key.as_ref();
        let declares = key == "xmlns" || key.starts_with("xmlns:");
        if key == "xmlns" && prefix.is_none() || prefix.as_ref().is_some_and(|p| key.strip_prefix("xmlns:") == Some(p))
        {
            space = Some(value.to_string());
        }
        if declares {
            spaces.push((key.strip_prefix("xmlns:").map(str::to_owned), value.into_owned()));
        } else {
            attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
    }
    *held += 1 + attributes.len();
    if depth == 1 {
        if rooted.is_none() {
            let same = spaces.into_iter().filter(|(_, uri)| Some(uri) == space.as_ref()).map(|(p, _)| p);
            *rooted = Some(same.chain([prefix]).collect());
            take(Met::Root { name, space, attributes });
        }
        return;
    }
    if depth == 2 && open(&name) {
        *opened = Some(name);
        *index = 0;
        return;
    }
    stack.push(Element { name, attributes, ..Element::default() });
}

fn end(
    depth: usize,
    opened: &mut Option<String>,
    index: &mut usize,
    stack: &mut Vec<Element>,
    held: &mut usize,
    take: &mut dyn FnMut(Met),
) {
    if depth == 2 && stack.is_empty() {
        *opened = None;
        return;
    }
    let Some(done) = stack.pop() else { return };
    match stack.last_mut() {
        Some(parent) => parent.children.push(done),
        None => {
            *held = 0;
            if !done.name.contains(':') {
                take(Met::Child { within: opened.clone(), index: *index, element: done });
                *index += 1;
            }
        }
    }
}

/// On a break, what stood before it.
fn fold(stack: &mut Vec<Element>, opened: Option<String>, index: usize, take: &mut dyn FnMut(Met)) {
    while let Some(done) = stack.pop() {
        match stack.last_mut() {
            Some(parent) => parent.children.push(done),
            None => take(Met::Child { within: opened.clone(), index, element: done }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> (Vec<String>, Option<Fault>) {
        let mut seen = Vec::new();
        let fault = stream(text, &|name| name == "list", &mut |met| {
            seen.push(match met {
                Met::Root { name, space, .. } => format!("{name} {space:?}"),
                Met::Child { within, index, element } => {
                    let (name, text) = (element.name.clone(), element.text.clone());
                    let node = element.node(&|n| n == "many", &|_| None);
                    format!("{within:?} {index} {name} {text:?} {:?}", node.str("a").or(node.text()))
                }
            });
        });
        (seen, fault)
    }

    #[test]
    fn children_come_one_at_a_time() {
        let (seen, fault) = run(
            "<?xml version='1.0'?><x:r xmlns:x='urn:x'><x:one a='1'/><list><i><a>2</a></i><i>t&amp;&#65;<![CDATA[<]]></i></list></x:r>",
        );
        assert_eq!(fault, None);
        assert_eq!(
            seen,
            [
                "r Some(\"urn:x\")",
                "None 0 one \"\" Some(\"1\")",
                "Some(\"list\") 0 i \"\" Some(\"2\")",
                "Some(\"list\") 1 i \"t&A<\" Some(\"t&A<\")",
            ]
        );
    }

    #[test]
    fn a_break_keeps_what_stood_before() {
        let (seen, fault) = run("<r>\n<list><i><a>2</a><b");
        assert!(seen.last().unwrap().contains("Some(\"2\")"), "{seen:?}");
        assert_eq!(fault.unwrap().line, 2);
        let deep = format!("<r>{}", "<a>".repeat(100_000));
        assert!(run(&deep).1.unwrap().limit);
        assert!(run("").1.unwrap().truncated);
    }
}
