//! The recipe: TOML as somebody wrote it → a validated [`Recipe`] with every default filled in.
//!
//! [`Recipe::parse`] takes text and does no I/O; [`Recipe::load`] reads the file first and is the only place here that
//! touches the disk. What the text holds is first read as TOML with the place of every key and value, then lowered once
//! into what the program needs; whatever is wrong is collected, so that one run tells of all of it. Refused: unknown
//! keys, wrong types and values that cannot be, each with its line and what would be right. Whether a source file, a
//! package or a mirror exists is not asked here.

mod account;
mod alpine;
mod archs;
mod check;
mod config;
mod copy;
mod error;
mod faults;
mod field;
mod grammar;
mod image_name;
mod image_path;
mod owner;
mod problem;
mod prune;
mod section;
mod size;
mod stage;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use alpine::{Alpine, DEFAULT_MIRROR, Release, RepositoryPlace, RepositorySource, ScriptFailures, Scripts};
pub use check::{Check, HttpCheck};
pub use config::{Config, Port, Protocol};
pub use copy::{CopyStep, Directory, Link};
pub use error::{Error, Fault, Wrong};
pub use grammar::Grammar;
pub use image_path::{CopyTarget, ImagePath};
pub use owner::{AccountReference, Owner};
pub use problem::Problem;
pub use prune::{Bytecode, Profile, Prune};
pub use size::SizeLimits;
pub use stage::{Network, Stage};

use crate::platform::{Account, Architecture};
use error::LARGEST;
use faults::Faults;
use section::Section;

/// Everything that a recipe says, checked, and with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The folder that the recipe's relative paths start from; empty for the current one.
    pub folder: PathBuf,
    /// The image's repository name, perhaps with a registry before it: `hello`, `ghcr.io/me/hello`.
    pub name: String,
    /// The image's tag.
    pub tag: String,
    /// The architectures to build, never empty, each once; the first is the one `manifest.json` names.
    pub archs: Vec<Architecture>,
    /// How files are spread over layers.
    pub layers: Layers,
    /// How layers are compressed where the command line does not say.
    pub compression: Compression,
    /// Where packages come from, and which.
    pub alpine: Alpine,
    /// The account the image runs as.
    pub user: Account,
    /// What is copied into the image, in order.
    pub copies: Vec<CopyStep>,
    /// Folders to make, in order.
    pub directories: Vec<Directory>,
    /// Symbolic links to make, in order.
    pub links: Vec<Link>,
    /// What the image's configuration carries.
    pub config: Config,
    /// What is taken away.
    pub prune: Prune,
    /// What the image may weigh.
    pub size: SizeLimits,
    /// What the finished image is held against, where the recipe says so.
    pub check: Option<Check>,
    /// The build stages, each after those that it copies from, otherwise by name.
    pub stages: Vec<Stage>,
}

/// How files are spread over layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layers {
    /// The system below, the application on top.
    #[default]
    Split,
    /// One layer.
    Single,
    /// A layer for each package, the application on top.
    Packages,
}

/// How layers are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Every engine reads it.
    #[default]
    Gzip,
    /// Smaller; Docker 20.10 and older do not read it.
    Zstd,
}

impl Recipe {
    /// Reads the recipe at `path`. Its relative paths will start from the folder that `path` lies in.
    ///
    /// # Errors
    /// Where the file cannot be read, is not UTF-8 or has more than 256 KiB, and as [`Recipe::parse`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let file = fs_err::File::open(path).map_err(|source| Error::Read { source })?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|source| Error::Read { source })?;
        if bytes.len() as u64 > LARGEST {
            return Err(Error::TooLarge { path: path.display().to_string() });
        }
        let text = String::from_utf8(bytes).map_err(|_| Error::NotText { path: path.display().to_string() })?;
        let mut recipe = Self::parse(&text, &path.display().to_string())?;
        recipe.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(recipe)
    }

    /// Reads a recipe from `text`; messages call it `file_name`.
    ///
    /// # Errors
    /// Everything that is wrong with it, or, where it is not even TOML, what is wrong with that.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Error> {
        // A mark that some editors put at the beginning; TOML 1.1 leaves it to the reader.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let faults = Faults::default();
        let (document, broken) = DeTable::parse_recoverable(text);
        for error in &broken {
            let problem = Problem::Toml { message: error.message().to_owned() };
            faults.note(problem, error.span().unwrap_or_default());
        }
        let recipe = if broken.is_empty() { Self::read(Section::top(&document, &faults)) } else { None };
        let faults = faults.into_sorted();
        match recipe {
            Some(recipe) if faults.is_empty() => Ok(recipe),
            _ => Err(Error::Wrong(Box::new(Wrong { file_name: file_name.to_owned(), text: text.to_owned(), faults }))),
        }
    }

    /// Reads the whole document, noting what is wrong; `None` where what every recipe needs is not there.
    fn read(mut top: Section<'_>) -> Option<Self> {
        top.require("name", "name = \"hello\"");
        let stage_names: BTreeSet<String> = top.keys_of("stage");
        let name = top.text("name", image_name::name);
        let tag = top.text("tag", image_name::tag).unwrap_or_else(|| "latest".to_owned());
        let layers = [("split", Layers::Split), ("single", Layers::Single), ("packages", Layers::Packages)];
        let layers = top.choice("layers", &layers).unwrap_or_default();
        let compressions = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];
        let compression = top.choice("compression", &compressions).unwrap_or_default();
        let archs = archs::read_all(&mut top);
        let alpine = top.section("alpine", Alpine::read);
        let user = top.section("user", account::read);
        let copies = CopyStep::read_all(&mut top, &stage_names);
        let directories = Directory::read_all(&mut top, &user.name);
        let links = Link::read_all(&mut top);
        let config = top.section("config", Config::read);
        let prune = top.section("prune", Prune::read);
        let size = top.section("size", SizeLimits::read);
        let has_check = top.has("check");
        let check = top.section("check", |section| Check::read(section, &config.expose));
        let stages = Stage::read_all(&mut top, &stage_names);
        top.finish();
        Some(Self {
            folder: PathBuf::new(),
            name: name?,
            tag,
            archs,
            layers,
            compression,
            alpine,
            user,
            copies,
            directories,
            links,
            config,
            prune,
            size,
            check: has_check.then_some(check),
            stages,
        })
    }
}
