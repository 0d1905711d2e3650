//! The command line: arguments in, results on standard output, all else on standard error, an exit code.
//!
//! One file a verb; each has its `…Arguments` and a `run`. The contract is that results go to standard output and
//! progress and messages to standard error, and that the exit code is 0 for done, 1 for work that failed, 2 for a wrong
//! call or recipe, 3 for a check or size that did not hold, and 130 for an interrupt.

mod bytes;
mod cache;
mod check;
mod completions;
mod delivery;
mod diff;
mod error;
mod init;
mod inspect;
mod interrupt;
mod keygen;
mod limits;
mod lock;
mod lockfile;
mod man;
mod mkndx;
mod mkpkg;
mod notes;
mod options;
mod output;
mod plan;
mod printable;
mod pruning_report;
mod push;
mod recipe;
mod recipe_file;
mod resolve;
mod run;
mod source;
mod terminal;
mod vendor;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use error::Error;
pub use options::{BuildOptions, ColorChoice, GlobalOptions};
pub use output::Context;
pub use terminal::Terminal;

/// Everything that can stand on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "apkbuild",
    version,
    about = "Build the smallest honest container image for a Python or Node application, straight from Alpine packages",
    long_about = "apkbuild turns a short recipe into a container image straight from Alpine packages: no Docker, no daemon, no \
                  root. It resolves packages as apk itself would, verifies every byte, takes only what is needed, and packs one \
                  archive that every Docker and podman loads.",
    after_help = "Start with `apkbuild init`, then `apkbuild recipe apkbuild.toml`, then `podman load -i NAME.tar`.",
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = false,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show, bound or verify the package cache
    Cache(cache::CacheArguments),
    /// Boot an image without any engine and hold it against what is expected of it
    Check(check::CheckArguments),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArguments),
    /// Tell what differs between two images, by package, file and bytes
    Diff(diff::DiffArguments),
    /// Tell what is in an image: packages, layers, sizes, the largest folders
    Inspect(inspect::InspectArguments),
    /// Write a recipe for the application that stands in a folder
    Init(init::InitArguments),
    /// Make a key pair to sign packages and indexes with
    Keygen(keygen::KeygenArguments),
    /// Write a recipe's lock: exactly which packages it is built of
    Lock(Box<lock::LockArguments>),
    /// Print the manual page
    Man(man::ManArguments),
    /// Index a folder of packages, signed
    Mkndx(mkndx::MkndxArguments),
    /// Pack a folder as a signed package
    Mkpkg(Box<mkpkg::MkpkgArguments>),
    /// Print what a build would install and prune, and why
    Plan(Box<plan::PlanArguments>),
    /// Send an image to a registry, with docker's or podman's credentials
    Push(push::PushArguments),
    /// Build an image from each recipe: the main job
    #[command(visible_alias = "build")]
    Recipe(Box<recipe::RecipeArguments>),
    /// Print the packages that a world selects, in install order
    Resolve(Box<resolve::ResolveArguments>),
    /// Run an image, or one command in it, as its user and without any engine
    Run(run::RunArguments),
    /// Make a local repository of everything that a locked build needs
    Vendor(Box<vendor::VendorArguments>),
}

/// The whole program: reads `arguments` (the first is the program's name), does the work, reports what went wrong.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A sandbox is this program once more, and must be it before any thread exists.
    if let Some(outcome) = crate::sandbox::entry_point() {
        return run::finish(outcome);
    }
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = without_empty_variables(Cli::command().color(options::color_before_parsing(&arguments)));
    let parsed = command.try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help that somebody pipes into `head` is no failure.
            let _ = error.print();
            if error.use_stderr() && options::json_before_parsing(&arguments) {
                let _ = output::print_wrong_call(&error.to_string());
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let context = Context::new(&cli.global);
    let outcome = run(&cli.command, &context);
    interrupt::give_way();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => context.report(&error),
    }
}

/// The same command, for which an environment variable that is set to nothing is not set: CI systems export those.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command =
        command.mut_args(
            |argument| {
                if argument.get_env().is_some_and(is_empty) { argument.env(None::<&str>) } else { argument }
            },
        );
    command.mut_subcommands(without_empty_variables)
}

fn run(command: &Command, context: &Context) -> Result<(), Error> {
    limits::guard()?;
    interrupt::guard()?;
    match command {
        Command::Cache(arguments) => cache::run(arguments, context),
        Command::Check(arguments) => check::run(arguments, context),
        Command::Completions(arguments) => completions::run(arguments, Cli::command(), context),
        Command::Diff(arguments) => diff::run(arguments, context),
        Command::Inspect(arguments) => inspect::run(arguments, context),
        Command::Init(arguments) => init::run(arguments, context),
        Command::Keygen(arguments) => keygen::run(arguments, context),
        Command::Lock(arguments) => lock::run(arguments, context),
        Command::Man(arguments) => man::run(arguments, Cli::command(), context),
        Command::Mkndx(arguments) => mkndx::run(arguments, context),
        Command::Mkpkg(arguments) => mkpkg::run(arguments, context),
        Command::Plan(arguments) => plan::run(arguments, context),
        Command::Push(arguments) => push::run(arguments, context),
        Command::Recipe(arguments) => recipe::run(arguments, context),
        Command::Resolve(arguments) => resolve::run(arguments, context),
        Command::Run(arguments) => run::run(arguments, context),
        Command::Vendor(arguments) => vendor::run(arguments, context),
    }
}
