//! Words: quoting, parameters, substitutions, splitting into fields, file name patterns (POSIX shell, section 2.6).

use brush_parser::ast::Word;
use brush_parser::word::{self, WordPiece, WordPieceWithSource};

use super::super::glob::Pattern;
use super::access::{join, text_of};
use super::flow::{Flow, give_up, unknown};
use super::here_documents::{HereDocument, MARK};
use super::printf::{Escapes, unescape};
use super::shell::Shell;

/// Bytes of the longest text that is expanded; a system's limit for arguments is not much more.
const LONGEST: usize = 1 << 20;

/// A letter, and whether it was quoted.
pub(super) type Letter = (char, bool);

/// The fields that a word has become so far.
#[derive(Default)]
pub(super) struct Fields {
    done: Vec<Vec<Letter>>,
    current: Option<Vec<Letter>>,
    /// Letters in all of them.
    count: usize,
}

impl Fields {
    /// Something quoted was here, so the field counts even if it is empty.
    fn begin(&mut self) -> &mut Vec<Letter> {
        self.current.get_or_insert_default()
    }

    pub(super) fn push(&mut self, text: &str, quoted: bool) {
        if quoted || !text.is_empty() {
            self.count += text.len();
            self.begin().extend(text.chars().map(|letter| (letter, quoted)));
        }
    }

    fn end(&mut self) {
        self.done.extend(self.current.take());
    }

