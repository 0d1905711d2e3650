//! How deep a script nests, told before it is parsed.
//!
//! The parser recurses, and for a `case` inside a `case` that does not end it takes twice the time for each. No install
//! script nests more than a few levels, so one that nests beyond all reason is not parsed at all. What is counted here
//! is what opens and is not yet closed; quoted text and comments do not count.

/// Levels of any kind.
const DEEPEST: usize = 32;
/// Levels of `case`.
const DEEPEST_CASE: usize = 8;
/// Operators in one `[[`, each of which the parser goes down for.
const MOST_OPERATORS: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Parenthesis,
    Brace,
    Backquote,
    DoubleQuote,
    Case,
    /// `if`, `while`, `until`, `for`.
    Word,
}

/// Whether `text` nests deeper than it is safe to parse.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut open: Vec<Open> = Vec::new();
    let mut letters = text.chars().peekable();
    let mut word = String::new();
    let mut before = '\n';
    // Operators since `[[`, where it is open.
    let mut operators = None;
    while let Some(letter) = letters.next() {
        let last = std::mem::replace(&mut before, letter);
        let top = open.last().copied();
        if top == Some(Open::DoubleQuote) {
            match letter {
                '"' => _ = open.pop(),
                '\\' => _ = letters.next(),
                '$' if letters.peek() == Some(&'(') => {
                    letters.next();
                    open.push(Open::Parenthesis);
                }
                '$' if letters.peek() == Some(&'{') => {
                    letters.next();
                    open.push(Open::Brace);
                }
                '`' => backquote(&mut open),
                _ => {}
            }
        } else if letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | '=') {
            word.push(letter);
            if letters.peek().is_some() {
                continue;
            }
        } else {
            match letter {
                // In `$#` and `${#name}` it begins no comment.
                '#' if last.is_whitespace() || ";&|()".contains(last) => {
                    while letters.next_if(|next| *next != '\n').is_some() {}
                }
                // Inside of double quotes it is a letter, also in a parameter there.
                '\'' if !(top == Some(Open::Brace) && open.contains(&Open::DoubleQuote)) => {
                    letters.by_ref().find(|next| *next == '\'');
                }
                '\\' => _ = letters.next(),
                '"' => open.push(Open::DoubleQuote),
                '`' => backquote(&mut open),
                '(' => open.push(Open::Parenthesis),
                '{' => open.push(Open::Brace),
                // A `)` that closes nothing ends the pattern of a case.
                '[' if last == '[' => operators = Some(0),
                ']' if last == ']' => operators = None,
                '!' | '&' | '|' => operators = operators.map(|count: usize| count + 1),
                ')' if top == Some(Open::Parenthesis) => _ = open.pop(),
                '}' if top == Some(Open::Brace) => _ = open.pop(),
                _ => {}
            }
        }
        match (word.as_str(), top) {
            ("case", _) => open.push(Open::Case),
            ("if" | "while" | "until" | "for", _) => open.push(Open::Word),
            ("esac", Some(Open::Case)) | ("fi" | "done", Some(Open::Word)) => _ = open.pop(),
            _ => {}
        }
        word.clear();
        let cases = open.iter().filter(|open| **open == Open::Case).count();
        if open.len() > DEEPEST || cases > DEEPEST_CASE || operators.is_some_and(|count| count > MOST_OPERATORS) {
            return true;
        }
    }
    false
}

fn backquote(open: &mut Vec<Open>) {
    match open.iter().rposition(|open| *open == Open::Backquote) {
        Some(place) => open.truncate(place),
        None => open.push(Open::Backquote),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_script_does_is_too_deep() {
        let long = "if [ -e \"$(dirname \"${1:-x}\")\" ]; then\n\tcase $x in (a) echo ')';; b) (true);; esac\nfi # in this case\n";
        for (text, expected) in [
            (long.repeat(500), false),
            ("echo \"(\" '{' \\( # ((((\n".repeat(500), false),
            ("for i in a; do while :; do `echo x`; done; done\n".repeat(500), false),
            ("(".repeat(33), true),
            ("echo \"$(".repeat(20), true),
            ("echo ${a:-".repeat(40), true),
            ("case x in x) ".repeat(9), true),
            ("echo ')'; ( ".repeat(40), true),
            ("if true; then ".repeat(40), true),
        ] {
            assert_eq!(is_too_deep(&text), expected, "{}", text.get(..40).unwrap_or(&text));
        }
    }
}
