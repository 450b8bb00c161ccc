//! JSON by the schema `docs/report.schema.json`.
//!
//! In: a report. Out: pretty-printed JSON with a newline at its end; the schema itself. Characters that would act
//! on a terminal are written as escapes, which read back as the same text.

use std::io::{self, Write};

use super::Report;
use super::escape::acts;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(report)?;
    let mut plain = 0;
    for (at, letter) in text.char_indices().filter(|(_, c)| *c != '\n' && acts(*c)) {
        out.write_all(text.get(plain..at).unwrap_or_default().as_bytes())?;
        for unit in letter.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        plain = at + letter.len_utf8();
    }
    out.write_all(text.get(plain..).unwrap_or_default().as_bytes())?;
    writeln!(out)
}

/// The JSON Schema (2020-12) of the report, generated from the types.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    serde_json::to_string_pretty(&schema).map(|text| text + "\n").unwrap_or_default()
}
