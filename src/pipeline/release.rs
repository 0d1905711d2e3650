//! Which release of Alpine a build is of.
//!
//! A recipe that says `v3.22` or `edge` has said it, and an index that says another is refused: the mirror serves
//! something else than was asked for, or the index is not what it claims to be. `latest-stable` is no release but a
//! pointer that moves, and becomes what the index says that it is: by its description, or else by its package
//! `alpine-release` or `alpine-base`, or else by the address of the repository. Nothing is guessed: where none of them
//! names a release, none is known.

use super::error::Error;
use super::sources::Overrides;
use crate::apk::Version;
use crate::recipe::{Alpine, Release, RepositoryPlace};
use crate::repository::{AlpineRelease, ApkIndex, Branch, IndexRecord, Repository};

/// What there is to say where no release is known.
pub const UNKNOWN_RELEASE: &str = "no repository says which release of Alpine it is of, so none is written: etc/apk/repositories names nothing below the \
     mirror, no os-release or alpine-release is made, and scanners cannot find vulnerabilities without them; write \
     `release = \"vX.Y\"` under [alpine] in the recipe";

/// A release, and where it is named.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    release: AlpineRelease,
    /// Where, as a message has it: "its description `v3.22.2-206-ge2cfd1f9853`".
    by: String,
}

/// What an index says about its release.
#[derive(Clone, Debug, Default)]
pub(super) struct IndexRelease {
    description: Option<Statement>,
    package: Option<Statement>,
}

impl IndexRelease {
    /// Reads an index and its description.
    pub(super) fn of(description: &str, index: &ApkIndex) -> Self {
        let description = description.trim();
        let named = AlpineRelease::of_description(description);
        Self {
            description: named.map(|release| Statement { release, by: format!("its description `{description}`") }),
            package: ["alpine-release", "alpine-base"].iter().find_map(|name| newest(index, name)),
        }
    }

    /// What a lock says of an index that it was made from.
    pub(super) fn of_lock(text: Option<&str>) -> Self {
        let release = text.and_then(AlpineRelease::parse);
        let statement = release.map(|release| Statement { release, by: "the lock".to_owned() });
        Self { description: None, package: statement }
    }

    /// The release that the index itself is of. Its two statements must not be of two releases; only the tag of what
    /// is not out yet may lie behind the package.
    fn settled(&self, repository: &Repository) -> Result<Option<&Statement>, Error> {
        let (Some(description), Some(package)) = (&self.description, &self.package) else {
            return Ok(self.package.as_ref().or(self.description.as_ref()));
        };
        if description.release.branch != package.release.branch && description.release.is_final() {
            return Err(two_releases(repository, description, package));
        }
        Ok(Some(package))
    }

    /// Whether an error is due where it says another release than it should. The tag of what is not out yet may be that
    /// of another branch.
    fn is_certain(&self) -> bool {
        self.package.is_some() || self.description.as_ref().is_some_and(|statement| statement.release.is_final())
    }
}

/// The release of the newest package `name` in `index`.
fn newest(index: &ApkIndex, name: &str) -> Option<Statement> {
    let records = index.providers(name).map(|(_, record)| record);
    let versions = records.filter(|record| record.name() == name).map(IndexRecord::version);
    let newest = versions.filter_map(|version| Version::parse(version).ok()).max()?;
    let release = AlpineRelease::of_package(newest.as_str())?;
    Some(Statement { release, by: format!("its package {name}-{newest}") })
}

fn two_releases(repository: &Repository, one: &Statement, other: &Statement) -> Error {
    Error::TwoReleases {
        repository: repository.to_string(),
        one: one.release.branch.to_string(),
        one_by: one.by.clone(),
        other: other.release.branch.to_string(),
        other_by: other.by.clone(),
    }
}

/// The release that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    release: Release,
    /// Of each repository, whether it is the folder of that release on a mirror and not an address of its own.
    is_below_mirror: Vec<bool>,
}

impl Asked {
    /// What `alpine` asks for, of the repositories that `sources::repositories` gives.
    pub(super) fn of(alpine: &Alpine, overrides: &Overrides) -> Self {
        let places = alpine.repositories.iter().map(|source| &source.place);
        let places: Vec<_> = if overrides.repositories.is_empty() { places.collect() } else { Vec::new() };
        Self::of_places(alpine.release, places.into_iter())
    }

