//! The program: arguments in, an exit code out. All else is the library's.

use std::process::ExitCode;

use apkbuild::allocator::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    apkbuild::cli::main(std::env::args_os())
}
