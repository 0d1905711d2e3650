//! The address of a mirror or repository as somebody wrote it, with what may be secret in it set aside.
//!
//! `https://USER:PASSWORD@HOST/PATH?QUERY` is kept as `https://HOST/PATH`, which is all that is ever printed, written or
//! hashed; the user, the password and the query (`?token=…`) go to the HTTP client and nowhere else. A folder is an
//! address too and is kept as it is. Nothing is refused here: what is no address at all is for its reader to say, who
//! can then show it without harm.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What stands where a secret was.
const MASK: &str = "***";

/// An address. It prints without its secrets, in its debug form too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    shown: String,
    credentials: Option<BasicCredentials>,
    query: Option<String>,
}

impl Address {
    /// Takes `text` apart. What can be no URL because the user or the password has a letter that belongs to the rest of
    /// a URL (`/`, `?`, `#`) keeps an `@` before its host, by which it is refused, and shows nothing of them.
    pub fn new(text: &str) -> Self {
        let Some(url) = UrlParts::of(text) else {
            return Self { shown: text.to_owned(), credentials: None, query: None };
        };
        let piece = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let mut scheme = Cow::Borrowed(piece(&(0..url.start)));
        if ["http://", "https://"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            scheme = Cow::Owned(scheme.to_ascii_lowercase());
        }
        let mask = if url.is_broken { format!("{MASK}@") } else { String::new() };
        let credentials = url.userinfo.as_ref().filter(|_| !url.is_broken).map(piece);
        Self {
            shown: format!("{scheme}{mask}{}", piece(&url.address)),
            credentials: credentials.and_then(BasicCredentials::of_userinfo),
            query: url.query.as_ref().map(piece).filter(|query| !query.is_empty()).map(str::to_owned),
        }
    }

    /// The address without its secrets.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The same with what is shown of it as `change` makes it.
    #[must_use]
    pub(crate) fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { shown: change(&self.shown), ..self }
    }

    /// The address of `name` below this one. A query stays at the end.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        self.clone().map(|shown| format!("{shown}/{name}"))
    }

    /// What an HTTP client is to ask for: with the query, which may be secret, and without the credentials.
    pub(crate) fn request(&self) -> Cow<'_, str> {
        match &self.query {
            None => Cow::Borrowed(&self.shown),
            Some(query) => Cow::Owned(format!("{}?{query}", self.shown)),
        }
    }

    /// The user and the password in it.
    pub(crate) fn credentials(&self) -> Option<&BasicCredentials> {
        self.credentials.as_ref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, formatter)
    }
}

impl FromStr for Address {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// A user and a password for the Basic scheme (RFC 7617). They are never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BasicCredentials {
    /// `USER:PASSWORD`
    pair: Vec<u8>,
}

impl BasicCredentials {
    pub(crate) fn new(user: &str, password: &str) -> Self {
        Self { pair: format!("{user}:{password}").into_bytes() }
    }

    /// Reads the userinfo of a URL (RFC 3986, 3.2.1); `None` where it names nobody.
    fn of_userinfo(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        if user.is_empty() && password.is_empty() {
            return None;
        }
        Some(Self { pair: [percent_decoded(user), b":".to_vec(), percent_decoded(password)].concat() })
    }

    /// The value of the header `Authorization`.
    pub(crate) fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(&self.pair))
    }
}

impl fmt::Debug for BasicCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BasicCredentials({MASK})")
    }
}

/// The bytes that `text` stands for. A `%` that no two hexadecimal digits follow stands for itself, as browsers take it.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.split_at_checked(2).and_then(|(digits, rest)| Some((hex::decode(digits).ok()?, rest))) {
            Some((byte, rest)) => bytes.extend([&byte, rest.as_bytes()].concat()),
            None => bytes.extend(format!("%{piece}").bytes()),
        }
    }
    bytes
}

/// Where in a text the parts of a URL are.
#[derive(Debug)]
struct UrlParts {
    /// Behind `://`.
    start: usize,
    /// The user and the password, without their `@`.
    userinfo: Option<Range<usize>>,
    /// From the host to the end of the path.
    address: Range<usize>,
    /// Without its `?`.
    query: Option<Range<usize>>,
    /// Whether the user and the password have a letter that ends them before the host.
    is_broken: bool,
}

