//! The program: arguments in, an exit code out. All else is the library's.

fn main() {}
