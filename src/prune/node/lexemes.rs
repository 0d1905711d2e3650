//! How long the parts of a JavaScript source are that have no structure of their own, as the parser takes them.

/// How long the white space at the beginning of `text` is, and whether it ends a line; of one character at most.
pub(super) fn blank(text: &[u8]) -> Option<(usize, bool)> {
    match *text.first()? {
        b' ' | b'\t' | 0x0b | 0x0c => Some((1, false)),
        b'\n' | b'\r' => Some((1, true)),
        0..0x80 => None,
        _ => match text {
            [0xe2, 0x80, 0xa8 | 0xa9, ..] => Some((3, true)),
            [0xc2, 0x85 | 0xa0, ..] => Some((2, false)),
            [0xe1, 0x9a, 0x80, ..]
            | [0xe1, 0xa0, 0x8e, ..]
            | [0xe2, 0x80, 0x80..=0x8b | 0xaf, ..]
            | [0xe2, 0x81, 0x9f, ..]
            | [0xe3, 0x80, 0x80, ..]
            | [0xef, 0xbb, 0xbf, ..] => Some((3, false)),
            _ => None,
        },
    }
}

/// Whether a line ends at the beginning of `text`.
fn is_line_end(text: &[u8]) -> bool {
    matches!(text, [b'\n' | b'\r', ..] | [0xe2, 0x80, 0xa8 | 0xa9, ..])
}

/// How long the name or number at the beginning of `text` is; those beyond ASCII too.
pub(super) fn word(text: &[u8]) -> usize {
    let is_word = |at: usize, byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'$' | b'#' | b'@')
            || (byte >= 0x80 && text.get(at..).and_then(blank).is_none())
    };
    text.iter().enumerate().position(|(at, byte)| !is_word(at, *byte)).unwrap_or(text.len())
}

/// How long the comment at the beginning of `text` is: up to `*/` where it begins with `/*`, else to the end of the
/// line.
pub(super) fn comment(text: &[u8]) -> usize {
    if text.starts_with(b"/*") {
        return memchr::memmem::find(text.get(2..).unwrap_or_default(), b"*/").map_or(text.len(), |end| end + 4);
    }
    line_end(text).unwrap_or(text.len())
}

/// Whether a line ends within `text`.
pub(super) fn has_line_end(text: &[u8]) -> bool {
    line_end(text).is_some()
}

/// Where the first line of `text` ends.
fn line_end(text: &[u8]) -> Option<usize> {
    memchr::memchr3_iter(b'\n', b'\r', 0xe2, text).find(|at| text.get(*at..).is_some_and(is_line_end))
}

/// How long the string at the beginning of `text` is, quotes included; `None` where it does not end on its line.
pub(super) fn string(text: &[u8]) -> Option<usize> {
    let quote = *text.first()?;
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'\\' if text.get(at + 1..).is_some_and(|rest| rest.starts_with(b"\r\n")) => at += 2,
            b'\\' => at += 1,
            b'\n' | b'\r' => return None,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// How long the text of a template is, up to and with what ends it: a backquote or `${`.
pub(super) fn template(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'`' => return at + 1,
            b'$' if text.get(at + 1) == Some(&b'{') => return at + 2,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// How long the regular expression at the beginning of `text` is, without its flags, which are a word of their own;
/// `None` where it does not end on its line.
pub(super) fn regular_expression(text: &[u8]) -> Option<usize> {
    let (mut at, mut in_class, mut is_escaped) = (1, false, false);
    loop {
        let byte = *text.get(at)?;
        if text.get(at..).is_some_and(is_line_end) {
            return None;
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}
