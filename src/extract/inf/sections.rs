//! The text of an INF as setup reads it: sections of lines, remarks, joined lines, quotes, `%tokens%`.
//!
//! In: decoded text. Out: [`Sections`], values, texts filled in. Must not know: what any section is for.

use std::collections::HashMap;

use crate::fact::cut;

/// Lines read.
pub(super) const LINES: usize = 500_000;
/// Bytes kept of one value.
pub(super) const VALUE: usize = 4096;
/// String tables read; Windows knows fewer languages.
pub(super) const TABLES: usize = 100;

/// A line of a section: `key = value`, or a value alone.
pub(super) struct Line {
    pub key: String,
    pub value: String,
}

/// The sections by their names in lower case; sections of one name are one.
pub(super) type Sections = HashMap<String, Vec<Line>>;

/// Reads sections. Remarks are left out, lines that end with `\` are joined.
pub(super) fn sections(text: &str) -> (Sections, bool) {
    let mut sections = Sections::new();
    let mut current = String::new();
    let mut joined = String::new();
    let mut lines = text.lines();
    for line in lines.by_ref().take(LINES) {
        let line = without_remark(line).trim();
        if let Some(part) = line.strip_suffix('\\')
            && joined.len() < 64 * VALUE
            // A folder at the end of a line is no continuation.
            && !part.ends_with('\\')
        {
            joined.push_str(part);
            continue;
        }
        joined.push_str(line);
        let line = std::mem::take(&mut joined);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = cut(name.trim(), VALUE).to_ascii_lowercase();
            continue;
        }
        if line.is_empty() || current.is_empty() {
            continue;
        }
        let (key, value) = match split_key(&line) {
            Some((key, value)) => (unquoted(key).to_owned(), value.trim().to_owned()),
            None => (String::new(), line),
        };
        sections.entry(current.clone()).or_default().push(Line { key, value });
    }
    (sections, lines.next().is_none())
}

/// The text in front of a `;` that stands outside quotes.
fn without_remark(line: &str) -> &str {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => return line.get(..at).unwrap_or(line),
            _ => {}
        }
    }
    line
}

fn split_key(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'=' if !quoted => return Some((line.get(..at)?, line.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// A value without the quotes round it.
pub(super) fn unquoted(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('"').map_or(value, |rest| rest.strip_suffix('"').unwrap_or(rest)).trim()
}

/// The values of a line, which commas part.
pub(super) fn values(line: &str) -> Vec<&str> {
    let (mut found, mut from, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                found.push(line.get(from..at).unwrap_or_default().trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(line.get(from..).unwrap_or_default().trim());
    found
}

/// The string tables: the neutral one first, then one for each language; and whether there are more than are read.
pub(super) fn tables(sections: &Sections) -> (Vec<HashMap<String, &str>>, bool) {
    let mut names: Vec<&String> = sections.keys().filter(|n| *n == "strings" || n.starts_with("strings.")).collect();
    names.sort();
    let table = |name: &String| {
        let lines = sections.get(name).into_iter().flatten();
        lines.map(|line| (line.key.to_ascii_lowercase(), unquoted(&line.value))).collect()
    };
    let more = names.len() > TABLES;
    (names.into_iter().take(TABLES).map(table).collect(), more)
}

/// The string a text is in one language; what no table knows stays as it is.
pub(super) fn fill(text: &str, tables: &[&HashMap<String, &str>]) -> String {
    let text = unquoted(text);
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        out.push_str(before);
        let Some((token, after)) = behind.split_once('%') else {
            out.push('%');
            rest = behind;
            continue;
        };
        let key = token.to_ascii_lowercase();
        match tables.iter().find_map(|table| table.get(&key)) {
            // A table doubles its percent signs, too.
            Some(value) => out.push_str(&cut(value, VALUE).replace("%%", "%")),
            None if token.is_empty() => out.push('%'),
            None => {
                out.push('%');
                out.push_str(token);
                out.push('%');
            }
        }
        rest = after;
        if out.len() > VALUE {
            break;
        }
    }
    out.push_str(rest);
    cut(out.trim(), VALUE).to_owned()
}
