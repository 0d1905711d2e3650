//! Where a repository is: one or more equivalent mirrors, each a URL or a folder, and the tag that pins it.
//!
//! Below a location lie `ARCH/APKINDEX.tar.gz` and `ARCH/NAME-VERSION.apk` (apk-repositories(5)). Refused: URLs by
//! other schemes than http, https and file, and a tag with no location.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::address::Address;
use crate::apk::{NOARCH, PackageName, Version};

/// A repository of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is found: mirrors that hold the same, to be asked in order. Never empty when parsed; empty where a lock
    /// does not say.
    pub locations: Vec<Location>,
    /// With a tag it serves only `name@tag` of the world and what that needs.
    pub tag: Option<String>,
}

/// One place where a repository, or a file of it, is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// An http or https URL, without a slash at its end. It prints without what is secret in it.
    Url(Address),
    /// A folder of this machine, or a file in it.
    Folder(PathBuf),
}

impl Repository {
    /// Reads `[@tag ]URL|DIR`, as the command line and apk-repositories(5) write it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::of(&Address::new(text))
    }

    /// The same of a text that was taken apart already.
    pub fn of(address: &Address) -> Result<Self, Error> {
        let text = address.as_str().trim();
        let (tag, location) = match text.strip_prefix('@') {
            None => (None, text),
            Some(rest) => {
                let (tag, location) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                PackageName::parse(tag).map_err(|source| Error::Tag { text: text.to_owned(), source })?;
                (Some(tag.to_owned()), location.trim_start())
            }
        };
        if location.is_empty() {
            return Err(Error::NoLocation { text: text.to_owned() });
        }
        Ok(Self { locations: vec![Location::of(&address.clone().map(|_| location.to_owned()))?], tag })
    }

    /// Where the index for `arch` lies, on each mirror in order.
    pub fn index_locations(&self, arch: &str) -> Vec<Location> {
        self.locations.iter().map(|location| location.join(arch).join("APKINDEX.tar.gz")).collect()
    }

    /// Where the package `name`-`version` may lie that the index for `arch` gives the architecture `own`, on each mirror
    /// in order. apk 2 and 3 look into the folder of its own, which is `noarch` for what is listed so; where that does not
    /// have it, the folder of the index may, since many a repository keeps both there.
    pub fn package_locations(&self, arch: &str, own: &str, name: &PackageName, version: &Version) -> Vec<Location> {
        let file = format!("{name}-{version}.apk");
        let folders: &[&str] = if own == NOARCH { &[NOARCH, arch] } else { &[arch] };
        let of =
            |location: &Location| folders.iter().map(|folder| location.join(folder).join(&file)).collect::<Vec<_>>();
        self.locations.iter().flat_map(of).collect()
    }
}

impl Location {
    /// Reads a URL or a folder. A `file:` URL is a folder.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::of(&Address::new(text))
    }

    /// The same of a text that was taken apart already.
    pub fn of(address: &Address) -> Result<Self, Error> {
        let text = address.as_str().trim();
        if text.is_empty() {
            return Err(Error::NoLocation { text: text.to_owned() });
        }
        if let Some(path) = text.strip_prefix("file:") {
            let path = match path.strip_prefix("//") {
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                None => path,
            };
            if !path.starts_with('/') {
                return Err(Error::Url { text: text.to_owned() });
            }
            return match percent_decoded(path) {
                Some(path) => Ok(Self::Folder(path)),
                None => Err(Error::Url { text: text.to_owned() }),
            };
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(Error::Scheme { text: text.to_owned(), scheme: scheme.to_owned() });
        }
        let rest = rest.trim_end_matches('/');
        let host = rest.split('/').next().unwrap_or_default();
        if host.contains('@') {
            return Err(Error::Userinfo { text: text.to_owned() });
        }
        if host.is_empty() || rest.contains(char::is_whitespace) {
            return Err(Error::Url { text: text.to_owned() });
        }
        Ok(Self::Url(address.clone().map(|_| format!("{scheme}://{rest}"))))
    }

    /// The file or folder `name` below this one.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            // Object stores take a `+` for a blank.
            Self::Url(url) => Self::Url(url.join(&name.replace('+', "%2B"))),
            Self::Folder(folder) => Self::Folder(folder.join(name)),
        }
    }

    /// Whether both are places for one file in one repository, in the folders of two architectures or in one.
    pub(crate) fn is_in_repository_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Url(one), Self::Url(other)) => {
                let place = |url: &Address| {
                    let shown = url
                        .as_str()
                        .rsplit_once('/')
                        .and_then(|(folder, file)| Some((folder.rsplit_once('/')?.0, file)));
                    shown.map(|(repository, file)| url.clone().map(|_| format!("{repository}/{file}")))
                };
                place(one).is_some() && place(one) == place(other)
            }
            (Self::Folder(one), Self::Folder(other)) => {
                let place = |path: &PathBuf| Some(path.parent()?.parent()?.join(path.file_name()?));
                place(one).is_some() && place(one) == place(other)
            }
            _ => false,
        }
    }

    /// The path, where this is on this machine.
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Url(_) => None,
        }
    }
}

