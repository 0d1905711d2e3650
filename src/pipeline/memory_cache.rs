//! What the builds of one call have in common: each index and each package is read and verified once.
//!
//! It holds what is verified or worked out already, never what may be trusted differently by another recipe: recipes
//! that trust other keys have a session, and so a cache, of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::index_set::IndexSet;
use crate::apk::Identity;
use crate::fetch::VerifiedApk;
use crate::platform::Architecture;
use crate::repository::Repository;

/// Indexes and packages that were read in this call.
#[derive(Debug, Default)]
pub(super) struct MemoryCache {
    indexes: Mutex<Vec<ShelvedIndexes>>,
    packages: Mutex<BTreeMap<Identity, VerifiedApk>>,
}

#[derive(Debug)]
struct ShelvedIndexes {
    repositories: Vec<Repository>,
    arch: Architecture,
    set: Arc<IndexSet>,
}

impl MemoryCache {
    /// The indexes of `repositories` for `arch`, if they were read.
    pub(super) fn indexes(&self, repositories: &[Repository], arch: Architecture) -> Option<Arc<IndexSet>> {
        let indexes = lock(&self.indexes);
        let shelved = indexes.iter().find(|shelved| shelved.repositories == repositories && shelved.arch == arch)?;
        Some(Arc::clone(&shelved.set))
    }

    /// Keeps the indexes of `repositories` for `arch`.
    pub(super) fn keep_indexes(&self, repositories: &[Repository], arch: Architecture, indexes: Arc<IndexSet>) {
        lock(&self.indexes).push(ShelvedIndexes { repositories: repositories.to_vec(), arch, set: indexes });
    }

    /// The package of that identity, if it was verified.
    pub(super) fn package(&self, identity: Identity) -> Option<VerifiedApk> {
        lock(&self.packages).get(&identity).cloned()
    }

    /// Keeps packages. Their data is mapped, so this costs hardly any memory.
    pub(super) fn keep_packages(&self, packages: &[VerifiedApk]) {
        lock(&self.packages).extend(packages.iter().map(|package| (package.identity(), package.clone())));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
