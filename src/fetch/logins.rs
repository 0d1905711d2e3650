//! Which credentials a server gets: those in the address, those of `HTTP_AUTH`, those of `.netrc`, in this order.
//!
//! An address' own credentials, and those that `.netrc` has for the machine by name, go with the first request. Those
//! that are for anybody (`HTTP_AUTH` for every realm, `default` of `.netrc`) go only to a server that asked for some, as
//! apk has it. A server that another one redirected to gets nothing but what names it; and nothing at all goes without
//! TLS where the address has TLS.

use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use reqwest::Url;

use super::netrc::Netrc;
use crate::address::{Address, BasicCredentials};

/// The most bytes of a `.netrc` that are read; curl reads as many.
const LARGEST_NETRC: u64 = 128 << 10;

/// Where credentials are looked for beside the address. Nothing is read before a server is asked.
#[derive(Clone, Default)]
pub struct Logins {
    /// `basic:REALM:USER:PASSWORD`
    pub http_auth: Option<String>,
    /// The file.
    pub netrc: Option<PathBuf>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let http_auth = self.http_auth.as_ref().map(|_| "***");
        formatter.debug_struct("Logins").field("http_auth", &http_auth).field("netrc", &self.netrc).finish()
    }
}

impl Logins {
    /// `HTTP_AUTH`, and the file that `NETRC` names, or else `~/.netrc`.
    pub fn of_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let of_home = || Some(PathBuf::from(set("HOME")?).join(".netrc"));
        Self {
            http_auth: set("HTTP_AUTH").map(|value| value.to_string_lossy().into_owned()),
            netrc: set("NETRC").map(PathBuf::from).or_else(of_home),
        }
    }
}

/// Where credentials were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginSource {
    /// In the address itself.
    Address,
    /// In the variable `HTTP_AUTH`.
    HttpAuth,
    /// In the file that `NETRC` names, or `~/.netrc`.
    Netrc,
}

impl fmt::Display for LoginSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Address => "the address",
            Self::HttpAuth => "HTTP_AUTH",
            Self::Netrc => ".netrc",
        })
    }
}

/// Credentials and where they are from.
pub(super) type Login = (BasicCredentials, LoginSource);

/// What a server says that it wants credentials for; `None` where it does not say.
pub(super) type Realm = Option<String>;

/// One request on the way from an address to its file: the address itself, or what it was redirected to. It has no debug
/// form, since what is asked for may have a secret query.
pub(super) struct Hop<'a> {
    pub(super) address: &'a Address,
    /// What the address asks for.
    pub(super) first: &'a Url,
    pub(super) url: Url,
}

impl Hop<'_> {
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port, as messages name them.
    pub(super) fn server(&self) -> String {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.url.host_str().unwrap_or_default())
    }

    /// Whether the address' own server is asked. One that takes every request to its encrypted port is itself.
    fn is_own(&self) -> bool {
        let plain = |url: &Url| url.scheme() == "http" && url.port().is_none();
        let encrypted = |url: &Url| url.scheme() == "https" && url.port().is_none();
        let is_upgrade = plain(self.first) && encrypted(&self.url) && self.first.host() == self.url.host();
        self.first.origin() == self.url.origin() || is_upgrade
    }

    fn loses_tls(&self) -> bool {
        self.first.scheme() == "https" && self.url.scheme() != "https"
    }
}

/// The credentials that are known.
#[derive(Debug, Default)]
pub(super) struct KnownLogins {
    logins: Logins,
    netrc: OnceLock<Result<Netrc, String>>,
}

impl KnownLogins {
    pub(super) fn new(logins: Logins) -> Self {
        Self { logins, netrc: OnceLock::new() }
    }

    /// What the server of `hop` gets, with the first request or, where it asked for something, after that.
    pub(super) fn find(&self, hop: &Hop<'_>, asked: Option<&Realm>) -> Option<Login> {
        if hop.loses_tls() {
            return None;
        }
        if let Some(credentials) = hop.address.credentials().filter(|_| hop.is_own()) {
            return Some((credentials.clone(), LoginSource::Address));
        }
        if let Ok(Some(http_auth)) = self.http_auth() {
            if http_auth.names(hop) || asked.is_some_and(|realm| hop.is_own() && http_auth.is_for(realm)) {
                return Some((http_auth.credentials, LoginSource::HttpAuth));
            }
            // It comes before `.netrc`: the server says first whether it is for it.
            if asked.is_none() && hop.is_own() {
                return None;
            }
        }
        let netrc = self.netrc().as_ref().ok()?;
        let for_any = || netrc.for_any().filter(|_| asked.is_some() && hop.is_own());
        Some((netrc.machine(hop.host()).or_else(for_any)?, LoginSource::Netrc))
    }

