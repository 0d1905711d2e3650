//! `.PKGINFO`, what a package says about itself (apk-package(5)): read and written.
//!
//! A line is `key = value`, `#` begins a comment, keys may repeat, and a key that is not known is ignored, as apk does.
//! Free text is kept with the spaces around it, which apk carries into its database; all else is trimmed. Refused: a
//! number that is none, a `datahash` that is no SHA-256, and a package without name or version.

use std::fmt;

use super::error::Error;
use crate::digest::Sha256Digest;

/// The architecture of a package for any machine.
pub const NOARCH: &str = "noarch";

/// The fields of a package's `.PKGINFO`. Lists hold the words as they were written, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageInfo {
    /// `pkgname`
    pub name: String,
    /// `pkgver`
    pub version: String,
    /// `pkgdesc`
    pub description: String,
    /// `url`
    pub url: String,
    /// `builddate`, seconds since 1970
    pub build_date: i64,
    /// `packager`
    pub packager: String,
    /// `maintainer`
    pub maintainer: String,
    /// `size`, the installed size in bytes
    pub installed_size: u64,
    /// `arch`
    pub arch: String,
    /// `origin`, the source package
    pub origin: String,
    /// `commit` of the source package
    pub commit: String,
    /// `license`
    pub license: String,
    /// `depend`, repeated
    pub depends: Vec<String>,
    /// `provides`, repeated
    pub provides: Vec<String>,
    /// `install_if`, repeated
    pub install_if: Vec<String>,
    /// `replaces`, repeated; stands in no index
    pub replaces: Vec<String>,
    /// `replaces_priority`
    pub replaces_priority: u32,
    /// `provider_priority`
    pub provider_priority: u32,
    /// `triggers`: folders, as globs
    pub triggers: Vec<String>,
    /// `datahash`: hexadecimal SHA-256 of the compressed data member
    pub datahash: String,
}

