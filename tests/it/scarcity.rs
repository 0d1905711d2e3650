//! Where the system gives no more threads, descriptors, address space or bytes in a file, a build says so and ends with
//! exit code 1: no panic, no abort, no silent signal, and nothing half-written beside the output.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::support::{BuiltRepository, Program, Repository, names};

fn repository() -> BuiltRepository {
    // Two packages, for downloads in several threads.
    let large = vec![7; 1 << 20];
    Repository::new()
        .package("large", "1")
        .file("usr/bin/large", large)
        .package("small", "1")
        .file("etc/small", "x")
        .build()
}

const RECIPE: &str = "name = \"scarce\"\narchs = [\"x86_64\"]\n[alpine]\npackages = [\"large\", \"small\"]\n\
                      [config]\ncmd = [\"large\"]\n[prune]\nprofile = \"traced\"\n";

/// How a build ended under a limit.
struct Outcome {
    code: i32,
    errors: String,
}

/// Builds with `limits`, as the shell's `ulimit` takes them, and holds that the end is one that may be; `user` is
/// another than the caller, whose processes nobody else's count to.
fn build(repository: &BuiltRepository, limits: &str, user: Option<u32>) -> Outcome {
    let program = Program::new();
    program.write("scarce.toml", RECIPE);
    let call = program.command(["recipe", "scarce.toml", "-o", "out.tar", "-X"]);
    let mut arguments: Vec<String> = call.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    arguments.extend([repository.location(), "--keys-dir".to_owned(), repository.keys_dir().display().to_string()]);
    let as_user = user.map(|user| format!("setpriv --reuid {user} --regid {user} --clear-groups")).unwrap_or_default();
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(format!("ulimit -c 0; {limits} && exec {as_user} \"$0\" \"$@\"")).arg(call.get_program());
    shell.args(&arguments).current_dir(program.folder()).env_clear();
    shell.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(user) = user {
        let owner = format!("{user}:{user}");
        let folders = [program.folder().parent().unwrap(), repository.path()].map(ToOwned::to_owned);
        assert!(Command::new("chown").args(["-R", &owner]).args(&folders).status().unwrap().success());
    }
    let output = shell.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let code =
        output.status.code().unwrap_or_else(|| panic!("{limits}: signal {:?}: {errors}", output.status.signal()));
    assert!(matches!(code, 0 | 1), "{limits}: {code}: {errors}");
    assert!(!errors.contains("panicked"), "{limits}: {errors}");
    assert_eq!(code == 0, !errors.contains("error: "), "{limits}: {code}: {errors}");
    let left = names(&program.folder());
    let expected: &[&str] = if code == 0 { &["out.spdx.json", "out.tar", "scarce.toml"] } else { &["scarce.toml"] };
    assert_eq!(left, expected, "{limits}: {errors}");
    Outcome { code, errors }
}

/// Holds that the least of `limits` fails, the most builds, and those between do either.
fn sweep(option: &str, limits: &[u64], user: Option<u32>) -> Vec<Outcome> {
    let repository = repository();
    let outcomes: Vec<Outcome> =
        limits.iter().map(|limit| build(&repository, &format!("ulimit {option} {limit}"), user)).collect();
    let (first, last) = (outcomes.first().unwrap(), outcomes.last().unwrap());
    assert_eq!((first.code, last.code), (1, 0), "{option}: {}\n{}", first.errors, last.errors);
    outcomes
}

#[test]
fn a_build_without_threads_is_an_error() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped, since only root can become a user who has no other processes");
        return;
    }
    let outcomes = sweep("-u", &[1, 2, 3, 4, 5, 6, 7, 8, 10, 200], Some(59_123));
    assert!(outcomes.iter().any(|outcome| outcome.errors.contains("no more threads")));
}

#[test]
fn a_build_without_descriptors_is_an_error() {
    let outcomes = sweep("-n", &[5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24, 64], None);
    assert!(outcomes.iter().any(|outcome| outcome.errors.contains("oo many open files")));
}

#[test]
fn a_build_without_address_space_is_an_error() {
    // From what the program itself takes to what all its threads' stacks take, in KiB.
    let limits: Vec<u64> = (0..20).map(|step| 40_000 + step * 12_000).chain([600_000, 700_000, 8 << 20]).collect();
    let repository = repository();
    // The loader ends a program that has no place itself.
    let least = limits.iter().position(|limit| {
        let mut shell = Command::new("sh");
        let call = format!("ulimit -v {limit} && exec \"$0\" --version");
        shell.arg("-c").arg(call).arg(super::sandbox::program()).output().unwrap().status.success()
    });
    let outcomes = limits[least.unwrap()..].iter();
    let outcomes: Vec<Outcome> =
        outcomes.map(|limit| build(&repository, &format!("ulimit -v {limit}"), None)).collect();
    assert_eq!((outcomes.first().unwrap().code, outcomes.last().unwrap().code), (1, 0));
}

#[test]
fn a_file_over_the_limit_is_an_error_with_a_message() {
    // In KiB: nothing, less than the image, all of it.
    let outcomes = sweep("-f", &[0, 1, 4, 16, 64, 100_000], None);
    assert!(outcomes.iter().any(|outcome| outcome.errors.contains("ile too large")), "{}", outcomes[0].errors);
}
