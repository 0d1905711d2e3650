//! The indexes of some repositories, verified, and parsed when somebody asks what is in them: an image that was built
//! before of the same indexes needs their digests alone.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::Error;
use crate::digest::Sha256Digest;
use crate::fetch::FetchedIndex;
use crate::repository::ApkIndex;

/// One index for each repository, in their order.
#[derive(Debug, Default)]
pub(super) struct IndexSet {
    /// The digest of each.
    pub(super) digests: Vec<Sha256Digest>,
    fetched: Vec<FetchedIndex>,
    parsed: OnceLock<Vec<ApkIndex>>,
    /// Held while they are parsed, so that who comes second waits and does not parse them too.
    parsing: Mutex<()>,
}

impl IndexSet {
    /// Those that were fetched, not parsed yet.
    pub(super) fn of_fetched(fetched: Vec<FetchedIndex>) -> Self {
        Self { digests: fetched.iter().map(|index| index.digest).collect(), fetched, ..Self::default() }
    }

    /// What is in them, parsed now if need be.
    pub(super) fn parsed(&self) -> Result<&[ApkIndex], Error> {
        let _guard = self.parsing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = self.parsed.get() {
            return Ok(parsed);
        }
        // Of several that are damaged the first one is told.
        let parsed: Vec<Result<ApkIndex, Error>> =
            self.fetched.par_iter().map(|fetched| Ok(ApkIndex::parse(fetched.open()?.text)?)).collect();
        let parsed = parsed.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(self.parsed.get_or_init(|| parsed))
    }

    /// The same, each with fewer packages.
    pub(super) fn narrowed(&self, indexes: Vec<ApkIndex>) -> Self {
        Self { digests: self.digests.clone(), parsed: OnceLock::from(indexes), ..Self::default() }
    }
}
