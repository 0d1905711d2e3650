//! Which release of Alpine a text names: the description of an index, the version of a package, an address.
//!
//! A description is free text, and most addresses name no release, so a text that names none is ignored and is no error.
//! Whom to believe where texts disagree is not decided here.

use std::fmt;

use super::location::Location;

/// A branch of Alpine that packages are built for. It prints as the folder on a mirror that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// `v3.22`
    Stable {
        /// 3
        major: u32,
        /// 22
        minor: u32,
    },
    /// `edge`
    Edge,
}

/// A release of Alpine, as far as it is known. It prints as its version, or else as its branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlpineRelease {
    /// The branch.
    pub branch: Branch,
    /// The version in full, as etc/alpine-release has it: `3.22.2`, `3.23.0_rc1`, `3.23.0_alpha20250612`.
    pub version: Option<String>,
}

impl Branch {
    /// Reads `v3.22` or `edge`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "edge" {
            return Some(Self::Edge);
        }
        let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
        Some(Self::Stable { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stable { major, minor } => write!(formatter, "v{major}.{minor}"),
            Self::Edge => formatter.write_str("edge"),
        }
    }
}

impl From<Branch> for AlpineRelease {
    fn from(branch: Branch) -> Self {
        Self { branch, version: None }
    }
}

impl fmt::Display for AlpineRelease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => formatter.write_str(version),
            None => self.branch.fmt(formatter),
        }
    }
}

impl AlpineRelease {
    /// Reads what [`AlpineRelease`] prints: a version or a branch.
    pub fn parse(text: &str) -> Option<Self> {
        Branch::parse(text).map(Self::from).or_else(|| Self::of_version(text))
    }

    /// Reads the description of an index of Alpine's: the tag that its packages were built after, with the number of
    /// commits since, as git-describe(1) writes it. Between releases, edge is tagged with the date: `v20250108`.
    /// A description with further words is not Alpine's: abuild begins those of other repositories with a name.
    pub fn of_description(text: &str) -> Option<Self> {
        let tag = without_commits(text.trim());
        if let Some(branch) = Branch::parse(tag) {
            return Some(branch.into());
        }
        let tag = tag.strip_prefix('v')?;
        let is_date = tag.len() == 8 && tag.bytes().all(|byte| byte.is_ascii_digit());
        if is_date { Some(Branch::Edge.into()) } else { Self::of_version(tag) }
    }

    /// What [`Self::of_description`] reads as this release.
    pub fn to_description(&self) -> String {
        match &self.version {
            Some(version) => format!("v{version}"),
            None => self.branch.to_string(),
        }
    }

    /// Reads the version of the package `alpine-release`, or of `alpine-base` in releases before 3.17.
    pub fn of_package(version: &str) -> Option<Self> {
        let (version, revision) = version.rsplit_once("-r").unwrap_or((version, "0"));
        number(revision)?;
        Self::of_version(version)
    }

    /// The branch in the path of `location`: any part of a URL's, of which the last one counts; of a folder only the
    /// last part and the one before, since what lies above it is the machine's.
    pub fn of_address(location: &Location) -> Option<Self> {
        let branch = match location {
            Location::Url(url) => {
                let (_, rest) = url.as_str().split_once("://")?;
                let (_host, path) = rest.split(['?', '#']).next()?.split_once('/')?;
                path.rsplit('/').filter(|part| !part.is_empty()).find_map(Branch::parse)?
            }
            Location::Folder(path) => {
                path.iter().rev().take(2).find_map(|part| part.to_str().and_then(Branch::parse))?
            }
        };
        Some(branch.into())
    }

    /// Whether packages of this release may lie in `branch`: it is of that branch, or becomes its first release.
    pub fn is_of(&self, branch: Branch) -> bool {
        self.branch == branch || self.version.as_deref().and_then(branch_of) == Some(branch)
    }

