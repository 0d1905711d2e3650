//! `apkbuild mkpkg FOLDER`: packs a folder as a signed .apk.
//!
//! FOLDER holds `PKGINFO` (`key = value` lines as in a package's own; or the options say the same), `root/` with the
//! files, scripts under their own names (`.pre-install`, `.trigger`…), and maybe `owners`, lines `path user:group
//! [mode]` for what does not belong to root. Refused are devices, sockets and FIFOs.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::{Args, ValueEnum};

use super::error::Error;
use super::output::Context;
use crate::apk::writer::{NewContent, NewEntry, PackageWriter};
use crate::apk::{self, PackageInfo, PackageName, SignatureKind, SigningKey, Version};
use crate::fetch::Script;
use crate::platform::Architecture;
use crate::unfinished;

/// Arguments of `mkpkg`.
#[derive(Debug, Args)]
#[command(
    after_help = "FOLDER holds PKGINFO, root/, scripts such as .post-install, and maybe `owners` (path user:group [mode]).\n\
                        The same folder gives the same bytes; SOURCE_DATE_EPOCH bounds its times."
)]
pub struct MkpkgArguments {
    /// What to pack
    folder: PathBuf,
    #[command(flatten)]
    signing: SigningOptions,
    /// Folder for NAME-VERSION.apk
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// gzip level of the files, 0 to 12
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(i32).range(0..=12))]
    level: i32,
    #[command(flatten)]
    fields: Fields,
}

/// What would stand in PKGINFO, and wins over it.
#[derive(Debug, Args)]
#[command(next_help_heading = "In place of or beside PKGINFO")]
struct Fields {
    /// Name of the package
    #[arg(long)]
    name: Option<String>,
    /// Version with its release, like 1.2-r0
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// What it is, in a sentence
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Architecture; the host's where nobody says
    #[arg(long)]
    arch: Option<String>,
    /// Licence, as SPDX has it
    #[arg(long)]
    license: Option<String>,
    /// Home page
    #[arg(long)]
    url: Option<String>,
    /// Source package; the name where nobody says
    #[arg(long)]
    origin: Option<String>,
    /// What it needs; repeatable
    #[arg(long = "depend", value_name = "DEPENDENCY")]
    depends: Vec<String>,
    /// What it provides; repeatable
    #[arg(long = "provide", value_name = "NAME[=VERSION]")]
    provides: Vec<String>,
    /// Whose files it may replace; repeatable
    #[arg(long = "replace", value_name = "NAME")]
    replaces: Vec<String>,
}

/// How packages and indexes are signed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signing")]
pub struct SigningOptions {
    /// Private key to sign with, NAME.rsa of `apkbuild keygen`
    #[arg(long, value_name = "KEY.rsa", env = "APKBUILD_KEY")]
    key: PathBuf,
    /// Hash under the signature
    #[arg(long, value_name = "KIND", default_value = "rsa256")]
    sign: SignWith,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SignWith {
    /// SHA-256, which apk 2.14 and later read
    Rsa256,
    /// SHA-512, which apk 3 reads
    Rsa512,
}

impl SigningOptions {
    /// Reads the key.
    pub(super) fn key(&self) -> Result<SigningKey, Error> {
        read_key(&self.key)
    }

