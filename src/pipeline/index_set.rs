//! The indexes of some repositories, verified, and parsed when somebody asks what is in them: an image that was built
//! before of the same indexes needs their digests alone.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::error::Error;
use super::release::IndexRelease;
use crate::apk::IndexText;
use crate::digest::Sha256Digest;
use crate::fetch::FetchedIndex;
use crate::repository::ApkIndex;

/// One index for each repository, in their order.
#[derive(Debug, Default)]
pub(super) struct IndexSet {
    /// The digest of each.
    pub(super) digests: Vec<Sha256Digest>,
    fetched: Vec<FetchedIndex>,
    parsed: OnceLock<Parsed>,
    /// Held while they are parsed, so that who comes second waits and does not parse them too.
    parsing: Mutex<()>,
}

/// What is in some indexes, and of which release each says that it is.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) indexes: Vec<ApkIndex>,
    pub(super) releases: Vec<IndexRelease>,
}

impl IndexSet {
    /// Those that were fetched, not parsed yet.
    pub(super) fn of_fetched(fetched: Vec<FetchedIndex>) -> Self {
        Self { digests: fetched.iter().map(|index| index.digest).collect(), fetched, ..Self::default() }
    }

    /// What is in them, parsed now if need be.
    pub(super) fn parsed(&self) -> Result<&Parsed, Error> {
        let _guard = self.parsing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = self.parsed.get() {
            return Ok(parsed);
        }
        // Of several that are damaged the first one is told.
        let parse = |fetched: &FetchedIndex| {
            let IndexText { description, text } = fetched.open()?;
            let index = ApkIndex::parse(text)?;
            let release = IndexRelease::of(&description, &index);
            Ok((index, release))
        };
        let parsed: Vec<Result<(ApkIndex, IndexRelease), Error>> = self.fetched.par_iter().map(parse).collect();
        let (indexes, releases) = parsed.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        Ok(self.parsed.get_or_init(|| Parsed { indexes, releases }))
    }

    /// The same, each with fewer packages.
    pub(super) fn narrowed(&self, indexes: Vec<ApkIndex>, releases: Vec<IndexRelease>) -> Self {
        let parsed = OnceLock::from(Parsed { indexes, releases });
        Self { digests: self.digests.clone(), parsed, ..Self::default() }
    }
}
