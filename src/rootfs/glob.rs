//! Shell patterns (`*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, `\x`), as fnmatch(3) and the shell's `case` have them.

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    AnyOne,
    AnyMany,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A pattern, ready to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Token>);

impl Pattern {
    /// Reads a pattern of letters each of which says whether it was quoted; a quoted letter stands for itself.
    pub(super) fn new(letters: &[(char, bool)]) -> Self {
        let mut tokens = Vec::new();
        let mut rest = letters;
        while let Some((&(letter, quoted), after)) = rest.split_first() {
            rest = after;
            let token = match letter {
                _ if quoted => Token::Literal(letter),
                '*' => Token::AnyMany,
                '?' => Token::AnyOne,
                '\\' => match rest.split_first() {
                    Some((&(escaped, _), after)) => {
                        rest = after;
                        Token::Literal(escaped)
                    }
                    None => Token::Literal('\\'),
                },
                '[' => match class(rest) {
                    Some((token, after)) => {
                        rest = after;
                        token
                    }
                    None => Token::Literal('['),
                },
                _ => Token::Literal(letter),
            };
            tokens.push(token);
        }
        Self(tokens)
    }

    /// Whether all of `text` matches; a `/` is a letter like any other.
    pub(super) fn matches(&self, text: &str) -> bool {
        let letters: Vec<char> = text.chars().collect();
        self.matches_counted(&letters, &mut 0)
    }

    /// The same of letters; adds to `compared` how many comparisons it took, which may be as many as the pattern is long
    /// times the text is.
    pub(super) fn matches_counted(&self, letters: &[char], compared: &mut usize) -> bool {
        let (mut token, mut letter) = (0, 0);
        // Where to go on after a `*` took one letter more; one such place is enough.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            *compared += 1;
            let fits = match (self.0.get(token), letters.get(letter)) {
                (None, None) => return true,
                (Some(Token::AnyMany), _) => {
                    retry = Some((token, letter));
                    token += 1;
                    continue;
                }
                (Some(Token::AnyOne), Some(_)) => true,
                (Some(Token::Literal(wanted)), Some(found)) => wanted == found,
                (Some(Token::Class { negated, ranges }), Some(found)) => {
                    *compared += ranges.len();
                    ranges.iter().any(|(low, high)| (low..=high).contains(&found)) != *negated
                }
                _ => false,
            };
            if fits {
                token += 1;
                letter += 1;
            } else if let Some((star, taken)) = retry.filter(|(_, taken)| *taken < letters.len()) {
                retry = Some((star, taken + 1));
                token = star + 1;
                letter = taken + 1;
            } else {
                return false;
            }
        }
    }

    /// Whether a pattern letter stands in it, so that it can match more than one text.
    pub(super) fn is_wild(&self) -> bool {
        self.0.iter().any(|token| !matches!(token, Token::Literal(_)))
    }

    /// Whether it asks for a leading dot, which wildcards in file names never match.
    pub(super) fn begins_with_dot(&self) -> bool {
        self.0.first() == Some(&Token::Literal('.'))
    }

    /// The text that a pattern without wildcards stands for.
    pub(super) fn literal(&self) -> String {
        self.0
            .iter()
            .filter_map(|token| if let Token::Literal(letter) = token { Some(*letter) } else { None })
            .collect()
    }
}

/// The class after its `[`, and what follows its `]`.
fn class(letters: &[(char, bool)]) -> Option<(Token, &[(char, bool)])> {
    let mut at = 0;
    let negated = matches!(letters.first(), Some(('!' | '^', false)));
    at += usize::from(negated);
    let mut ranges = Vec::new();
    let first = at;
    loop {
        let (letter, quoted) = *letters.get(at)?;
        at += 1;
        if letter == ']' && !quoted && at - 1 > first {
            return Some((Token::Class { negated, ranges }, letters.get(at..)?));
        }
        if letter == '[' && letters.get(at).is_some_and(|next| next.0 == ':') {
            let name: String =
                letters.get(at + 1..)?.iter().map(|next| next.0).take_while(|next| *next != ':').collect();
            ranges.extend_from_slice(named_class(&name)?);
            at += name.chars().count() + 3;
            continue;
        }
        match (letters.get(at), letters.get(at + 1)) {
            (Some(('-', _)), Some((high, _))) if *high != ']' => {
                ranges.push((letter, *high));
                at += 2;
            }
            _ => ranges.push((letter, letter)),
        }
    }
}

fn named_class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "digit" => &[('0', '9')],
        "lower" => &[('a', 'z')],
        "upper" => &[('A', 'Z')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "xdigit" => &[('0', '9'), ('a', 'f'), ('A', 'F')],
        _ => return None,
    })
}

/// Whether `path` matches the unquoted `pattern` part by part (fnmatch(3) with `FNM_PATHNAME`): no wildcard matches
/// `/`.
pub(super) fn matches_path(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/');
    let mut parts = path.split('/');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let letters: Vec<(char, bool)> = pattern.chars().map(|letter| (letter, false)).collect();
                if !Pattern::new(&letters).matches(part) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_shell() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("a*c", "abbbc", true),
            ("a*c*", "acx", true),
            ("*", "", true),
            ("?", "", false),
            ("*.*", "a.b", true),
            ("*.*", "ab", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("/lib/modules/*", "/lib/modules/a/b", true),
            ("[[:digit:]]*", "4x", true),
            ("[[:digit:]]*", "x4", false),
            ("*a*b*c", "xxaxxbxxbxc", true),
        ] {
            let letters: Vec<(char, bool)> = pattern.chars().map(|letter| (letter, false)).collect();
            assert_eq!(Pattern::new(&letters).matches(text), expected, "{pattern} {text}");
        }
        let quoted: Vec<(char, bool)> = "a*".chars().map(|letter| (letter, true)).collect();
        assert!(!Pattern::new(&quoted).matches("abc"), "quoted, a star is a star");
    }
}
