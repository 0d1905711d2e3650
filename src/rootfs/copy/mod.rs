//! Copying into a root filesystem: out of the recipe's folder (the application), or out of a stage.
//!
//! A source is a file, a folder or a glob. A target that ends with a slash is a folder that things go into under their
//! own names; otherwise the one thing that is copied takes the target's name. What a glob fits keeps its path below the
//! part of the glob that is without wildcards. Folders are merged with those that are there, which keep their owner and
//! mode; files and links replace files and links. Links inside a copied folder stay links; on the way to a source they
//! are followed, and one that leads out of the folder is refused. Nothing depends on the order of a folder, its times,
//! its owners or the umask.

mod docker_pattern;
mod error;
mod files;
mod ignore;
mod placing;
mod request;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::tree::{Origin, Tree};
use files::{Files, Folder, Kind, StageFiles, follow};
use ignore::{Fitting, IGNORE_FILE, Place, Rules, glob};
use placing::Placing;
use request::join;

pub use error::Error;
pub use request::{Copied, Request};

/// Copies out of `folder`, the recipe's. What a `.dockerignore` there names is left out, and so are `outputs`: what
/// this build writes, wherever that is.
pub fn copy_from_folder(
    tree: &mut Tree,
    folder: &Path,
    request: &Request<'_>,
    outputs: &[PathBuf],
) -> Result<Copied, Error> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut rules = Rules::usual()?;
    let ignore_file = folder.join(IGNORE_FILE);
    // Opening a pipe would wait for ever, and only a file can say what to leave out.
    match fs_err::metadata(&ignore_file).and_then(|found| {
        if found.is_file() { fs_err::read(&ignore_file) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }) {
        Ok(bytes) => rules.add_ignore_file(&String::from_utf8_lossy(&bytes))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let outputs = outputs_below(folder, outputs);
    copy(tree, &Folder(folder), request, rules, outputs, Origin::Copied)
}

/// Copies out of `stage`, the tree of the stage `name`.
pub fn copy_from_stage(tree: &mut Tree, name: &str, stage: &Tree, request: &Request<'_>) -> Result<Copied, Error> {
    copy(tree, &StageFiles { name, tree: stage }, request, Rules::usual()?, Vec::new(), Origin::Stage)
}

/// Something that is copied whole.
struct Item {
    /// Where it really is in the source, every link on the way followed.
    real: String,
    /// What it is called below a target that it goes into; empty for the whole of the source.
    name: String,
    /// Its path from the source, as `exclude` sees it.
    from_source: String,
    /// The rule that leaves it out, of which later rules may take something back.
    left_out: Option<String>,
    /// The rules that fit a folder above it.
    above: Fitting,
}

/// A path to look at: in the source, in the image, and as `exclude` sees it.
struct Step {
    real: String,
    target: String,
    from_source: String,
    above: Fitting,
}

/// What is not copied.
struct LeftOut {
    rules: Rules,
    /// What this build writes, as paths from the source.
    outputs: Vec<String>,
}

impl LeftOut {
    /// Who leaves out what is `real` in the source, where the rules `above` fit a folder above it.
    fn by(&self, real: &str, from_source: &str, above: &Fitting) -> Option<String> {
        if self.outputs.iter().any(|output| is_output(output, real)) {
            return Some("its being what this build writes".to_owned());
        }
        self.rules.leaves_out(Place { from_folder: real, from_source }, above).map(str::to_owned)
    }

    /// The rules that fit the folder `real` or one above it.
    fn inside(&self, real: &str, from_source: &str, above: &Fitting) -> Fitting {
        self.rules.inside(Place { from_folder: real, from_source }, above)
    }
}

fn copy(
    tree: &mut Tree,
    files: &dyn Files,
    request: &Request<'_>,
    mut rules: Rules,
    outputs: Vec<String>,
    origin: Origin,
) -> Result<Copied, Error> {
    rules.add_exclude(request.exclude)?;
    let may_take_back = rules.has_exceptions();
    let left_out = LeftOut { rules, outputs };
    let items = if is_glob(request.source) {
        matching(files, request, &left_out, may_take_back)?
    } else {
        vec![named(files, request, &left_out)?]
    };
    let refusal = items.iter().find_map(|item| item.left_out.clone());
    let mut placing = Placing::new(tree, request, origin);
    for item in items {
        let target = match (request.into, item.name.as_str()) {
            (true, name) if !name.is_empty() => join(request.target, name),
            _ => request.target.to_owned(),
        };
        let mut waiting = vec![Step { real: item.real, target, from_source: item.from_source, above: item.above }];
        while let Some(step) = waiting.pop() {
            let out = left_out.by(&step.real, &step.from_source, &step.above).is_some();
            if out && !may_take_back {
                continue;
            }
            let kind = files.kind(&step.real)?;
            if kind == Some(Kind::Directory) {
                if !out {
                    placing.folder(&step.target)?;
                }
                let names = files.names(&step.real)?;
                let above = left_out.inside(&step.real, &step.from_source, &step.above);
                waiting.extend(names.iter().rev().map(|name| Step {
                    real: join(&step.real, name),
                    target: join(&step.target, name),
                    from_source: join(&step.from_source, name),
                    above: above.clone(),
                }));
            } else if !out {
                match kind {
                    Some(Kind::File) => placing.file(&step.target, &step.real, files.file(&step.real)?)?,
                    Some(Kind::Symlink(target)) => placing.symlink(&step.target, &step.real, target)?,
                    Some(Kind::Special) => return Err(Error::Special { path: step.real }),
                    Some(Kind::Directory) | None => {}
                }
            }
        }
    }
    match refusal {
        Some(by) if placing.copied.files == 0 => Err(Error::LeftOut { path: request.source.to_owned(), by }),
        _ => Ok(placing.copied),
    }
}

/// The one file or folder that a source without wildcards names.
fn named(files: &dyn Files, request: &Request<'_>, left_out: &LeftOut) -> Result<Item, Error> {
    let real = real(files, request.source)?;
    let name = request.source.rsplit('/').next().unwrap_or_default().to_owned();
    // A folder is the place that `exclude` starts from; a file has at least its name.
    let is_folder = files.kind(&real)? == Some(Kind::Directory);
    let from_source = if is_folder { String::new() } else { name.clone() };
    let above = left_out.rules.above(Place { from_folder: &real, from_source: &from_source });
    let left_out = left_out.by(&real, &from_source, &above);
    Ok(Item { real, name, from_source, left_out, above })
}

/// Everything that a glob fits, in the order of the paths. What lies in a folder that it fits comes with the folder.
fn matching(
    files: &dyn Files,
    request: &Request<'_>,
    rules: &LeftOut,
    may_take_back: bool,
) -> Result<Vec<Item>, Error> {
    let (prefix, pattern) = split_glob(request.source);
    let matcher = glob(pattern, "source")?;
    let base = real(files, prefix)?;
    let names = if files.kind(&base)? == Some(Kind::Directory) { files.names(&base)? } else { Vec::new() };
    let mut items = Vec::new();
    let mut left_out = None;
    let top = Place { from_folder: &base, from_source: "" };
    let top = rules.rules.inside(top, &rules.rules.above(top));
    let mut waiting: Vec<(String, Fitting)> = names.iter().rev().map(|name| (name.clone(), top.clone())).collect();
    while let Some((name, above)) = waiting.pop() {
        let real = join(&base, &name);
        let out = rules.by(&real, &name, &above);
        if matcher.is_match(&name) {
            match out {
                None => {
                    items.push(Item { real, name: name.clone(), from_source: name, left_out: None, above });
                    continue;
                }
                Some(ref by) => drop(left_out.get_or_insert_with(|| by.clone())),
            }
        }
        if (out.is_none() || may_take_back) && files.kind(&real)? == Some(Kind::Directory) {
            let above = rules.inside(&real, &name, &above);
            waiting.extend(files.names(&real)?.iter().rev().map(|inner| (join(&name, inner), above.clone())));
        }
    }
    match (items.len(), left_out) {
        (0, Some(by)) => Err(Error::LeftOut { path: request.source.to_owned(), by }),
        (0, None) => Err(Error::NoMatch {
            pattern: request.source.to_owned(),
            place: place_below(files, &base),
            there: some(names),
        }),
        (count, _) if count > 1 && !request.into => {
            Err(Error::OneName { pattern: request.source.to_owned(), count, target: format!("/{}", request.target) })
        }
        _ => Ok(items),
    }
}

/// The real path behind `path`, or an error that names what is near.
fn real(files: &dyn Files, path: &str) -> Result<String, Error> {
    let missing = match follow(files, path)? {
        Ok(real) if files.kind(&real)?.is_some() => return Ok(real),
        Ok(real) => real,
        Err(missing) => missing,
    };
    let (parent, name) = missing.rsplit_once('/').unwrap_or(("", &missing));
    let there = if files.kind(parent)? == Some(Kind::Directory) { files.names(parent)? } else { Vec::new() };
    let near = there
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&candidate.to_lowercase(), &name.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3))
        .min()
        .map(|(_, candidate)| join(parent, candidate));
    Err(Error::Missing { path: missing.clone(), place: files.place(), near, there: some(there) })
}

