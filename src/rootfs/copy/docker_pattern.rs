//! Patterns of a `.dockerignore`, with the rules of Docker's own matcher (moby/patternmatcher), which are neither
//! gitignore's nor a glob's: a pattern is cleaned as a path and holds for the whole path from the folder's root, `*`
//! and `?` stop at slashes, `**/` is any number of folders, braces are plain letters.
//!
//! Matching keeps a set of positions in the pattern, so its cost is the length of the pattern times that of the path,
//! whatever they hold.

/// A pattern, ready to be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DockerPattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// This letter.
    Letter(char),
    /// `?`: a letter, but no slash.
    One,
    /// `*`: any number of letters, but no slash.
    Many,
    /// `**` at the end: anything.
    Anything,
    /// `**`, the way in: the folders may be there or not.
    Folders,
    /// `**`, inside: anything up to a slash.
    InFolders,
    /// `[a-z]`, `[^a-z]`.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl DockerPattern {
    /// Reads a pattern; the error says what it lacks.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let cleaned = clean(text);
        let mut tokens = Vec::new();
        let mut letters = cleaned.trim_start_matches('/').chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '*' if letters.next_if_eq(&'*').is_some() => {
                    letters.next_if_eq(&'/');
                    if letters.peek().is_none() {
                        tokens.push(Token::Anything);
                    } else {
                        tokens.extend([Token::Folders, Token::InFolders]);
                    }
                }
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '\\' => tokens.push(Token::Letter(letters.next().ok_or("nothing follows the `\\` at the end")?)),
                '[' => tokens.push(class(&mut letters)?),
                _ => tokens.push(Token::Letter(letter)),
            }
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern fits the whole of `path`.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut here = vec![false; self.0.len() + 1];
        self.reach(&mut here, 0);
        for letter in path.chars() {
            let mut next = vec![false; here.len()];
            for (position, token) in self.0.iter().enumerate() {
                if !here.get(position).is_some_and(|reached| *reached) {
                    continue;
                }
                let (stays, goes_on) = token.takes(letter);
                if stays {
                    self.reach(&mut next, position);
                }
                if goes_on {
                    self.reach(&mut next, position + 1);
                }
            }
            here = next;
        }
        here.last().is_some_and(|reached| *reached)
    }

    /// Notes that `position` is reached, and what can be reached from there without a letter.
    fn reach(&self, positions: &mut [bool], position: usize) {
        let Some(reached) = positions.get_mut(position) else { return };
        if std::mem::replace(reached, true) {
            return;
        }
        match self.0.get(position) {
            Some(Token::Many | Token::Anything) => self.reach(positions, position + 1),
            Some(Token::Folders) => {
                self.reach(positions, position + 1);
                self.reach(positions, position + 2);
            }
            _ => {}
        }
    }
}

impl Token {
    /// Whether `letter` leaves the matcher here, and whether it takes it to the next token.
    fn takes(&self, letter: char) -> (bool, bool) {
        match self {
            Self::Letter(wanted) => (false, *wanted == letter),
            Self::One => (false, letter != '/'),
            Self::Many => (letter != '/', false),
            Self::Anything => (true, false),
            Self::Folders => (false, false),
            Self::InFolders => (true, letter == '/'),
            Self::Class { negated, ranges } => {
                (false, ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *negated)
            }
        }
    }
}

/// Reads a class behind its `[`.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const UNCLOSED: &str = "a `]` is missing";
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    let letter = |letters: &mut std::iter::Peekable<std::str::Chars<'_>>| match letters.next() {
        Some('\\') => letters.next().ok_or(UNCLOSED),
        Some(letter) => Ok(letter),
        None => Err(UNCLOSED),
    };
    loop {
        if letters.next_if_eq(&']').is_some() {
            return if ranges.is_empty() {
                Err("nothing stands between `[` and `]`")
            } else {
                Ok(Token::Class { negated, ranges })
            };
        }
        let first = letter(letters)?;
        let last = if letters.next_if_eq(&'-').is_some() { letter(letters)? } else { first };
        ranges.push((first, last));
    }
}

/// The shortest path that means the same, as Go's path.Clean makes it.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_docker_has_it() {
        for (pattern, fits, fits_not) in [
            ("a", &["a"][..], &["b", "a/b", "x/a", ""][..]),
            ("/a/", &["a"], &["x/a"]),
            ("./a//b/../c", &["a/c"], &["a/b"]),
            ("*", &["a", "é"], &["a/b", "/"]),
            ("*/*.py", &["a/b.py"], &["b.py", "a/b/c.py"]),
            ("a?c", &["abc", "aéc"], &["ac", "a/c", "abbc"]),
            ("**", &["a", "a/b/c"], &[]),
            ("**/a", &["a", "x/a", "x/y/a"], &["xa", "x/ya"]),
            ("a/**", &["a/b", "a/b/c", "a/"], &["a", "b/a"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/xb", "ab"]),
            ("a**b", &["ab", "ax/b", "a/b"], &["axb"]),
            ("**/*.log", &["a.log", "x/.log", "x/y/a.log"], &["a.logs"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[^a-c]x", &["dx"], &["ax"]),
            ("[\\]]", &["]"], &["\\"]),
            ("\\*", &["*"], &["a", "\\*"]),
            ("{a,b}.c+", &["{a,b}.c+"], &["a.c+", "{a,b}.cc"]),
            ("..", &[".."], &["a"]),
            ("", &["."], &["a"]),
        ] {
            let parsed = DockerPattern::parse(pattern).unwrap();
            for path in fits {
                assert!(parsed.matches(path), "{pattern} fits {path}");
            }
            for path in fits_not {
                assert!(!parsed.matches(path), "{pattern} does not fit {path}");
            }
        }
    }

    #[test]
    fn half_a_pattern_is_refused() {
        for wrong in ["[", "[]", "[a", "[a-", "[^]", "a\\", "[\\"] {
            assert!(DockerPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_few() {
        let pattern = DockerPattern::parse(&"**/*a".repeat(50)).unwrap();
        assert!(!pattern.matches(&"a/".repeat(1000)));
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_is_too_odd(pattern in "[a*?/\\[\\]^\\\\.!-]{0,12}", path in "[a/.b]{0,12}") {
            if let Ok(pattern) = DockerPattern::parse(&pattern) {
                let _ = pattern.matches(&path);
            }
        }
    }
}
