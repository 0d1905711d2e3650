//! What may go to a terminal: names and texts from recipes, packages and images may hold control characters, which
//! would move the cursor, set the title or hide what follows. They are shown as what they are.

use std::borrow::Cow;

/// `text` with its control characters as `\u{1b}`, but for line breaks and tabs. With `keeps_color`, colours stay:
/// those are this program's own then.
pub(super) fn printable(text: &str, keeps_color: bool) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(is_unfit) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let color = if keeps_color { color_length(from) } else { 0 };
        let length = if color > 0 { color } else { from.chars().next().map_or(0, char::len_utf8) };
        let (taken, after) = from.split_at(length);
        if color > 0 {
            shown.push_str(taken);
        } else {
            shown.extend(taken.chars().flat_map(char::escape_unicode));
        }
        rest = after;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// `text` on one line: line breaks and tabs as `\n` and `\t`, and all else as [`printable`] has it. For names, which could
/// otherwise add a line to a listing that nobody wrote.
pub(super) fn on_one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\t']) {
        Cow::Owned(printable(&text.replace('\n', "\\n").replace('\t', "\\t"), false).into_owned())
    } else {
        printable(text, false)
    }
}

/// `lines` below one another, each [`on_one_line`].
pub(super) fn listing(lines: &[String]) -> String {
    let lines: Vec<Cow<'_, str>> = lines.iter().map(|line| on_one_line(line)).collect();
    lines.join("\n")
}

/// Control characters, separators of lines, and those that turn the direction of what follows.
fn is_unfit(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t'))
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How long the colour is that `text` begins with, `ESC [ NUMBERS m` (ECMA-48, SGR); 0 where it begins with none.
fn color_length(text: &str) -> usize {
    let Some(numbers) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = numbers.find(|letter: char| !matches!(letter, '0'..='9' | ';')).unwrap_or(numbers.len());
    if numbers.get(end..).is_some_and(|rest| rest.starts_with('m')) { end + 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{listing, printable};

    #[test]
    fn a_name_adds_no_line() {
        let lines = ["/a\n/b\tc".to_owned(), "/\u{200f}d\u{202e}e\u{2028}".to_owned()];
        assert_eq!(listing(&lines), "/a\\n/b\\tc\n/\\u{200f}d\\u{202e}e\\u{2028}");
    }

    #[test]
    fn only_text_and_colors_get_through() {
        for (text, plain, colored) in [
            ("größe\n\ta", "größe\n\ta", "größe\n\ta"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\\u{1b}[1;31mred\\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\u{8}c\u{9b}2Jd\u{7f}", "a\\u{d}b\\u{8}c\\u{9b}2Jd\\u{7f}", "a\\u{d}b\\u{8}c\\u{9b}2Jd\\u{7f}"),
            ("\u{1b}[2J\u{202e}x", "\\u{1b}[2J\\u{202e}x", "\\u{1b}[2J\\u{202e}x"),
            ("\u{1b}[1", "\\u{1b}[1", "\\u{1b}[1"),
            ("\u{1b}", "\\u{1b}", "\\u{1b}"),
        ] {
            assert_eq!(printable(text, false), plain);
            assert_eq!(printable(text, true), colored);
        }
    }
}
