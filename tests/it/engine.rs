//! `apkbuild recipe --load` into engines that are not as they should be: each is told by what it did and said, and
//! neither a process nor a file is left of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::support::{BuiltRepository, Program, Repository, shared};

/// Its image is larger than what a pipe holds.
fn repository() -> BuiltRepository {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    Repository::new().package("noise", "1-r0").file("usr/share/noise", noise.take(1 << 20).collect::<Vec<u8>>()).build()
}

/// A program whose `podman` is the script, and where that lies.
fn program(script: &str, mode: &str) -> (Program, PathBuf) {
    let program = Program::new();
    program.write("hello.toml", "name = \"hello\"\n[alpine]\npackages = [\"noise\"]\n[prune]\nprofile = \"none\"\n");
    let beside = program.folder().parent().unwrap().to_owned();
    let engine = beside.join("engine");
    // Another process writes it, see `copy_program`.
    let write = format!("cat > \"$0\" <<'END'\n{script}\nEND\nchmod {mode} \"$0\"");
    assert!(Command::new("sh").args(["-c", &write]).arg(&engine).status().unwrap().success());
    fs_err::create_dir(beside.join("scratch")).unwrap();
    (program.env("APKBUILD_PODMAN", &engine).env("TMPDIR", beside.join("scratch")), engine)
}

fn arguments(repository: &BuiltRepository) -> Vec<String> {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = ["recipe", "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64", "--load", "podman"];
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn nothing_is_left(program: &Program) {
    let count = |folder: &Path| fs_err::read_dir(folder).unwrap().count();
    assert_eq!(count(&program.folder()), 1, "the recipe alone");
    assert_eq!(count(&program.folder().parent().unwrap().join("scratch")), 0);
}

#[test]
fn an_engine_that_did_not_load_is_not_believed() {
    let repository = repository();
    let cases = [
        ("#!/bin/sh\nexit 0", "755", "podman did not load the image: it ended without an error, but took at most "),
        (
            "#!/bin/sh\nhead -c 100000 >/dev/null; kill -9 $$",
            "755",
            "podman did not load the image: signal: 9 (SIGKILL)",
        ),
        ("#!/bin/sh\nhead -c 100000 >/dev/null; echo 'disk is full' >&2; exit 125", "755", "the image: disk is full\n"),
        ("#!/bin/sh\nexit 0", "644", "cannot be started: Permission denied"),
        ("#!/no/such/shell", "755", "cannot be started: No such file or directory"),
    ];
    for (script, mode, message) in cases {
        let (program, _) = program(script, mode);
        let finished = program.run(arguments(&repository));
        let errors = finished.failure(1);
        assert!(errors.contains(message), "{errors}");
        assert!(errors.contains("\nhelp: see whether `podman info` works"), "{errors}");
        nothing_is_left(&program);
    }
    // Of one that never stops talking the end is told.
    let (program, _) = program("#!/bin/sh\nyes again | head -c 6000000 >&2\necho the end >&2\nexit 1", "755");
    let finished = program.run(arguments(&repository));
    let errors = finished.failure(1);
    assert!(errors.contains("again again the end\n") && errors.len() < 8000, "{} bytes", errors.len());
}

/// Whether the process is there and has not ended.
fn is_alive(pid: &str) -> bool {
    let status = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

fn wait_for_text(path: &Path, child: &mut Child) -> String {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let text = fs_err::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text.trim().to_owned();
        }
        assert!(Instant::now() < end && child.try_wait().unwrap().is_none(), "the engine was not started");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_interrupt_ends_an_engine_that_hangs() {
    let repository = repository();
    for deaf in ["", "trap '' TERM; "] {
        let script = format!("#!/bin/sh\n{deaf}echo $$ > \"$0.pid\"; exec sleep 1000");
        let (program, engine) = program(&script, "755");
        let mut command = program.command(arguments(&repository));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = wait_for_text(&engine.with_extension("pid"), &mut child);
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(String::from_utf8(output.stderr).unwrap().ends_with("\nerror: interrupted\n"));
        assert!(!is_alive(&pid), "the engine runs on");
        nothing_is_left(&program);
    }
}

#[test]
fn the_real_engines_load() {
    let Some(shared) = shared("the_real_engines_load") else { return };
    let repository = repository();
    for (name, variable) in [("docker", "APKBUILD_DOCKER"), ("podman", "APKBUILD_PODMAN")] {
        let engine = shared.join("tools").join(name);
        if !engine.is_file() {
            eprintln!("the_real_engines_load: skipped for {name}, which is not there");
            continue;
        }
        let (program, _) = program("", "644");
        let program = program.env(variable, &engine);
        let mut words = arguments(&repository);
        *words.last_mut().unwrap() = name.to_owned();
        let finished = program.run(words);
        assert!(finished.success().contains(&format!("loaded       into {name}, ")), "{}", finished.stdout);
        nothing_is_left(&program);
    }
}
