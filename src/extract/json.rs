//! A lenient JSON tree for one element at a time, and a stream over the top level of a document.
//!
//! In: text. Out: [`Node`]s. Members keep their order and may repeat; wrong shapes read as nothing, and
//! the caller notes them. Memory is bounded by the largest element, not by the document. Depth is
//! bounded by the recursion limit of `serde_json` (128).

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value that borrows what it can.
#[derive(Debug)]
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

    /// A member that is a scalar, as text.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// The elements: of a list, or the value itself where one stands in place of a list.
    pub fn items(&self) -> &[Node<'a>] {
        match self {
            Node::List(items) => items,
            Node::Null => &[],
            one => std::slice::from_ref(one),
        }
    }

    /// The elements of a member, with the JSON pointer of each relative to this node. A member that stands
    /// twice is read twice: the one that would be overridden may be the one that tells.
    pub fn each(&self, key: &str) -> impl Iterator<Item = (String, &Node<'a>)> {
        let members: &[(Cow<'a, str>, Node<'a>)] = match self {
            Node::Map(members) => members,
            _ => &[],
        };
        let key = key.to_owned();
        let wanted = key.clone();
        members.iter().filter(move |(k, _)| *k == wanted).flat_map(move |(_, node)| {
            let single = !matches!(node, Node::List(_));
            let key = key.clone();
            node.items()
                .iter()
                .enumerate()
                .map(move |(i, item)| (if single { format!("/{key}") } else { format!("/{key}/{i}") }, item))
        })
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

/// Values in one element; real ones have some thousands. Beyond, the element breaks the document off.
const VALUES: u32 = 2_000_000;

/// Reads one value, counting down what is left for its element.
#[derive(Clone, Copy)]
struct NodeSeed<'b>(&'b Cell<u32>);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            None => return Err(serde::de::Error::custom(format!("more than {VALUES} values in one element"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
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
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Node::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            members.push((key.0, map.next_value_seed(self)?));
        }
        Ok(Node::Map(members))
    }
}

/// A member name that borrows where it holds no escape.
struct Key<'a>(Cow<'a, str>);

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

/// How a top-level member is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Not at all: it is parsed and dropped.
    Skip,
    /// As one node.
    Whole,
    /// Element by element.
    Items,
}

/// What stands after the first JSON value, or where the text breaks.
pub(super) enum End {
    /// Nothing but white space.
    Clean,
    /// More text, from this byte on.
    Trailing(usize),
    /// The text is no JSON from here on. Line and column count from 1.
    Broken { line: usize, column: usize, truncated: bool, why: String },
}

/// Streams over the members of a top-level object. `take` gets the member's name, the index for an
/// element of a list, and the node; what stood before a break has been handed over by then.
pub(super) fn stream<'a>(
    text: &'a str,
    want: fn(&str) -> Want,
    take: &mut dyn FnMut(&str, Option<usize>, Node<'a>),
) -> End {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = Top { want, take }.deserialize(&mut deserializer);
    if let Err(error) = result {
        return End::Broken {
            line: error.line(),
            column: error.column(),
            truncated: error.is_eof(),
            why: plain(&error),
        };
    }
    let mut rest = deserializer.into_iter::<IgnoredAny>();
    let at = rest.byte_offset();
    match rest.next() {
        None => End::Clean,
        Some(_) => End::Trailing(at),
    }
}

/// The message without its position, which the gap carries in its place.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(message, _)| message.to_owned())
}

struct Top<'t, 'a> {
    want: fn(&str) -> Want,
    take: &'t mut dyn FnMut(&str, Option<usize>, Node<'a>),
}

impl<'de> DeserializeSeed<'de> for Top<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match (self.want)(&key) {
                Want::Skip => {
                    map.next_value::<IgnoredAny>()?;
                }
                Want::Whole => {
                    let node = map.next_value_seed(NodeSeed(&Cell::new(VALUES)))?;
                    (self.take)(&key, None, node);
                }
                Want::Items => map.next_value_seed(Items { key: &key, take: &mut *self.take })?,
            }
        }
        Ok(())
    }
}

struct Items<'k, 't, 'a> {
    key: &'k str,
    take: &'t mut dyn FnMut(&str, Option<usize>, Node<'a>),
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Items<'_, '_, 'de> {
    /// Something else where a list belongs.
    fn odd(self, node: Node<'de>) {
        (self.take)(self.key, None, node);
    }
}

impl<'de> Visitor<'de> for Items<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(node) = seq.next_element_seed(NodeSeed(&Cell::new(VALUES)))? {
            (self.take)(self.key, Some(index), node);
            index += 1;
        }
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let node = NodeSeed(&Cell::new(VALUES)).visit_map(map)?;
        self.odd(node);
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.odd(Node::Bool(value));
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.odd(Node::Number(value.to_string()));
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.odd(Node::Number(value.to_string()));
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.odd(Node::Number(value.to_string()));
        Ok(())
    }
    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.odd(Node::Str(Cow::Owned(value.to_owned())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> (Vec<(String, Option<usize>)>, End) {
        let mut seen = Vec::new();
        let want = |key: &str| match key {
            "list" => Want::Items,
            "one" => Want::Whole,
            _ => Want::Skip,
        };
        let end = stream(text, want, &mut |key, index, _| seen.push((key.to_owned(), index)));
        (seen, end)
    }

    #[test]
    fn hands_over_what_stood_before_the_break() {
        let (seen, end) = run(r#"{"x":[{}],"list":[{"a":1},2,"#);
        assert_eq!(seen, [("list".to_owned(), Some(0)), ("list".to_owned(), Some(1))]);
        assert!(matches!(end, End::Broken { line: 1, truncated: true, .. }));
    }

    #[test]
    fn takes_odd_shapes_in_place_of_a_list() {
        assert_eq!(run(r#"{"list":null}"#).0, []);
        assert_eq!(run(r#"{"list":{"a":1}}"#).0, [("list".to_owned(), None)]);
        assert_eq!(run(r#"{"list":"x","one":7} tail"#).0.len(), 2);
        assert!(matches!(run("{} \n").1, End::Clean));
        assert!(matches!(run("{} }").1, End::Trailing(_)));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{{\"one\":{}", "[".repeat(100_000));
        assert!(matches!(run(&deep).1, End::Broken { .. }));
    }
}