    /// Why a server that asks for `realm` gets nothing although there is something.
    pub(super) fn trouble(&self, hop: &Hop<'_>, asked: Option<&Realm>) -> Option<String> {
        if hop.loses_tls() {
            return Some("nothing is sent there, since the address has TLS and this server has not".to_owned());
        }
        match self.http_auth() {
            Err(reason) => return Some(reason),
            Ok(Some(http_auth)) if !hop.is_own() => {
                return Some(format!(
                    "HTTP_AUTH is not sent to a server that another redirects to, unless it names that in place of `{}`",
                    http_auth.realm
                ));
            }
            Ok(Some(http_auth)) if asked.is_some_and(|realm| !http_auth.is_for(realm)) => {
                let asked = asked.and_then(Option::as_deref).unwrap_or_default();
                return Some(format!("HTTP_AUTH is for the realm `{}`, and this one is `{asked}`", http_auth.realm));
            }
            Ok(Some(_)) if asked.is_none() => {
                return Some("HTTP_AUTH is sent to a server that asks for credentials with status 401".to_owned());
            }
            Ok(_) => {}
        }
        self.netrc().as_ref().err().cloned()
    }

    fn http_auth(&self) -> Result<Option<HttpAuth>, String> {
        self.logins.http_auth.as_deref().map(HttpAuth::parse).transpose()
    }

    fn netrc(&self) -> &Result<Netrc, String> {
        self.netrc.get_or_init(|| {
            let Some(path) = &self.logins.netrc else { return Ok(Netrc::default()) };
            let failed = |reason: &dyn fmt::Display| format!("{} cannot be read: {reason}", path.display());
            let file = match fs_err::File::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Netrc::default()),
                file => file.map_err(|error| error.to_string())?,
            };
            let mut bytes = Vec::new();
            file.take(LARGEST_NETRC + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            if bytes.len() as u64 > LARGEST_NETRC {
                return Err(failed(&format!("it has more than {} KiB", LARGEST_NETRC >> 10)));
            }
            let text = String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8 text"))?;
            Netrc::parse(&text).map_err(|error| failed(&error))
        })
    }
}

/// What the variable `HTTP_AUTH` says. apk's libfetch reads it (fetch(3)) and passes over the realm; tools around apk
/// write the host there.
struct HttpAuth {
    realm: String,
    credentials: BasicCredentials,
}

