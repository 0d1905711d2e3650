//! The packages that were chosen, and what they were chosen from.

use crate::digest::Sha256Digest;
use crate::platform::Architecture;
use crate::recipe::RepositoryPlace;
use crate::repository::{AlpineRelease, Branch, Location, Repository};
use crate::resolve::{Resolution, Selected};

/// The packages of one world on one architecture.
#[derive(Clone, Debug)]
pub struct Selection {
    /// For which machine.
    pub arch: Architecture,
    /// The repositories that were read, in order.
    pub repositories: Vec<Repository>,
    /// The digest of each repository's index.
    pub index_digests: Vec<Sha256Digest>,
    /// The release of Alpine that all of it counts as, where that can be known.
    pub release: Option<AlpineRelease>,
    /// The release that each repository is of, where that can be known.
    pub releases: Vec<Option<AlpineRelease>>,
    /// The packages, in install order.
    pub resolution: Resolution,
}

impl Selection {
    /// The repositories that hold `selected`, as they were given.
    pub fn repositories_of(&self, selected: &Selected) -> Vec<String> {
        let repositories = selected.sources.iter().filter_map(|place| self.repositories.get(*place));
        repositories.filter_map(|repository| repository.locations.first()).map(ToString::to_string).collect()
    }

    /// What `latest-stable` is in the address of the recipe's repository at `place`, where that can be known: below the
    /// mirror, the release of the selection; elsewhere that of the repository itself.
    pub(super) fn latest_stable(&self, place: &RepositoryPlace) -> Option<Branch> {
        let whole = self.release.as_ref().map(|release| release.branch);
        let RepositoryPlace::Url(url) = place else { return whole };
        let location = Location::of(url).ok()?;
        let repositories = self.repositories.iter().zip(&self.releases);
        let mut own = repositories.filter(|(repository, _)| repository.locations.contains(&location));
        let branch = own.find_map(|(_, release)| release.as_ref()).map(|release| release.branch).or(whole);
        branch.filter(|branch| *branch != Branch::Edge)
    }

    /// The packages that come only from a tagged repository, with its tag.
    pub(super) fn pins(&self) -> impl Iterator<Item = (String, String)> {
        self.resolution.packages.iter().filter_map(|selected| {
            let mut tags = selected.sources.iter().filter_map(|place| self.repositories.get(*place)).map(|it| &it.tag);
            let first = tags.next()?.clone()?;
            tags.all(Option::is_some).then(|| (selected.entry.name.to_string(), first))
        })
    }
}