    /// The same of repositories at `places`.
    pub(super) fn of_places<'a>(release: Release, places: impl Iterator<Item = &'a RepositoryPlace>) -> Self {
        Self { release, is_below_mirror: places.map(|place| matches!(place, RepositoryPlace::Named(_))).collect() }
    }

    fn branch(&self) -> Option<Branch> {
        match self.release {
            Release::Version { major, minor } => Some(Branch::Stable { major, minor }),
            Release::Edge => Some(Branch::Edge),
            Release::LatestStable => None,
        }
    }

    /// The release that a lock names, or what is wrong with it.
    pub(super) fn of_lock(&self, branch: &str, version: Option<&str>) -> Result<AlpineRelease, String> {
        let no_release = |text: &str| format!("`{text}` is no release");
        let branch = Branch::parse(branch).ok_or_else(|| no_release(branch))?;
        if let Some(asked) = self.branch().filter(|asked| *asked != branch) {
            return Err(format!("it says that its packages are of {branch}, and the recipe asks for {asked}"));
        }
        let Some(text) = version else { return Ok(branch.into()) };
        let release = AlpineRelease::parse(text).ok_or_else(|| no_release(text))?;
        if !release.is_of(branch) {
            return Err(format!("it says that its packages are of {branch}, and of {text}"));
        }
        Ok(AlpineRelease { branch, version: release.version })
    }

    /// The release that a build of `repositories` is of, if it can be known. `indexes` is what the index of each says.
    pub(super) fn decide(
        &self,
        repositories: &[Repository],
        indexes: &[IndexRelease],
    ) -> Result<Option<AlpineRelease>, Error> {
        let is_below_mirror = self.is_below_mirror.iter().copied().chain(std::iter::repeat(false));
        let mut all: Vec<_> = repositories.iter().zip(indexes).zip(is_below_mirror).collect();
        all.retain(|((repository, _), _)| repository.tag.is_none());
        // Those of Alpine's release come first: what the mirror has under that name, then what has Alpine's package.
        all.sort_by_key(|((_, index), is_below_mirror)| match (is_below_mirror, &index.package) {
            (true, _) => 0,
            (false, Some(_)) => 1,
            (false, None) => 2,
        });
        let any_below_mirror = all.first().is_some_and(|(_, is_below_mirror)| *is_below_mirror);
        let Some(branch) = self.branch() else {
            for ((repository, index), is_below_mirror) in all {
                let Some(release) = of_repository(repository, index)? else { continue };
                if release.branch != Branch::Edge || !any_below_mirror {
                    return Ok(Some(release));
                }
                // What the recipe names beside the mirror may be edge; what is below `latest-stable` must not.
                if let Some(statement) = index.settled(repository)?
                    && is_below_mirror
                    && index.is_certain()
                {
                    return Err(self.other_release(repository, statement));
                }
            }
            return Ok(None);
        };
        let mut release = AlpineRelease::from(branch);
        for ((repository, index), is_below_mirror) in all {
            // Others than those of the release that was asked for may be of another on purpose.
            if any_below_mirror && !is_below_mirror {
                break;
            }
            let Some(statement) = index.settled(repository)? else { continue };
            if statement.release.is_of(branch) {
                release.version = release.version.or_else(|| statement.release.version.clone());
            } else if index.is_certain() {
                return Err(self.other_release(repository, statement));
            }
            if !any_below_mirror {
                break;
            }
        }
        Ok(Some(release))
    }

    fn other_release(&self, repository: &Repository, statement: &Statement) -> Error {
        Error::OtherRelease {
            repository: repository.to_string(),
            found: statement.release.branch.to_string(),
            by: statement.by.clone(),
            asked: self.release.to_string(),
        }
    }
}

/// The release of each of `repositories` by itself, where it can be known.
pub(super) fn of_each(repositories: &[Repository], indexes: &[IndexRelease]) -> Vec<Option<AlpineRelease>> {
    let each = repositories.iter().zip(indexes);
    // One that contradicts itself is of no release, which is an error only where it matters.
    each.map(|(repository, index)| of_repository(repository, index).ok().flatten()).collect()
}

