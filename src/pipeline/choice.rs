//! How packages are chosen: from the repositories' indexes, or as a lock names them.

use super::error::Error;
use super::locked::Locked;
use super::order::Order;
use super::part::Part;
use super::select::Indexes;
use super::selection::Selection;
use super::session::Session;
use crate::fetch::VerifiedApk;
use crate::platform::Architecture;
use crate::progress::Progress;

/// What stands behind the packages of a build.
pub(super) enum Choice<'order> {
    /// Selected from what the repositories have now.
    Indexes(Indexes),
    /// Exactly those of a lock.
    Lock(Locked<'order>),
}

impl<'order> Choice<'order> {
    /// By the order's lock where it has one, or else by the indexes, which are read now.
    pub(super) fn of_order(
        order: &Order<'order>,
        arch: Architecture,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        if let Some(lock) = order.lock {
            return Ok(Self::Lock(Locked::new(lock, order.recipe, arch, &session.overrides)?));
        }
        progress.stage("resolving");
        Ok(Self::Indexes(Indexes::of_recipe(order.recipe, arch, session, progress)?))
    }

    /// What decides the choice beside the recipe.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Indexes(indexes) => indexes.fingerprint(),
            Self::Lock(locked) => locked.fingerprint(),
        }
    }

    /// The packages of `part`, chosen and fetched, in install order; those without files are only in the selection.
    pub(super) fn packages(
        &self,
        part: Part<'_>,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<(Selection, Vec<VerifiedApk>), Error> {
        match self {
            Self::Indexes(indexes) => {
                let selection = indexes.resolve(&part.world())?;
                progress.stage("fetching");
                let packages = session.packages(&selection, progress)?;
                Ok((selection, packages))
            }
            Self::Lock(locked) => locked.packages(part, session, progress),
        }
    }

    /// The packages of `part`, chosen. Indexes say all of them; what a lock names is fetched, because only the packages
    /// themselves say what they need.
    pub(super) fn selection(
        &self,
        part: Part<'_>,
        session: &Session,
        progress: &dyn Progress,
    ) -> Result<Selection, Error> {
        match self {
            Self::Indexes(indexes) => indexes.resolve(&part.world()),
            Self::Lock(locked) => Ok(locked.packages(part, session, progress)?.0),
        }
    }
}
