//! XML as a tree, one child of the root at a time.
//!
//! In: text. Out: [`Element`]s, handed over and forgotten, and where the text breaks. Bounded in depth and in the
//! elements of one child. No entity is expanded but the predefined ones and character references.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

use super::json::{Members, Node};

/// Elements within elements.
const DEPTH: usize = 200;
/// Elements and attributes held at one time.
const HELD: usize = 1_000_000;

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
    /// An attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// As the tree of the JSON form of the same document: attributes and children become members, text a string or
    /// the member `content`; the children of an element that `is_list` names become a list; `renamed` gives a child
    /// another name.
    pub fn node(self, is_list: &dyn Fn(&str) -> bool, renamed: &dyn Fn(&str) -> Option<&'static str>) -> Node<'static> {
        let Element { name, attributes, children, text } = self;
        let own = children.into_iter().filter(|child| !child.name.contains(':'));
        if is_list(&name) {
            return Node::List(own.map(|child| child.node(is_list, renamed)).collect());
        }
        let text = text.trim().to_owned();
        // Attributes of another name space (`xsi:type`, `xml:space`) say nothing here.
        let mut attributes = attributes.into_iter().filter(|(key, _)| !key.contains(':')).peekable();
        let mut own = own.peekable();
        if attributes.peek().is_none() && own.peek().is_none() {
            return Node::Str(Cow::Owned(text));
        }
        let mut members = Members::default();
        for (key, value) in attributes {
            members.add(key, Node::Str(Cow::Owned(value)));
        }
        if !text.is_empty() {
            members.add("content", Node::Str(Cow::Owned(text.clone())));
            members.add("value", Node::Str(Cow::Owned(text)));
        }
        for child in own {
            let key = renamed(&child.name).map_or_else(|| Cow::Owned(child.name.clone()), Cow::Borrowed);
            members.add(key, child.node(is_list, renamed));
        }
        members.node()
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
pub(super) enum Met<'m> {
    /// The root's start: its name, attributes and name space.
    Root { name: String, space: Option<String>, attributes: Vec<(String, String)> },
    /// A child of the root, or of a child that was to be opened: its parent's name then, and its number there.
    Child { within: Option<String>, index: usize, element: Element },
    /// An element of another name space than the root's.
    Foreign { space: &'m str },
}

/// Streams over the children of the root; `open` names those whose own children come one at a time.
pub(super) fn stream(text: &str, open: &dyn Fn(&str) -> bool, take: &mut dyn FnMut(Met<'_>)) -> Option<Fault> {
    let walk = Walk {
        text,
        open,
        take,
        stack: Vec::new(),
        names: Vec::new(),
        opened: None,
        index: 0,
        held: 0,
        root: None,
        odd: None,
    };
    walk.run()
}

/// The state of one walk.
struct Walk<'w> {
    text: &'w str,
    open: &'w dyn Fn(&str) -> bool,
    take: &'w mut dyn FnMut(Met<'_>),
    /// The element that will be handed over next, and those within it that are not at their end.
    stack: Vec<Element>,
    /// The names of all elements that are not at their end, as written.
    names: Vec<String>,
    /// The child of the root whose own children come one at a time.
    opened: Option<String>,
    index: usize,
    held: usize,
    /// The root's name space, once the root was met.
    root: Option<Option<String>>,
    /// The first place that was repaired or passed over.
    odd: Option<Fault>,
}

impl Walk<'_> {
    fn run(mut self) -> Option<Fault> {
        let mut reader = NsReader::from_str(self.text);
        reader.config_mut().check_end_names = false;
        loop {
            let at = reader.buffer_position();
            let (space, event) = match reader.read_resolved_event() {
                Ok((space, event)) => {
                    let space = match space {
                        ResolveResult::Bound(space) => Some(space.into_inner().to_owned()),
                        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
                    };
                    (space, event)
                }
                Err(error) => {
                    self.fold();
                    return Some(self.fault(reader.error_position(), error.to_string()));
                }
            };
            match event {
                Event::Start(tag) => {
                    if self.names.len() >= DEPTH || self.held > HELD {
                        self.fold();
                        let why = format!("more than {DEPTH} elements within one another, or {HELD} at once");
                        return Some(Fault { limit: true, ..self.fault(at, why) });
                    }
                    self.names.push(tag.name().as_ref().to_owned());
                    self.start(&tag, space, at);
                }
                Event::Empty(tag) => {
                    self.names.push(tag.name().as_ref().to_owned());
                    self.start(&tag, space, at);
                    self.end();
                }
                Event::End(tag) => {
                    if self.names.last().is_none_or(|name| *name != *tag.name().as_ref()) {
                        self.odd(at, "an end tag of another name than the element's");
                    }
                    self.end();
                }
                Event::Text(part) => self.push(&part.xml10_content()),
                Event::CData(part) => self.push(&part.xml10_content()),
                Event::GeneralRef(name) => {
                    let letter = match name.resolve_char_ref() {
                        Ok(Some(letter)) => Some(letter.to_string()),
                        _ => quick_xml::escape::resolve_predefined_entity(&name.xml10_content()).map(str::to_owned),
                    };
                    if letter.is_none() {
                        self.odd(at, "an entity of the document's own, which is not expanded: its text is missing");
                    }
                    self.push(&letter.unwrap_or_default());
                }
                Event::Eof => {
                    let open = self.names.len();
                    if open > 0 || self.root.is_none() {
                        self.fold();
                        let why = format!("the text ends with {open} elements open");
                        return Some(Fault { truncated: true, ..self.fault(self.text.len() as u64, why) });
                    }
                    return self.odd;
                }
                _ => {}
            }
        }
    }

    fn fault(&self, at: u64, why: String) -> Fault {
        let before = self.text.get(..usize::try_from(at).unwrap_or(0)).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        Fault { line, column, why, truncated: false, limit: false }
    }

    fn odd(&mut self, at: u64, why: &str) {
        if self.odd.is_none() {
            self.odd = Some(self.fault(at, why.to_owned()));
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(top) = self.stack.last_mut() {
            top.text.push_str(text);
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, space: Option<String>, at: u64) {
        let mut attributes = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let read = attribute.ok().and_then(|a| Some((a.normalized_value(XmlVersion::Implicit1_0).ok()?, a)));
            let Some((value, attribute)) = read else {
                self.odd(at, "an attribute that cannot be read (an entity of the document's own, a missing quote)");
                continue;
            };
            let key = attribute.key.as_ref();
            if key != "xmlns" && !key.starts_with("xmlns:") {
                attributes.push((key.to_owned(), value.into_owned()));
            }
        }
        self.held += 1 + attributes.len();
        let local = tag.local_name().as_ref().to_owned();
        let Some(root) = &self.root else {
            self.root = Some(space.clone());
            return (self.take)(Met::Root { name: local, space, attributes });
        };
        // No name space at all is taken for the root's: writers forget it below a prefixed root.
        let own = space.is_none() || *root == space;
        if !own && let Some(space) = &space {
            (self.take)(Met::Foreign { space });
        }
        // A name with a colon is nobody's here.
        let name = if own { local } else { format!(":{local}") };
        if self.names.len() == 2 && (self.open)(&name) {
            self.opened = Some(name);
            self.index = 0;
        } else if self.names.len() >= 2 {
            self.stack.push(Element { name, attributes, ..Element::default() });
        }
    }

    fn end(&mut self) {
        let depth = self.names.len();
        self.names.pop();
        if depth == 2 && self.stack.is_empty() {
            self.opened = None;
            return;
        }
        let Some(done) = self.stack.pop() else { return };
        match self.stack.last_mut() {
            Some(parent) => parent.children.push(done),
            None => {
                self.held = 0;
                self.hand(done);
            }
        }
    }

    fn hand(&mut self, element: Element) {
        if !element.name.contains(':') {
            (self.take)(Met::Child { within: self.opened.clone(), index: self.index, element });
            self.index += 1;
        }
    }

    /// On a break, what stood before it.
    fn fold(&mut self) {
        while let Some(done) = self.stack.pop() {
            match self.stack.last_mut() {
                Some(parent) => parent.children.push(done),
                None => self.hand(done),
            }
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
                Met::Foreign { space } => format!("foreign {space}"),
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
    fn a_name_space_counts_and_no_prefix() {
        let (seen, fault) = run(
            "<r xmlns='u'><p:list xmlns:p='u'><p:i/><i xmlns='v'/><i xml:space='preserve' a='1'>t</i></p:list></r>",
        );
        assert_eq!(fault, None);
        let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
        assert_eq!(
            seen,
            [
                "r Some(\"u\")",
                "Some(\"list\") 0 i \"\" Some(\"\")",
                "foreign v",
                "Some(\"list\") 1 i \"t\" Some(\"1\")",
            ]
        );
        // What is repaired or left out is said.
        assert!(run("<r><a>x</b></r>").1.unwrap().why.contains("end tag"));
        assert!(run("<r><a>&own;</a></r>").1.unwrap().why.contains("entity"));
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
