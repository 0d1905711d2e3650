//! `apkbuild run IMAGE [CMD…]`: an image or one command in it, as its user, without any engine.
//!
//! This process becomes the sandbox's supervisor, so signals reach the program and its exit status is this program's.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::error::Error;
use super::output::Context;
use crate::fetch::{Cache, Section};
use crate::sandbox::{Ending, Network, Startable};

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "For example: apkbuild run hello-python.tar whoami")]
pub struct RunArguments {
    /// The image: an archive, an OCI folder or a root filesystem
    image: PathBuf,
    /// The command in place of the image's own, with its arguments
    #[arg(value_name = "CMD", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
    /// Whether the program sees the host's network
    #[arg(long, value_enum, default_value = "host", env = "APKBUILD_NETWORK")]
    network: NetworkChoice,
    /// Set a variable of the environment; repeatable
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    environment: Vec<OsString>,
    /// The user in place of the image's own, as NAME|UID[:GROUP|GID]
    #[arg(short, long)]
    user: Option<String>,
    /// The folder to start in, in place of the image's own
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<PathBuf>,
    /// Where unpacked images are kept for the next time
    #[arg(long, value_name = "DIR", env = "APKBUILD_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

/// Whether the program sees the host's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum NetworkChoice {
    /// It does
    Host,
    /// It has a loopback of its own, and nothing else
    None,
}

/// Becomes the program of the image; comes back only where that fails.
pub fn run(arguments: &RunArguments, _context: &Context) -> Result<(), Error> {
    let images = images_folder(arguments.cache_dir.as_deref())?;
    let startable = Startable::open(&arguments.image, arguments.user.as_deref(), &images)?;
    let mut sandbox = startable.sandbox(&arguments.command)?;
    sandbox.network = match arguments.network {
        NetworkChoice::Host => Network::Host,
        NetworkChoice::None => Network::None,
    };
    sandbox.set_environment(arguments.environment.iter().cloned());
    if let Some(folder) = &arguments.workdir {
        sandbox.working_directory.clone_from(folder);
    }
    Err(sandbox.replace_process(startable.held.as_deref()).into())
}

/// The exit code of a sandbox that this process was, with a message where it could not start.
pub(super) fn finish(outcome: Result<Ending, crate::sandbox::Error>) -> ExitCode {
    match outcome {
        Ok(ending) => ExitCode::from(ending.status()),
        Err(error) => {
            let error = Error::from(error);
            let mut text = format!("error: {}\n", error.message());
            for line in error.help().unwrap_or_default().lines() {
                text.push_str(&format!("help: {line}\n"));
            }
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
            error.exit_code()
        }
    }
}

/// Where unpacked images are kept: in the cache `chosen`, or else the user's own.
pub(super) fn images_folder(chosen: Option<&Path>) -> Result<PathBuf, Error> {
    let cache = chosen.map_or_else(Cache::of_user, |folder| Ok(Cache::at(folder)))?;
    Ok(cache.section(Section::Images))
}
