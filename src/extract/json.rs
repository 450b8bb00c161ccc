//! A lenient JSON tree for one element at a time.
//!
//! In: text. Out: [`Node`]s. Members keep their order and may repeat; wrong shapes read as nothing, and
//! the caller notes them. Depth is bounded by the recursion limit of `serde_json` (128). Where a text breaks
//! off within an element, what stood before the break is kept.
//!
//! The other notations (XML, YAML, protobuf, tag-value, RDF) are turned into the same tree, so that every
//! reader of a format is written once.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value that borrows what it can.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Number(String),
    Str(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// The last member of this name that is not null: a duplicate overrides, as in most readers.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        match self {
            Node::Map(members) => {
                members.iter().rev().find(|(k, v)| k == key && !matches!(v, Node::Null)).map(|(_, v)| v)
            }
            _ => None,
        }
    }

    /// The same tree with texts of its own.
    pub fn into_owned(self) -> Node<'static> {
        let text = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Node::Null => Node::Null,
            Node::Bool(value) => Node::Bool(value),
            Node::Number(value) => Node::Number(value),
            Node::Str(value) => Node::Str(text(value)),
            Node::List(items) => Node::List(items.into_iter().map(Node::into_owned).collect()),
            Node::Map(members) => Node::Map(members.into_iter().map(|(k, v)| (text(k), v.into_owned())).collect()),
        }
    }

    /// A scalar as text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Str(text) => Some(text),
            Node::Number(text) => Some(text),
            Node::Bool(true) => Some("true"),
            Node::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// A member that is a scalar, as text; of a list, its first.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|node| node.text().or_else(|| node.items().iter().find_map(Node::text)))
    }

    /// The elements: of a list, or the value itself where one stands in place of a list.
    pub fn items(&self) -> &[Node<'a>] {
        match self {
            Node::List(items) => items,
            Node::Null => &[],
            one => std::slice::from_ref(one),
        }
    }

    /// The elements of a member, with the rest of the JSON pointer to each. A member that stands twice is read
    /// twice: the one that would be overridden may be the one that tells.
    pub fn each<'n>(&'n self, key: &'static str) -> impl Iterator<Item = (Step, &'n Node<'a>)> + use<'n, 'a> {
        let members: &[(Cow<'a, str>, Node<'a>)] = match self {
            Node::Map(members) => members,
            _ => &[],
        };
        members.iter().filter(move |(k, _)| *k == key).flat_map(move |(_, node)| {
            let single = !matches!(node, Node::List(_));
            let step = move |i: usize| Step { key, index: (!single).then_some(i) };
            node.items().iter().enumerate().map(move |(i, item)| (step(i), item))
        })
    }

    /// The members of an object, in their order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Node<'a>)> {
        let members = match self {
            Node::Map(members) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(key, value)| (&**key, value))
    }

    /// What it is, for a note.
    pub fn shape(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::Str(_) => "a string",
            Node::List(_) => "a list",
            Node::Map(_) => "an object",
        }
    }
}

/// A step of a JSON pointer: `/key` or `/key/3`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    key: &'static str,
    index: Option<usize>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        f.write_str(self.key)?;
        match self.index {
            Some(index) => write!(f, "/{index}"),
            None => Ok(()),
        }
    }
}

/// Members under construction, from notations in which one that stands again makes a list.
#[derive(Default)]
pub(super) struct Members<'a> {
    list: Vec<(Cow<'a, str>, Node<'a>)>,
    /// Where each stands, once there are many: hostile documents have a million names.
    index: HashMap<String, usize>,
}

impl<'a> Members<'a> {
    pub fn add(&mut self, key: impl Into<Cow<'a, str>>, value: Node<'a>) {
        const MANY: usize = 32;
        let key = key.into();
        if self.list.len() == MANY {
            self.index = self.list.iter().enumerate().map(|(i, (k, _))| (k.to_string(), i)).collect();
        }
        let at = match self.list.len() {
            MANY.. => self.index.get(&*key).copied(),
            _ => self.list.iter().position(|(k, _)| *k == key),
        };
        match at.and_then(|at| self.list.get_mut(at)) {
            Some((_, Node::List(items))) => match value {
                Node::List(more) => items.extend(more),
                one => items.push(one),
            },
            Some((_, held)) => {
                let first = std::mem::replace(held, Node::Null);
                let more = if let Node::List(more) = value { more } else { vec![value] };
                *held = Node::List(std::iter::once(first).chain(more).collect());
            }
            None => {
                if self.list.len() >= MANY {
                    self.index.insert(key.to_string(), self.list.len());
                }
                self.list.push((key, value));
            }
        }
    }

