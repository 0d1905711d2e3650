//! Bytecode for the sources of an image: what its packages brought, what was compiled before, and for the rest the
//! image's own interpreter in the sandbox.
//!
//! All of it is brought into one form, so it does not matter which way a file came, and an image whose packages bring
//! their bytecode is made without any sandbox.

use std::collections::BTreeMap;
use std::ffi::OsString;

use rayon::prelude::*;

use super::super::error::{Error, NoCompiler};
use super::super::session::Session;
use super::bytecode_cache::BytecodeCache;
use crate::digest::Sha256Digest;
use crate::platform::Architecture;
use crate::prune::Report;
use crate::prune::bytecode::{self, Compilation, Compiled, Shipped, Source};
use crate::rootfs::Rootfs;
use crate::rootfs::folder::{Owners, write_folder};
use crate::sandbox::{self, Question};
use crate::unfinished::UnfinishedFolder;

/// Reads the paths that its arguments name by file and number, and prints its magic number and then for each a length
/// and the marshalled code, or the length of a message, marked by the highest bit, and the message.
const SCRIPT: &str = include_str!("compile.py");

/// Where the list of sources lies in the root that the interpreter sees.
const LIST: &str = ".apkbuild-sources";

/// Fewer sources than this are not worth another interpreter.
const BATCH: usize = 100;

/// Puts bytecode in the place of the sources of `rootfs`, which was pruned with `report`.
pub(super) fn compile(
    rootfs: &mut Rootfs,
    report: &mut Report,
    shipped: &Shipped,
    arch: Architecture,
    session: &Session,
) -> Result<(), Error> {
    let Some(compilation) = Compilation::of(rootfs, report) else { return Ok(()) };
    let kept = BytecodeCache(session.bytecode_folder()?);
    let sources = &compilation.sources;
    let key = |source: &Source| compilation.key(source, compilation.shipped(source, shipped).as_ref());
    let keys: Vec<Sha256Digest> = sources.par_iter().map(key).collect();
    let paths = || sources.iter().map(|source| source.path.clone());
    if let Some(set) = kept.read_set(&keys) {
        bytecode::replace(rootfs, report, paths().zip(set).collect());
        return Ok(());
    }
    let found = sources.par_iter().map(|source| {
        let brought = bring_into_form(source, &compilation, shipped, &kept)?;
        Ok(brought.or_else(|| kept.read(compilation.key(source, None))))
    });
    let found = found.collect::<Result<Vec<Option<Compiled>>, Error>>()?;
    let missing: Vec<&Source> =
        sources.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(source, _)| source).collect();
    let mut made = BTreeMap::new();
    if let Some(first) = missing.first() {
        let refuse = |reason| Error::NoBytecode { count: missing.len(), first: first.path.clone(), reason };
        if !arch.is_host() {
            return Err(refuse(NoCompiler::ForeignInterpreter { arch, host: Architecture::host_name() }));
        }
        made = run(rootfs, &compilation, &missing).map_err(|error| match error {
            Error::Sandbox(error) => refuse(NoCompiler::Sandbox(error)),
            error => error,
        })?;
        for source in missing {
            if let Some(compiled) = made.get(&source.path) {
                kept.keep(compilation.key(source, None), compiled)?;
            }
        }
    }
    made.extend(paths().zip(found).filter_map(|(path, found)| Some((path, found?))));
    let set: Vec<&Compiled> = sources.iter().filter_map(|source| made.get(&source.path)).collect();
    if set.len() == keys.len() {
        kept.keep_set(&keys, &set)?;
    }
    bytecode::replace(rootfs, report, made);
    Ok(())
}

/// The bytecode that a package brought for `source`, in the one form that all has: kept from build to build, since that
/// takes longer than all else where nothing has changed.
fn bring_into_form(
    source: &Source,
    compilation: &Compilation,
    shipped: &Shipped,
    kept: &BytecodeCache,
) -> Result<Option<Compiled>, Error> {
    let Some(shipped) = compilation.shipped(source, shipped) else { return Ok(None) };
    let key = compilation.key(source, Some(&shipped));
    if let Some(compiled) = kept.read(key) {
        return Ok(Some(compiled));
    }
    let Ok(compiled) = compilation.finish(source, shipped.magic, shipped.code) else { return Ok(None) };
    kept.keep(key, &compiled)?;
    Ok(Some(compiled))
}

/// Has the interpreter of `rootfs` compile `sources`, several at the same time.
fn run(rootfs: &Rootfs, compilation: &Compilation, sources: &[&Source]) -> Result<BTreeMap<String, Compiled>, Error> {
    let folder = UnfinishedFolder::temporary()?;
    let root = folder.path().join("root");
    write_folder(&rootfs.tree, &root, Owners::Caller)?;
    let batch = sources.len().div_ceil(rayon::current_num_threads()).max(BATCH);
    let batches: Vec<&[&Source]> = sources.chunks(batch).collect();
    for (number, batch) in batches.iter().enumerate() {
        let list: String = batch.iter().map(|source| format!("{}\n", source.path)).collect();
        fs_err::write(root.join(format!("{LIST}-{number}")), list)?;
    }
    let answers = batches.par_iter().enumerate().map(|(number, batch)| {
        let interpreter = format!("/{}", compilation.interpreter);
        let list = format!("/{LIST}-{number}");
        let words = [&interpreter, "-I", "-S", "-B", "-W", "ignore", "-X", "utf8", "-c", SCRIPT, &list];
        let command: Vec<OsString> = words.iter().map(OsString::from).collect();
        let answer = Question { root: &root, command: &command, program: None }.ask()?;
        read_answer(&answer, compilation, batch)
    });
    let answers = answers.collect::<Result<Vec<_>, Error>>()?;
    Ok(answers.into_iter().flatten().collect())
}

/// What the interpreter printed, by source.
fn read_answer(
    answer: &[u8],
    compilation: &Compilation,
    sources: &[&Source],
) -> Result<Vec<(String, Compiled)>, Error> {
    let cut_short =
        || Error::Sandbox(sandbox::Error::Plan { reason: "the interpreter's answer is cut short".to_owned() });
    let (magic, mut rest) = answer.split_first_chunk::<4>().ok_or_else(cut_short)?;
    let mut compiled = Vec::with_capacity(sources.len());
    for source in sources {
        let (length, following) = rest.split_first_chunk::<4>().ok_or_else(cut_short)?;
        let length = u32::from_le_bytes(*length);
        let is_message = length & 1 << 31 != 0;
        let (bytes, following) = following.split_at_checked((length & !(1 << 31)) as usize).ok_or_else(cut_short)?;
        rest = following;
        let result = if is_message {
            Compiled::Refused(String::from_utf8_lossy(bytes).into_owned())
        } else {
            compilation.finish(source, *magic, bytes)?
        };
        compiled.push((source.path.clone(), result));
    }
    Ok(compiled)
}
