//! Where packages come from and which are asked for: `[alpine]`.

use std::fmt;
use std::path::PathBuf;

use crate::address::Address;
use crate::apk::{Dependency, PackageName};

use super::grammar::Grammar;
use super::problem::Problem;
use super::section::Section;
use super::text::{not_a, plain};

/// The mirror of a recipe that names none: Alpine's own.
pub const DEFAULT_MIRROR: &str = "https://dl-cdn.alpinelinux.org/alpine";

/// The recipe's `[alpine]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alpine {
    /// The branch of Alpine.
    pub release: Release,
    /// Mirrors to be tried in order, never empty: URLs without a slash at the end, or folders.
    pub mirrors: Vec<Address>,
    /// Repositories in order of preference.
    pub repositories: Vec<RepositorySource>,
    /// Public keys trusted beside Alpine's own; relative paths start from the recipe's folder.
    pub keys: Vec<PathBuf>,
    /// The world.
    pub packages: Vec<Dependency>,
    /// What becomes of packages' install scripts.
    pub scripts: Scripts,
    /// What becomes of the build where one of them fails.
    pub script_failures: ScriptFailures,
}

/// A branch of Alpine; it prints as the folder on a mirror that holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// `v3.22`
    Version {
        /// 3
        major: u32,
        /// 22
        minor: u32,
    },
    /// `edge`
    Edge,
    /// `latest-stable`
    #[default]
    LatestStable,
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { major, minor } => write!(formatter, "v{major}.{minor}"),
            Self::Edge => formatter.write_str("edge"),
            Self::LatestStable => formatter.write_str("latest-stable"),
        }
    }
}

/// A repository as the recipe names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositorySource {
    /// Where it is.
    pub place: RepositoryPlace,
    /// With a tag it serves only `name@tag` and what that needs.
    pub tag: Option<String>,
    /// Whether it is for the build alone and not for the image's `etc/apk/repositories`.
    pub build_only: bool,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryPlace {
    /// A folder below `MIRROR/RELEASE`: `main`, `community`.
    Named(String),
    /// A whole URL (http, https or file), without a slash at its end.
    Url(Address),
    /// A folder that holds `ARCH/APKINDEX.tar.gz`; a relative one starts from the recipe's folder.
    Folder(PathBuf),
}

/// What becomes of packages' install scripts and triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    /// Their usual effects are worked out without running them.
    #[default]
    Emulate,
    /// They are run, in a sandbox.
    Run,
    /// Nothing.
    Skip,
}

/// What becomes of a build in which an install script ends with an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptFailures {
    /// It ends, as apk ends with an error.
    #[default]
    Error,
    /// It warns, and goes on.
    Warn,
}

impl Alpine {
    /// Reads `[alpine]`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        section.require("packages", "packages = [\"busybox\", \"python3\"] to [alpine]");
        let mirrors = section.one_or_more("mirror", mirror).filter(|mirrors| !mirrors.is_empty());
        let repositories = section.texts("repositories", RepositorySource::parse);
        Self {
            release: section.text("release", Release::parse).unwrap_or_default(),
            mirrors: mirrors.unwrap_or_else(|| vec![Address::new(DEFAULT_MIRROR)]),
            repositories: repositories.unwrap_or_else(|| {
                let named = |name: &str| RepositorySource {
                    place: RepositoryPlace::Named(name.to_owned()),
                    tag: None,
                    build_only: false,
                };
                vec![named("main"), named("community")]
            }),
            keys: section.texts("keys", key_file).unwrap_or_default(),
            packages: section.texts("packages", package).unwrap_or_default(),
            scripts: section
                .choice("scripts", &[("emulate", Scripts::Emulate), ("run", Scripts::Run), ("skip", Scripts::Skip)])
                .unwrap_or_default(),
            script_failures: section
                .choice("script-failures", &[("error", ScriptFailures::Error), ("warn", ScriptFailures::Warn)])
                .unwrap_or_default(),
        }
    }
}