    pub fn node(self) -> Node<'a> {
        Node::Map(self.list)
    }
}

/// Values in one element; real ones have some thousands. Beyond, the element is passed over, and said.
const VALUES: u32 = 2_000_000;
/// The message of that fault.
pub(super) const TOO_MANY: &str = "too many values in one element";

/// What a parse shares: how many values are left, and what was read when it broke off.
struct Shared<'de> {
    left: Cell<u32>,
    partial: RefCell<Option<Node<'de>>>,
}

/// Parses one value from the start of a text, and says where it ended. On a break, what stood before it.
pub(super) fn parse<'de>(text: &'de [u8]) -> Result<(Node<'de>, usize), (serde_json::Error, Option<Node<'de>>)> {
    let shared = Shared { left: Cell::new(VALUES), partial: RefCell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let result = Seed(&shared).deserialize(&mut deserializer);
    match result {
        Ok(node) => Ok((node, deserializer.into_iter::<IgnoredAny>().byte_offset())),
        // A bare brace is no element.
        Err(error) => Err((error, shared.partial.into_inner().filter(|n| !matches!(n, Node::Map(m) if m.is_empty())))),
    }
}

/// Passes over one value and says where it ended.
pub(super) fn pass(text: &[u8]) -> Result<usize, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    IgnoredAny::deserialize(&mut deserializer)?;
    Ok(deserializer.into_iter::<IgnoredAny>().byte_offset())
}

#[derive(Clone, Copy)]
struct Seed<'b, 'de>(&'b Shared<'de>);

impl<'de> Seed<'_, 'de> {
    /// What a broken value held, in place of the value.
    fn salvage(self, whole: impl FnOnce(Option<Node<'de>>) -> Node<'de>) {
        let inner = self.0.partial.take();
        self.0.partial.replace(Some(whole(inner)));
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0.left.get().checked_sub(1) {
            Some(left) => self.0.left.set(left),
            None => return Err(serde::de::Error::custom(TOO_MANY)),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, 'de> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Node::Number(value.to_string()))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Str(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::Str(Cow::Owned(value.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        loop {
            match seq.next_element_seed(self) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Node::List(items)),
                Err(error) => {
                    self.salvage(|inner| {
                        items.extend(inner);
                        Node::List(items)
                    });
                    return Err(error);
                }
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        loop {
            let key = match map.next_key::<Key<'de>>() {
                Ok(Some(key)) => key.0,
                Ok(None) => return Ok(Node::Map(members)),
                Err(error) => {
                    self.salvage(|_| Node::Map(members));
                    return Err(error);
                }
            };
            match map.next_value_seed(self) {
                Ok(value) => members.push((key, value)),
                Err(error) => {
                    self.salvage(|inner| {
                        members.extend(inner.map(|inner| (key, inner)));
                        Node::Map(members)
                    });
                    return Err(error);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shared = Shared { left: Cell::new(VALUES), partial: RefCell::new(None) };
        Seed(&shared).deserialize(deserializer)
    }
}

/// A tree that borrows nothing, for notations whose parser gives no text to borrow from.
pub(super) struct Owned(pub Node<'static>);

impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Node::deserialize(deserializer).map(|node| Owned(node.into_owned()))
    }
}

/// A member name that borrows where it holds no escape.
pub(super) struct Key<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(value)))
            }
            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_value_keeps_what_stood_before_the_break() {
        let (error, partial) = parse(br#"{"name":"x","supplier":{"name":"Acme","url":["u",}}"#).unwrap_err();
        assert!(!error.is_eof());
        let partial = partial.unwrap();
        assert_eq!(partial.str("name"), Some("x"));
        assert_eq!(partial.get("supplier").unwrap().str("name"), Some("Acme"));
        let (error, partial) = parse(br#"{"name":"x","version":"1."#).unwrap_err();
        assert!(error.is_eof());
        assert_eq!(partial.unwrap().str("name"), Some("x"));
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        assert_eq!(parse(br#"{"a":[1,2]} tail"#).unwrap().1, 11);
        assert_eq!(parse(b"12,").unwrap(), (Node::Number("12".into()), 2));
        assert_eq!(pass(br#" [{}] ,"#).unwrap(), 5);
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(pass("[".repeat(100_000).as_bytes()).is_err());
    }
}
