//! Programs in the sandbox, by the library and by `apkbuild run`, as root and as an ordinary user.
//!
//! The image is one static program of our own (`fixtures/inside.rs`), so nothing of Alpine is needed. Where a machine
//! forbids user namespaces, that is said, and only the refusal is tested.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output as ProcessOutput, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use apkbuild::sandbox::{
    Account, Bind, Ending, Error, Ids, Limits, Network, OUTSIDE_ADDRESS, Output, Privileges, Running, Sandbox,
};
use tempfile::TempDir;

use super::support::copy_program;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_apkbuild");

/// A user that is not root, whoever runs the tests.
pub const ORDINARY: u32 = 54321;

/// A root filesystem with the one program in it.
pub struct Root {
    folder: TempDir,
}

impl Root {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let root = Self { folder };
        for name in ["bin", "dev", "proc", "tmp", "etc", "data", "srv"] {
            fs_err::create_dir_all(root.path().join(name)).unwrap();
        }
        copy_program(inside(), root.path().join("bin/inside"));
        root.write(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nappuser:x:1001:1001:app:/home/appuser:/sbin/nologin\n",
        );
        root.write("etc/group", "root:x:0:\nappgroup:x:1001:\n");
        root
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The folder that the root lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        fs_err::write(self.path().join(path), text).unwrap();
    }

    /// Gives everything in it to the user `id`.
    pub fn give_to(&self, id: u32) {
        for entry in walkdir::WalkDir::new(self.folder.path()) {
            std::os::unix::fs::lchown(entry.unwrap().path(), Some(id), Some(id)).unwrap();
        }
    }

    pub fn sandbox(&self, words: &[&str]) -> Sandbox {
        let mut sandbox = Sandbox::new(self.path(), words.iter().map(OsString::from).collect());
        sandbox.program = Some(program());
        sandbox
    }

    /// What `inside WORDS…` prints in `sandbox`.
    fn printed(&self, change: impl Fn(&mut Sandbox), words: &[&str]) -> String {
        let mut command = vec!["inside"];
        command.extend(words);
        let mut sandbox = self.sandbox(&command);
        change(&mut sandbox);
        let mut running = sandbox.spawn(Output::Piped).unwrap();
        let text = read_all(&mut running);
        assert_eq!(running.wait(), Ok(Ending::Exited(0)), "{words:?}: {text}");
        text
    }
}

/// Where this binary finds the program and the static one when it runs itself as somebody else, who cannot build them.
pub const PROGRAM_VARIABLE: &str = "APKBUILD_TEST_PROGRAM";
pub const INSIDE_VARIABLE: &str = "APKBUILD_TEST_INSIDE";

/// The program under test.
pub fn program() -> PathBuf {
    std::env::var_os(PROGRAM_VARIABLE).map_or_else(|| PROGRAM.into(), PathBuf::from)
}

/// The static program, built once.
pub fn inside() -> &'static Path {
    static GIVEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(given) = GIVEN.get_or_init(|| std::env::var_os(INSIDE_VARIABLE).map(PathBuf::from)) {
        return given;
    }
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &BUILT
        .get_or_init(|| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("inside");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/inside.rs");
            let status = Command::new("rustc")
                .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"])
                .args([&file, &source])
                .status()
                .unwrap();
            assert!(status.success(), "rustc could not build {}", source.display());
            (folder, file)
        })
        .1
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether this machine lets us make a sandbox at all; says so where it does not.
pub fn sandbox_is_possible() -> bool {
    static POSSIBLE: OnceLock<bool> = OnceLock::new();
    *POSSIBLE.get_or_init(|| match Root::new().sandbox(&["inside", "exit", "0"]).run(Output::Null) {
        Err(Error::Refused { cause }) => {
            println!("skipped: {cause}");
            false
        }
        outcome => {
            assert_eq!(outcome, Ok(Ending::Exited(0)));
            true
        }
    })
}

fn read_all(running: &mut Running) -> String {
    let mut text = String::new();
    running.take_pipes().0.unwrap().read_to_string(&mut text).unwrap();
    text
}