/// The path that `text` of a `file:` URL stands for; `None` where a `%` is not followed by two hexadecimal digits or
/// the path would not be text.
fn percent_decoded(text: &str) -> Option<PathBuf> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.tag {
            write!(formatter, "@{tag} ")?;
        }
        match self.locations.first() {
            Some(location) => write!(formatter, "{location}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(formatter),
            Self::Folder(path) => write!(formatter, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_url_or_a_folder_with_or_without_a_tag() {
        for (text, tag, printed) in [
            ("https://mirror.example/v3.22/main", None, "https://mirror.example/v3.22/main"),
            ("HTTP://mirror.example/main//", None, "http://mirror.example/main"),
            ("https://u:p@mirror.example/main/?token=x", None, "https://mirror.example/main"),
            ("@edge https://u:p@mirror.example/edge", Some("edge"), "@edge https://mirror.example/edge"),
            ("@edge https://mirror.example/edge", Some("edge"), "@edge https://mirror.example/edge"),
            ("@local  packages", Some("local"), "@local packages"),
            ("file:///srv/my%20packages", None, "/srv/my packages"),
            ("file:/srv/packages", None, "/srv/packages"),
            ("file://localhost/srv", None, "/srv"),
            (" ./packages ", None, "./packages"),
        ] {
            let repository = Repository::parse(text).unwrap();
            assert_eq!(repository.tag.as_deref(), tag, "{text}");
            assert_eq!(repository.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn half_an_address_is_refused() {
        for (text, error) in [
            ("", Error::NoLocation { text: String::new() }),
            ("@edge", Error::NoLocation { text: "@edge".to_owned() }),
            ("ftp://host/x", Error::Scheme { text: "ftp://host/x".to_owned(), scheme: "ftp".to_owned() }),
            ("https://", Error::Url { text: "https://".to_owned() }),
            ("https:///x", Error::Url { text: "https:///x".to_owned() }),
            ("https://u:p@/x", Error::Url { text: "https:///x".to_owned() }),
            ("https://u:a/b@host/x", Error::Userinfo { text: "https://***@host/x".to_owned() }),
            ("ftp://u:p@host/x", Error::Scheme { text: "ftp://host/x".to_owned(), scheme: "ftp".to_owned() }),
            ("file://host/x", Error::Url { text: "file://host/x".to_owned() }),
            ("file://u:p@host/x", Error::Url { text: "file://host/x".to_owned() }),
            ("file:///a%2", Error::Url { text: "file:///a%2".to_owned() }),
        ] {
            assert_eq!(Repository::parse(text), Err(error));
        }
        let error = Repository::parse("@ https://u:p@host/x").unwrap_err();
        assert_eq!(error.to_string(), "`@ https://host/x` begins with `@`, but no tag follows");
    }

    #[test]
    fn a_file_has_several_places_in_one_repository() {
        for (one, other, is_same) in [
            ("https://host/main/noarch/x.apk", "https://host/main/x86_64/x.apk", true),
            ("https://host/main/noarch/x.apk?a", "https://host/main/x86_64/x.apk?a", true),
            ("https://host/main/noarch/x.apk?a", "https://host/main/x86_64/x.apk?b", false),
            ("https://host/main/noarch/x.apk", "https://other/main/noarch/x.apk", false),
            ("https://host/main/noarch/x.apk", "https://host/main/noarch/y.apk", false),
            ("/srv/main/noarch/x.apk", "/srv/main/x86_64/x.apk", true),
            ("/srv/main/noarch/x.apk", "/srv/community/noarch/x.apk", false),
            ("/srv/main/noarch/x.apk", "https://host/main/noarch/x.apk", false),
            ("x.apk", "x.apk", false),
        ] {
            let (one, other) = (Location::parse(one).unwrap(), Location::parse(other).unwrap());
            assert_eq!(one.is_in_repository_of(&other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn files_lie_below_every_mirror() {
        let mut repository = Repository::parse("https://one.example/main").unwrap();
        repository.locations.push(Location::parse("/srv/main").unwrap());
        let name = PackageName::parse("libstdc++").unwrap();
        let version = Version::parse("13.2.1_git20240309-r0").unwrap();
        let shown = |locations: Vec<Location>| locations.iter().map(Location::to_string).collect::<Vec<_>>();
        assert_eq!(
            shown(repository.index_locations("x86_64")),
            ["https://one.example/main/x86_64/APKINDEX.tar.gz", "/srv/main/x86_64/APKINDEX.tar.gz"]
        );
        assert_eq!(
            shown(repository.package_locations("x86_64", "x86_64", &name, &version)),
            [
                "https://one.example/main/x86_64/libstdc%2B%2B-13.2.1_git20240309-r0.apk",
                "/srv/main/x86_64/libstdc++-13.2.1_git20240309-r0.apk"
            ]
        );
        let (name, version) = (PackageName::parse("tzdata").unwrap(), Version::parse("2025b-r0").unwrap());
        assert_eq!(
            shown(repository.package_locations("x86_64", "noarch", &name, &version)),
            [
                "https://one.example/main/noarch/tzdata-2025b-r0.apk",
                "https://one.example/main/x86_64/tzdata-2025b-r0.apk",
                "/srv/main/noarch/tzdata-2025b-r0.apk",
                "/srv/main/x86_64/tzdata-2025b-r0.apk"
            ]
        );
    }
}
