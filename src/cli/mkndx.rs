//! `apkbuild mkndx DIR`: a signed APKINDEX.tar.gz over the packages in a folder.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::Error;
use super::mkpkg::{SigningOptions, about};
use super::output::Context;
use crate::apk::Head;
use crate::apk::writer::{IndexedPackage, write_index};
use crate::unfinished;

/// Arguments of `mkndx`.
#[derive(Debug, Args)]
#[command(after_help = "DIR is usually REPOSITORY/ARCH, so that `apkbuild resolve -X REPOSITORY` and apk find it.")]
pub struct MkndxArguments {
    /// Folder that holds the packages
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    signing: SigningOptions,
    /// What the index says that it is
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Write this architecture for every package, whatever it says itself (a `noarch` one in a folder of x86_64)
    #[arg(long, value_name = "ARCH")]
    rewrite_arch: Option<String>,
}

/// Writes DIR/APKINDEX.tar.gz over DIR/*.apk, in the order of their file names.
pub fn run(arguments: &MkndxArguments, context: &Context) -> Result<(), Error> {
    let key = arguments.signing.key()?;
    if !arguments.folder.is_dir() {
        return Err(Error::failed(format!("there is no folder `{}`", arguments.folder.display()))
            .with_help("name the folder that holds the packages; `apkbuild mkpkg` makes them".to_owned()));
    }
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(&arguments.folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "apk") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut packages = Vec::with_capacity(paths.len());
    for path in &paths {
        let mut package = read(path)?;
        if let Some(arch) = &arguments.rewrite_arch {
            package.info.arch.clone_from(arch);
        }
        packages.push(package);
    }
    let place = arguments.folder.join("APKINDEX.tar.gz");
    let index = write_index(&arguments.description, &packages, &key, arguments.signing.kind())
        .map_err(|error| about(&place, &error))?;
    unfinished::write(&place, &index)?;
    if context.json {
        return context.print_json(&serde_json::json!({ "index": place, "packages": packages.len() }));
    }
    context.say(&format!("{} package{}", packages.len(), if packages.len() == 1 { "" } else { "s" }));
    context.print(&place.display().to_string())
}

fn read(path: &Path) -> Result<IndexedPackage, Error> {
    let file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    let head = Head::read(&mut BufReader::new(file)).map_err(|error| about(path, &error))?;
    let name = format!("{}-{}.apk", head.info.name, head.info.version);
    if path.file_name().is_none_or(|found| found.to_str() != Some(&name)) {
        let message =
            format!("{} holds the package {name}, and nobody would look for it under this name", path.display());
        return Err(Error::failed(message).with_help(format!("rename it to {name}")));
    }
    Ok(IndexedPackage { identity: head.identity(), info: head.info, size })
}