impl UrlParts {
    /// Those of the first URL in `text`, which ends with it; `None` where there is none.
    fn of(text: &str) -> Option<Self> {
        let start = text.find("://")? + 3;
        let rest = text.get(start..)?;
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..authority_end)?;
        let mut is_broken = false;
        let mut at = authority.rfind('@');
        if at.is_none() && !has_usable_port(authority) {
            // `ci:top/secret@host`: nothing else puts an `@` behind a port that is no number.
            at = rest.rfind('@');
            is_broken = at.is_some();
        }
        let host = at.map_or(0, |at| at + 1);
        let after = rest.get(host..)?;
        let is_file = text.get(..start)?.to_ascii_lowercase().ends_with("file://");
        let (path_end, query) = match after.find(['?', '#']).filter(|_| !is_file) {
            None => (rest.len(), None),
            Some(end) => {
                let end = host + end;
                // What follows a `#` is no server's business (RFC 3986, 3.5).
                let query_end = rest.get(end..)?.find('#').map_or(rest.len(), |length| end + length);
                let query = (query_end > end).then(|| start + end + 1..start + query_end);
                (end, query)
            }
        };
        Some(Self {
            start,
            userinfo: at.map(|at| start..start + at),
            address: start + host..start + path_end,
            query,
            is_broken,
        })
    }
}

/// Whether what stands behind the last colon of `authority` may be a port, or there is none.
fn has_usable_port(authority: &str) -> bool {
    let after_brackets = authority.rsplit(']').next().unwrap_or_default();
    after_brackets
        .rsplit_once(':')
        .is_none_or(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How far a URL in a text is looked at, in bytes, so that no text takes long.
const LONGEST_URL: usize = 4096;

/// Where in `text`, which may be anything, the secrets of URLs are.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut searched = 0;
    let mut quote = None;
    while let Some(length) = text.get(searched..).and_then(|rest| rest.find("://")) {
        let at = searched + length;
        let start = at + 3;
        for letter in text.get(searched..start).unwrap_or_default().chars() {
            match letter {
                '\n' => quote = None,
                '"' | '\'' | '`' => quote = Some(letter),
                _ => {}
            }
        }
        searched = start;
        let rest = text.get(start..text.floor_char_boundary(start + LONGEST_URL)).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        // In quotes, a URL ends with them; elsewhere, with white space.
        let end = quote.and_then(|quote| line.find(quote)).or_else(|| line.find(char::is_whitespace));
        let end = start + end.unwrap_or(line.len());
        if let Some(url) = text.get(at..end).and_then(UrlParts::of) {
            let secrets = url.userinfo.into_iter().chain(url.query);
            found.extend(secrets.map(|range| at + range.start..at + range.end));
        }
    }
    found.retain(|range| text.get(range.clone()).is_some_and(|secret| secret.bytes().any(|byte| byte != b'*')));
    found.sort_by_key(|range| (range.start, range.end));
    found
}

/// `text` with the secrets of the URLs in it as `mask` has them.
fn masked(text: &str, mask: impl Fn(&str) -> String) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        // A URL in the query of another is masked with it.
        if secret.start >= done {
            shown.push_str(text.get(done..secret.start).unwrap_or_default());
            shown.push_str(&mask(text.get(secret.clone()).unwrap_or_default()));
            done = secret.end;
        }
    }
    shown.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(shown)
}

/// `text`, a message, with `***` for every user, password and query of a URL in it.
pub(crate) fn without_secrets(text: &str) -> Cow<'_, str> {
    masked(text, |_| MASK.to_owned())
}

