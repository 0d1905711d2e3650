//! Where packages come from and what is trusted: the recipe's word, and the command line's where it has one.

use std::path::{Path, PathBuf};

use crate::address::Address;
use crate::platform::Architecture;
use crate::recipe::{Alpine, Recipe, Release, RepositoryPlace, RepositorySource};
use crate::repository::{self, Branch, Location, Repository};

/// What the command line may say in place of every recipe.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Mirrors, URLs or folders; empty: the recipe's.
    pub mirrors: Vec<Address>,
    /// Repositories as `[@tag ]URL|DIR`; empty: the recipe's.
    pub repositories: Vec<Address>,
    /// A folder of public keys that are trusted in place of Alpine's and the recipe's.
    pub keys_dir: Option<PathBuf>,
    /// Architectures; empty: the recipe's.
    pub archs: Vec<Architecture>,
    /// Where downloads and results are kept; `None`: the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// Whether nothing may be asked of the network.
    pub offline: bool,
    /// Whether an index needs no trusted signature.
    pub allow_untrusted: bool,
}

impl Overrides {
    /// For which architectures `recipe` is built, the first one first.
    pub fn archs<'either>(&'either self, recipe: &'either Recipe) -> &'either [Architecture] {
        if self.archs.is_empty() { &recipe.archs } else { &self.archs }
    }
}

/// The repositories that `alpine`, the word of a recipe in `folder`, and the command line ask for, in order.
pub(super) fn repositories(
    alpine: &Alpine,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Vec<Repository>, repository::Error> {
    if !overrides.repositories.is_empty() {
        return of_command_line(overrides);
    }
    alpine.repositories.iter().map(|source| locate(source, alpine, folder, overrides)).collect()
}

/// The repositories that the command line names in place of the recipe's; none where it names none.
pub(super) fn of_command_line(overrides: &Overrides) -> Result<Vec<Repository>, repository::Error> {
    overrides.repositories.iter().map(Repository::of).collect()
}

/// Where `source` is, by the word of a recipe in `folder` and the mirrors of the command line.
pub(super) fn locate(
    source: &RepositorySource,
    alpine: &Alpine,
    folder: &Path,
    overrides: &Overrides,
) -> Result<Repository, repository::Error> {
    let mirrors = if overrides.mirrors.is_empty() { &alpine.mirrors } else { &overrides.mirrors };
    let locations = match &source.place {
        RepositoryPlace::Named(name) => mirrors
            .iter()
            .map(|mirror| Ok(Location::of(mirror)?.join(&alpine.release.to_string()).join(name)))
            .collect::<Result<_, repository::Error>>()?,
        RepositoryPlace::Url(url) => vec![Location::of(url)?],
        RepositoryPlace::Folder(path) => vec![Location::Folder(folder.join(path))],
    };
    Ok(Repository { locations, tag: source.tag.clone() })
}

/// `etc/apk/repositories` of the image, a line each: what the recipe says and no command line, so that the image does
/// not depend on where it was made. What is for the build only is left out, as is a folder, which means nothing inside
/// the image, and an address with `latest-stable` where `latest_stable` does not know which release that is.
pub(super) fn image_repositories(
    alpine: &Alpine,
    latest_stable: impl Fn(&RepositoryPlace) -> Option<Branch>,
) -> Vec<String> {
    let is_at_server = |address: &&Address| address.as_str().contains("://") && !address.as_str().starts_with("file:");
    let mirror = alpine.mirrors.iter().find(is_at_server);
    let lines = alpine.repositories.iter().filter(|source| !source.build_only).filter_map(|source| {
        let url = match &source.place {
            RepositoryPlace::Named(name) => format!("{}/{}/{name}", mirror?, alpine.release),
            RepositoryPlace::Url(url) => Some(url).filter(is_at_server)?.to_string(),
            RepositoryPlace::Folder(_) => return None,
        };
        let url = without_latest_stable(url, || latest_stable(&source.place))?;
        Some(source.tag.as_ref().map_or_else(|| url.clone(), |tag| format!("@{tag} {url}")))
    });
    lines.collect()
}

/// `url` with the branch that `latest-stable` leads to in its place, since that leads elsewhere after the next release.
fn without_latest_stable(url: String, latest_stable: impl FnOnce() -> Option<Branch>) -> Option<String> {
    let pointer = Release::LatestStable.to_string();
    if !url.split('/').any(|part| part == pointer) {
        return Some(url);
    }
    let branch = latest_stable()?.to_string();
    let parts: Vec<&str> = url.split('/').map(|part| if part == pointer { branch.as_str() } else { part }).collect();
    Some(parts.join("/"))
}
