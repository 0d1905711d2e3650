//! What can go wrong between a mirror and a verified package, and which of it passes by itself.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::LoginSource;
use crate::apk;

/// A download, a local file, or the cache failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers: no such host, refused, no route.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// Nobody answers on a connection that stands.
    #[error("no answer from {url}: {reason}")]
    NoAnswer {
        /// What was asked for.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// The proxy between here and the mirror answers in its place.
    #[error("cannot reach {url}: the proxy says {status}")]
    Proxy {
        /// What was asked for.
        url: String,
        /// The status code and its name.
        status: String,
        /// The status code.
        code: u16,
    },
    /// Somebody answers, but not in TLS, or with a certificate that is not trusted.
    #[error("{url}: the answer is not trusted: {reason}")]
    Tls {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// What was asked for is no address.
    #[error("{url}: this is no address: {reason}")]
    Address {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The connection broke or stood still.
    #[error("the connection broke while reading {url}: {reason}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What the network says.
        reason: String,
    },
    /// The server says no.
    #[error("{url}: expected the file, found HTTP status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status code and its name.
        status: String,
        /// The status code.
        code: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server wants credentials, or others, or lets nobody in.
    #[error("{url}: {}", unauthorized(.server, .status, *.code, *.tried, .reason.as_deref()))]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// Host and port of the server that said so, which the address may have been redirected to.
        server: String,
        /// The status code and its name.
        status: String,
        /// The status code: 401 or 403.
        code: u16,
        /// Where the credentials were from that it did not take.
        tried: Option<LoginSource>,
        /// Why it got none, where there may be some.
        reason: Option<String>,
    },
    /// Redirections without end.
    #[error("{url}: it redirects more than {limit} times, probably in a circle")]
    Redirects {
        /// What was asked for.
        url: String,
        /// How many redirections are followed.
        limit: usize,
    },
    /// The body ended before it was whole.
    #[error("{url}: the answer is cut off: expected {expected} bytes, found {found}")]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes that were announced.
        expected: u64,
        /// Bytes that came.
        found: u64,
    },
    /// Much more than the index says.
    #[error("{url}: {found} bytes, where the index lists {listed}; more than {limit} are not read")]
    TooLong {
        /// What was asked for.
        url: String,
        /// What the index or the lock says.
        listed: u64,
        /// How many would be read.
        limit: u64,
        /// What was announced, or came.
        found: u64,
    },
    /// A page for people, such as a hotel's or a proxy's.
    #[error("{url}: expected {expected}, found a web page (content type {found})")]
    WebPage {
        /// What was asked for.
        url: String,
        /// A package or an index.
        expected: &'static str,
        /// The content type.
        found: String,
    },
    /// An index beyond any sensible size.
    #[error("{url}: the index is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An index that is damaged or not trusted.
    #[error("the index {location}: {source}")]
    Index {
        /// URL or path.
        location: String,
        /// What is wrong.
        source: apk::Error,
    },
    /// A package that is damaged or another than the one asked for.
    #[error("the package {location}: {source}")]
    Package {
        /// URL or path.
        location: String,
        /// What is wrong.
        source: apk::Error,
    },
    /// No file in a local repository.
    #[error("{path}: there is no such {what}")]
    NoFile {
        /// Where it should be.
        path: PathBuf,
        /// A package or an index.
        what: &'static str,
    },
    /// Every mirror failed, each in its own way.
    #[error("no mirror gives {what}: {}", join(.failures))]
    AllMirrors {
        /// What was wanted.
        what: String,
        /// One failure a mirror, in order.
        failures: Vec<Error>,
    },
    /// Things that are in no cache, and the network may not be asked.
    #[error("not in the cache, and offline: {}", .missing.join(", "))]
    Offline {
        /// Packages as `name-version`, indexes as URLs.
        missing: Vec<String>,
    },
    /// Nothing says where it could be found.
    #[error("{what} has no location at all")]
    NoLocation {
        /// What was wanted.
        what: String,
    },
    /// A key file that cannot be used.
    #[error("the key {path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: apk::Error,
    },
    /// A folder of keys with nothing in it.
    #[error("{path}: expected public keys (*.pub), found none")]
    NoKeys {
        /// The folder.
        path: PathBuf,
    },
    /// Neither XDG_CACHE_HOME nor HOME says where a cache belongs.
    #[error("there is no place for a cache: neither XDG_CACHE_HOME nor HOME is set")]
    NoCacheFolder,
    /// The network library could not be set up.
    #[error("the HTTP client cannot start: {reason}")]
    Client {
        /// What it says.
        reason: String,
    },
    /// A file could not be read or written; the text names it.
    #[error("{what}: {source}")]
    File {
        /// Where it lies.
        place: FilePlace,
        /// What was being done, with the path where the cause does not name it.
        what: String,
        /// The system's word.
        source: io::Error,
    },
}

/// What a file that could not be read or written belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// The cache.
    Cache,
    /// The public keys.
    Keys,
    /// A repository that is a folder.
    Repository,
}

fn is_folder(location: &str) -> bool {
    !location.contains("://")
}

/// The way out where the bytes at `location` are not what they should be.
fn damaged(location: &str) -> &'static str {
    if is_folder(location) {
        "put the right file there again, or make the folder anew as it was made, with `apkbuild vendor` for one"
    } else {
        "the mirror is being changed or damaged; try again later or ask another with --mirror"
    }
}