    /// An unquoted value: white space separates fields.
    pub(super) fn push_split(&mut self, value: &str) {
        self.count += value.len();
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

    /// Gives the script up where there is no end to what a word becomes.
    pub(super) fn see_that_it_ends(&self) -> Flow<()> {
        if self.count > LONGEST { give_up("its words grow without end") } else { Ok(()) }
    }
}

impl Shell<'_> {
    /// The fields of some words.
    pub(super) fn expand_words<'word>(&mut self, words: impl IntoIterator<Item = &'word Word>) -> Flow<Vec<String>> {
        let (mut expanded, mut counted, mut bytes) = (Vec::new(), 0, 0);
        for word in words {
            let mut fields = Fields::default();
            self.expand_into(&self.pieces(&word.value)?, false, &mut fields)?;
            fields.end();
            for field in fields.done {
                self.expand_names(&field, &mut expanded)?;
            }
            bytes += expanded.iter().skip(counted).map(|word: &String| word.len() + 1).sum::<usize>();
            counted = expanded.len();
            if bytes > LONGEST {
                return give_up("its words grow without end");
            }
        }
        self.spend_work(bytes)?;
        Ok(expanded)
    }

    /// A word that stays one: an assigned value, the name of a file.
    pub(super) fn expand_text(&mut self, word: &Word) -> Flow<String> {
        self.expand_string(&word.value)
    }

    /// Like [`Shell::expand_text`], of a word as it was written.
    pub(super) fn expand_string(&mut self, word: &str) -> Flow<String> {
        Ok(self.letters(word)?.into_iter().map(|(letter, _)| letter).collect())
    }

    /// A word as a pattern.
    pub(super) fn expand_pattern(&mut self, word: &str) -> Flow<Pattern> {
        Ok(Pattern::new(&self.letters(word)?))
    }

    fn letters(&mut self, word: &str) -> Flow<Vec<Letter>> {
        let mut fields = Fields::default();
        // In double quotes nothing is split; quoting inside the word is told apart all the same.
        self.expand_unsplit(&self.pieces(word)?, &mut fields)?;
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

    /// The text of the here-document whose file is called `name`.
    pub(super) fn here_document(&mut self, name: &str) -> Flow<String> {
        let number = name.strip_prefix(MARK).and_then(|number| number.parse::<usize>().ok());
        let document = number.and_then(|number| self.here_documents.get(number)).cloned();
        let Some(HereDocument { text, expands }) = document else { return unknown("its here-document") };
        self.spend_work(text.len())?;
        if !expands {
            return Ok(text);
        }
        let Ok(pieces) = word::parse_heredoc(&text, &super::parse::options()) else {
            return unknown("its here-document");
        };
        let mut fields = Fields::default();
        self.expand_in_double_quotes(&pieces, &mut fields)?;
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
                    fields.see_that_it_ends()?;
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
                    self.expand_in_double_quotes(pieces, fields)?;
                }
                WordPiece::EscapeSequence(escape) => fields.push(&escaped(escape, quoted), true),
                WordPiece::ParameterExpansion(expression) => self.expand_parameter(expression, quoted, fields)?,
                WordPiece::CommandSubstitution(text) => {
                    let output = self.substitute(text)?;
                    self.push_output(&output, quoted, fields)?;
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    let output = self.substitute(&text.replace("\\`", "`").replace("\\$", "$"))?;
                    self.push_output(&output, quoted, fields)?;
                }
                WordPiece::TildeExpansion(_) => return unknown("it asks for a home folder by `~`"),
                WordPiece::ArithmeticExpression(_) => return unknown("it calculates"),
                WordPiece::AnsiCQuotedText(text) => {
                    fields.push(&text_of(unescape(text, Escapes::Quoted).bytes)?, true);
                }
                WordPiece::GettextDoubleQuotedSequence(_) => return unknown("its quoting is not POSIX shell"),
            }
        }
        Ok(())
    }

    fn expand_in_double_quotes(&mut self, pieces: &[WordPieceWithSource], fields: &mut Fields) -> Flow<()> {
        let around = std::mem::replace(&mut self.in_double_quotes, true);
        let result = self.expand_into(pieces, true, fields);
        self.in_double_quotes = around;
        result
    }

    /// What a substitution gave.
    fn push_output(&self, output: &str, quoted: bool, fields: &mut Fields) -> Flow<()> {
        self.spend_work(output.len())?;
        if quoted {
            fields.push(output, true);
        } else if self.state.variables.contains_key("IFS") {
            return unknown("it changes how words are split");
        } else {
            fields.push_split(output);
        }
        fields.see_that_it_ends()
    }

    /// The pieces of a word as it was written.
    pub(super) fn pieces(&self, word: &str) -> Flow<Vec<WordPieceWithSource>> {
        self.spend_work(word.len())?;
        word::parse(word, &super::parse::options()).or_else(|_| unknown(format!("the word `{word}` is not understood")))
    }

    /// File names that a field matches, or the field itself where it has no wildcard or nothing matches.
    fn expand_names(&self, field: &[Letter], expanded: &mut Vec<String>) -> Flow<()> {
        let text: String = field.iter().map(|(letter, _)| letter).collect();
        let parts: Vec<Pattern> = field.split(|letter| letter.0 == '/').map(Pattern::new).collect();
        if !parts.iter().any(Pattern::is_wild) {
            expanded.push(text);
            return Ok(());
        }
        // Each name found so far: as it will be written, and where it really is.
        let start = match (text.starts_with('/'), &self.state.folder) {
            (true, _) => String::new(),
            (false, Some(folder)) => folder.clone(),
            (false, None) => return unknown("the folder that it is in comes from what was not run"),
        };
        let mut found: Vec<(String, String)> = vec![(String::new(), start)];
        for (number, part) in parts.iter().enumerate() {
            let separator = if number == 0 { "" } else { "/" };
            let mut next: Vec<(String, String)> = Vec::new();
            let mut bytes = 0;
            for (written, real) in found {
                let before = next.len();
                if part.is_wild() {
                    for name in self.names_in(&real)? {
                        let mut compared = 1;
                        let letters: Vec<char> = name.chars().collect();
                        let fits = part.matches_counted(&letters, &mut compared);
                        self.spend_work(compared)?;
                        if fits && (!name.starts_with('.') || part.begins_with_dot()) {
                            let place = join(&real, &name);
                            // A link that leads nowhere is a name all the same.
                            let place = self.existing(&format!("/{place}"))?.unwrap_or(place);
                            next.push((format!("{written}{separator}{name}"), place));
                        }
                    }
                } else {
                    let name = part.literal();
                    // A slash at the end asks for a folder.
                    let place = if name.is_empty() {
                        Some(real).filter(|real| self.is_folder_at(real))
                    } else {
                        self.existing(&format!("/{}", join(&real, &name)))?
                    };
                    next.extend(place.map(|place| (format!("{written}{separator}{name}"), place)));
                }
                bytes += next.iter().skip(before).map(|(written, real)| written.len() + real.len()).sum::<usize>();
                if bytes > LONGEST {
                    return give_up("its words grow without end");
                }
            }
            self.spend_work(bytes)?;
            found = next;
        }
        if found.is_empty() {
            expanded.push(text);
        } else {
            expanded.extend(found.into_iter().map(|(written, _)| written));
        }
        Ok(())
    }
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
fn escaped(escape: &str, quoted: bool) -> String {
    let escaped = escape.strip_prefix('\\').unwrap_or(escape);
    match escaped {
        "\n" => String::new(),
        _ if quoted && !matches!(escaped, "$" | "`" | "\"" | "\\") => escape.to_owned(),
        _ => escaped.to_owned(),
    }
}