    pub(super) fn kind(&self) -> SignatureKind {
        match self.sign {
            SignWith::Rsa256 => SignatureKind::Rsa256,
            SignWith::Rsa512 => SignatureKind::Rsa512,
        }
    }
}

/// Reads the private key at `path`; its public half is taken to have the same file name and `.pub`.
pub(super) fn read_key(path: &Path) -> Result<SigningKey, Error> {
    let text = fs_err::read_to_string(path)
        .map_err(|error| Error::from(error).with_help("make a key pair with `apkbuild keygen`".to_owned()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    SigningKey::from_pem(format!("{name}.pub"), &text).map_err(|error| about(path, &error))
}

/// The failure `error` of the format in the file at `path`.
pub(super) fn about(path: &Path, error: &apk::Error) -> Error {
    Error::failed(format!("{}: {error}", path.display())).with_help(error.help())
}

/// Writes OUTDIR/NAME-VERSION.apk and prints its path.
pub fn run(arguments: &MkpkgArguments, context: &Context) -> Result<(), Error> {
    let key = arguments.signing.key()?;
    let folder = &arguments.folder;
    if !folder.is_dir() {
        return Err(Error::failed(format!("there is no folder `{}`", folder.display()))
            .with_help("name the folder whose root/ is to be packed".to_owned()));
    }
    let mut info = arguments.fields.info(&folder.join("PKGINFO"))?;
    let epoch = super::options::source_date_epoch()?;
    let mut newest = 0;
    let mut entries = read_root(&folder.join("root"), &mut newest)?;
    info.build_date = epoch.unwrap_or(newest);
    for entry in entries.values_mut() {
        entry.mtime = entry.mtime.min(info.build_date);
    }
    apply_owners(&folder.join("owners"), &mut entries)?;
    let mut scripts = BTreeMap::new();
    for script in Script::ALL {
        let path = folder.join(format!(".{}", script.name()));
        if path.is_file() {
            scripts.insert(script.name().to_owned(), fs_err::read(&path)?);
        }
    }
    let place = arguments.output.join(format!("{}-{}.apk", info.name, info.version));
    let writer = PackageWriter { info, scripts, entries, level: Some(arguments.level) };
    let package = writer.write(&key, arguments.signing.kind()).map_err(|error| about(folder, &error))?;
    fs_err::create_dir_all(&arguments.output)?;
    unfinished::write(&place, &package)?;
    if context.json {
        return context.print_json(&serde_json::json!({ "package": place, "size": package.len() }));
    }
    context.print(&place.display().to_string())
}

impl Fields {
    /// What the file says, with what the options say on top, and checked.
    fn info(&self, path: &Path) -> Result<PackageInfo, Error> {
        let mut text = if path.is_file() { fs_err::read_to_string(path)? } else { String::new() };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let single = [
            ("pkgname", &self.name),
            ("pkgver", &self.version),
            ("pkgdesc", &self.description),
            ("arch", &self.arch),
            ("license", &self.license),
            ("url", &self.url),
            ("origin", &self.origin),
        ];
        for (key, value) in single.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            text.push_str(&format!("{key} = {value}\n"));
        }
        for (key, values) in [("depend", &self.depends), ("provides", &self.provides), ("replaces", &self.replaces)] {
            for value in values {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        let usage = |message: String| Error::usage(format!("{}: {message}", path.display()));
        let mut info = PackageInfo::parse(&text).map_err(|error| {
            usage(error.to_string())
                .with_help("write `pkgname = …` and `pkgver = …` there, or use --name and --version".to_owned())
        })?;
        if !PackageName::is_for_package(&info.name) {
            return Err(usage(format!("`{}` is no name for a package", info.name)));
        }
        Version::parse(&info.version).map_err(|error| usage(error.to_string()).with_help(error.help()))?;
        if info.arch.is_empty() {
            Architecture::default_target().as_str().clone_into(&mut info.arch);
        }
        if info.origin.is_empty() {
            info.origin.clone_from(&info.name);
        }
        Ok(info)
    }
}

/// Everything below `root`; a missing folder is an empty package. `newest` becomes the newest time met.
fn read_root(root: &Path, newest: &mut i64) -> Result<BTreeMap<String, NewEntry>, Error> {
    let mut entries = BTreeMap::new();
    let mut seen: BTreeMap<(u64, u64), String> = BTreeMap::new();
    if !root.is_dir() {
        return Ok(entries);
    }
    for found in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let found = found.map_err(|error| Error::from_room(&error))?;
        let refuse = |reason: &str| Error::failed(format!("{}: {reason}", found.path().display()));
        let relative = found.path().strip_prefix(root).unwrap_or(found.path());
        let path = relative.to_str().ok_or_else(|| refuse("a package's paths are UTF-8"))?.to_owned();
        let metadata = found.metadata().map_err(|error| Error::from_room(&error))?;
        let kind = metadata.file_type();
        let content = if kind.is_dir() {
            NewContent::Directory
        } else if kind.is_symlink() {
            let target = fs_err::read_link(found.path())?;
            NewContent::Symlink(target.to_str().ok_or_else(|| refuse("a link's target is UTF-8"))?.to_owned())
        } else if kind.is_file() {
            let first = seen.entry((metadata.dev(), metadata.ino())).or_insert_with(|| path.clone());
            if *first == path {
                NewContent::File(fs_err::read(found.path())?)
            } else {
                NewContent::HardLink(first.clone())
            }
        } else {
            return Err(refuse("only files, folders and links can be packed"));
        };
        let mode = if kind.is_symlink() { 0o777 } else { metadata.permissions().mode() & 0o7777 };
        let mtime = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let mtime = i64::try_from(mtime).unwrap_or(i64::MAX);
        *newest = (*newest).max(mtime);
        let xattrs = if kind.is_symlink() { BTreeMap::new() } else { read_xattrs(found.path())? };
        entries.insert(path, NewEntry { mode, mtime, xattrs, ..NewEntry::new(content) });
    }
    Ok(entries)
}

/// Extended attributes but those of security modules, which belong to this machine.
fn read_xattrs(path: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut xattrs = BTreeMap::new();
    let failed =
        |error: std::io::Error| Error::failed(format!("{}: its attributes cannot be read: {error}", path.display()));
    let names = match xattr::list(path) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => return Ok(xattrs),
        Err(error) => return Err(failed(error)),
    };
    for name in names {
        let Some(text) = name.to_str() else { continue };
        let of_this_machine = ["security.selinux", "security.ima", "security.evm", "trusted.", "system."];
        if of_this_machine.iter().any(|prefix| text.starts_with(prefix)) {
            continue;
        }
        if let Some(value) = xattr::get(path, &name).map_err(failed)? {
            xattrs.insert(text.to_owned(), value);
        }
    }
    Ok(xattrs)
}

/// Lines `path user:group [mode]`, `#` for comments.
fn apply_owners(path: &Path, entries: &mut BTreeMap<String, NewEntry>) -> Result<(), Error> {
    if !path.is_file() {
        return Ok(());
    }
    for (index, line) in fs_err::read_to_string(path)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |message: &str| {
            Error::usage(format!("{}:{}: {message}: `{line}`", path.display(), index + 1)).with_help(
                "a line is `path user:group [mode]`, for instance `var/lib/redis redis:redis 0750`".to_owned(),
            )
        };
        let mut words = line.split_whitespace();
        let (name, owner) = words.next().zip(words.next()).ok_or_else(|| wrong("a path and its owner are wanted"))?;
        let (user, group) = owner.split_once(':').ok_or_else(|| wrong("the owner is user:group"))?;
        let name = name.trim_matches('/');
        let entry = entries.get_mut(name).ok_or_else(|| wrong("root/ has no such path"))?;
        entry.user = account(user);
        entry.group = account(group);
        if let Some(mode) = words.next() {
            let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777);
            entry.mode = mode.ok_or_else(|| wrong("the mode is octal"))?;
        }
        if words.next().is_some() {
            return Err(wrong("nothing comes after the mode"));
        }
    }
    Ok(())
}

/// A name, whose number only the target knows and which is root's until then; or a number.
fn account(text: &str) -> (String, u32) {
    match text.parse() {
        Ok(id) => (String::new(), id),
        Err(_) => (text.to_owned(), 0),
    }
}
