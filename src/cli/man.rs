//! `apkbuild man`: the manual page, in roff; with a folder, one page a verb as well.

use std::path::PathBuf;

use clap::{Args, Command};

use super::error::Error;
use super::output::Context;

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Read it at once: apkbuild man | man -l -")]
pub struct ManArguments {
    /// Write apkbuild.1 and a page for each verb into this folder instead of printing the first
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Prints or writes the pages on `command`, the whole program's arguments.
pub fn run(arguments: &ManArguments, command: Command, context: &Context) -> Result<(), Error> {
    if let Some(folder) = &arguments.folder {
        fs_err::create_dir_all(folder)?;
        clap_mangen::generate_to(command, folder)?;
        return Ok(());
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    context.print(&String::from_utf8_lossy(&page))
}
