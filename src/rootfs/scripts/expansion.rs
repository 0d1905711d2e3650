//! Words: quoting, parameters, substitutions, splitting into fields, file name patterns (POSIX shell, section 2.6).

use brush_parser::ast::{IoHereDocument, Word};
use brush_parser::word::{self, WordPiece, WordPieceWithSource};

use super::super::glob::Pattern;
use super::access::join;
use super::shell::{Flow, Shell, give_up, unknown};

/// Bytes of the longest text that is expanded; a system's limit for arguments is not much more.
const LONGEST: usize = 1 << 20;

/// A letter, and whether it was quoted.
pub(super) type Letter = (char, bool);

/// The fields that a word has become so far.
#[derive(Default)]
pub(super) struct Fields {
    done: Vec<Vec<Letter>>,
    current: Option<Vec<Letter>>,
}

impl Fields {
    /// Something quoted was here, so the field counts even if it is empty.
    fn begin(&mut self) -> &mut Vec<Letter> {
        self.current.get_or_insert_default()
    }

    pub(super) fn push(&mut self, text: &str, quoted: bool) {
        if quoted || !text.is_empty() {
            self.begin().extend(text.chars().map(|letter| (letter, quoted)));
        }
    }

    fn end(&mut self) {
        self.done.extend(self.current.take());
    }

    /// An unquoted value: white space separates fields.
    pub(super) fn push_split(&mut self, value: &str) {
        for letter in value.chars() {
            if matches!(letter, ' ' | '\t' | '\n') {
                self.end();
            } else {
                self.begin().push((letter, false));
            }
        }
    }

    /// `$@` in quotes: each a field of its own, the first and last joined to what stands beside them.
    pub(super) fn push_each(&mut self, values: &[String]) {
        for (number, value) in values.iter().enumerate() {
            if number > 0 {
                self.end();
            }
            self.push(value, true);
        }
    }
}

