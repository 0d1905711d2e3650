//! Making the image small: pruning, with what earlier traces read, and bytecode in the place of sources.

mod bytecode_cache;
mod compile;

use std::path::PathBuf;

use self::compile::compile;
use super::error::Error;
use super::session::Session;
use super::translate;
use crate::digest::Sha256Digest;
use crate::kept;
use crate::platform::Architecture;
use crate::progress::Progress;
use crate::prune::bytecode::Shipped;
use crate::prune::{Bytecode, Facts, News, Policy, Profile, Report, prune, prune_knowing};
use crate::recipe::Recipe;
use crate::rootfs::Rootfs;

/// What was let go, and what tracing read.
pub(super) struct Trimmed {
    pub(super) report: Report,
    /// Where there was any tracing.
    pub(super) traces: Option<Traces>,
}

/// What a trace read, to be kept for later ones.
pub(super) struct Traces {
    facts: Facts,
    common: PathBuf,
    own: PathBuf,
}

impl Traces {
    /// What earlier traces like this one read; `None` where nothing is traced.
    fn open(recipe: &Recipe, arch: Architecture, policy: &Policy, session: &Session) -> Result<Option<Self>, Error> {
        if policy.profile != Profile::Traced {
            return Ok(None);
        }
        let folder = session.traces_folder()?;
        let own = folder.join(facts_name(&[&recipe.name, arch.as_str(), &policy.command.join("\0")], policy));
        // What packages say is much the same for every recipe that has them.
        let common = folder.join(facts_name(&["", arch.as_str()], policy));
        let read = |path: &PathBuf| kept::read(path).unwrap_or_else(|| Vec::new().into());
        let facts = Facts::known(read(&common), read(&own));
        Ok(Some(Self { facts, common, own }))
    }

    /// What of it is to be kept, and where; nothing where there is nothing new.
    pub(super) fn to_keep(&self) -> Option<(PathBuf, Vec<u8>)> {
        Some(match self.facts.news()? {
            News::Common(bytes) => (self.common.clone(), bytes),
            News::Own(bytes) => (self.own.clone(), bytes),
        })
    }
}

/// Prunes `rootfs` as the recipe says, and puts bytecode in the place of sources where it says so.
pub(super) fn trim(
    rootfs: &mut Rootfs,
    recipe: &Recipe,
    arch: Architecture,
    session: &Session,
    progress: &dyn Progress,
) -> Result<Trimmed, Error> {
    let policy = translate::policy(recipe);
    // Collected first: pruning takes every `__pycache__`.
    let shipped = || (policy.bytecode == Bytecode::Compiled).then(|| Shipped::of(&rootfs.tree));
    let (shipped, traces) = rayon::join(shipped, || Traces::open(recipe, arch, &policy, session));
    let mut traces = traces?;
    let mut report = match &mut traces {
        Some(traces) => prune_knowing(rootfs, &policy, &mut traces.facts)?,
        None => prune(rootfs, &policy)?,
    };
    if let Some(shipped) = shipped {
        progress.stage("compiling");
        compile(rootfs, &mut report, &shipped, arch, session)?;
    }
    Ok(Trimmed { report, traces })
}

/// Facts are known by content; the file's name only says which of them are likely to be wanted together.
fn facts_name(words: &[&str], policy: &Policy) -> String {
    Sha256Digest::of(format!("{}\n{}", words.join("\n"), policy.packages.join("\0")).as_bytes()).to_string()
}