/// The first few of `names`.
fn some(mut names: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 8;
    if names.len() > SHOWN {
        names.truncate(SHOWN);
        names.push("…".to_owned());
    }
    names
}

fn place_below(files: &dyn Files, base: &str) -> String {
    if base.is_empty() { files.place() } else { format!("`{base}` of {}", files.place()) }
}

/// Whether `source` has a wildcard in it.
fn is_glob(source: &str) -> bool {
    source.contains(['*', '?', '[', '{', '\\'])
}

/// A glob's folder without wildcards, and the rest.
fn split_glob(source: &str) -> (&str, &str) {
    let wild = source.find(['*', '?', '[', '{', '\\']).unwrap_or(source.len());
    match source.get(..wild).and_then(|before| before.rfind('/')) {
        Some(slash) => (source.get(..slash).unwrap_or_default(), source.get(slash + 1..).unwrap_or_default()),
        None => ("", source),
    }
}

/// Those of `outputs` that lie below `folder`, as paths from there.
fn outputs_below(folder: &Path, outputs: &[PathBuf]) -> Vec<String> {
    let Ok(folder) = fs_err::canonicalize(folder) else { return Vec::new() };
    // Most of them lie in one folder.
    let mut parents: BTreeMap<&Path, Option<PathBuf>> = BTreeMap::new();
    let mut below = Vec::new();
    for output in outputs {
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = parents.entry(parent).or_insert_with(|| fs_err::canonicalize(parent).ok());
        let (Some(real), Some(name)) = (real, output.file_name()) else { continue };
        let place = real.join(name);
        let place = place.strip_prefix(&folder).ok().and_then(Path::to_str);
        below.extend(place.filter(|place| !place.is_empty()).map(str::to_owned));
    }
    below
}

/// Whether `real` is `output` or what `output` is called while it is written, or lies in either.
fn is_output(output: &str, real: &str) -> bool {
    let (folder, output_name) = output.rsplit_once('/').unwrap_or(("", output));
    let below =
        if folder.is_empty() { Some(real) } else { real.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) };
    let Some(name) = below.and_then(|below| below.split('/').next()) else { return false };
    let unfinished = name.strip_prefix('.').and_then(|rest| rest.strip_prefix(output_name)?.strip_prefix('.'));
    name == output_name || unfinished.is_some_and(|rest| rest.rsplit('.').next() == Some("part"))
}
