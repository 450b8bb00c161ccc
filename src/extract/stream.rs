//! A stream over the top level of a JSON document, in memory or on disk, one element at a time.
//!
//! In: bytes. Out: nodes, each handed over and forgotten, and the places where the text is broken. Memory is
//! bounded by the largest element, not by the document. A break costs the element it stands in: what stood before it
//! is kept, and the stream goes on at the next element that makes sense.

use std::borrow::Cow;
use std::io::Read;

use super::json::{self, Node};
use super::text;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// The longest element or member held at one time.
const HELD: usize = 256 << 20;
/// Broken places told of one document; beyond, it is given up.
const FAULTS: usize = 100;
/// Places tried for the next sound element after a break, and bytes looked through for it.
const TRIES: usize = 2000;
const LOOKED_THROUGH: usize = 16 << 20;

/// How a top-level member is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Not at all: it is parsed and dropped.
    Skip,
    /// As one node.
    Whole,
    /// Element by element.
    Items,
    /// No more of anything.
    Stop,
}

/// A broken place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Line and column, both from 1.
    pub line: usize,
    pub column: usize,
    pub why: String,
    /// Whether only a limit of ours stands in the way.
    pub limit: bool,
}

/// What stands after the first JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing but white space, or the caller had enough.
    Clean,
    /// Another value, from this byte on.
    Another(u64),
    /// Something that is no JSON, from this byte on.
    Trailing(u64),
    /// The text ends before the value does.
    Truncated,
    /// It is no JSON from the last fault on.
    Broken,
}

/// How the stream went.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub end: End,
    pub faults: Vec<Fault>,
    /// Line and column of the end.
    pub at: (usize, usize),
    /// The name of the encoding, where it was not plain UTF-8.
    pub encoding: Option<&'static str>,
}

impl Outcome {
    /// Whether the document was read to its own end.
    pub fn whole(&self) -> bool {
        matches!(self.end, End::Clean | End::Another(_) | End::Trailing(_))
    }
}

/// A part of the text that is held, and the way to more of it.
pub(super) struct Window<'d> {
    data: Cow<'d, [u8]>,
    at: usize,
    reader: Option<Box<dyn Read + 'd>>,
    /// Bytes and line ends in front of `data`, and bytes since the last line end.
    before: u64,
    lines: usize,
    column: usize,
    encoding: Option<&'static str>,
    faults: Vec<Fault>,
    /// Set when an element was longer than what is held.
    too_long: bool,
}

/// Why a value could not be read.
enum Stuck {
    Eof,
    Syntax,
}

impl<'d> Window<'d> {
    /// Over bytes at hand, in any encoding.
    pub fn over(data: &'d [u8]) -> Window<'d> {
        let (text, encoding) = match data.first() {
            // Only what needs it is decoded: JSON begins with a letter of ASCII.
            Some(0xef | 0xfe | 0xff | 0) => text::decode(data),
            Some(_) if data.get(1) == Some(&0) => text::decode(data),
            _ => return Window::new(Cow::Borrowed(data), None, None),
        };
        let data = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Window::new(data, None, encoding)
    }

    /// Over bytes that are decoded as a whole.
    pub fn owned(data: &[u8]) -> Window<'static> {
        let (text, encoding) = text::decode(data);
        Window::new(Cow::Owned(text.into_owned().into_bytes()), None, encoding)
    }

