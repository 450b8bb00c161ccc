//! A stream over the top level of a JSON document, in memory or on disk, one element at a time.
//!
//! In: bytes. Out: nodes, each handed over and forgotten, and the places where the text is broken. Memory is
//! bounded by the largest element, not by the document. A break costs the element it stands in: what stood before it
//! is kept, and the stream goes on at the next element that makes sense.

mod resume;
mod window;

use super::json::Node;
pub(super) use window::Window;
use window::{Stuck, rest_len};

/// Broken places told of one document; beyond, it is given up.
const FAULTS: usize = 100;
/// Bytes handed on of a member that is broken.
const REST: usize = 16 << 20;

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

impl Window<'_> {
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
                        Err(Stuck::Syntax) => {
                            // It stands at an element: the comma in front of that was passed over.
                            self.next_element()?;
                            index += 1;
                            comma = true;
                            continue;
                        }
                    }
                    index += 1;
                    comma = false;
                }
            }
        }
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
        while self.peek().is_some() {
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
                    if let Err(stuck) = self.raw(&mut |raw| take(index, raw)) {
                        take(index, self.data.get(self.start..).unwrap_or_default());
                        return if matches!(stuck, Stuck::Eof) { End::Truncated } else { End::Broken };
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
                        if let Err(stuck) = self.raw(&mut |raw| take(&key, raw)) {
                            // What is there of the member may hold whole elements: its reader salvages them.
                            while self.data.len() - self.start < REST && self.fill_behind() {}
                            take(&key, self.data.get(self.start..).unwrap_or_default());
                            break 'end if matches!(stuck, Stuck::Eof) { End::Truncated } else { End::Broken };
                        }
                    }
                    Ok(None) => break,
                    Err(Stuck::Eof) => break 'end End::Truncated,
                    Err(Stuck::Syntax) => break 'end End::Broken,
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

#[cfg(test)]
mod tests {
    use std::io::Read;

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
