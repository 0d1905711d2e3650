//! Which texts look like names.

use super::super::inventory::extension;

/// Whether `text` is a Python name in ASCII.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `text` could name a module (`a.b`, `a.b:c`, `a`), a file or a library.
pub(super) fn is_text_of_interest(text: &str) -> bool {
    text.starts_with('/')
        || text.contains(".so")
        || text.split(['.', ':']).all(|part| is_identifier(part) || part.is_empty()) && !text.is_empty()
        || (text.contains('/') && !text.contains(' '))
        || extension(text) == Some("py")
        || is_codec(text)
}

/// Whether `text` could name a codec in a spelling that is no identifier: `iso-2022-jp`.
fn is_codec(text: &str) -> bool {
    text.len() < 24
        && text.contains('-')
        && ["big", "cp", "euc", "gb", "hz", "iso", "ks", "ms", "shift"]
            .iter()
            .any(|head| text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head)))
}
