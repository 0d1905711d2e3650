//! `apkbuild completions SHELL`: a script that completes this program's verbs and options.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Context, Error};

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "For bash: apkbuild completions bash > ~/.local/share/bash-completion/completions/apkbuild")]
pub struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &CompletionsArguments, context: &Context) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "apkbuild", &mut script);
    context.print(&String::from_utf8_lossy(&script))
}
