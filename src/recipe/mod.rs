//! The recipe: TOML as somebody wrote it → a validated [`Recipe`] with every default filled in.
//!
//! [`Recipe::parse`] takes text and does no I/O; [`Recipe::load`] reads the file first and is the only place here that
//! touches the disk. What the text holds is first read as TOML with the place of every key and value, then lowered once
//! into what the program needs; whatever is wrong is collected, so that one run tells of all of it. Refused: unknown
//! keys, wrong types and values that cannot be, each with its line and what would be right. Whether a source file, a
//! package or a mirror exists is not asked here.

mod account;
mod alpine;
mod architecture;
mod check;
mod config;
mod copy;
mod image_path;
mod owner;
mod prune;
mod size;
mod stage;

use std::path::PathBuf;

pub use account::Account;
pub use alpine::{Alpine, Release, RepositoryPlace, RepositorySource, Scripts};
pub use architecture::Architecture;
pub use check::{Check, HttpCheck};
pub use config::{Config, Port, Protocol};
pub use copy::{CopyStep, Directory, Link};
pub use image_path::{CopyTarget, ImagePath};
pub use owner::{AccountReference, Owner};
pub use prune::{Bytecode, Profile, Prune};
pub use size::SizeLimits;
pub use stage::{Network, Stage};

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
