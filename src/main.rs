//! The program: arguments in, an exit code out. All else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    apkbuild::cli::main(std::env::args_os())
}