    /// Over what a reader gives. It must be UTF-8; a byte-order mark is passed over.
    pub fn reading(reader: impl Read + 'd) -> Window<'d> {
        let mut window = Window::new(Cow::Owned(Vec::new()), Some(Box::new(reader)), None);
        window.fill();
        if window.data.starts_with(b"\xef\xbb\xbf") {
            window.at = 3;
            window.encoding = Some("UTF-8 with a byte-order mark");
        }
        window
    }

    fn new(data: Cow<'d, [u8]>, reader: Option<Box<dyn Read + 'd>>, encoding: Option<&'static str>) -> Window<'d> {
        Window { data, at: 0, reader, before: 0, lines: 0, column: 0, encoding, faults: Vec::new(), too_long: false }
    }

    fn rest(&self) -> &[u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// The byte that comes next, from the start of the text.
    pub fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Reads more; what was consumed is let go. False at the end.
    fn fill(&mut self) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        if self.data.len() - self.at.min(self.data.len()) > HELD {
            self.too_long = true;
            return false;
        }
        let data = self.data.to_mut();
        let gone = data.get(..self.at).unwrap_or_default();
        self.lines += memchr::memchr_iter(b'\n', gone).count();
        self.column = match memchr::memrchr(b'\n', gone) {
            Some(last) => gone.len() - last - 1,
            None => self.column + gone.len(),
        };
        self.before += gone.len() as u64;
        data.drain(..self.at.min(data.len()));
        self.at = 0;
        // What is held doubles while one element needs it.
        let more = data.len().max(CHUNK) as u64;
        if matches!(reader.take(more).read_to_end(data), Ok(n) if n > 0) {
            return true;
        }
        self.reader = None;
        false
    }

    /// The next byte that is no white space, not consumed.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let skip = self.rest().iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0x1e)).count();
            self.at += skip;
            if let Some(byte) = self.rest().first() {
                return Some(*byte);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Line and column `ahead` bytes from here.
    fn place(&self, ahead: usize) -> (usize, usize) {
        let seen = self.data.get(..self.at + ahead).unwrap_or(&self.data);
        let line = self.lines + memchr::memchr_iter(b'\n', seen).count() + 1;
        let column = match memchr::memrchr(b'\n', seen) {
            Some(last) => seen.len() - last,
            None => self.column + seen.len() + 1,
        };
        (line, column)
    }

    fn outcome(&mut self, end: End) -> Outcome {
        Outcome { end, faults: std::mem::take(&mut self.faults), at: self.place(0), encoding: self.encoding }
    }

    /// Notes a broken place `ahead` bytes from here. False when there are too many.
    fn fault(&mut self, ahead: usize, why: impl Into<String>, limit: bool) -> bool {
        let (line, column) = self.place(ahead);
        self.faults.push(Fault { line, column, why: why.into(), limit });
        self.faults.len() < FAULTS
    }

    /// One value as a node. On a break, what stood before it is handed over, too.
    fn node(&mut self, take: &mut dyn FnMut(Node<'_>)) -> Result<(), Stuck> {
        loop {
            let rest = self.data.get(self.at..).unwrap_or_default();
            match json::parse(rest) {
                Ok((node, used)) => {
                    // A number at the edge may go on behind it.
                    if used < rest.len() || self.reader.is_none() {
                        take(node);
                        self.at += used;
                        return Ok(());
                    }
                    drop(node);
                    if !self.fill() {
                        self.reader = None;
                    }
                }
                Err((error, partial)) => {
                    let eof = error.is_eof();
                    if eof && self.reader.is_some() {
                        drop(partial);
                        if self.fill() {
                            continue;
                        }
                        if self.too_long {
                            return self.give_up_on_value(format!("longer than {HELD} bytes"));
                        }
                        continue;
                    }
                    if eof {
                        partial.into_iter().for_each(&mut *take);
                        self.at = self.data.len();
                        return Err(Stuck::Eof);
                    }
                    let message = plain(&error);
                    if message.contains("recursion limit") || message == json::TOO_MANY {
                        partial.into_iter().for_each(&mut *take);
                        return self.give_up_on_value(message);
                    }
                    let ahead = offset_of(rest, error.line(), error.column());
                    if message.contains("unicode code point") && std::str::from_utf8(rest).is_err() {
                        return self.node_of_odd_letters(take);
                    }
                    partial.into_iter().for_each(&mut *take);
                    let ahead = ahead.saturating_sub(1);
                    self.fault(ahead, message, false);
                    self.at += ahead.max(1).min(rest_len(&self.data, self.at));
                    return Err(Stuck::Syntax);
                }
            }
        }
    }

    /// A value whose text is no UTF-8: read as windows-1252, as older tools write it.
    fn node_of_odd_letters(&mut self, take: &mut dyn FnMut(Node<'_>)) -> Result<(), Stuck> {
        self.encoding = self.encoding.or(Some("windows-1252 in part (not valid UTF-8)"));
        let start = self.at;
        let held = self.extent();
        let decoded = encoding_rs::WINDOWS_1252
            .decode_without_bom_handling(self.data.get(start..start + held).unwrap_or_default())
            .0;
        match json::parse(decoded.as_bytes()) {
            Ok((node, _)) => take(node),
            Err((error, partial)) => {
                partial.into_iter().for_each(take);
                let message = plain(&error);
                self.fault(0, message, false);
            }
        }
        self.at = start + held;
        Ok(())
    }

    /// Passes over a value that a limit keeps from being read, and says so.
    fn give_up_on_value(&mut self, why: String) -> Result<(), Stuck> {
        self.fault(0, format!("{why}; this element was not read to its end"), true);
        self.too_long = false;
        self.pass_by_brackets()
    }

    /// Length of the value that begins here, by its brackets alone, as far as it is held.
    fn extent(&mut self) -> usize {
        loop {
            let mut brackets = Brackets::default();
            if let Some(end) = brackets.end(self.rest()) {
                return end;
            }
            if !self.fill() {
                return self.rest().len();
            }
        }
    }

    /// Passes over a value without holding it.
    fn pass_by_brackets(&mut self) -> Result<(), Stuck> {
        let mut brackets = Brackets::default();
        loop {
            match brackets.end(self.rest()) {
                Some(end) => {
                    self.at += end;
                    return Ok(());
                }
                None => {
                    self.at = self.data.len();
                    if !self.fill() {
                        return Err(Stuck::Eof);
                    }
                }
            }
        }
    }

    /// Passes over a value, checked as JSON; its raw text is shown to `take`.
    fn raw(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Stuck> {
        loop {
            let rest = self.data.get(self.at..).unwrap_or_default();
            match json::pass(rest) {
                Ok(used) if used == rest.len() && self.reader.is_some() => {
                    if !self.fill() {
                        self.reader = None;
                    }
                }
                Ok(used) => {
                    take(rest.get(..used).unwrap_or_default());
                    self.at += used;
                    return Ok(());
                }
                Err(error) if error.is_eof() && self.reader.is_some() => {
                    if !self.fill() && self.too_long {
                        return self.give_up_on_value(format!("longer than {HELD} bytes"));
                    }
                }
                Err(error) if error.is_eof() => {
                    self.at = self.data.len();
                    return Err(Stuck::Eof);
                }
                Err(error) => {
                    let message = plain(&error);
                    if message.contains("recursion limit") {
                        return self.give_up_on_value(message);
                    }
                    // Letters that are no UTF-8 do not matter in what is passed over.
                    if message.contains("unicode code point") {
                        let held = self.extent();
                        take(self.data.get(self.at..self.at + held).unwrap_or_default());
                        self.at += held;
                        return Ok(());
                    }
                    let ahead = offset_of(rest, error.line(), error.column());
                    let ahead = ahead.saturating_sub(1);
                    self.fault(ahead, message, false);
                    self.at += ahead.max(1).min(rest_len(&self.data, self.at));
                    return Err(Stuck::Syntax);
                }
            }
        }
    }

    /// The elements of a list that begins here.
    fn items(&mut self, take: &mut dyn FnMut(Option<usize>, Node<'_>)) -> Result<(), Stuck> {
        if self.peek() != Some(b'[') {
            return self.node(&mut |node| {
                if node != Node::Null {
                    take(None, node);
                }
            });
        }
        self.at += 1;
        let (mut index, mut comma) = (0, true);
        loop {
            match self.peek() {
                None => return Err(Stuck::Eof),
                Some(b']') => {
                    if comma && index > 0 {
                        self.fault(0, "a comma in front of the end of a list", false);
                    }
                    self.at += 1;
                    return Ok(());
                }
                Some(b',') if !comma => {
                    self.at += 1;
                    comma = true;
                }
                Some(first) => {
                    if !comma || matches!(first, b',' | b'}' | b':') {
                        let what = if comma || first != b'{' { "unexpected" } else { "a comma is missing before" };
                        if !self.fault(0, format!("{what} {:?}", char::from(first)), false) {
                            return Err(Stuck::Syntax);
                        }
                        if matches!(first, b',' | b'}' | b':') {
                            self.at += 1;
                            continue;
                        }
                    }
                    match self.node(&mut |node| take(Some(index), node)) {
                        Ok(()) => {}
                        Err(Stuck::Eof) => return Err(Stuck::Eof),
                        Err(Stuck::Syntax) => self.next_element()?,
                    }
                    index += 1;
                    comma = false;
                }
            }
        }
    }

    /// After a break within a list: goes to the next object that looks like an element.
    fn next_element(&mut self) -> Result<(), Stuck> {
        if self.faults.len() >= FAULTS {
            return Err(Stuck::Syntax);
        }
        let mut looked = 0;
        for _ in 0..TRIES {
            let Some(next) = memchr::memchr(b'{', self.rest()) else {
                looked += self.rest().len();
                self.at = self.data.len();
                if looked < LOOKED_THROUGH && self.fill() {
                    continue;
                }
                return Err(Stuck::Syntax);
            };
            self.at += next;
            // Only what an element has at its beginning tells it from a part of one.
            let head = self.rest().get(..4096).unwrap_or(self.rest());
            match json::parse(head) {
                Ok((node, _)) if is_element(&node) => return Ok(()),
                Err((_, Some(node))) if is_element(&node) => return Ok(()),
                Err((error, _)) if error.is_eof() && head.len() < 4096 && self.reader.is_some() => {
                    if !self.fill() {
                        self.at += 1;
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(Stuck::Syntax)
    }

    /// After a break outside of a wanted list: goes to the next wanted list.
    fn next_list(&mut self, want: &dyn Fn(&str) -> Want) -> Option<String> {
        if self.faults.len() >= FAULTS {
            return None;
        }
        for _ in 0..TRIES {
            let Some(quote) = memchr::memchr(b'"', self.rest()) else {
                self.at = self.data.len();
                if self.fill() {
                    continue;
                }
                return None;
            };
            self.at += quote;
            let head = self.rest().get(1..).map(|rest| rest.get(..65).unwrap_or(rest)).unwrap_or_default();
            let key = head.iter().position(|b| *b == b'"').and_then(|end| head.get(..end));
            let key = key.and_then(|key| std::str::from_utf8(key).ok()).filter(|key| want(key) == Want::Items);
            if let Some(key) = key.map(str::to_owned) {
                self.at += key.len() + 2;
                if self.peek() == Some(b':') {
                    self.at += 1;
                    if self.peek() == Some(b'[') {
                        return Some(key);
                    }
                }
            } else {
                self.at += 1;
            }
        }
        None
    }

    /// Streams over the members of a top-level object. `take` gets the member's name, the index for an element of a
    /// list, and the node.
    pub fn members(
        &mut self,
        want: &dyn Fn(&str) -> Want,
        take: &mut dyn FnMut(&str, Option<usize>, Node<'_>),
    ) -> Outcome {
        let end = self.object(want, take);
        self.outcome(end)
    }

    fn object(&mut self, want: &dyn Fn(&str) -> Want, take: &mut dyn FnMut(&str, Option<usize>, Node<'_>)) -> End {
        match self.peek() {
            Some(b'{') => self.at += 1,
            Some(other) => {
                self.fault(0, format!("{:?} where an object begins", char::from(other)), false);
                return End::Broken;
            }
            None => return End::Truncated,
        }
        let mut comma = true;
        let mut resume: Option<String> = None;
        loop {
            let key = match resume.take() {
                Some(key) => key,
                None => match self.key(&mut comma) {
                    Ok(Some(key)) => key,
                    Ok(None) => break,
                    Err(Stuck::Eof) => return End::Truncated,
                    Err(Stuck::Syntax) => match self.next_list(want) {
                        Some(key) => key,
                        None => return End::Broken,
                    },
                },
            };
            let went = match want(&key) {
                Want::Stop => return End::Clean,
                Want::Skip => self.skip(),
                Want::Whole => self.node(&mut |node| take(&key, None, node)),
                Want::Items => self.items(&mut |index, node| take(&key, index, node)),
            };
            comma = false;
            match went {
                Ok(()) => {}
                Err(Stuck::Eof) => return End::Truncated,
                Err(Stuck::Syntax) => match self.next_list(want) {
                    Some(key) => resume = Some(key),
                    None => return End::Broken,
                },
            }
        }
        match self.peek() {
            None => End::Clean,
            Some(b'{' | b'[') => End::Another(self.offset()),
            Some(_) => End::Trailing(self.offset()),
        }
    }

    /// Passes over a value: a list element by element, so that nothing long is held.
    fn skip(&mut self) -> Result<(), Stuck> {
        if self.peek() != Some(b'[') {
            return self.raw(&mut |_| {});
        }
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Stuck::Eof),
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b',') => self.at += 1,
                Some(_) => self.raw(&mut |_| {})?,
            }
        }
    }

    /// The next member's name with its colon; nothing at the end of the object.
    fn key(&mut self, comma: &mut bool) -> Result<Option<String>, Stuck> {
        loop {
            match self.peek() {
                None => return Err(Stuck::Eof),
                Some(b'}') => {
                    self.at += 1;
                    return Ok(None);
                }
                Some(b',') if !*comma => {
                    self.at += 1;
                    *comma = true;
                }
                Some(b'"') => {
                    if !*comma {
                        self.fault(0, "a comma is missing", false);
                    }
                    break;
                }
                Some(other) => {
                    self.fault(0, format!("{:?} where a member's name belongs", char::from(other)), false);
                    self.at += 1;
                    return Err(Stuck::Syntax);
                }
            }
        }
        let mut key = None;
        self.node(&mut |node| key = node.text().map(str::to_owned))?;
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(other) => {
                self.fault(0, format!("{:?} where a colon belongs", char::from(other)), false);
                return Err(Stuck::Syntax);
            }
            None => return Err(Stuck::Eof),
        }
        if self.peek().is_none() {
            return Err(Stuck::Eof);
        }
        *comma = false;
        Ok(Some(key.unwrap_or_default()))
    }

    /// Every value from here on, as raw text with its number: documents that follow one another. A line that is no
    /// JSON is handed over as it stands.
    pub fn documents(&mut self, first: usize, take: &mut dyn FnMut(usize, &[u8])) {
        let mut number = first;
        while self.peek().is_some() && number < first + 1_000_000 {
            let start = self.offset();
            if self.raw(&mut |raw| take(number, raw)).is_err() {
                // Back to where it began, as far as that is still held, and on to the end of the line.
                let back = usize::try_from(self.offset() - start).unwrap_or(usize::MAX).min(self.at);
                self.at -= back;
                let end = memchr::memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
                take(number, self.rest().get(..end).unwrap_or_default());
                self.at += end.max(1).min(rest_len(&self.data, self.at));
            }
            number += 1;
        }
        self.faults.clear();
    }

    /// The elements of a top-level list, as raw text.
    pub fn elements(&mut self, take: &mut dyn FnMut(usize, &[u8])) -> Outcome {
        let end = self.raw_list(take);
        self.outcome(end)
    }

    fn raw_list(&mut self, take: &mut dyn FnMut(usize, &[u8])) -> End {
        if self.peek() != Some(b'[') {
            return End::Broken;
        }
        self.at += 1;
        let mut index = 0;
        loop {
            match self.peek() {
                None => return End::Truncated,
                Some(b']') => {
                    self.at += 1;
                    return if self.peek().is_none() { End::Clean } else { End::Trailing(self.offset()) };
                }
                Some(b',') => self.at += 1,
                Some(_) => {
                    match self.raw(&mut |raw| take(index, raw)) {
                        Ok(()) => {}
                        Err(Stuck::Eof) => return End::Truncated,
                        Err(Stuck::Syntax) => return End::Broken,
                    }
                    index += 1;
                }
            }
        }
    }

    /// The members of a top-level object, as raw text.
    pub fn raw_members(&mut self, take: &mut dyn FnMut(&str, &[u8])) -> Outcome {
        let end = 'end: {
            if self.peek() != Some(b'{') {
                break 'end End::Broken;
            }
            self.at += 1;
            let mut comma = true;
            loop {
                match self.key(&mut comma) {
                    Ok(Some(key)) => {
                        if self.raw(&mut |raw| take(&key, raw)).is_err() {
                            break 'end End::Broken;
                        }
                    }
                    Ok(None) => break,
                    Err(_) => break 'end End::Broken,
                }
            }
            match self.peek() {
                None => End::Clean,
                Some(b'{' | b'[') => End::Another(self.offset()),
                Some(_) => End::Trailing(self.offset()),
            }
        };
        self.outcome(end)
    }
}

fn rest_len(data: &[u8], at: usize) -> usize {
    data.len().saturating_sub(at)
}

/// What elements of SBOMs have and parts of them have not.
fn is_element(node: &Node<'_>) -> bool {
    let has = |key: &str| node.get(key).is_some();
    ["bom-ref", "SPDXID", "purl", "fileName", "spdxId", "packageFileName", "versionInfo"].iter().any(|k| has(k))
        || (has("name") && ["type", "version", "supplier", "group", "publisher", "licenses"].iter().any(|k| has(k)))
}

/// Follows strings and brackets through a text that comes in parts.
#[derive(Default)]
struct Brackets {
    depth: usize,
    begun: bool,
    string: bool,
    escape: bool,
}

impl Brackets {
    /// Where the value ends, if it does in this part.
    fn end(&mut self, part: &[u8]) -> Option<usize> {
        for (at, byte) in part.iter().enumerate() {
            if self.string {
                match byte {
                    _ if self.escape => self.escape = false,
                    b'\\' => self.escape = true,
                    b'"' => {
                        self.string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => (self.string, self.begun) = (true, true),
                b'{' | b'[' => {
                    self.depth += 1;
                    self.begun = true;
                }
                b'}' | b']' | b',' if self.depth == 0 => return Some(at),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// The message without its position, which the gap carries in its place.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(message, _)| message.to_owned())
}

/// The byte that a line and column of an error mean.
fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text).nth(nth).map_or(text.len(), |at| at + 1),
    };
    (start + column).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(key: &str) -> Want {
        match key {
            "list" => Want::Items,
            "one" => Want::Whole,
            "stop" => Want::Stop,
            _ => Want::Skip,
        }
    }

    /// What was seen, in memory; the same must be seen through a reader that gives a byte at a time.
    fn run(text: &str) -> (Vec<(String, Option<usize>)>, Outcome) {
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let n = 1.min(buffer.len()).min(self.0.len());
                buffer[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let through = |mut window: Window<'_>| {
            let mut seen = Vec::new();
            let outcome = window.members(&want, &mut |key, index, _| seen.push((key.to_owned(), index)));
            (seen, outcome)
        };
        let held = through(Window::over(text.as_bytes()));
        let read = through(Window::reading(Drip(text.as_bytes())));
        assert_eq!((&held.0, &held.1.end, &held.1.faults), (&read.0, &read.1.end, &read.1.faults), "{text}");
        held
    }

    fn list(indices: &[usize]) -> Vec<(String, Option<usize>)> {
        indices.iter().map(|i| ("list".to_owned(), Some(*i))).collect()
    }

    #[test]
    fn hands_over_what_stood_before_the_break() {
        let (seen, outcome) = run(r#"{"x":[{}],"list":[{"a":1},2,"#);
        assert_eq!(seen, list(&[0, 1]));
        assert_eq!(outcome.end, End::Truncated);
        let (seen, outcome) = run(r#"{"list":[{"a":1},{"b":{"c":2"#);
        assert_eq!((seen, outcome.end), (list(&[0, 1]), End::Truncated));
    }

    #[test]
    fn takes_odd_shapes_in_place_of_a_list() {
        assert_eq!(run(r#"{"list":null}"#).0, []);
        assert_eq!(run(r#"{"list":{"a":1}}"#).0, [("list".to_owned(), None)]);
        assert_eq!(run(r#"{"list":"x","one":7} tail"#).0.len(), 2);
        assert_eq!(run("{} \n").1.end, End::Clean);
        assert_eq!(run("{} }").1.end, End::Trailing(3));
        assert_eq!(run("{}\n{}").1.end, End::Another(3));
        assert_eq!(run(r#"{"stop":1,"list":[1]}"#).0, []);
    }

    #[test]
    fn goes_on_behind_a_break() {
        // A brace too many, one too few, a comma too few and too many, a quote missing.
        let (seen, outcome) = run(r#"{"list":[{"name":"a","type":"x"}},{"name":"b","type":"x"}],"one":1}"#);
        assert_eq!((seen.len(), outcome.faults.len(), outcome.end), (3, 1, End::Clean));
        let (seen, outcome) = run("{\"list\":[\n{\"name\":\"a\",\"type\":\"x\",\n{\"name\":\"b\",\"type\":\"x\"}]}");
        assert_eq!(seen, list(&[0, 1]));
        assert_eq!((outcome.faults[0].line, outcome.faults[0].column), (3, 1));
        let (seen, outcome) = run(r#"{"list":[{"name":"a"}{"name":"b"},]}"#);
        assert_eq!((seen, outcome.faults.len()), (list(&[0, 1]), 2));
        let (seen, outcome) = run(r#"{"other":{"a":tru},"list":[{"name":"a"}]}"#);
        assert_eq!((seen, outcome.faults.len()), (list(&[0]), 1));
    }

    #[test]
    fn nesting_costs_the_element() {
        let deep = format!(r#"{{"list":[{{"a":{}1{}}},{{"b":1}}]}}"#, "[".repeat(50_000), "]".repeat(50_000));
        let (seen, outcome) = run(&deep);
        assert_eq!(seen.last(), Some(&("list".to_owned(), Some(1))));
        assert!(outcome.faults[0].limit, "{:?}", outcome.faults);
        assert_eq!(outcome.end, End::Clean);
    }

    #[test]
    fn documents_that_follow_one_another() {
        let mut window = Window::over(b"{\"a\":1}\n{\"b\":2}\nnot json\n[3]\n");
        let outcome = window.members(&want, &mut |_, _, _| {});
        assert_eq!(outcome.end, End::Another(8));
        let mut seen = Vec::new();
        window.documents(2, &mut |number, raw| seen.push((number, String::from_utf8_lossy(raw).into_owned())));
        assert_eq!(seen, [(2, "{\"b\":2}".to_owned()), (3, "not json".to_owned()), (4, "[3]".to_owned())]);
    }

    #[test]
    fn any_encoding() {
        let mut seen = Vec::new();
        let utf16: Vec<u8> = r#"{"one":"ü"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for data in [utf16, b"{\"one\":\"\xfc\"}".to_vec(), "\u{feff}{\"one\":\"ü\"}".into()] {
            let outcome =
                Window::over(&data).members(&want, &mut |_, _, node| seen.push(node.text().unwrap().to_owned()));
            assert!(outcome.encoding.is_some());
        }
        assert_eq!(seen, ["ü", "ü", "ü"]);
    }
}
