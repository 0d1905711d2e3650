//! `apkbuild vendor FILE DIR`: a local repository of everything that a locked build needs.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::bytes::human;
use super::error::Error;
use super::keygen::random_name;
use super::lockfile;
use super::options::BuildOptions;
use super::output::Context;
use super::recipe_file::read_recipe;
use crate::apk::SigningKey;
use crate::pipeline::{self, Session, Vendored};

/// Bits of the key that is made for one folder and forgotten once its indexes are signed. A longer one would take
/// longer to make than the folder.
const KEY_BITS: u32 = 2048;

/// Arguments of `vendor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Build from it with `apkbuild recipe FILE -X DIR --keys-dir DIR/keys --offline`; apk takes the same \
                        -X and --keys-dir. Packages of a repository with a tag are in DIR/tagged/TAG. DIR also stands in \
                        for the mirror: --mirror DIR."
)]
pub struct VendorArguments {
    /// The recipe, whose lock says what is needed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder to make; it must not be there, or be empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Private key to sign the indexes with, NAME.rsa of `apkbuild keygen`; one made for this folder where not given
    #[arg(long, value_name = "KEY.rsa", env = "APKBUILD_KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    build: BuildOptions,
}

/// Makes the folder and prints how to use it.
pub fn run(arguments: &VendorArguments, context: &Context) -> Result<(), Error> {
    let recipe = read_recipe(&arguments.file, context)?;
    let overrides = arguments.build.overrides();
    let lock = lockfile::required(&arguments.file, &recipe, &overrides)?;
    let key = match &arguments.key {
        Some(path) => super::mkpkg::read_key(path)?,
        None => SigningKey::generate(KEY_BITS, format!("{}.rsa.pub", random_name()?))
            .map_err(|error| Error::from_room(&error))?,
    };
    let session = Session::open(&overrides, Some(&recipe))?;
    let folder = &arguments.folder;
    let vendored = pipeline::vendor(&recipe, &lock, folder, &key, &session, context.progress())
        .map_err(|error| failure(error, folder))?;
    context.progress_is_over();
    if context.json {
        return context.print_json(&json!({
            "folder": folder,
            "keys-dir": folder.join("keys"),
            "archs": vendored.archs,
            "packages": vendored.packages,
            "size": vendored.size,
            "repositories": repositories(folder, &vendored),
        }));
    }
    let places: String = repositories(folder, &vendored)
        .iter()
        .map(|place| if place.contains(' ') { format!(" -X '{place}'") } else { format!(" -X {place}") })
        .collect();
    context.print(&format!(
        "wrote    {} ({} packages for {}, {})\nbuild by apkbuild recipe {}{places} --keys-dir {} --offline\n",
        folder.display(),
        vendored.packages,
        vendored.archs.join(", "),
        human(vendored.size),
        arguments.file.display(),
        folder.join("keys").display(),
    ))
}

/// The repositories of the folder, as `-X` takes them.
fn repositories(folder: &Path, vendored: &Vendored) -> Vec<String> {
    let tagged = vendored.tags.iter().map(|tag| format!("@{tag} {}", folder.join("tagged").join(tag).display()));
    std::iter::once(folder.display().to_string()).chain(tagged).collect()
}

/// What went wrong, with a way out that fits a folder to be written.
fn failure(error: pipeline::Error, folder: &Path) -> Error {
    let kind = match &error {
        pipeline::Error::Io(error) => Some(error.kind()),
        _ => None,
    };
    let help = match kind {
        Some(std::io::ErrorKind::StorageFull) => "free some space, or name a folder on another disk",
        Some(std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) => {
            "name a folder where you may write"
        }
        Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            "make the folder that it is to lie in first"
        }
        _ => return Error::from(error),
    };
    Error::failed(format!("`{}` cannot be made: {error}", folder.display())).with_help(help.to_owned())
}
