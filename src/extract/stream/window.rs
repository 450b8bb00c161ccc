//! A part of a text that is held, and the way to more of it; values at its start.
//!
//! In: bytes or a reader. Out: one value after the other, each handed over and forgotten. What is held doubles while
//! one value needs it, up to a bound.

use std::borrow::Cow;
use std::io::Read;

use super::super::json::{self, Node};
use super::super::text;
use super::resume::Brackets;
use super::{End, FAULTS, Fault, Outcome};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// The longest element or member held at one time.
const HELD: usize = 256 << 20;

/// A part of the text that is held, and the way to more of it.
pub(in super::super) struct Window<'d> {
    pub(super) data: Cow<'d, [u8]>,
    pub(super) at: usize,
    /// Where the last value began that could not be passed over.
    pub(super) start: usize,
    pub(super) reader: Option<Box<dyn Read + 'd>>,
    /// Bytes and line ends in front of `data`, and bytes since the last line end.
    before: u64,
    lines: usize,
    column: usize,
    encoding: Option<&'static str>,
    pub(super) faults: Vec<Fault>,
    /// Set when an element was longer than what is held.
    too_long: bool,
}

/// Why a value could not be read.
pub(super) enum Stuck {
    Eof,
    Syntax,
}

impl<'d> Window<'d> {
    /// Over bytes at hand, in any encoding.
    pub(in super::super) fn over(data: &'d [u8]) -> Window<'d> {
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
    pub(in super::super) fn owned(data: &[u8]) -> Window<'static> {
        let (text, encoding) = text::decode(data);
        Window::new(Cow::Owned(text.into_owned().into_bytes()), None, encoding)
    }

    /// Over what a reader gives. It must be UTF-8; a byte-order mark is passed over.
    pub(in super::super) fn reading(reader: impl Read + 'd) -> Window<'d> {
        let mut window = Window::new(Cow::Owned(Vec::new()), Some(Box::new(reader)), None);
        window.fill();
        if window.data.starts_with(b"\xef\xbb\xbf") {
            window.at = 3;
            window.encoding = Some("UTF-8 with a byte-order mark");
        }
        window
    }

    fn new(data: Cow<'d, [u8]>, reader: Option<Box<dyn Read + 'd>>, encoding: Option<&'static str>) -> Window<'d> {
        Window {
            data,
            at: 0,
            start: 0,
            reader,
            before: 0,
            lines: 0,
            column: 0,
            encoding,
            faults: Vec::new(),
            too_long: false,
        }
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// The byte that comes next, from the start of the text.
    pub(in super::super) fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Reads more; what was consumed is let go. False at the end.
    pub(super) fn fill(&mut self) -> bool {
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

    /// Reads more and keeps what is held from `start` on.
    pub(super) fn fill_behind(&mut self) -> bool {
        let ahead = self.at - self.start.min(self.at);
        self.at -= ahead;
        let more = self.fill();
        self.start = self.at;
        self.at += ahead;
        more
    }

    /// The next byte that is no white space, not consumed.
    pub(super) fn peek(&mut self) -> Option<u8> {
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
    pub(super) fn place(&self, ahead: usize) -> (usize, usize) {
        let seen = self.data.get(..self.at + ahead).unwrap_or(&self.data);
        let line = self.lines + memchr::memchr_iter(b'\n', seen).count() + 1;
        let column = match memchr::memrchr(b'\n', seen) {
            Some(last) => seen.len() - last,
            None => self.column + seen.len() + 1,
        };
        (line, column)
    }

    pub(super) fn outcome(&mut self, end: End) -> Outcome {
        Outcome { end, faults: std::mem::take(&mut self.faults), at: self.place(0), encoding: self.encoding }
    }

    /// Notes a broken place `ahead` bytes from here. False when there are too many.
    pub(super) fn fault(&mut self, ahead: usize, why: impl Into<String>, limit: bool) -> bool {
        let (line, column) = self.place(ahead);
        self.faults.push(Fault { line, column, why: why.into(), limit });
        self.faults.len() < FAULTS
    }

    /// One value as a node. On a break, what stood before it is handed over, too.
    pub(super) fn node(&mut self, take: &mut dyn FnMut(Node<'_>)) -> Result<(), Stuck> {
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
        // The window may move while it looks for the end.
        let held = self.extent();
        let start = self.at;
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
    pub(super) fn extent(&mut self) -> usize {
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
    pub(super) fn pass_by_brackets(&mut self) -> Result<(), Stuck> {
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
    pub(super) fn raw(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Stuck> {
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
                    self.start = self.at;
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
                    self.start = self.at;
                    self.at += ahead.max(1).min(rest_len(&self.data, self.at));
                    return Err(Stuck::Syntax);
                }
            }
        }
    }
}

pub(super) fn rest_len(data: &[u8], at: usize) -> usize {
    data.len().saturating_sub(at)
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
