//! `WWW-Authenticate`: what a server asks for (RFC 9110, 11.6.1; distribution's token authentication).

use std::collections::BTreeMap;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Name and password with each request.
    Basic {
        /// What they are for, in the server's words.
        realm: Option<String>,
    },
    /// A token from another server.
    Bearer {
        /// Where tokens are.
        realm: String,
        /// For whom they are, if it says.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads one header's value, which may hold several challenges. Schemes that are not known here are left out.
    pub(crate) fn parse_all(text: &str) -> Vec<Self> {
        let mut challenges: Vec<(&str, BTreeMap<String, String>)> = Vec::new();
        for item in items(text) {
            let word = item.find([' ', '\t', '=']).unwrap_or(item.len());
            let (word, rest) = item.split_at(word);
            let rest = rest.trim_start();
            let parameter = if let Some(value) = rest.strip_prefix('=') {
                Some((word, value))
            } else {
                challenges.push((word, BTreeMap::new()));
                rest.split_once('=')
            };
            if let (Some((key, value)), Some((_, parameters))) = (parameter, challenges.last_mut()) {
                parameters.insert(key.trim().to_ascii_lowercase(), unquoted(value.trim()));
            }
        }
        challenges.into_iter().filter_map(|(scheme, parameters)| Self::of(scheme, parameters)).collect()
    }

    fn of(scheme: &str, mut parameters: BTreeMap<String, String>) -> Option<Self> {
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => Some(Self::Basic { realm: parameters.remove("realm") }),
            "bearer" => {
                Some(Self::Bearer { realm: parameters.remove("realm")?, service: parameters.remove("service") })
            }
            _ => None,
        }
    }
}

/// The items of a list with commas between them; a comma inside quotes is part of its item.
fn items(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let items = text.split(|letter: char| {
        let is_end = letter == ',' && !quoted;
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && quoted && !escaped;
        is_end
    });
    items.map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// What a value is without its quotes and what they ask for inside of them; what follows them is nothing.
fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Challenge;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        };
        let basic = |realm: Option<&str>| Challenge::Basic { realm: realm.map(str::to_owned) };
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.example.org/token",service="registry",scope="repository:a:pull,push""#,
                vec![bearer("https://auth.example.org/token", Some("registry"))],
            ),
            (r#"bearer scope="a,b", realm=https://x"#, vec![bearer("https://x", None)]),
            (r#"Basic realm="a \"b\", c""#, vec![basic(Some("a \"b\", c"))]),
            ("Basic", vec![basic(None)]),
            ("basic charset=\"UTF-8\" , realm = x", vec![basic(Some("x"))]),
            ("Negotiate, Basic realm=\"x\", Bearer realm=y", vec![basic(Some("x")), bearer("y", None)]),
            ("Negotiate YWJj==, Basic", vec![basic(None)]),
            ("Bearer service=\"x\"", vec![]),
            ("Negotiate", vec![]),
            ("realm=x", vec![]),
            (",\"", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(Challenge::parse_all(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_header_can_be_read(text in r#"[Basic realm="\\,x]{0,30}"#) {
            prop_assert!(Challenge::parse_all(&text).len() <= text.len());
        }
    }
}