impl HttpAuth {
    /// Reads `basic:REALM:USER:PASSWORD`; the password may have colons in it.
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(4, ':');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(scheme), Some(realm), Some(user), Some(password)) if scheme.eq_ignore_ascii_case("basic") => {
                Ok(Self { realm: realm.to_owned(), credentials: BasicCredentials::new(user, password) })
            }
            _ => Err("HTTP_AUTH is not of the form basic:REALM:USER:PASSWORD".to_owned()),
        }
    }

    /// Whether the realm is one that a server asks for.
    fn is_for(&self, asked: &Realm) -> bool {
        matches!(self.realm.as_str(), "" | "*") || asked.as_ref().is_none_or(|asked| *asked == self.realm)
    }

    /// Whether the server's host stands in the place of the realm.
    fn names(&self, hop: &Hop<'_>) -> bool {
        self.realm.eq_ignore_ascii_case(hop.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETRC: &str = "machine host login m password m\nmachine cdn login c password c\n\
                         machine ::1 login six password six\ndefault login d password d\n";

    fn known(http_auth: Option<&str>) -> KnownLogins {
        let known =
            KnownLogins::new(Logins { http_auth: http_auth.map(str::to_owned), netrc: Some("/nowhere".into()) });
        known.netrc.set(Netrc::parse(NETRC).map_err(|error| error.to_string())).map_err(drop).unwrap();
        known
    }

    #[test]
    fn every_server_gets_what_is_meant_for_it() {
        let http_auth = Some("basic:*:a:a:a");
        let asked = Some("realm");
        // The address, where it leads to, HTTP_AUTH, what is asked for, and what goes there.
        for (address, hop, http_auth, asked, user) in [
            ("http://u:p@host", "http://host", http_auth, None, Some("u:p")),
            ("http://u:p@host", "http://host", http_auth, asked, Some("u:p")),
            ("http://host", "http://host", http_auth, None, None),
            ("http://host", "http://host", http_auth, asked, Some("a:a:a")),
            ("http://host", "http://host", Some("basic:realm:a:a"), asked, Some("a:a")),
            ("http://host", "http://host", Some("BASIC::a:a"), asked, Some("a:a")),
            ("http://host", "http://host", Some("basic:other:a:a"), asked, Some("m:m")),
            ("http://host:81", "http://host:81", Some("basic:HOST:a:a"), None, Some("a:a")),
            ("http://host:81", "http://host:81", Some("basic:host:81"), None, Some("m:m")),
            ("http://host", "http://host", None, None, Some("m:m")),
            ("http://[::1]:81", "http://[::1]:81", None, None, Some("six:six")),
            ("http://other", "http://other", None, None, None),
            ("http://other", "http://other", None, asked, Some("d:d")),
            // To another server, by name, by port, and by what its TLS is.
            ("http://u:p@host", "http://evil", http_auth, asked, None),
            ("http://u:p@host", "http://evil", None, asked, None),
            ("http://u:p@other", "http://other:81", http_auth, asked, None),
            ("http://u:p@host", "http://cdn", http_auth, None, Some("c:c")),
            ("http://u:p@host", "http://cdn", Some("basic:cdn:a:a"), None, Some("a:a")),
            ("http://u:p@host", "https://host", None, None, Some("u:p")),
            ("http://u:p@other:81", "https://other:81", None, None, None),
            ("https://u:p@host", "http://host", http_auth, asked, None),
            ("https://u:p@host", "http://cdn", Some("basic:cdn:a:a"), asked, None),
        ] {
            let address = Address::new(address);
            let first = Url::parse(&address.request()).unwrap();
            let hop = Hop { address: &address, first: &first, url: Url::parse(hop).unwrap() };
            let asked = asked.map(|realm| Some(realm.to_owned()));
            let found = known(http_auth).find(&hop, asked.as_ref()).map(|(credentials, _)| credentials);
            let expected = user.and_then(|user| user.split_once(':'));
            let expected = expected.map(|(user, password)| BasicCredentials::new(user, password));
            assert!(found == expected, "{address} {} {http_auth:?} {asked:?}: {user:?}", hop.url);
        }
    }

    #[test]
    fn nothing_of_them_is_shown() {
        let logins = Logins { http_auth: Some("basic:*:ci:secret".to_owned()), netrc: Some("/home/ci/.netrc".into()) };
        let known = KnownLogins::new(logins.clone());
        for shown in [format!("{logins:?}"), format!("{known:?}"), format!("{:?}", self::known(None))] {
            assert!(!shown.contains("secret") && !shown.contains("\"d\""), "{shown}");
        }
    }

    #[test]
    fn a_netrc_that_cannot_be_read_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netrc");
        for (bytes, reason) in [
            (vec![b' '; (128 << 10) + 1], "it has more than 128 KiB"),
            (b"machine \xff".to_vec(), "it is not UTF-8 text"),
            (b"machine \"".to_vec(), "line 1: a quote does not end"),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let known = KnownLogins::new(Logins { http_auth: None, netrc: Some(path.clone()) });
            let said = known.netrc().as_ref().unwrap_err();
            assert_eq!(*said, format!("{} cannot be read: {reason}", path.display()));
        }
        let folder = KnownLogins::new(Logins { http_auth: None, netrc: Some(folder.path().to_owned()) });
        assert!(folder.netrc().as_ref().unwrap_err().contains("failed to read"), "{:?}", folder.netrc());
        let none = KnownLogins::new(Logins { http_auth: None, netrc: Some("/nowhere/netrc".into()) });
        assert_eq!(*none.netrc(), Ok(Netrc::default()));
    }
}
