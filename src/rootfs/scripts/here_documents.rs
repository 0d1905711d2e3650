//! Here-documents, taken out of a script before it is parsed.
//!
//! The parser loses its place, and the program with it, where a here-document begins in the middle of something else. So
//! each is put aside here, and what is parsed has a redirection from a file of a name that no script can write. Lines
//! keep their numbers. A document that nothing ends goes to the end of the script, as in the shell.
//!
//! Refused are documents inside of parameters, arithmetic and backquotes, and whatever looks like one in quotes.

/// What the name of a document's file begins with.
pub(super) const MARK: char = '\u{1}';

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HereDocument {
    pub(super) text: String,
    /// Whether what it says is expanded.
    pub(super) expands: bool,
}

/// What is open at a place of a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Parenthesis,
    Parameter,
    Arithmetic,
    DoubleQuote,
    Backquote,
}

/// A document of which the operator has been read.
struct Pending {
    number: usize,
    tag: String,
    strips_tabs: bool,
    /// How much was open around it.
    depth: usize,
}

struct Scanner<'text> {
    rest: &'text str,
    plain: String,
    open: Vec<Open>,
    pending: Vec<Pending>,
}

/// `text` without its here-documents, which are added to `documents`; the error says what is not understood. What has
/// [`MARK`] in it already, as the text of a substitution has whose document was taken out with the rest, keeps it.
pub(super) fn take_out(text: &str, documents: &mut Vec<HereDocument>) -> Result<String, String> {
    let mut scanner =
        Scanner { rest: text, plain: String::with_capacity(text.len()), open: Vec::new(), pending: Vec::new() };
    while let Some(letter) = scanner.rest.chars().next() {
        scanner.take(letter, documents)?;
    }
    if scanner.plain.contains("<<") {
        return Err("what looks like a here-document".to_owned());
    }
    Ok(scanner.plain)
}

