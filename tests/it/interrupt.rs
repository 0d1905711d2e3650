//! What is left of a build that is interrupted, or killed outright: nothing that runs, nothing half-written.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::sandbox::{inside, sandbox_is_possible};
use super::stage::{as_ordinary, range};
use super::support::{BuiltRepository, Program, Repository, names};

fn repository() -> BuiltRepository {
    Repository::new()
        .package("shell", "1-r0")
        .program("bin/sh", fs_err::read(inside()).unwrap())
        .directory("data")
        .build()
}

/// A build whose stage goes on for ever once it has written `data/MARK/file`, started.
fn start(program: &Program, repository: &BuiltRepository, mark: &str) -> Child {
    let recipe = format!(
        "name = \"hello\"\n[alpine]\npackages = [\"shell\"]\n[stage.long]\npackages = [\"shell\"]\n\
         run = [\"hide /data/{mark} and-wait\"]\n[[copy]]\nfrom = \"long\"\nsource = \"/data\"\ntarget = \"/data\"\n"
    );
    program.write("hello.toml", recipe);
    let location = repository.location();
    let keys = repository.keys_dir().display().to_string();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys];
    program.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Processes with `mark` in their command line.
fn processes(mark: &str) -> usize {
    let is_one = |folder: &Path| {
        fs_err::read(folder.join("cmdline")).is_ok_and(|words| String::from_utf8_lossy(&words).contains(mark))
    };
    fs_err::read_dir("/proc").unwrap().filter(|entry| is_one(&entry.as_ref().unwrap().path())).count()
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come to pass");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The files of the stage that is being made.
fn is_written(program: &Program, mark: &str) -> bool {
    walkdir::WalkDir::new(program.cache().join("stages")).into_iter().flatten().any(|entry| entry.file_name() == mark)
}

/// Whether all below `folder` is the caller's to read and to remove.
fn are_own(folder: &Path) -> bool {
    let user = nix::unistd::geteuid().as_raw();
    walkdir::WalkDir::new(folder).into_iter().all(|entry| {
        let Ok(metadata) = entry.and_then(|entry| entry.metadata()) else { return false };
        metadata.uid() == user && (!metadata.is_dir() || metadata.mode() & 0o700 == 0o700)
    })
}

#[test]
fn an_interrupt_leaves_nothing() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = repository();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let program = Program::new();
        let mark = format!("interrupted-{}-{signal}", std::process::id());
        let child = start(&program, &repository, &mark);
        wait_for("the stage", || is_written(&program, &mark));
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        // Without waiting: when the program has ended, everything has.
        assert_eq!(processes(&mark), 0);
        assert_eq!(output.status.code(), Some(130));
        assert!(String::from_utf8(output.stderr).unwrap().ends_with("\nerror: interrupted\n"));
        assert_eq!(names(&program.cache().join("stages")), [""; 0]);
        assert_eq!(names(&program.folder()), ["hello.toml"]);
    }
}

#[test]
fn nothing_runs_on_after_the_program_is_killed() {
    if !sandbox_is_possible() {
        return;
    }
    let (program, repository) = (Program::new(), repository());
    let mark = format!("killed-{}", std::process::id());
    let mut child = start(&program, &repository, &mark);
    wait_for("the stage", || is_written(&program, &mark));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the end of what ran inside", || processes(&mark) == 0);
    assert_eq!(names(&program.folder()), ["hello.toml"]);
    // Pid 1 of the sandbox has outlived what ran inside, and gives its files to the caller.
    wait_for("the caller's own files", || are_own(&program.cache().join("stages")));
    // What lies in the cache can be taken away by whoever it belongs to, and nobody takes it for a stage.
    for name in names(&program.cache().join("stages")) {
        assert!(name.starts_with('.'), "{name}");
        let path = program.cache().join("stages").join(name);
        if path.is_dir() { apkbuild::unfinished::remove_folder(&path) } else { fs_err::remove_file(&path) }.unwrap();
    }
}

#[test]
fn files_of_other_ids_go_as_well() {
    if !sandbox_is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for test in ["interrupt::an_interrupt_leaves_nothing", "interrupt::nothing_runs_on_after_the_program_is_killed"] {
        let Some(output) = as_ordinary(test, folder.path(), &range()) else { return };
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}