/// The release of `repository`, by its index or else by its address.
fn of_repository(repository: &Repository, index: &IndexRelease) -> Result<Option<AlpineRelease>, Error> {
    let address = repository.locations.iter().find_map(AlpineRelease::of_address);
    let Some(statement) = index.settled(repository)? else { return Ok(address) };
    if index.package.is_none()
        && index.is_certain()
        && let Some(address) = address
        && address.branch != statement.release.branch
    {
        let address = Statement { release: address, by: "its address".to_owned() };
        return Err(two_releases(repository, statement, &address));
    }
    Ok(Some(statement.release.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[@tag ]ADDRESS | DESCRIPTION | PACKAGE-VERSION…`, below the mirror where the address begins with `mirror/`.
    fn read(text: &str) -> (Repository, IndexRelease, RepositoryPlace) {
        let mut parts = text.split('|').map(str::trim);
        let repository = Repository::parse(parts.next().unwrap()).unwrap();
        let description = parts.next().unwrap_or_default();
        let packages = parts.next().unwrap_or_default().split_whitespace().map(|package| {
            let (name, version) = package.split_at(package.find(|letter: char| letter.is_ascii_digit()).unwrap() - 1);
            format!("C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:{name}\nV:{}\n\n", &version[1..])
        });
        let index = ApkIndex::parse(packages.collect::<String>()).unwrap();
        let place = match repository.locations[0].to_string().strip_prefix("mirror/") {
            Some(_) => RepositoryPlace::Named("main".to_owned()),
            None => RepositoryPlace::Url(crate::address::Address::new("")),
        };
        (repository, IndexRelease::of(description, &index), place)
    }

    fn decided(asked: &str, repositories: &[&str]) -> Result<Option<AlpineRelease>, Error> {
        let all: Vec<_> = repositories.iter().map(|text| read(text)).collect();
        let asked = Asked::of_places(Release::parse(asked).unwrap(), all.iter().map(|(_, _, place)| place));
        let repositories: Vec<_> = all.iter().map(|(repository, ..)| repository.clone()).collect();
        let indexes: Vec<_> = all.iter().map(|(_, index, _)| index.clone()).collect();
        asked.decide(&repositories, &indexes)
    }

    #[test]
    fn a_release_is_what_the_first_that_knows_says() {
        const LATEST: &str = "latest-stable";
        for (asked, repositories, release) in [
            // The description, the package, the address, in this order.
            (LATEST, &["mirror/main | v3.22.2-206-ge2cfd1f9853"][..], "v3.22 3.22.2"),
            (LATEST, &["mirror/main | v3.22.2-206-ge2cfd1f9853 | alpine-release-3.22.3-r0"], "v3.22 3.22.3"),
            (LATEST, &["mirror/main | tests | alpine-release-3.22.1-r0"], "v3.22 3.22.1"),
            (LATEST, &["mirror/main | | alpine-base-3.16.3-r0"], "v3.16 3.16.3"),
            (LATEST, &["mirror/main | | alpine-release-3.22.2-r0 alpine-base-3.22.2-r1"], "v3.22 3.22.2"),
            (LATEST, &["mirror/main | | alpine-release-3.22.9-r0 alpine-release-3.22.10-r0"], "v3.22 3.22.10"),
            (LATEST, &["https://mirror.example/alpine/v3.22/main | mine"], "v3.22"),
            (LATEST, &["https://mirror.example/v1.0/main | v3.22.2 | alpine-release-3.22.2-r0"], "v3.22 3.22.2"),
            // Nothing says it.
            (LATEST, &["mirror/main | tests", "mirror/community"], "-"),
            (LATEST, &["mirror/main | mine v3.22.2-1-gabc | musl-1.2.5-r0"], "-"),
            (LATEST, &[], "-"),
            // Several repositories.
            (LATEST, &["mirror/main", "mirror/community | v3.22.2-206-gabc"], "v3.22 3.22.2"),
            (LATEST, &["mirror/main | v3.22.2-206-gabc", "mirror/community | v3.21.5"], "v3.22 3.22.2"),
            (LATEST, &["@edge https://host.example/edge/main | v20250108", "mirror/main | v3.22.2"], "v3.22 3.22.2"),
            (LATEST, &["https://host.example/own | v1.2.3", "mirror/main | v3.22.2"], "v3.22 3.22.2"),
            (LATEST, &["own | v1.2.3", "copy | | alpine-release-3.22.2-r0"], "v3.22 3.22.2"),
            (LATEST, &["own | v1.2.3", "other | v3.22.2"], "v1.2 1.2.3"),
            (LATEST, &["mirror/main | tests", "https://host.example/edge/main | v20250108"], "-"),
            (LATEST, &["@mine own | v3.22.2"], "-"),
            // What is not out yet.
            (
                LATEST,
                &["copy | v3.23.0_rc1-9-gabc | alpine-release-3.24.0_alpha20260101-r0"],
                "edge 3.24.0_alpha20260101",
            ),
            (LATEST, &["mirror/main | v20250108 | alpine-release-3.23.0_rc1-r0"], "v3.23 3.23.0_rc1"),
            (LATEST, &["copy | v20250108-11-gabc"], "edge"),
            (LATEST, &["mirror/main | v20250108-11-gabc"], "-"),
            // What the recipe says.
            ("v3.22", &["mirror/main | tests"], "v3.22"),
            ("v3.22", &[], "v3.22"),
            ("v3.22", &["mirror/main | v3.22.2-206-gabc"], "v3.22 3.22.2"),
            ("v3.22", &["mirror/main", "mirror/community | v3.22.2-206-gabc"], "v3.22 3.22.2"),
            (
                "v3.22",
                &["mirror/main", "https://host.example/edge/main | | alpine-base-3.23.0_alpha20250612-r0"],
                "v3.22",
            ),
            ("v3.22", &["mirror/main | v3.22.2", "https://host.example/v3.21/own | v3.21.4"], "v3.22 3.22.2"),
            ("v3.22", &["https://host.example/v1.3/alpine | mine"], "v3.22"),
            ("v3.22", &["https://host.example/v1.3/alpine | v3.22.2"], "v3.22 3.22.2"),
            (
                "v3.23",
                &["mirror/main | v20250108 | alpine-release-3.23.0_alpha20250612-r0"],
                "v3.23 3.23.0_alpha20250612",
            ),
            (
                "edge",
                &["mirror/main | v20250108-11-gabc | alpine-release-3.23.0_alpha20250612-r0"],
                "edge 3.23.0_alpha20250612",
            ),
            ("edge", &["mirror/community | v3.22.0_rc1-11-gabc"], "edge"),
            ("edge", &["mirror/main | tests"], "edge"),
        ] {
            let shown = match decided(asked, repositories).unwrap() {
                None => "-".to_owned(),
                Some(AlpineRelease { branch, version: None }) => branch.to_string(),
                Some(AlpineRelease { branch, version: Some(version) }) => format!("{branch} {version}"),
            };
            assert_eq!(shown, release, "{asked} of {repositories:?}");
        }
    }

    #[test]
    fn an_index_that_lies_is_refused() {
        const LATEST: &str = "latest-stable";
        let mut messages = String::new();
        for (asked, repositories) in [
            (LATEST, &["mirror/main | v3.22.2-206-ge2cfd1f9853 | alpine-release-3.16.3-r0"][..]),
            (LATEST, &["https://host.example/alpine/v3.22/main | v3.16.3-13-g4d933a1fa3"]),
            (LATEST, &["mirror/main | v20250108 | alpine-release-3.23.0_alpha20250612-r0"]),
            ("v3.22", &["mirror/main | v3.16.3-13-g4d933a1fa3"]),
            ("v3.22", &["mirror/main | | alpine-base-3.16.3-r0"]),
            ("v3.22", &["mirror/main | v3.22.2 | alpine-base-3.16.3-r0"]),
            ("v3.22", &["mirror/main | v3.22.2", "mirror/community | v3.21.4"]),
            ("v3.22", &["copy | v3.23.1"]),
            ("v3.22", &["mirror/main | | alpine-release-3.23.0_alpha20250612-r0"]),
            ("edge", &["mirror/main | v3.22.2-206-gabc"]),
        ] {
            let error = decided(asked, repositories).unwrap_err();
            messages.push_str(&format!("{error}\n  {}\n", error.help().unwrap()));
        }
        insta::assert_snapshot!(messages, @r#"
        the index of mirror/main names two releases: v3.22 in its description `v3.22.2-206-ge2cfd1f9853`, and v3.16 in its package alpine-release-3.16.3-r0
          name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
        the index of https://host.example/alpine/v3.22/main names two releases: v3.16 in its description `v3.16.3-13-g4d933a1fa3`, and v3.22 in its address
          name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
        the index of mirror/main names edge in its package alpine-release-3.23.0_alpha20250612-r0, but latest-stable is asked for
          name a mirror or a repository that serves latest-stable, or write `release = "edge"` if that is what you want
        the index of mirror/main names v3.16 in its description `v3.16.3-13-g4d933a1fa3`, but v3.22 is asked for
          name a mirror or a repository that serves v3.22, or write `release = "v3.16"` if that is what you want
        the index of mirror/main names v3.16 in its package alpine-base-3.16.3-r0, but v3.22 is asked for
          name a mirror or a repository that serves v3.22, or write `release = "v3.16"` if that is what you want
        the index of mirror/main names two releases: v3.22 in its description `v3.22.2`, and v3.16 in its package alpine-base-3.16.3-r0
          name another mirror or repository; one that you made yourself can be indexed again under its true description (`apkbuild mkndx --description vX.Y.Z`)
        the index of mirror/community names v3.21 in its description `v3.21.4`, but v3.22 is asked for
          name a mirror or a repository that serves v3.22, or write `release = "v3.21"` if that is what you want
        the index of copy names v3.23 in its description `v3.23.1`, but v3.22 is asked for
          name a mirror or a repository that serves v3.22, or write `release = "v3.23"` if that is what you want
        the index of mirror/main names edge in its package alpine-release-3.23.0_alpha20250612-r0, but v3.22 is asked for
          name a mirror or a repository that serves v3.22, or write `release = "edge"` if that is what you want
        the index of mirror/main names v3.22 in its description `v3.22.2-206-gabc`, but edge is asked for
          name a mirror or a repository that serves edge, or write `release = "v3.22"` if that is what you want
        "#);
    }
}
