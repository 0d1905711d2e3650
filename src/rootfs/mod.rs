//! The root filesystem: a tree of inodes in memory, built from verified packages, accounts and copied files.
//!
//! The way through the room: [`Rootfs::install`] puts packages in as apk would, with a [`RunScript`] for their scripts
//! ([`Emulation`] needs no privilege); [`base`] adds what every image has, [`copy`] files, [`adjust`] what the recipe
//! says of folders and links; after pruning [`write_database`] writes the installed database of what is left. [`dump`]
//! prints a tree and [`folder`] writes it to disk or reads it back.

pub mod accounts;
pub mod adjust;
pub mod base;
pub mod copy;
mod database;
pub mod dump;
mod error;
pub mod folder;
mod follow;
mod glob;
mod install;
mod installed;
mod lost_account;
mod ownership;
mod package;
mod placement;
mod record;
mod root_filesystem;
mod run_script;
mod script_note;
mod scripts;
mod skeleton;
mod tree;
mod triggers;

pub use database::{DatabaseOptions, write_database};
pub use error::Error;
pub use install::{InstallOptions, Installation, newest_build_date};
pub use lost_account::LostAccount;
pub use package::InstalledPackage;
pub use record::{Owner, Record, RecordKind};
pub use root_filesystem::Rootfs;
pub use run_script::{HOST_NAME, RunScript, ScriptCall, ScriptOutcome, Unrun};
pub use script_note::{ScriptNote, UNRUN_TOLD};
pub use scripts::Emulation;
pub use tree::{Content, Inode, InodeId, InodeKind, Metadata, Origin, PackageId, Tree, TreeError, Walk};
