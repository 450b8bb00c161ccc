//! Paragraphs of `Key: value` lines, as Debian's tools write them.
//!
//! In: text. Out: one [`Paragraph`] after the other. Must not know: what any key means.

/// Fields of one paragraph; real ones have some thirty.
const FIELDS: usize = 1000;
/// Lines that go on with a field; lists of settings have some hundred.
const LINES: usize = 100_000;

/// A field with the lines that go on with it.
struct Field<'t> {
    key: &'t str,
    value: &'t str,
    lines: Vec<&'t str>,
}

/// Fields up to an empty line.
#[derive(Default)]
pub(super) struct Paragraph<'t> {
    fields: Vec<Field<'t>>,
    lines: usize,
    /// More was written than is taken.
    pub more: bool,
}

impl<'t> Paragraph<'t> {
    /// The value of a field, as it stands on the line of its key.
    pub fn get(&self, key: &str) -> Option<&'t str> {
        self.field(key).map(|f| f.value).filter(|value| !value.is_empty())
    }

    /// The lines that go on with a field.
    pub fn lines(&self, key: &str) -> &[&'t str] {
        self.field(key).map_or(&[], |f| f.lines.as_slice())
    }

    fn field(&self, key: &str) -> Option<&Field<'t>> {
        self.fields.iter().find(|f| f.key.eq_ignore_ascii_case(key))
    }

    fn take(&mut self, line: &'t str) {
        if line.starts_with([' ', '\t']) {
            self.lines += 1;
            match self.fields.last_mut().filter(|_| self.lines <= LINES) {
                Some(field) => field.lines.push(line.trim()),
                None => self.more |= self.lines > LINES,
            }
        } else if let Some((key, value)) = line.split_once(':').filter(|(key, _)| !key.contains(' ')) {
            if self.fields.len() < FIELDS {
                self.fields.push(Field { key, value: value.trim(), lines: Vec::new() });
            } else {
                self.more = true;
            }
        }
    }
}

/// Hands over one paragraph after the other until `take` says that it is enough.
pub(super) fn paragraphs<'t>(text: &'t str, take: &mut dyn FnMut(&Paragraph<'t>) -> bool) {
    let mut current = Paragraph::default();
    for line in text.lines().chain(std::iter::once("")) {
        if !line.trim_end().is_empty() {
            // Remarks stand on lines of their own.
            if !line.starts_with('#') {
                current.take(line);
            }
            continue;
        }
        if !current.fields.is_empty() && !take(&std::mem::take(&mut current)) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_at_an_empty_line() {
        let text = "Package: a\nConffiles:\n /etc/a 00\n /etc/b 11\n\n\nPackage: b\r\nX-Y:z\r\n";
        let mut seen = Vec::new();
        paragraphs(text, &mut |p| {
            seen.push((p.get("package").unwrap_or_default().to_owned(), p.lines("Conffiles").len(), p.get("X-Y")));
            true
        });
        assert_eq!(seen, [("a".to_owned(), 2, None), ("b".to_owned(), 0, Some("z"))]);
    }

    #[test]
    fn long_paragraphs_are_cut() {
        let mut more = 0;
        for text in ["a:\n".repeat(FIELDS + 1), format!("a:\n{}", " x\n".repeat(LINES + 1))] {
            paragraphs(&text, &mut |p| {
                more += usize::from(p.more);
                true
            });
        }
        assert_eq!(more, 2);
    }
}