/// The same with as many bytes as `text` has, so that places in it stay what they are.
pub(crate) fn blotted(text: &str) -> Cow<'_, str> {
    masked(text, |secret| "*".repeat(secret.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(address: &Address) -> Option<&str> {
        address.credentials.as_ref().map(|credentials| std::str::from_utf8(&credentials.pair).unwrap())
    }

    #[test]
    fn secrets_are_set_aside() {
        for (text, shown, credentials, request) in [
            ("https://host/alpine", "https://host/alpine", None, "https://host/alpine"),
            ("HTTPS://ci:pw@Host:81/a", "https://Host:81/a", Some("ci:pw"), "https://Host:81/a"),
            ("http://ci:p%40s%2Fs:x@host", "http://host", Some("ci:p@s/s:x"), "http://host"),
            ("http://ci:a@b@host/x@y", "http://host/x@y", Some("ci:a@b"), "http://host/x@y"),
            ("http://ci:50%@[::1]:80/a", "http://[::1]:80/a", Some("ci:50%"), "http://[::1]:80/a"),
            ("http://token@host/a", "http://host/a", Some("token:"), "http://host/a"),
            ("http://@host/a", "http://host/a", None, "http://host/a"),
            ("http://:@host/a", "http://host/a", None, "http://host/a"),
            ("https://host/a?token=x@y:/z", "https://host/a", None, "https://host/a?token=x@y:/z"),
            ("https://u:p@host?token=x#y", "https://host", Some("u:p"), "https://host?token=x"),
            ("https://host/a#b?c", "https://host/a", None, "https://host/a"),
            ("https://host/a?", "https://host/a", None, "https://host/a"),
            ("ftp://u:p@host/a", "ftp://host/a", Some("u:p"), "ftp://host/a"),
            ("@edge https://u:p@host/a", "@edge https://host/a", Some("u:p"), "@edge https://host/a"),
            // Letters that end a user or a password before their time: nothing of it is shown, and nothing asked.
            ("http://ci:to/p@host/a", "http://***@host/a", None, "http://***@host/a"),
            ("http://ci:to?p@host/a", "http://***@host/a", None, "http://***@host/a"),
            ("http://ci:#p@host/a", "http://***@host/a", None, "http://***@host/a"),
            ("http://ci:/p@host/a", "http://***@host/a", None, "http://***@host/a"),
            ("http://host:80/@scope/a", "http://host:80/@scope/a", None, "http://host:80/@scope/a"),
            ("file:///srv/a@b?c#d", "file:///srv/a@b?c#d", None, "file:///srv/a@b?c#d"),
            ("./packages@1", "./packages@1", None, "./packages@1"),
            ("", "", None, ""),
        ] {
            let address = Address::new(text);
            assert_eq!(address.to_string(), shown, "{text}");
            assert_eq!(format!("{address:?}"), format!("{shown:?}"), "{text}");
            assert_eq!(pair(&address), credentials, "{text}");
            assert_eq!(address.request(), request, "{text}");
        }
    }

    #[test]
    fn what_is_asked_for_has_its_query_at_the_end() {
        let address = Address::new("https://u:p@host/alpine?token=x").join("v3.22").join("main");
        assert_eq!(address.request(), "https://host/alpine/v3.22/main?token=x");
        assert_eq!(address.as_str(), "https://host/alpine/v3.22/main");
        assert_eq!(pair(&address), Some("u:p"));
    }

    #[test]
    fn the_header_is_that_of_rfc_7617() {
        let credentials = BasicCredentials::new("Aladdin", "open sesame");
        assert_eq!(credentials.authorization(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{credentials:?}"), "BasicCredentials(***)");
    }

    #[test]
    fn texts_are_shown_without_secrets() {
        for (text, shown) in [
            ("nothing to hide: a@b, c://d", "nothing to hide: a@b, c://d"),
            ("cannot reach https://u:p@host/x: refused", "cannot reach https://***@host/x: refused"),
            ("mirror = [\"http://u:p@a\", \"http://b?token=c\"]", "mirror = [\"http://***@a\", \"http://b?***\"]"),
            ("mirror = \"ftp://u:a b@host\" # why", "mirror = \"ftp://***@host\" # why"),
            ("'http://u:a\"b@host'", "'http://***@host'"),
            ("`@t http://u:a/b@host/x` is", "`@t http://***@host/x` is"),
            ("http://a http://u:p@b\nhttp://c@d/e", "http://a http://***@b\nhttp://***@d/e"),
            ("http://***@host", "http://***@host"),
            ("http://a?b=http://c:d@e f", "http://a?*** f"),
        ] {
            assert_eq!(without_secrets(text), shown);
            assert_eq!(without_secrets(shown), shown);
            assert_eq!(blotted(text).len(), text.len());
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_shown(
            user in "[a-z]{1,4}",
            password in "[a-zA-Z0-9!$&'()*+,;=:@%._~-]{0,12}",
            path in "(/[a-z@]{1,4}){0,2}",
        ) {
            let secret = format!("SECRET{password}SECRET");
            let text = format!("https://{user}:{secret}@host{path}?token={secret}");
            let address = Address::new(&text).join("x");
            prop_assert_eq!(format!("{} {:?}", &address, &address).find("SECRET"), None);
            let query = format!("/x?token={secret}");
            prop_assert!(address.request().ends_with(&query));
            prop_assert_eq!(without_secrets(&text).find("SECRET"), None);
            prop_assert_eq!(blotted(&format!("x = \"{text}\"")).find("SECRET"), None);
        }

        #[test]
        fn any_text_can_be_taken_apart(text in "[a-z:/@?#\"'` \n%*é]{0,40}") {
            let address = Address::new(&text);
            prop_assert!(!address.request().is_empty() || text.is_empty() || address.as_str().is_empty());
            prop_assert_eq!(blotted(&text).len(), text.len());
            let shown = without_secrets(&text).into_owned();
            prop_assert_eq!(without_secrets(&shown), shown.as_str());
        }
    }
}