impl Release {
    /// Reads `vX.Y`, `edge` or `latest-stable`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let number = |text: &str| match text.as_bytes() {
            [b'0'] => Some(0),
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => text.parse().ok(),
            _ => None,
        };
        let version = |text: &str| {
            let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
            Some(Self::Version { major: number(major)?, minor: number(minor)? })
        };
        match text {
            "edge" => Ok(Self::Edge),
            "latest-stable" => Ok(Self::LatestStable),
            _ => version(text).ok_or_else(|| not_a(Grammar::Release, text)),
        }
    }
}

/// The word before a repository that is for the build alone.
const BUILD_ONLY: &str = "build-only";

impl fmt::Display for RepositorySource {
    /// As [`RepositorySource::parse`] reads it, without what is secret in a URL.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.build_only {
            write!(formatter, "{BUILD_ONLY} ")?;
        }
        if let Some(tag) = &self.tag {
            write!(formatter, "@{tag} ")?;
        }
        match &self.place {
            RepositoryPlace::Named(text) => formatter.write_str(text),
            RepositoryPlace::Url(url) => url.fmt(formatter),
            RepositoryPlace::Folder(path) => write!(formatter, "{}", path.display()),
        }
    }
}

impl RepositorySource {
    /// Reads a name, a URL or a folder, with `build-only ` and `@tag ` before it perhaps. A word without a slash is a name.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = || not_a(Grammar::Repository, text);
        let marked = text.trim_start().strip_prefix(BUILD_ONLY).filter(|rest| rest.starts_with(char::is_whitespace));
        let (build_only, text) = (marked.is_some(), marked.map_or(text, str::trim_start));
        let (tag, place) = match text.strip_prefix('@') {
            None => (None, text.trim()),
            Some(rest) => {
                let (tag, place) = rest.split_once(char::is_whitespace).ok_or_else(wrong)?;
                PackageName::parse(tag).map_err(|error| if tag.is_empty() { wrong() } else { error.into() })?;
                (Some(tag.to_owned()), place.trim())
            }
        };
        if place.starts_with('@')
            || place.strip_prefix(BUILD_ONLY).is_some_and(|rest| rest.starts_with(char::is_whitespace))
        {
            return Err(wrong());
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let place = match written(place) {
            Written::Url(url) => RepositoryPlace::Url(url),
            Written::Word(word) if word.contains('/') || matches!(word, "." | "..") => {
                RepositoryPlace::Folder(plain(word)?.into())
            }
            Written::Word(word) if !word.is_empty() && word.bytes().all(is_name) => {
                RepositoryPlace::Named(word.to_owned())
            }
            Written::Word(_) | Written::Unusable => return Err(wrong()),
        };
        Ok(Self { place, tag, build_only })
    }
}

/// What a mirror or repository may be written as.
enum Written<'a> {
    /// By http, https or file, without the slash at its end.
    Url(Address),
    /// A URL that leads nowhere or is by another scheme.
    Unusable,
    /// No URL.
    Word(&'a str),
}

fn written(text: &str) -> Written<'_> {
    let text = text.trim();
    let address = Address::new(text);
    let usable = if let Some(path) = address.as_str().strip_prefix("file:") {
        path.starts_with('/')
    } else if let Some((scheme, rest)) = address.as_str().split_once("://") {
        let is_broken = |letter: char| letter.is_whitespace() || letter.is_control();
        let host = rest.split('/').next().unwrap_or_default();
        matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains('@') && !rest.contains(is_broken)
    } else {
        return Written::Word(text);
    };
    if usable { Written::Url(address.map(|shown| shown.trim_end_matches('/').to_owned())) } else { Written::Unusable }
}

