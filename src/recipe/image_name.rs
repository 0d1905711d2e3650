//! Names and tags of images, by the grammar of distribution references (distribution/reference, as OCI registries use
//! it).

use super::grammar::Grammar;
use super::problem::Problem;
use super::text::not_a;

/// The most that a name with its registry may have.
const LONGEST_NAME: usize = 255;

/// Reads `[REGISTRY[:PORT]/]PATH`: the first part is a registry where a `.` or `:` is in it, or it is `localhost`.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    let path = match text.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            if !is_registry(first) {
                return Err(not_a(Grammar::ImageName, text));
            }
            rest
        }
        _ => text,
    };
    if !path.split('/').all(is_component) {
        return Err(not_a(Grammar::ImageName, text));
    }
    if text.len() > LONGEST_NAME {
        return Err(Problem::TooLong { value: text.to_owned(), found: text.len(), limit: LONGEST_NAME });
    }
    Ok(text.to_owned())
}

/// Reads a tag.
pub(super) fn tag(text: &str) -> Result<String, Problem> {
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if begins && text.len() <= 128 && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(not_a(Grammar::Tag, text))
    }
}

/// A host name or address, with or without a port.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            let is_address =
                !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
            return is_address && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `alpha-numeric [separator alpha-numeric]*`, where a separator is `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let separators = text.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let known = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    text.bytes().next().is_some_and(is_letter)
        && text.bytes().last().is_some_and(is_letter)
        && separators.into_iter().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for text in [
            "hello",
            "hello-python",
            "a__b",
            "a---b.c_d",
            "me/hello",
            "ghcr.io/me/hello",
            "localhost/hello",
            "localhost:5000/hello",
            "Registry.Example:5000/a/b",
            "[::1]:5000/a",
        ] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
        for wrong in [
            "",
            "Hello",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "/a",
            "a/",
            "a//b",
            "a:b",
            "a b",
            "host.io/",
            "-.io/a",
            "a.io:/x",
            "a.io:x/y",
            "hello:latest",
            "[::1/a",
            "caf\u{e9}",
            "a@b",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(name(&"x".repeat(256)), Err(Problem::TooLong { .. })));
    }

    #[test]
    fn tags_follow_the_grammar() {
        for text in ["latest", "1.0", "_x", "V2-rc.1"] {
            assert_eq!(tag(text).as_deref(), Ok(text));
        }
        let long = "x".repeat(129);
        for wrong in ["", ".x", "-x", "a b", "a/b", "a:b", long.as_str()] {
            assert!(tag(wrong).is_err(), "{wrong}");
        }
    }
}
