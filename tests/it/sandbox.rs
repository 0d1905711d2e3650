//! Programs in the sandbox, by the library and by `apkbuild run`, as root and as an ordinary user.
//!
//! The image is one static program of our own (`fixtures/inside.rs`), so nothing of Alpine is needed. Where a machine
//! forbids user namespaces, that is said, and only the refusal is tested.

mod ending;
mod refusal;
mod run;

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as ProcessOutput, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use apkbuild::sandbox::{
    Account, Bind, Ending, Error, Ids, Network, OUTSIDE_ADDRESS, Output, Privileges, Running, Sandbox,
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
    assert_eq!(environment, format!("PATH={}\n/\n", apkbuild::platform::DEFAULT_PATH));
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