/// Reads a mirror: a URL, or a folder.
fn mirror(text: &str) -> Result<Address, Problem> {
    match written(text) {
        Written::Url(url) => Ok(url),
        Written::Word(folder) if !folder.is_empty() => Ok(Address::new(&plain(folder)?)),
        Written::Word(_) | Written::Unusable => Err(not_a(Grammar::Mirror, text)),
    }
}

/// Reads the path of a public key, whose file name is the key's name.
fn key_file(text: &str) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(plain(text)?);
    match path.file_name() {
        Some(_) if path.extension().is_some_and(|extension| extension == "pub") => Ok(path),
        _ => Err(not_a(Grammar::KeyFile, text)),
    }
}

/// Reads a word of the world.
pub(super) fn package(text: &str) -> Result<Dependency, Problem> {
    Ok(Dependency::parse_world(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_a_branch() {
        for text in ["v3.22", "v3.9", "v10.0", "edge", "latest-stable"] {
            assert_eq!(Release::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "3.22", "v3", "v3.", "v3.22.1", "v03.2", "v3.x", "v+3.1", "v99999999999.1", "stable", "EDGE"]
        {
            assert!(Release::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_repository_is_a_name_a_url_or_a_folder() {
        let named = |name: &str| RepositoryPlace::Named(name.into());
        let url = |url: &str| RepositoryPlace::Url(Address::new(url));
        let folder = |path: &str| RepositoryPlace::Folder(path.into());
        for (text, tag, place) in [
            ("main", None, named("main")),
            ("https://mirror.example/edge/main/", None, url("https://mirror.example/edge/main")),
            ("@edge https://mirror.example/edge", Some("edge"), url("https://mirror.example/edge")),
            ("@testing testing", Some("testing"), named("testing")),
            ("./packages", None, folder("./packages")),
            ("../packages", None, folder("../packages")),
            ("/srv/my packages", None, folder("/srv/my packages")),
            ("@local  packages/main", Some("local"), folder("packages/main")),
            ("file:///srv/x", None, url("file:///srv/x")),
            ("https://u:p@mirror.example/main/?token=x", None, url("https://u:p@mirror.example/main?token=x")),
            ("build-only https://mirror.example/main", None, url("https://mirror.example/main")),
            ("build-only  @edge https://mirror.example/edge", Some("edge"), url("https://mirror.example/edge")),
            ("build-only main", None, named("main")),
            ("build-only", None, named("build-only")),
            ("build-only/packages", None, folder("build-only/packages")),
        ] {
            let build_only = text.starts_with("build-only ");
            let source = RepositorySource { place, tag: tag.map(str::to_owned), build_only };
            let parsed = RepositorySource::parse(text).unwrap();
            assert_eq!(parsed, source, "{text}");
            assert!(!format!("{parsed} {parsed:?}").contains("u:p"), "{parsed:?}");
        }
        for wrong in [
            "",
            "@edge",
            "@ main",
            "@edge ",
            "ftp://host/x",
            "https://",
            "https:///x",
            "two words",
            "file:x",
            "http://u:a/b@host",
            "build-only ",
            "build-only @edge",
            "build-only build-only main",
            "build-only build-only ./packages",
            "@edge build-only ./packages",
            "build-only @ ./packages",
            "@edge @other ./packages",
        ] {
            assert!(RepositorySource::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_mirror_is_a_url_or_a_folder() {
        for (text, read) in [
            ("https://mirror.example/alpine/", "https://mirror.example/alpine"),
            ("https://u:p@mirror.example/alpine/?token=x", "https://u:p@mirror.example/alpine?token=x"),
            ("file:///srv/alpine", "file:///srv/alpine"),
            ("mirror", "mirror"),
        ] {
            assert_eq!(mirror(text), Ok(Address::new(read)));
        }
        for wrong in ["", " ", "ftp://host", "https://a b", "a\nb", "https://u:p@/x", "https://u:a/b@host"] {
            assert!(mirror(wrong).is_err(), "{wrong}");
        }
    }
}
