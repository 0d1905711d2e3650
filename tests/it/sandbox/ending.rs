//! How programs end, and that nothing of theirs is left then.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use apkbuild::sandbox::{Bind, Ending, Error, Limits, Output, Sandbox};
use tempfile::TempDir;

use super::{Root, apkbuild, sandbox_is_possible};

#[test]
fn endings_are_told_apart() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    assert_eq!(root.sandbox(&["inside", "exit", "7"]).run(Output::Null), Ok(Ending::Exited(7)));
    assert_eq!(root.sandbox(&["inside", "abort"]).run(Output::Null), Ok(Ending::Signalled(6)));
    let mut slow = root.sandbox(&["inside", "hold", "/tmp/lock"]);
    slow.limits = Limits { time: Some(Duration::from_millis(200)), ..Limits::default() };
    let begin = Instant::now();
    assert_eq!(slow.run(Output::Null), Ok(Ending::TimedOut));
    assert!(begin.elapsed() >= Duration::from_millis(200) && begin.elapsed() < Duration::from_secs(20));

    let missing = root.sandbox(&["nothing"]).run(Output::Null).unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("`nothing` is not in the image (looked in {})", apkbuild::platform::DEFAULT_PATH)
    );
    let denied = root.sandbox(&["/etc/passwd"]).run(Output::Null).unwrap_err();
    assert_eq!(denied.to_string(), "cannot execute `/etc/passwd`: permission denied (EACCES)");
    root.write("bin/script", "#!/no/such/interpreter\n");
    fs_err::set_permissions(root.path().join("bin/script"), PermissionsExt::from_mode(0o755)).unwrap();
    let interpreter = root.sandbox(&["script"]).run(Output::Null).unwrap_err();
    assert!(interpreter.help().unwrap().contains("interpreter"), "{interpreter}");
    let mut nowhere = root.sandbox(&["inside", "exit", "0"]);
    nowhere.working_directory = "/nowhere".into();
    let nowhere = nowhere.run(Output::Null).unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "cannot enter the working directory `/nowhere` inside the image: no such file or directory (ENOENT)"
    );
    let no_root = Sandbox { root: "/no/such/root".into(), ..root.sandbox(&["inside"]) }.run(Output::Null).unwrap_err();
    assert!(no_root.to_string().starts_with("`/no/such/root` is not a folder"), "{no_root}");
    let nul = root.sandbox(&["inside", "a\0b"]).run(Output::Null).unwrap_err();
    assert!(matches!(nul, Error::NulByte { .. }), "{nul}");
}

fn with_shared<'folder>(outside: &'folder TempDir) -> impl Fn(&mut Sandbox) + 'folder {
    |sandbox| {
        sandbox.binds = vec![Bind { source: outside.path().into(), target: "/srv".into(), read_only: false }];
    }
}

#[test]
fn what_is_left_behind_dies_with_the_program() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let outside = tempfile::tempdir().unwrap();
    let printed = root.printed(with_shared(&outside), &["orphan", "/srv/lock"]);
    assert!(printed.contains("orphan") && printed.contains("held"), "{printed}");
    // Without waiting: when the end is told, everything is dead.
    assert!(fs_err::File::open(outside.path().join("lock")).unwrap().file().try_lock().is_ok());
}

#[test]
fn everything_dies_with_whoever_started_it() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let outside = tempfile::tempdir().unwrap();
    let mut sandbox = root.sandbox(&["inside", "hold", "/srv/lock"]);
    with_shared(&outside)(&mut sandbox);
    let mut running = sandbox.spawn(Output::Piped).unwrap();
    let mut line = String::new();
    BufReader::new(running.take_pipes().0.unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    drop(running);
    assert!(fs_err::File::open(outside.path().join("lock")).unwrap().file().try_lock().is_ok());
}

#[test]
fn nothing_outlives_a_supervisor_that_is_killed() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let path = root.path().into_os_string().into_string().unwrap();
    let mut child = apkbuild(&["run", &path, "inside", "orphan", "/tmp/lock"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Everything inside holds the other end of this pipe, so its end is theirs.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(output.read_to_string(&mut line).is_ok()));
    assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(true));
}