/// What a server said to somebody whom it does not let in.
fn unauthorized(server: &str, status: &str, code: u16, tried: Option<LoginSource>, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!("; {reason}")).unwrap_or_default();
    match (tried, code) {
        (Some(source), _) => format!("{server} does not take the credentials of {source} (HTTP status {status})"),
        (None, 401) => format!("{server} asks for credentials (HTTP status {status}){reason}"),
        (None, _) => format!("{server} refuses to give it without credentials (HTTP status {status}){reason}"),
    }
}

fn join(failures: &[Error]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    pub(super) fn file(place: FilePlace, what: impl Into<String>, source: io::Error) -> Self {
        Self::File { place, what: what.into(), source }
    }

    /// Whether the same request may well succeed a little later.
    pub fn should_retry(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Broken { .. } | Self::Truncated { .. } => true,
            Self::Status { code, .. } | Self::Proxy { code, .. } => {
                matches!(code, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether nobody answers, so that nothing is known of what was asked for. Of several mirrors that holds for each.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoAnswer { .. } | Self::Proxy { .. } => true,
            Self::AllMirrors { failures, .. } => failures.iter().all(Self::is_unreachable),
            _ => false,
        }
    }

    /// Whether it is a package, but not the one that was asked for: another build, perhaps.
    pub fn is_another_package(&self) -> bool {
        matches!(self, Self::Package { source: apk::Error::IdentityMismatch { .. }, .. })
    }

    /// Whether the mirror or the folder does not have the file at all.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { code: 404 | 410, .. } | Self::NoFile { .. })
    }

    /// How long the server asks to wait before that.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether it is about a file in a folder, and not at a server.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Index { location, .. } | Self::Package { location, .. } => is_folder(location),
            Self::NoFile { .. } => true,
            _ => false,
        }
    }

    /// What the user can do about it.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::Proxy { .. } => {
                "ask the proxy for leave, name those that need none in NO_PROXY, or name another mirror with --mirror"
            }
            Self::Tls { .. } => {
                "check the address and the proxy; a network with a certificate of its own names it in SSL_CERT_FILE"
            }
            Self::Address { .. } => "write http://HOST/… or https://HOST/…, or a folder",
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Broken { .. }
            | Self::Redirects { .. }
            | Self::Truncated { .. } => {
                "try again, name another mirror with --mirror, or build from what is cached with --offline"
            }
            Self::Unauthorized { server, .. } => {
                let host = server.trim_end_matches(|letter: char| letter.is_ascii_digit());
                let host = host.strip_suffix(':').unwrap_or(server);
                let machine = host.trim_start_matches('[').trim_end_matches(']');
                return Some(format!(
                    "give them in the address (https://USER:PASSWORD@{server}/…), in HTTP_AUTH=basic:*:USER:PASSWORD, or in \
                     ~/.netrc (machine {machine} login USER password PASSWORD)"
                ));
            }
            Self::Status { code: 407, .. } => {
                "the proxy asks for credentials: give them in its address, as in https_proxy=http://USER:PASSWORD@HOST:PORT"
            }
            Self::Status { code: 404 | 410, .. } => {
                "the mirror does not have it: check the release and the architecture, or name another mirror with --mirror"
            }
            Self::Status { .. } => "try again later, or name another mirror with --mirror",
            Self::TooLong { url, .. } => damaged(url),
            Self::WebPage { .. } => {
                "something between here and the mirror answers in its place: log in to the network, check the proxy, or name \
                 another mirror with --mirror"
            }
            Self::Index { location, source } | Self::Package { location, source } => {
                return source.help().or_else(|| Some(damaged(location).to_owned()));
            }
            Self::Key { source, .. } => return source.help(),
            Self::NoFile { what: "package", .. } => {
                "make the index anew with `apkbuild mkndx`, or put the package there"
            }
            Self::NoFile { .. } => "a repository holds ARCH/APKINDEX.tar.gz; `apkbuild mkndx` makes it",
            Self::AllMirrors { failures, .. } => return failures.iter().find_map(Self::help),
            Self::Offline { .. } => "run once without --offline, or name a repository that has them with -X",
            Self::NoKeys { .. } => "name the folder that holds NAME.rsa.pub",
            Self::NoCacheFolder => "name one with --cache-dir",
            Self::File { place: FilePlace::Cache, source, .. } => match source.kind() {
                io::ErrorKind::StorageFull => "free some space, or name another place with --cache-dir",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "name a place that may be written with --cache-dir"
                }
                io::ErrorKind::InvalidData => "`apkbuild cache verify` removes what does not belong there",
                _ => "name a folder for the cache with --cache-dir",
            },
            Self::File { place: FilePlace::Keys, .. } => "name the folder that holds NAME.rsa.pub with --keys-dir",
            Self::File { place: FilePlace::Repository, source, .. }
                if source.kind() == io::ErrorKind::NotADirectory =>
            {
                "a repository is a folder that holds ARCH/APKINDEX.tar.gz; `apkbuild mkndx` makes it"
            }
            Self::TooLarge { .. } | Self::NoLocation { .. } | Self::Client { .. } | Self::File { .. } => return None,
        };
        Some(help.to_owned())
    }
}
