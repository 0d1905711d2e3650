//! Parsing a script as the shell that Alpine has, with its here-documents taken out first.

use brush_parser::{Parser, ParserOptions, Token, ast, uncached_tokenize_str};

use super::here_documents::{self, HereDocument};
use super::nesting;

/// The shell of Alpine has more than POSIX: `[[`, `&>`, `$'…'`.
pub(super) fn options() -> ParserOptions {
    ParserOptions { enable_extended_globbing: false, posix_mode: true, sh_mode: false, ..ParserOptions::default() }
}

/// Operators of bash that Alpine's shell does not have.
const BASH_ONLY: [&str; 4] = ["|&", ";&", ";;&", "&>>"];

/// Parses a script; its here-documents are added to `documents`, whose numbers stand in what is parsed.
pub(super) fn parse(text: &str, documents: &mut Vec<HereDocument>) -> Result<ast::Program, String> {
    if text.contains(here_documents::MARK) {
        return Err("it has a control character".to_owned());
    }
    parse_part(text, documents)
}

/// Parses a substitution of a script that was parsed, or of one of its here-documents.
pub(super) fn parse_part(text: &str, documents: &mut Vec<HereDocument>) -> Result<ast::Program, String> {
    let text = &here_documents::take_out(text, documents)?;
    if nesting::is_too_deep(text) {
        return Err("it nests beyond all reason".to_owned());
    }
    let tokens = uncached_tokenize_str(text, &options().tokenizer_options()).map_err(|error| error.to_string())?;
    for token in &tokens {
        if let Token::Operator(operator, _) = token
            && BASH_ONLY.contains(&operator.as_str())
        {
            return Err(format!("`{operator}` is bash's"));
        }
    }
    // The parser takes an empty list for none at all, which would be the script's arguments.
    let has_empty_list = tokens.windows(4).any(|tokens| match tokens {
        [Token::Word(first, _), Token::Word(..), Token::Word(third, _), Token::Operator(last, _)] => {
            first == "for" && third == "in" && matches!(last.as_str(), ";" | "\n")
        }
        _ => false,
    });
    if has_empty_list {
        return Err("a `for` over nothing".to_owned());
    }
    Parser::new(text.as_bytes(), &options()).parse_program().map_err(|error| error.to_string())
}