    /// Whether it is out. Commits that come after the tag of a release candidate, or after a date, may be of another
    /// branch than the tag.
    pub fn is_final(&self) -> bool {
        match &self.version {
            Some(version) => !version.contains('_'),
            None => self.branch != Branch::Edge,
        }
    }

    /// Reads `3.22.2`, `3.23.0_rc1`, `3.23.0_alpha20250612` or `3.10_beta20190508`. As Alpine's own files have it,
    /// alpha, beta and pre are edge.
    fn of_version(text: &str) -> Option<Self> {
        let (numbers, suffix) = text.split_once('_').map_or((text, None), |(numbers, suffix)| (numbers, Some(suffix)));
        let mut count = 0;
        for part in numbers.split('.') {
            number(part)?;
            count += 1;
        }
        let stable = branch_of(text)?;
        let branch = match suffix {
            None if count == 3 => stable,
            Some(suffix) if matches!(count, 2 | 3) => {
                let kind = suffix.trim_end_matches(|letter: char| letter.is_ascii_digit());
                match kind {
                    "rc" => stable,
                    "alpha" | "beta" | "pre" => Branch::Edge,
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Self { branch, version: Some(text.to_owned()) })
    }
}

/// `v3.22` for every version that begins with `3.22`.
fn branch_of(version: &str) -> Option<Branch> {
    let numbers = version.split('_').next()?;
    let mut parts = numbers.split('.');
    Some(Branch::Stable { major: number(parts.next()?)?, minor: number(parts.next()?)? })
}

/// `text` without the `-206-ge2cfd1f9853` that git-describe(1) puts behind a tag.
fn without_commits(text: &str) -> &str {
    let split = || {
        let (rest, commit) = text.rsplit_once("-g")?;
        let (tag, count) = rest.rsplit_once('-')?;
        let is_commit = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_commit && number(count).is_some()).then_some(tag)
    };
    split().unwrap_or(text)
}

/// A number as versions have it: no sign, and no zero before other digits.
fn number(text: &str) -> Option<u32> {
    let is_number = matches!(text.as_bytes(), [b'0'] | [b'1'..=b'9', ..]) && text.bytes().all(|it| it.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A release as `BRANCH VERSION`; `-` where there is none.
    fn shown(release: Option<AlpineRelease>) -> String {
        let Some(AlpineRelease { branch, version }) = release else { return "-".to_owned() };
        version.map_or_else(|| branch.to_string(), |version| format!("{branch} {version}"))
    }

    #[test]
    fn a_description_names_a_release_or_nothing() {
        for (text, release) in [
            // As served in November 2025, April 2023 and February 2023.
            ("v3.22.2-206-ge2cfd1f9853", "v3.22 3.22.2"),
            ("v3.17.3-216-g54a39ace82a", "v3.17 3.17.3"),
            ("v3.16.3-13-g4d933a1fa3", "v3.16 3.16.3"),
            ("v3.22.0", "v3.22 3.22.0"),
            ("v3.22.2-0-g0123abc\n", "v3.22 3.22.2"),
            ("v3.23.0_rc1-5-g0123abc", "v3.23 3.23.0_rc1"),
            ("v20250108-4711-gdeadbeef", "edge"),
            ("v20250108", "edge"),
            ("v3.23.0_alpha20250612", "edge 3.23.0_alpha20250612"),
            ("v3.22", "v3.22"),
            ("edge", "edge"),
            ("", "-"),
            ("vendored", "-"),
            ("3.22.2", "-"),
            ("v3", "-"),
            ("v3.22.2.1", "-"),
            ("v03.22.2", "-"),
            ("v3.022.2", "-"),
            ("v3.x.2", "-"),
            ("v3.-1.2", "-"),
            ("v3.+22.2", "-"),
            ("v3.99999999999.2", "-"),
            ("v3.22.2_git20250108", "-"),
            ("v3.22.2-206", "-"),
            ("v3.22.2-206-gxyz", "-"),
            ("v3.22.2-206-ge2cfd1f9853-dirty", "-"),
            ("v2025010", "-"),
            ("latest-stable", "-"),
            ("packages v3.22.2-206-ge2cfd1f9853", "-"),
            ("v3.22.2\nhttps://elsewhere.example/v3.22/main", "-"),
            ("v3.22.2; rm -rf /", "-"),
            ("v٣.٢٢.٢", "-"),
        ] {
            assert_eq!(shown(AlpineRelease::of_description(text)), release, "{text}");
        }
    }

    #[test]
    fn a_package_names_a_release_by_its_version() {
        for (text, release) in [
            ("3.22.2-r0", "v3.22 3.22.2"),
            ("3.16.3-r12", "v3.16 3.16.3"),
            ("3.23.0_alpha20250612-r0", "edge 3.23.0_alpha20250612"),
            ("3.10_beta20190508-r0", "edge 3.10_beta20190508"),
            ("3.20.0_pre1-r0", "edge 3.20.0_pre1"),
            ("3.23.0_rc2-r0", "v3.23 3.23.0_rc2"),
            ("3.22.2", "v3.22 3.22.2"),
            ("3.22-r0", "-"),
            ("3.22.2-rc", "-"),
            ("1-r0", "-"),
            ("3.22.2a-r0", "-"),
        ] {
            assert_eq!(shown(AlpineRelease::of_package(text)), release, "{text}");
        }
    }

    #[test]
    fn an_address_names_a_branch_by_a_part_of_its_path() {
        for (text, branch) in [
            ("https://dl-cdn.alpinelinux.org/alpine/v3.22/main", "v3.22"),
            ("https://dl-cdn.alpinelinux.org/alpine/edge/testing", "edge"),
            ("https://mirror.example/v2.0/alpine/v3.22/main", "v3.22"),
            ("https://mirror.example/alpine/v3.22/team/main", "v3.22"),
            ("https://mirror.example/v3.22", "v3.22"),
            ("https://mirror.example/alpine/latest-stable/main", "-"),
            ("https://mirror.example/alpine/v3.22-copy/main", "-"),
            ("https://mirror.example/alpine/3.22/main", "-"),
            ("https://mirror.example/main?release=/v3.22/", "-"),
            ("https://edge/main", "-"),
            ("https://edge", "-"),
            ("/srv/mirror/v3.22/main", "v3.22"),
            ("/srv/v3.22", "v3.22"),
            ("mirror/edge/main", "edge"),
            ("/home/me/v1.2/project/repository", "-"),
            ("/srv/repository", "-"),
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(shown(AlpineRelease::of_address(&location)), branch, "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for text in ["v3.22", "edge", "3.22.2", "3.23.0_rc1", "3.23.0_alpha20250612"] {
            let release = AlpineRelease::parse(text).unwrap();
            assert_eq!(release.to_string(), text);
            assert_eq!(AlpineRelease::of_description(&release.to_description()), Some(release), "{text}");
        }
        for wrong in ["", "v3.22.2", "3.22", "latest-stable", "v3", "v3.x"] {
            assert_eq!(AlpineRelease::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_comes_before_a_release_may_be_of_its_branch() {
        let release = |text| AlpineRelease::parse(text).unwrap();
        let branch = |text| Branch::parse(text).unwrap();
        for (text, of, is_of) in [
            ("3.22.2", "v3.22", true),
            ("3.22.2", "v3.23", false),
            ("3.22.2", "edge", false),
            ("v3.22", "v3.22", true),
            ("edge", "v3.22", false),
            ("3.23.0_rc1", "v3.23", true),
            ("3.23.0_alpha20250612", "edge", true),
            ("3.23.0_alpha20250612", "v3.23", true),
            ("3.23.0_alpha20250612", "v3.22", false),
        ] {
            assert_eq!(release(text).is_of(branch(of)), is_of, "{text} in {of}");
        }
        let finals = ["3.22.2", "v3.22", "3.23.0_rc1", "3.23.0_alpha20250612", "edge"];
        assert_eq!(finals.map(|text| release(text).is_final()), [true, true, false, false, false]);
    }
}