impl PackageInfo {
    /// Reads the text of a `.PKGINFO`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut info = Self::default();
        for (index, line) in text.split('\n').enumerate() {
            let Some((key, value)) = line.split_once(" = ") else { continue };
            let key = key.trim();
            if !key.starts_with('#') {
                info.set(index + 1, key, value)?;
            }
        }
        for (key, value) in [("pkgname", &info.name), ("pkgver", &info.version)] {
            if value.is_empty() {
                return Err(Error::PackageInfoMissing { key });
            }
        }
        Ok(info)
    }

    /// The `datahash` as a value; `None` where the package has none.
    pub fn data_digest(&self) -> Option<Sha256Digest> {
        Sha256Digest::from_hex(&self.datahash)
    }

    fn set(&mut self, line: usize, key: &str, text: &str) -> Result<(), Error> {
        let value = text.trim();
        let wrong = |expected| Error::PackageInfoValue {
            line,
            key: key.to_owned(),
            expected,
            found: value.escape_default().to_string(),
        };
        let priority = || value.parse::<u32>().map_err(|_| wrong("a whole number below 4294967296"));
        let words = || value.split_whitespace().map(str::to_owned);
        match key {
            "pkgname" => value.clone_into(&mut self.name),
            "pkgver" => value.clone_into(&mut self.version),
            "arch" => value.clone_into(&mut self.arch),
            "pkgdesc" => text.clone_into(&mut self.description),
            "url" => text.clone_into(&mut self.url),
            "packager" => text.clone_into(&mut self.packager),
            "maintainer" => text.clone_into(&mut self.maintainer),
            "origin" => text.clone_into(&mut self.origin),
            "commit" => text.clone_into(&mut self.commit),
            "license" => text.clone_into(&mut self.license),
            "builddate" => self.build_date = value.parse().map_err(|_| wrong("seconds since 1970"))?,
            "size" => self.installed_size = value.parse().map_err(|_| wrong("a number of bytes"))?,
            "replaces_priority" => self.replaces_priority = priority()?,
            "provider_priority" => self.provider_priority = priority()?,
            "depend" => self.depends.extend(words()),
            "provides" => self.provides.extend(words()),
            "install_if" => self.install_if.extend(words()),
            "replaces" => self.replaces.extend(words()),
            "triggers" => self.triggers.extend(words()),
            "datahash" => {
                Sha256Digest::from_hex(value).ok_or_else(|| wrong("64 hexadecimal digits"))?;
                self.datahash = value.to_ascii_lowercase();
            }
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for PackageInfo {
    /// The text of the `.PKGINFO`. Fields that are empty or 0 are left out, save `size`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |key: &'static str, value: &str| (key, value.to_owned());
        let number = |key: &'static str, value: u32| (key, if value == 0 { String::new() } else { value.to_string() });
        let single = [
            text("pkgname", &self.name),
            text("pkgver", &self.version),
            text("pkgdesc", &self.description),
            text("url", &self.url),
            text("builddate", &if self.build_date == 0 { String::new() } else { self.build_date.to_string() }),
            text("packager", &self.packager),
            text("maintainer", &self.maintainer),
            text("size", &self.installed_size.to_string()),
            text("arch", &self.arch),
            text("origin", &self.origin),
            text("commit", &self.commit),
            text("license", &self.license),
            number("replaces_priority", self.replaces_priority),
            number("provider_priority", self.provider_priority),
        ];
        for (key, value) in single.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(formatter, "{key} = {value}")?;
        }
        let lists = [
            ("depend", &self.depends),
            ("provides", &self.provides),
            ("install_if", &self.install_if),
            ("replaces", &self.replaces),
        ];
        for (key, words) in lists {
            for word in words {
                writeln!(formatter, "{key} = {word}")?;
            }
        }
        if !self.triggers.is_empty() {
            writeln!(formatter, "triggers = {}", self.triggers.join(" "))?;
        }
        if !self.datahash.is_empty() {
            writeln!(formatter, "datahash = {}", self.datahash)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pkgname = redis\npkgver = 7.2.4-r0\npkgdesc = A store = fast\nbuilddate = 1700000000\nsize = 12\n\
        arch = x86_64\norigin = redis\nlicense = BSD-3-Clause\nreplaces_priority = 3\ndepend = /bin/sh\n\
        depend = so:libc.musl-x86_64.so.1\nprovides = cmd:redis-server=7.2.4-r0\ninstall_if = a b=1\nreplaces = old\n\
        triggers = /usr/lib /usr/share/*\n\
        datahash = 0000000000000000000000000000000000000000000000000000000000000000\n";

    #[test]
    fn what_is_read_is_written_again() {
        let info = PackageInfo::parse(&format!("# made by hand\nunknown = 1\nno equals sign\n{TEXT}")).unwrap();
        assert_eq!(info.description, "A store = fast");
        assert_eq!(info.install_if, ["a", "b=1"]);
        assert_eq!(info.triggers, ["/usr/lib", "/usr/share/*"]);
        assert_eq!(info.to_string(), TEXT.replace("install_if = a b=1\n", "install_if = a\ninstall_if = b=1\n"));
        assert_eq!(PackageInfo::parse(&info.to_string()).unwrap(), info);
    }

    #[test]
    fn free_text_keeps_its_spaces_and_the_rest_does_not() {
        let text = "pkgname =  a \npkgver = 1-r0\r\npkgdesc =  two  words \nurl = u \narch =  noarch \nsize = 7 \n";
        let info = PackageInfo::parse(text).unwrap();
        assert_eq!((info.name.as_str(), info.version.as_str(), info.arch.as_str()), ("a", "1-r0", "noarch"));
        assert_eq!((info.description.as_str(), info.url.as_str(), info.installed_size), (" two  words ", "u ", 7));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, message) in [
            ("pkgname = a", "its .PKGINFO has no `pkgver`"),
            ("", "its .PKGINFO has no `pkgname`"),
            ("size = -1", "line 1 of its .PKGINFO: `size` should be a number of bytes, but is `-1`"),
            (
                "\nbuilddate = \u{7}",
                "line 2 of its .PKGINFO: `builddate` should be seconds since 1970, but is `\\u{7}`",
            ),
            ("datahash = ab", "line 1 of its .PKGINFO: `datahash` should be 64 hexadecimal digits, but is `ab`"),
        ] {
            assert_eq!(PackageInfo::parse(text).unwrap_err().to_string(), message);
        }
    }
}
