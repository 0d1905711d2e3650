//! `apkbuild completions SHELL`: a script that completes this program's verbs and options.

use clap::{Args, Command};
use clap_complete::Shell;

use super::error::Error;
use super::output::Context;

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "For bash: apkbuild completions bash > ~/.local/share/bash-completion/completions/apkbuild")]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints the script for `command`, the whole program's arguments.
pub fn run(arguments: &CompletionsArguments, mut command: Command, context: &Context) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "apkbuild", &mut script);
    context.print(&String::from_utf8_lossy(&script))
}