impl Scanner<'_> {
    /// Copies `bytes` of what is left.
    fn copy(&mut self, bytes: usize) {
        let (copied, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.plain.push_str(copied);
        self.rest = rest;
    }

    /// Copies up to and with the first of `last` after `skipped` bytes; a backslash takes the letter after it along
    /// where `escapes`.
    fn copy_quoted(&mut self, skipped: usize, last: char, escapes: bool) {
        let mut letters = self.rest.char_indices().skip_while(|(at, _)| *at < skipped);
        let mut end = self.rest.len();
        while let Some((at, letter)) = letters.next() {
            if letter == last {
                end = at + letter.len_utf8();
                break;
            }
            if escapes && letter == '\\' {
                letters.next();
            }
        }
        self.copy(end);
    }

    fn take(&mut self, letter: char, documents: &mut Vec<HereDocument>) -> Result<(), String> {
        let top = self.open.last().copied();
        let in_quotes = top == Some(Open::DoubleQuote);
        let rest = self.rest;
        let follows = |text: &str| rest.starts_with(text);
        match letter {
            '\\' => {
                let escaped = self.rest.chars().nth(1).map_or(0, char::len_utf8);
                self.copy(1 + escaped);
            }
            '"' => {
                if in_quotes {
                    self.open.pop();
                } else {
                    self.open.push(Open::DoubleQuote);
                }
                self.copy(1);
            }
            '\'' if !(in_quotes || top == Some(Open::Parameter) && self.open.contains(&Open::DoubleQuote)) => {
                self.copy_quoted(1, '\'', false);
            }
            '$' if follows("$'") && !in_quotes => self.copy_quoted(2, '\'', true),
            '$' if follows("$((") => self.open_at(Open::Arithmetic, 3),
            '$' if follows("$[") => self.open_at(Open::Arithmetic, 2),
            '$' if follows("$(") => self.open_at(Open::Parenthesis, 2),
            '$' if follows("${") => self.open_at(Open::Parameter, 2),
            '`' => {
                match self.open.iter().rposition(|open| *open == Open::Backquote) {
                    Some(place) => self.open.truncate(place),
                    None => self.open.push(Open::Backquote),
                }
                self.copy(1);
            }
            _ if in_quotes => self.copy(letter.len_utf8()),
            '}' if top == Some(Open::Parameter) => self.close(1)?,
            ')' if top == Some(Open::Parenthesis) => self.close(1)?,
            ')' if top == Some(Open::Arithmetic) && follows("))") => self.close(2)?,
            ']' if top == Some(Open::Arithmetic) => self.close(1)?,
            '(' => self.open_at(Open::Parenthesis, 1),
            '#' if top != Some(Open::Parameter) && self.begins_word() => {
                // A comment goes, its line stays.
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = self.rest.get(end..).unwrap_or_default();
            }
            '<' if follows("<<") && !follows("<<<") => self.operator(documents)?,
            '\n' => {
                self.copy(1);
                self.bodies(documents);
            }
            letter => self.copy(letter.len_utf8()),
        }
        Ok(())
    }

    fn open_at(&mut self, open: Open, bytes: usize) {
        self.open.push(open);
        self.copy(bytes);
    }

    fn close(&mut self, bytes: usize) -> Result<(), String> {
        if self.pending.iter().any(|pending| pending.depth >= self.open.len()) {
            return Err("a here-document that begins where something ends".to_owned());
        }
        self.open.pop();
        self.copy(bytes);
        Ok(())
    }

    fn begins_word(&self) -> bool {
        self.plain.ends_with([' ', '\t', '\n', ';', '&', '|', '(', ')']) || self.plain.is_empty()
    }

    /// `<<` or `<<-` with its tag.
    fn operator(&mut self, documents: &mut Vec<HereDocument>) -> Result<(), String> {
        if self.open.iter().any(|open| *open != Open::Parenthesis && *open != Open::DoubleQuote) {
            return Err("a here-document in the middle of a word".to_owned());
        }
        let after = self.rest.get(2..).unwrap_or_default();
        let strips_tabs = after.starts_with('-');
        let after = after.strip_prefix('-').unwrap_or(after).trim_start_matches([' ', '\t']);
        let is_of_tag =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '!' | '+' | '@' | '%');
        let (tag, after, expands) = match after.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let (tag, after) = after.get(1..).and_then(|after| after.split_once(quote)).unwrap_or(("", ""));
                (tag, after, false)
            }
            Some('\\') => {
                let after = after.get(1..).unwrap_or_default();
                let (tag, after) = after.split_at(after.find(|letter| !is_of_tag(letter)).unwrap_or(after.len()));
                (tag, after, false)
            }
            _ => {
                let (tag, after) = after.split_at(after.find(|letter| !is_of_tag(letter)).unwrap_or(after.len()));
                (tag, after, true)
            }
        };
        let is_whole = after.chars().next().is_none_or(|letter| " \t\n;&|<>)".contains(letter));
        if tag.is_empty() || !is_whole || tag.contains(['\n', '\\', '$', '`']) {
            return Err("a here-document with such a tag".to_owned());
        }
        let number = documents.len();
        documents.push(HereDocument { text: String::new(), expands });
        self.pending.push(Pending { number, tag: tag.to_owned(), strips_tabs, depth: self.open.len() });
        self.plain.push_str(&format!("<{MARK}{number} "));
        self.rest = after;
        Ok(())
    }

    /// The documents whose operators stood on the line that has ended.
    fn bodies(&mut self, documents: &mut [HereDocument]) {
        for pending in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            while !self.rest.is_empty() {
                let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
                let is_ended = self.rest.len() > line.len();
                let stripped = if pending.strips_tabs { line.trim_start_matches('\t') } else { line };
                self.rest = rest;
                self.plain.push('\n');
                if stripped == pending.tag {
                    break;
                }
                body.push_str(stripped);
                body.push_str(if is_ended { "\n" } else { "" });
            }
            if let Some(document) = documents.get_mut(pending.number) {
                document.text = body;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The script that is parsed, its mark as `@`, and the documents.
    fn taken(text: &str) -> Result<(String, Vec<(String, bool)>), String> {
        let mut documents = Vec::new();
        let plain = take_out(text, &mut documents)?.replace(MARK, "@");
        Ok((plain, documents.into_iter().map(|document| (document.text, document.expands)).collect()))
    }

    #[test]
    fn documents_are_put_aside() {
        for (text, plain, documents) in [
            ("cat <<A >f\nx '\nA\necho\n", "cat <@0  >f\n\n\necho\n", &[("x '\n", true)][..]),
            (
                "cat <<'A B'; cat <<-C\n$x\nA B\n\ty\n\tC\n",
                "cat <@0 ; cat <@1 \n\n\n\n\n",
                &[("$x\n", false), ("y\n", true)],
            ),
            ("x=\"$(cat <<A\n\"\nA\n)\"", "x=\"$(cat <@0 \n\n\n)\"", &[("\"\n", true)]),
            ("cat <<A\nx\nA ", "cat <@0 \n\n\n", &[("x\nA ", true)]),
            ("cat << \\A\n\nA\n", "cat <@0 \n\n\n", &[("\n", false)]),
            ("echo a # cat <<A\necho '#' ${#x} a#b\n", "echo a \necho '#' ${#x} a#b\n", &[]),
            ("cat 3<<A\nA", "cat 3<@0 \n\n", &[("", true)]),
            ("case a in a) cat <<A;; esac\n)\nA\n", "case a in a) cat <@0 ;; esac\n\n\n", &[(")\n", true)]),
        ] {
            let documents = documents.iter().map(|(text, expands)| ((*text).to_owned(), *expands)).collect();
            assert_eq!(taken(text), Ok((plain.to_owned(), documents)), "{text}");
        }
    }

    #[test]
    fn what_the_parser_would_stumble_over_is_refused() {
        for text in [
            "echo \"<<A\"",
            "echo '<<'",
            "echo $((1<<2))",
            "echo ${x%<<A\n}\nA\n",
            "echo `cat <<A\nA\n`",
            "x=$(cat <<A)\nA\n",
            "cat <<$x\n",
            "cat <<a\"b\"\n",
            "cat <<< x",
        ] {
            assert!(taken(text).is_err(), "{text}");
        }
    }
}