fn apkbuild(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// An archive, as `docker save` writes it, with the test program, files of several owners, and `appuser` as its user.
fn archive(folder: &Path) -> PathBuf {
    let mut layer = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, owner: u64, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_size(bytes.len() as u64);
        layer.append_data(&mut header, path, bytes).unwrap();
    };
    let directory = tar::EntryType::Directory;
    let file = tar::EntryType::Regular;
    for (path, mode, owner) in
        [("bin", 0o755, 0), ("etc", 0o755, 0), ("app", 0o755, 0), ("data", 0o700, 1001), ("root", 0o700, 0)]
    {
        add(path, directory, mode, owner, b"");
    }
    add("bin/inside", file, 0o755, 0, &fs_err::read(inside()).unwrap());
    add("etc/passwd", file, 0o644, 0, b"appuser:x:1001:1001::/data:/sbin/nologin\n");
    add("etc/group", file, 0o644, 0, b"appgroup:x:1001:\n");
    add("app/open", file, 0o644, 0, b"open");
    add("app/closed", file, 0o640, 0, b"closed");
    add("data/own", file, 0o600, 1001, b"own");
    let layer = layer.into_inner().unwrap();
    let diff_id = apkbuild::digest::Sha256Digest::of(&layer).to_oci();
    let config = serde_json::json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "User": "1001:1001", "Entrypoint": ["inside"], "Cmd": ["environment"], "Env": ["A=b"], "WorkingDir": "/app" },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
    });
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": ["sample:latest"], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("config.json", config.to_string().into_bytes()),
        ("manifest.json", manifest.to_string().into_bytes()),
        ("layer.tar", layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    let path = folder.join("sample.tar");
    fs_err::write(&path, archive.into_inner().unwrap()).unwrap();
    path
}

#[test]
fn an_archive_runs_as_its_user_whoever_runs_it() {
    if !sandbox_is_possible() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let archive = archive(folder.path());
    let program = folder.path().join("apkbuild");
    copy_program(PROGRAM, &program);
    let users = if is_root() { vec![0, ORDINARY] } else { vec![nix::unistd::geteuid().as_raw()] };
    for user in users {
        let cache = folder.path().join(format!("cache-{user}"));
        fs_err::create_dir(&cache).unwrap();
        std::os::unix::fs::chown(&cache, Some(user), Some(user)).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new(&program);
            command
                .arg("run")
                .arg("--cache-dir")
                .arg(&cache)
                .arg(&archive)
                .args(words)
                .current_dir("/")
                .stdin(Stdio::null());
            if is_root() {
                command.uid(user).gid(user);
            }
            let output = command.output().unwrap();
            format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
        };
        let path = apkbuild::sandbox::DEFAULT_PATH;
        assert_eq!(run(&[]), format!("A=b\nHOME=/data\nPATH={path}\n/app\n"));
        let unpacked =
            || fs_err::read_dir(cache.join("images")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        let first = unpacked();
        assert_eq!(first.len(), 1, "{first:?}");
        for (words, expected) in [
            (["read", "/app/open"], "open\n"),
            (["read", "/app/closed"], "PermissionDenied\n"),
            (["read", "/data/own"], "own\n"),
            (["list", "/data"], "own\n"),
            (["write", "/data/new"], "done\n"),
            (["write", "/app/open"], "ReadOnlyFilesystem\n"),
            (["read", "/root/x"], "PermissionDenied\n"),
        ] {
            assert_eq!(run(&words), expected, "{words:?} as {user}");
        }
        assert_eq!(run(&["status", "Uid", "Gid"]), "Uid: 1001 1001 1001 1001\nGid: 1001 1001 1001 1001\n");
        assert_eq!(unpacked(), first);
        apkbuild::unfinished::remove_folder(&cache.join("images")).unwrap();
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.tar");
    fs_err::write(&file, "no archive").unwrap();
    for path in [file.to_str().unwrap(), "/no/such/image.tar"] {
        let output = apkbuild(&["run", "--cache-dir", folder.path().to_str().unwrap(), path]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.starts_with("error: ") && errors.contains(path), "{errors}");
    }
    assert!(!folder.path().join("images").exists());
}

/// `apkbuild run ARGUMENTS…` on a copy of `root` that belongs to an ordinary user, as that user.
fn run_as_ordinary(root: &Root, arguments: &[&str]) -> ProcessOutput {
    let mut command = apkbuild(&["run"]);
    command.args(arguments).arg(root.path()).arg("--");
    if is_root() {
        root.give_to(ORDINARY);
        // The test's own program may lie where only root looks.
        let program = root.folder.path().join("apkbuild");
        copy_program(PROGRAM, &program);
        let mut copied = Command::new(program);
        copied.args(command.get_args()).stdin(Stdio::null()).current_dir("/").uid(ORDINARY).gid(ORDINARY);
        command = copied;
    }
    command.args(["inside", "status", "Uid", "Gid", "Cap", "NoNewPrivs"]).output().unwrap()
}

#[test]
fn the_program_sees_only_its_image() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let keep = |_: &mut Sandbox| {};
    assert_eq!(root.printed(keep, &["list", "/"]), "bin data dev etc proc srv tmp\n");
    assert_eq!(
        root.printed(keep, &["list", "/dev"]),
        "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero\n"
    );
    let environment = root.printed(keep, &["environment"]);
    assert_eq!(environment, format!("PATH={}\n/\n", apkbuild::sandbox::DEFAULT_PATH));
    let processes = root.printed(keep, &["list", "/proc"]);
    let numbers = processes.split_whitespace().filter(|name| name.parse::<u32>().is_ok());
    assert_eq!(numbers.collect::<Vec<_>>(), ["1", "2"]);
    // The other user's and the host's files cannot be reached through pid 1 either.
    assert_eq!(root.printed(keep, &["list", "/proc/self/root"]), "bin data dev etc proc srv tmp\n");
    assert_eq!(root.printed(keep, &["read", "/proc/1/environ"]), "PermissionDenied\n");
}

