//! `.netrc`: which user and password each machine gets (ftp(1), GNU inetutils; quotes and comments as curl reads them).
//!
//! Words stand between white space or in double quotes, in which `\` takes the next letter as it is and `\n`, `\r` and
//! `\t` are what they are in C. A `#` where a keyword is expected begins a comment. A `macdef` goes to the next empty
//! line. The first entry for a machine counts, and `default` is for all that have none before it. Unknown words are left
//! out, as curl does. Refused: quotes that do not end, and a keyword without its value.

use crate::address::BasicCredentials;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Netrc(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// `None` for `default`.
    machine: Option<String>,
    login: Option<Secret>,
    password: Option<Secret>,
}

/// A text that is never shown.
#[derive(PartialEq, Eq)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// Why a file cannot be read. Nothing of what stands in it is said: a word out of place may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NetrcError {
    /// A quote without an end.
    #[error("line {line}: a quote does not end")]
    Quote {
        /// Counted from 1.
        line: usize,
    },
    /// A keyword at the end of the file.
    #[error("line {line}: `{keyword}` has no value")]
    NoValue {
        /// Counted from 1.
        line: usize,
        /// The keyword.
        keyword: &'static str,
    },
}

impl Netrc {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, NetrcError> {
        let mut words = Words { rest: text, line: 1 };
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(word) = words.keyword()? {
            let entry = |machine| Entry { machine, login: None, password: None };
            match word.as_str() {
                "machine" => entries.push(entry(Some(words.value("machine")?))),
                "default" => entries.push(entry(None)),
                "login" => {
                    let login = words.value("login")?;
                    if let Some(entry) = entries.last_mut() {
                        entry.login.get_or_insert(Secret(login));
                    }
                }
                "password" => {
                    let password = words.value("password")?;
                    if let Some(entry) = entries.last_mut() {
                        entry.password.get_or_insert(Secret(password));
                    }
                }
                "account" => _ = words.value("account")?,
                "macdef" => words.skip_macro(),
                _ => {}
            }
        }
        Ok(Self(entries))
    }

    /// The user and password for `host`, by an entry of its own.
    pub(super) fn machine(&self, host: &str) -> Option<BasicCredentials> {
        let is_host = |entry: &&Entry| entry.machine.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(host));
        self.before_default().find(is_host)?.credentials()
    }

    /// The user and password for a host that has no entry of its own.
    pub(super) fn for_any(&self) -> Option<BasicCredentials> {
        self.0.iter().find(|entry| entry.machine.is_none())?.credentials()
    }

    /// What stands behind `default` is never reached.
    fn before_default(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().take_while(|entry| entry.machine.is_some())
    }
}

impl Entry {
    /// `None` where it has neither.
    fn credentials(&self) -> Option<BasicCredentials> {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.0.clone());
        match (text(&self.login), text(&self.password)) {
            (None, None) => None,
            (login, password) => Some(BasicCredentials::new(&login.unwrap_or_default(), &password.unwrap_or_default())),
        }
    }
}

/// The words of a file.
struct Words<'a> {
    rest: &'a str,
    /// That of the next letter.
    line: usize,
}

impl<'a> Words<'a> {
    /// The next word where a keyword is expected; `None` at the end.
    fn keyword(&mut self) -> Result<Option<String>, NetrcError> {
        loop {
            self.skip_space();
            if !self.rest.starts_with('#') {
                return self.word();
            }
            self.skip_line();
        }
    }

    /// The value of `keyword`.
    fn value(&mut self, keyword: &'static str) -> Result<String, NetrcError> {
        let line = self.line;
        self.skip_space();
        self.word()?.ok_or(NetrcError::NoValue { line, keyword })
    }

    /// The word that begins here; `None` at the end.
    fn word(&mut self) -> Result<Option<String>, NetrcError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let (word, rest) = self.rest.split_at(self.rest.find(char::is_whitespace).unwrap_or(self.rest.len()));
            self.rest = rest;
            return Ok(Some(word.to_owned()));
        };
        let mut word = String::new();
        let mut letters = quoted.chars();
        loop {
            let letter = match letters.next() {
                Some('"') => break,
                Some('\\') => letters.next().map(|letter| match letter {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    letter => letter,
                }),
                letter => letter,
            };
            word.push(letter.ok_or(NetrcError::Quote { line: self.line })?);
        }
        self.advance(letters.as_str());
        Ok(Some(word))
    }

    fn skip_space(&mut self) {
        self.advance(self.rest.trim_start());
    }

    fn skip_line(&mut self) {
        let rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        self.advance(rest);
    }

    /// Skips the rest of a `macdef` line and what follows, to an empty line or the end.
    fn skip_macro(&mut self) {
        self.skip_line();
        while !self.rest.is_empty() {
            let is_end = self.rest.lines().next().is_some_and(|line| line.trim().is_empty());
            self.skip_line();
            if is_end {
                return;
            }
        }
    }

    /// Goes on at `rest`, which what is left ends with.
    fn advance(&mut self, rest: &'a str) {
        let passed = self.rest.get(..self.rest.len().saturating_sub(rest.len())).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(user: &str, password: &str) -> BasicCredentials {
        BasicCredentials::new(user, password)
    }

    #[test]
    fn entries_are_read() {
        let text = r#"
# the mirror
machine mirror.example login ci password top#secret # tail
machine quoted.example
    login "a user" account x
    password "a \"b\" \\ c"
machine mirror.example login second password second
macdef init
    machine macro.example login no password no
    password no

machine token.example password token
machine nobody.example
unknown words here
default login anonymous password me@here
machine late.example login late password late
"#;
        let netrc = Netrc::parse(text).unwrap();
        for (host, found) in [
            ("mirror.example", Some(basic("ci", "top#secret"))),
            ("MIRROR.example", Some(basic("ci", "top#secret"))),
            ("quoted.example", Some(basic("a user", "a \"b\" \\ c"))),
            ("token.example", Some(basic("", "token"))),
            ("nobody.example", None),
            ("macro.example", None),
            ("late.example", None),
            ("example", None),
        ] {
            assert_eq!(netrc.machine(host), found, "{host}");
        }
        assert_eq!(netrc.for_any(), Some(basic("anonymous", "me@here")));
        assert!(!format!("{netrc:?}").contains("secret"));
        assert_eq!(Netrc::parse("login x password y").unwrap(), Netrc::default());
        assert_eq!(Netrc::parse("machine a login b macdef x").unwrap().machine("a"), Some(basic("b", "")));
    }

    #[test]
    fn half_a_file_is_refused() {
        for (text, message) in [
            ("machine a\nlogin b password \"c d\n", "line 2: a quote does not end"),
            ("machine a login b\npassword \n", "line 2: `password` has no value"),
            ("machine", "line 1: `machine` has no value"),
            ("\n\nmachine a login", "line 3: `login` has no value"),
            ("machine a account \"\\", "line 1: a quote does not end"),
        ] {
            assert_eq!(Netrc::parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(text in "((machine|default|login|password|account|macdef|\"|\\\\|#|a|é)[ \n\t]?){0,30}") {
            let netrc = Netrc::parse(&text);
            prop_assert!(netrc.is_err() || netrc.unwrap().machine("b").is_none());
        }

        #[test]
        fn what_is_quoted_is_read_as_it_is(user in "\\PC{0,8}", password in "\\PC{0,8}") {
            let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let text = format!("machine host login {} password {}\n", quoted(&user), quoted(&password));
            prop_assert_eq!(Netrc::parse(&text).unwrap().machine("host"), Some(basic(&user, &password)));
        }
    }
}
