//! The same bytes from the same recipe and lock, wherever, whenever and by whomever they are made.

use std::path::Path;

use super::lock::{lock_text, program, repository};
use super::support::{Program, copy_program};

/// The archive of a locked build to whose command `before` leads: another umask, another user, another clock.
fn wrapped(program: &Program, before: &str, more: &[&str]) -> Vec<u8> {
    let build = program.command(["recipe", "hello.toml", "--locked", "-o", "hello.tar"].iter().chain(more));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("{before} \"$0\" \"$@\"")]);
    // Whoever it is must be able to reach the program, which may lie in somebody's home.
    let reachable = program.folder().with_file_name("apkbuild");
    let is_there = reachable.is_file();
    command.arg(if is_there { reachable.as_os_str() } else { build.get_program() });
    command.args(build.get_args()).current_dir(program.folder());
    command.env_clear().envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{before}: {}", String::from_utf8_lossy(&output.stderr));
    fs_err::read(program.folder().join("hello.tar")).unwrap()
}

fn there_is(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

#[test]
fn a_locked_build_is_the_same_wherever_and_whenever_and_by_whomever() {
    let repository = repository().build();
    let first_program = program(&repository);
    first_program.run(["lock", "hello.toml"]).success();
    let lock = lock_text(&first_program);
    let first = wrapped(&first_program, "", &[]);
    assert_eq!(first, wrapped(&first_program, "", &[]), "a warm cache");
    assert_eq!(first, wrapped(&first_program, "", &["--cache-dir", "cold"]), "a cold one");
    for before in [
        "env TZ=Asia/Kathmandu LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8",
        "env RAYON_NUM_THREADS=1",
        "env RAYON_NUM_THREADS=7",
        "umask 077;",
        "umask 000;",
    ] {
        let program = program(&repository);
        program.write("hello.lock", &lock);
        assert_eq!(first, wrapped(&program, before, &[]), "{before}");
    }
    if there_is("faketime") {
        let program = program(&repository);
        program.write("hello.lock", &lock);
        let before = "faketime '2001-02-03 04:05:06'";
        assert_eq!(first, wrapped(&program, before, &[]), "another clock");
    } else {
        eprintln!("another clock: skipped, since there is no faketime");
    }
    if nix::unistd::geteuid().is_root() && there_is("setpriv") {
        let program = program(&repository);
        program.write("hello.lock", &lock);
        copy_program(env!("CARGO_BIN_EXE_apkbuild"), program.folder().with_file_name("apkbuild"));
        let give = |path: &Path| std::os::unix::fs::lchown(path, Some(65_534), Some(65_534)).unwrap();
        for entry in walkdir::WalkDir::new(program.folder().parent().unwrap()) {
            give(entry.unwrap().path());
        }
        let open = |path: &Path| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs_err::set_permissions(path, mode).unwrap();
        };
        open(repository.path().parent().unwrap());
        let before = "exec setpriv --reuid=65534 --regid=65534 --clear-groups";
        assert_eq!(first, wrapped(&program, before, &[]), "another user");
    } else {
        eprintln!("another user: skipped, since it takes root and setpriv");
    }
}
