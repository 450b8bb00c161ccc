//! Untrusted text made harmless, one function a medium.
//!
//! In: text from a scanned file. Out: text that cannot act in the medium it is shown in.

use std::borrow::Cow;
use std::fmt::Write as _;

/// For a terminal: no control character, no escape sequence, no direction override, no line break.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if acts(letter) {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(letter));
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

/// For a line or a cell of Markdown: nothing that formats, links or breaks out, and nothing that acts on a terminal.
#[must_use]
pub(super) fn markdown(text: &str) -> Cow<'_, str> {
    const MARKS: &[char] = &['\\', '`', '*', '_', '{', '}', '[', ']', '<', '>', '(', ')', '#', '!', '|', '&', '~', '$'];
    let safe = terminal(text);
    if !safe.contains(MARKS) {
        return safe;
    }
    let mut marked = String::with_capacity(safe.len() + 8);
    for letter in safe.chars() {
        if MARKS.contains(&letter) {
            marked.push('\\');
        }
        marked.push(letter);
    }
    Cow::Owned(marked)
}

/// Characters that do something instead of showing something.
pub(super) fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' |
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Cut to at most `most` characters.
pub(super) fn short(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts() {
        assert_eq!(terminal("Acme © Ünïcode 中文"), "Acme © Ünïcode 中文");
        assert_eq!(terminal("a\u{1b}[31mb\r\nc\u{202e}d\u{7f}\u{9b}"), r"a\u{1b}[31mb\u{d}\u{a}c\u{202e}d\u{7f}\u{9b}");
        assert_eq!(markdown("a|b](x)<i>\n"), r"a\|b\]\(x\)\<i\>\\u\{a\}");
        assert_eq!(markdown("plain text 1.2-3"), "plain text 1.2-3");
        assert_eq!(short("abcdef", 3), "abc…");
        assert_eq!(short("abc", 3), "abc");
    }
}