impl Shell<'_> {
    /// The fields of some words.
    pub(super) fn expand_words<'word>(&mut self, words: impl IntoIterator<Item = &'word Word>) -> Flow<Vec<String>> {
        let mut expanded = Vec::new();
        for word in words {
            let mut fields = Fields::default();
            self.expand_into(&pieces(&word.value)?, false, &mut fields)?;
            fields.end();
            for field in fields.done {
                self.expand_names(&field, &mut expanded);
            }
            if expanded.iter().map(String::len).sum::<usize>() > LONGEST {
                return give_up("its words grow without end");
            }
        }
        Ok(expanded)
    }

    /// A word that stays one: an assigned value, the name of a file.
    pub(super) fn expand_text(&mut self, word: &Word) -> Flow<String> {
        self.expand_string(&word.value)
    }

    /// Like [`Shell::expand_text`], of a word as it was written.
    pub(super) fn expand_string(&mut self, word: &str) -> Flow<String> {
        let text: String = self.letters(word)?.into_iter().map(|(letter, _)| letter).collect();
        if text.len() > LONGEST { give_up("its words grow without end") } else { Ok(text) }
    }

    /// A word as a pattern.
    pub(super) fn expand_pattern(&mut self, word: &str) -> Flow<Pattern> {
        Ok(Pattern::new(&self.letters(word)?))
    }

    fn letters(&mut self, word: &str) -> Flow<Vec<Letter>> {
        let mut fields = Fields::default();
        // In double quotes nothing is split; quoting inside the word is told apart all the same.
        self.expand_unsplit(&pieces(word)?, &mut fields)?;
        fields.end();
        Ok(fields
            .done
            .into_iter()
            .reduce(|mut all, next| {
                all.push((' ', true));
                all.extend(next);
                all
            })
            .unwrap_or_default())
    }

    /// The text of a here-document.
    pub(super) fn here_document(&mut self, document: &IoHereDocument) -> Flow<String> {
        let text = &document.doc.value;
        if !document.requires_expansion {
            return Ok(text.clone());
        }
        let Ok(pieces) = word::parse_heredoc(text, &super::options()) else { return unknown("its here-document") };
        let mut fields = Fields::default();
        self.expand_into(&pieces, true, &mut fields)?;
        Ok(fields.current.unwrap_or_default().into_iter().map(|(letter, _)| letter).collect())
    }

    fn expand_unsplit(&mut self, pieces: &[WordPieceWithSource], fields: &mut Fields) -> Flow<()> {
        for piece in pieces {
            match &piece.piece {
                WordPiece::ParameterExpansion(_)
                | WordPiece::CommandSubstitution(_)
                | WordPiece::BackquotedCommandSubstitution(_) => {
                    let mut own = Fields::default();
                    self.expand_into(std::slice::from_ref(piece), true, &mut own)?;
                    own.end();
                    let text: Vec<String> =
                        own.done.iter().map(|field| field.iter().map(|(letter, _)| letter).collect()).collect();
                    // What a parameter holds is a pattern where a pattern is wanted.
                    fields.push(&text.join(" "), false);
                }
                _ => self.expand_into(std::slice::from_ref(piece), false, fields)?,
            }
        }
        Ok(())
    }

    pub(super) fn expand_into(
        &mut self,
        pieces: &[WordPieceWithSource],
        quoted: bool,
        fields: &mut Fields,
    ) -> Flow<()> {
        for piece in pieces {
            match &piece.piece {
                WordPiece::Text(text) => fields.push(text, quoted),
                WordPiece::SingleQuotedText(text) => fields.push(text, true),
                WordPiece::DoubleQuotedSequence(pieces) => {
                    // `"$@"` without arguments is no field at all.
                    if !matches!(pieces.as_slice(), [piece] if is_all_arguments(&piece.piece)) {
                        fields.begin();
                    }
                    self.expand_into(pieces, true, fields)?;
                }
                WordPiece::EscapeSequence(escape) => fields.push(&unescape(escape, quoted), true),
                WordPiece::ParameterExpansion(expression) => self.expand_parameter(expression, quoted, fields)?,
                WordPiece::CommandSubstitution(text) => {
                    let output = self.substitute(text)?;
                    if quoted { fields.push(&output, true) } else { fields.push_split(&output) }
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    let output = self.substitute(&text.replace("\\`", "`").replace("\\$", "$"))?;
                    if quoted { fields.push(&output, true) } else { fields.push_split(&output) }
                }
                WordPiece::TildeExpansion(_) => return unknown("it asks for a home folder by `~`"),
                WordPiece::ArithmeticExpression(_) => return unknown("it calculates"),
                WordPiece::AnsiCQuotedText(_) | WordPiece::GettextDoubleQuotedSequence(_) => {
                    return unknown("its quoting is not POSIX shell");
                }
            }
        }
        Ok(())
    }

    /// File names that a field matches, or the field itself where it has no wildcard or nothing matches.
    fn expand_names(&self, field: &[Letter], expanded: &mut Vec<String>) {
        let text: String = field.iter().map(|(letter, _)| letter).collect();
        let parts: Vec<Pattern> = field.split(|letter| letter.0 == '/').map(Pattern::new).collect();
        if !parts.iter().any(Pattern::is_wild) {
            expanded.push(text);
            return;
        }
        // Each name found so far: as it will be written, and where it really is.
        let absolute = text.starts_with('/');
        let mut found: Vec<(String, String)> = if absolute {
            vec![(String::new(), String::new())]
        } else {
            vec![(String::new(), self.state.folder.clone())]
        };
        for (number, part) in parts.iter().enumerate() {
            let separator = if number == 0 { "" } else { "/" };
            let mut next = Vec::new();
            for (written, real) in found {
                if !part.is_wild() {
                    let name = part.literal();
                    let place = if name.is_empty() { Some(real) } else { self.tree.resolve(&join(&real, &name)) };
                    next.extend(place.map(|place| (format!("{written}{separator}{name}"), place)));
                    continue;
                }
                let children = self.tree.lookup(&real).and_then(|id| self.tree.children(id));
                for name in children.into_iter().flat_map(|children| children.keys()) {
                    if part.matches(name) && (!name.starts_with('.') || part.begins_with_dot()) {
                        let place = join(&real, name);
                        // A link that leads nowhere is a name all the same.
                        let place = self.tree.resolve(&place).unwrap_or(place);
                        next.push((format!("{written}{separator}{name}"), place));
                    }
                }
            }
            found = next;
        }
        if found.is_empty() {
            expanded.push(text);
        } else {
            expanded.extend(found.into_iter().map(|(written, _)| written));
        }
    }
}

/// The pieces of a word as it was written.
pub(super) fn pieces(word: &str) -> Flow<Vec<WordPieceWithSource>> {
    word::parse(word, &super::options()).or_else(|_| unknown(format!("the word `{word}` is not understood")))
}

fn is_all_arguments(piece: &WordPiece) -> bool {
    use word::{Parameter, ParameterExpr, SpecialParameter};
    let WordPiece::ParameterExpansion(ParameterExpr::Parameter { parameter: Parameter::Special(special), .. }) = piece
    else {
        return false;
    };
    matches!(special, SpecialParameter::AllPositionalParameters { concatenate: false })
}

/// What an escape sequence, with its backslash, stands for.
fn unescape(escape: &str, quoted: bool) -> String {
    let escaped = escape.strip_prefix('\\').unwrap_or(escape);
    match escaped {
        "\n" => String::new(),
        _ if quoted && !matches!(escaped, "$" | "`" | "\"" | "\\") => escape.to_owned(),
        _ => escaped.to_owned(),
    }
}