#[test]
fn nothing_is_left_of_privileges() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let none = "0000000000000000";
    let account = |sandbox: &mut Sandbox| sandbox.account = Account { uid: 1001, gid: 1002, groups: Vec::new() };
    let status = root.printed(account, &["status", "Uid", "Gid", "Cap", "NoNewPrivs", "Seccomp:"]);
    let expected = format!(
        "Uid: 1001 1001 1001 1001\nGid: 1002 1002 1002 1002\nCapInh: {none}\nCapPrm: {none}\nCapEff: {none}\n\
         CapBnd: {none}\nCapAmb: {none}\nNoNewPrivs: 1\n"
    );
    assert!(status.starts_with(&expected), "{status}");
    let as_root = root.printed(|_| {}, &["status", "Uid", "CapEff", "CapBnd"]);
    assert_eq!(as_root, format!("Uid: 0 0 0 0\nCapEff: {none}\nCapBnd: {none}\n"));
    // Even as the host's root, what it shares with the host cannot be changed.
    for path in ["/dev/null", "/proc/sys/kernel/hostname", "/proc/keys"] {
        let answer = root.printed(|_| {}, &["chmod", path]);
        assert!(
            ["ReadOnlyFilesystem\n", "PermissionDenied\n", "NotFound\n"].contains(&answer.as_str()),
            "{path}: {answer}"
        );
    }
    assert_ne!(root.printed(|_| {}, &["write", "/proc/sys/kernel/hostname"]), "done\n");
    assert_eq!(root.printed(|_| {}, &["write", "/dev/null"]), "done\n");
}

#[test]
fn an_installation_may_chown_where_there_are_ids() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let install = |sandbox: &mut Sandbox| {
        sandbox.privileges = Privileges::Install;
        sandbox.read_only = false;
        sandbox.ids = Ids::Range;
    };
    let mut sandbox = root.sandbox(&["inside", "chown", "/data"]);
    install(&mut sandbox);
    match sandbox.run(Output::Null) {
        Err(Error::NoRange { .. }) => println!("skipped: no range of ids here"),
        outcome => {
            assert_eq!(outcome, Ok(Ending::Exited(0)));
            assert_eq!(root.printed(install, &["chown", "/data"]), "done\n");
            assert_eq!(root.printed(|_| {}, &["chown", "/data"]), "ReadOnlyFilesystem\n");
        }
    }
}

#[test]
fn only_what_is_meant_can_be_written() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    root.write("data/seed", "seed");
    let outside = tempfile::tempdir().unwrap();
    let change = |sandbox: &mut Sandbox| {
        sandbox.scratch = vec!["/data".into()];
        sandbox.binds = vec![
            Bind { source: outside.path().into(), target: "/srv/shared".into(), read_only: false },
            Bind { source: outside.path().into(), target: "/srv/kept".into(), read_only: true },
        ];
    };
    for (path, expected) in [
        ("/srv/file", "ReadOnlyFilesystem\n"),
        ("/etc/passwd", "ReadOnlyFilesystem\n"),
        ("/srv/kept/file", "ReadOnlyFilesystem\n"),
        ("/srv/shared/file", "done\n"),
        ("/data/file", "done\n"),
        ("/tmp/file", "done\n"),
    ] {
        assert_eq!(root.printed(change, &["write", path]), expected, "{path}");
    }
    assert_eq!(root.printed(change, &["read", "/data/seed"]), "seed\n");
    assert_eq!(root.printed(change, &["list", "/srv/kept"]), "file\n");
    // What was scratch is gone.
    assert_eq!(fs_err::read_dir(root.path().join("data")).unwrap().count(), 1);
    assert_eq!(fs_err::read_to_string(outside.path().join("file")).unwrap(), "written");
}

