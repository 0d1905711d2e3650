//! `WWW-Authenticate`: what a registry asks for (RFC 9110, 11.6.1; distribution's token authentication).

use std::collections::BTreeMap;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request.
    Basic,
    /// A token from another server.
    Bearer {
        /// Where tokens are.
        realm: String,
        /// For whom they are, if it says.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads one header's value; `None` for schemes that are not known here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest);
        Some(Self::Bearer { realm: parameters.remove("realm")?, service: parameters.remove("service") })
    }
}

/// `key="value", key=value`: a comma inside quotes is part of the value.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let mut letters = text.chars().peekable();
    loop {
        let key: String = std::iter::from_fn(|| letters.next_if(|letter| *letter != '=')).collect();
        if letters.next().is_none() {
            return parameters;
        }
        let mut value = String::new();
        if letters.next_if_eq(&'"').is_some() {
            while let Some(letter) = letters.next() {
                match letter {
                    '"' => break,
                    '\\' => value.extend(letters.next()),
                    letter => value.push(letter),
                }
            }
            while letters.next_if(|letter| *letter != ',').is_some() {}
        } else {
            value.extend(std::iter::from_fn(|| letters.next_if(|letter| *letter != ',')));
        }
        letters.next();
        parameters.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.example.org/token",service="registry",scope="repository:a:pull,push""#,
                bearer("https://auth.example.org/token", Some("registry")),
            ),
            (r#"bearer scope="a,b", realm=https://x"#, bearer("https://x", None)),
            (r#"Basic realm="x""#, Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            ("Bearer service=\"x\"", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }
}