#[test]
fn a_link_in_the_image_does_not_lead_a_mount_out() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let outside = tempfile::tempdir().unwrap();
    fs_err::write(outside.path().join("host"), "host").unwrap();
    fs_err::remove_dir(root.path().join("tmp")).unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("tmp")).unwrap();
    let outcome = root.sandbox(&["inside", "write", "/tmp/file"]).run(Output::Null);
    assert!(matches!(outcome, Err(Error::MountPoint { .. })), "{outcome:?}");
    assert_eq!(fs_err::read_dir(outside.path()).unwrap().count(), 1);
}

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
        format!("`nothing` is not in the image (looked in {})", apkbuild::sandbox::DEFAULT_PATH)
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
fn a_network_of_its_own_has_a_loopback_and_no_more() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let host = |sandbox: &mut Sandbox| sandbox.network = Network::Host;
    assert_eq!(root.printed(host, &["connect", &address]), "connected\n");
    assert_eq!(root.printed(|_| {}, &["connect", &address]), "ConnectionRefused\n");
    assert_eq!(root.printed(|_| {}, &["connect", "198.51.100.7:80"]), "NetworkUnreachable\n");

    // Reached from out here, as if from outside: only where it listens on all addresses.
    for (listens_on, reached) in [("0.0.0.0:8000", true), ("127.0.0.1:8000", false)] {
        let mut running = root.sandbox(&["inside", "serve", listens_on, "200", "hello"]).spawn(Output::Null).unwrap();
        assert!(running.wait_for_start().unwrap().is_some());
        let end = Instant::now() + Duration::from_secs(10);
        let mut stream = loop {
            if let Ok(stream) = running.connect(std::net::Ipv4Addr::LOCALHOST, 8000).unwrap() {
                break stream;
            }
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(2));
        };
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
        assert_eq!(running.connect(OUTSIDE_ADDRESS, 8000).unwrap().is_ok(), reached, "{listens_on}");
        assert!(!running.has_ended().unwrap());
        running.kill();
    }
}

#[test]
fn run_passes_streams_status_and_signals_on() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let path = root.path().into_os_string().into_string().unwrap();
    let output = apkbuild(&["run", &path, "inside", "exit", "42"]).output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    let output = apkbuild(&["run", &path, "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with(&format!("error: `{path}`: `nothing` is not in the image")), "{message}");
    assert!(message.contains("\nhelp: ") && message.contains("the package that has `nothing`"), "{message}");

    let mut child = apkbuild(&["run", "--network=none", "--env", "A=b", &path, "inside", "echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");

    let mut child = apkbuild(&["run", &path, "inside", "hold", "/tmp/lock"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(128 + 15), None));
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

#[test]
fn an_ordinary_user_runs_as_the_user_of_the_image() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    let output = run_as_ordinary(&root, &["--user", "appuser"]);
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let none = "0000000000000000";
    assert_eq!(
        text,
        format!(
            "Uid: 1001 1001 1001 1001\nGid: 1001 1001 1001 1001\nCapInh: {none}\nCapPrm: {none}\nCapEff: {none}\n\
             CapBnd: {none}\nCapAmb: {none}\nNoNewPrivs: 1\n"
        ),
        "{errors}"
    );
}

#[test]
fn a_seccomp_filter_is_named() {
    if !sandbox_is_possible() {
        return;
    }
    let root = Root::new();
    // As a container's default filter does, it refuses unshare(2).
    let output = Command::new(inside()).arg("filtered").arg(PROGRAM).arg("run").arg(root.path()).arg("inside").output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.starts_with(
            "error: this system forbids the sandbox: a seccomp filter, such as a container's default one, refuses user \
             namespaces: operation not permitted (EPERM)\nhelp: start this container with"
        ),
        "{errors}"
    );
    // What needs no sandbox goes on.
    let status =
        Command::new(inside()).arg("filtered").arg(PROGRAM).arg("--version").stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_masked_proc_is_shown_as_it_is() {
    if !sandbox_is_possible() {
        return;
    }
    // As in a container: a /proc of its own, with a part hidden, under which no other may be mounted.
    let root = Root::new();
    let script = format!(
        "mount -t tmpfs none /proc/sys && exec {PROGRAM} run {} inside status Uid CapEff",
        root.path().display()
    );
    let arguments = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", &script];
    let Ok(output) = Command::new("unshare").args(arguments).output() else {
        println!("skipped: no unshare(1) here");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "Uid: 0 0 0 0\nCapEff: 0000000000000000\n", "{errors}");
}

#[test]
fn a_refusal_names_the_setting() {
    if !sandbox_is_possible() {
        return;
    }
    // In a user namespace that may have no others below it; the limit there is its own.
    let root = Root::new();
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec {PROGRAM} run {} inside exit 0",
        root.path().display()
    );
    let output = Command::new("unshare").args(["--user", "--map-root-user", "sh", "-c", &script]).output();
    let Ok(output) = output else {
        println!("skipped: no unshare(1) here");
        return;
    };
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(
        errors,
        "error: this system forbids the sandbox: user.max_user_namespaces is 0\n\
         help: ask root for `sysctl user.max_user_namespaces=15000`, or run this as root where that is allowed\n"
    );
}
