//! The commands of build stages, run by the library as root, as an ordinary user with one id, and as one with a range.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use apkbuild::sandbox::{Error, Network, StageCommands};

use super::sandbox::{
    INSIDE_VARIABLE, ORDINARY, PROGRAM, PROGRAM_VARIABLE, Root, inside, is_root, program, sandbox_is_possible,
};
use super::support::copy_program;

/// Names the folder of the root that [`ordinary_part`] works on when this binary runs itself as somebody else.
const ROOT_VARIABLE: &str = "APKBUILD_TEST_STAGE_ROOT";

/// A root whose shell is the tests' own program.
fn root() -> Root {
    let root = Root::new();
    copy_program(inside(), root.path().join("bin/sh"));
    root
}

fn run(root: &Path, program: PathBuf, commands: &[&str], network: Network) -> Result<(), Error> {
    let commands: Vec<String> = commands.iter().map(|command| (*command).to_owned()).collect();
    let environment = BTreeMap::from([("FLAVOUR".to_owned(), "plain".to_owned())]);
    StageCommands {
        stage: "deps",
        root,
        commands: &commands,
        working_directory: Path::new("/src/app"),
        environment: &environment,
        epoch: 1_700_000_000,
        network,
        program: Some(program),
    }
    .run()
}

#[test]
fn commands_change_their_root_one_after_another() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root();
    run(&root.path(), PROGRAM.into(), &["write one", "write /data/two", "write /tmp/three"], Network::None).unwrap();
    assert_eq!(fs_err::read_to_string(root.path().join("src/app/one")).unwrap(), "written");
    assert_eq!(fs_err::read_to_string(root.path().join("data/two")).unwrap(), "written");
    assert_eq!(fs_err::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    // Nothing is left of what the sandbox showed there.
    assert_eq!(fs_err::read_dir(root.path().join("dev")).unwrap().count(), 0);
    assert_eq!(fs_err::read_dir(root.path().join("proc")).unwrap().count(), 0);
}

#[test]
fn a_failure_shows_stage_command_status_and_the_end_of_the_output() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root();
    let error = run(&root.path(), PROGRAM.into(), &["fail 30", "write /data/never"], Network::None).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("stage `deps`: `fail 30` failed: exit status 9, after printing\n  | "), "{text}");
    assert!(text.ends_with("\n  | line 29\n  | error 29"), "{text}");
    assert_eq!(text.lines().count(), 26, "{text}");
    assert!(!root.path().join("data/never").exists());

    let error = run(&root.path(), PROGRAM.into(), &["abort"], Network::None).unwrap_err();
    assert_eq!(error.to_string(), "stage `deps`: `abort` failed: killed by SIGABRT, and printed nothing");
    assert!(error.help().is_some_and(|help| help.contains("[stage.deps]")), "{error:?}");
}

#[test]
fn the_network_is_seen_only_where_the_stage_says_so() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = format!("fetch {}", listener.local_addr().unwrap());
    let refused = run(&root.path(), PROGRAM.into(), &[&connect], Network::None).unwrap_err();
    assert!(refused.to_string().contains("| ConnectionRefused"), "{refused}");
    run(&root.path(), PROGRAM.into(), &[&connect], Network::Host).unwrap();
    // The mount points of the host's files are gone again, the working directory is not.
    for (folder, expected) in [("dev", vec![]), ("etc", vec!["group", "passwd"]), ("src", vec!["app"])] {
        let mut names: Vec<_> = fs_err::read_dir(root.path().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, expected, "{folder}");
    }
}

/// This binary once more, for `test` alone, as an ordinary user for whom `subids` stand in /etc/subuid and /etc/subgid,
/// in a mount namespace where that changes nothing for anybody else, in `folder`, which becomes theirs. `None` where
/// that cannot be had.
pub fn as_ordinary(test: &str, folder: &Path, subids: &str) -> Option<Output> {
    let tools = ["unshare", "setpriv", "newuidmap", "newgidmap"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = tools.iter().find(|tool| !std::env::split_paths(&path).any(|folder| folder.join(tool).exists()));
    if !is_root() || missing.is_some() {
        println!("skipped: it takes root and {}", tools.join(", "));
        return None;
    }
    let tool_folder = tempfile::tempdir().unwrap();
    let tool = |name: &str| tool_folder.path().join(name);
    let everybody = || std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(tool_folder.path(), everybody()).unwrap();
    fs_err::set_permissions(folder, everybody()).unwrap();
    let known = fs_err::read_to_string("/etc/passwd").unwrap();
    fs_err::write(tool("passwd"), format!("{known}tester{ORDINARY}:x:{ORDINARY}:{ORDINARY}::/:/bin/sh\n")).unwrap();
    fs_err::write(tool("subids"), subids).unwrap();
    copy_program(PROGRAM, tool("apkbuild"));
    copy_program(inside(), tool("inside"));
    copy_program(std::env::current_exe().unwrap(), tool("tests"));
    for entry in walkdir::WalkDir::new(folder) {
        std::os::unix::fs::lchown(entry.unwrap().path(), Some(ORDINARY), Some(ORDINARY)).unwrap();
    }
    let script = format!(
        "mount --bind passwd /etc/passwd && mount --bind subids /etc/subuid && mount --bind subids /etc/subgid && \
         exec setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups ./tests --exact {test} --nocapture"
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .current_dir(tool_folder.path())
        .env(PROGRAM_VARIABLE, tool("apkbuild"))
        .env(INSIDE_VARIABLE, tool("inside"))
        .env(ROOT_VARIABLE, folder)
        .env("TMPDIR", folder)
        .output();
    Some(output.unwrap())
}

/// The range that an ordinary user has in these tests.
pub fn range() -> String {
    format!("{ORDINARY}:700000:65536\n")
}

/// What an ordinary user's stage does; does nothing unless another test calls this binary for it.
#[test]
fn ordinary_part() {
    let Some(root) = std::env::var_os(ROOT_VARIABLE).map(PathBuf::from) else { return };
    let commands = ["status Uid Gid CapEff", "hide /data/hidden", "write /data/more"];
    let outcome = run(&root.join("root"), program(), &commands, Network::None);
    println!("outcome: {outcome:?}");
}

#[test]
fn an_ordinary_user_with_a_range_can_chown_and_keeps_no_foreign_files() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root();
    let Some(output) = as_ordinary("stage::ordinary_part", root.folder(), &range()) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("outcome: Ok(())"), "{text}");
    let hidden = root.path().join("data/hidden");
    let (folder, file) = (fs_err::metadata(&hidden).unwrap(), fs_err::metadata(hidden.join("file")).unwrap());
    for metadata in [&folder, &file] {
        assert_eq!((metadata.uid(), metadata.gid()), (ORDINARY, ORDINARY));
    }
    assert_eq!((folder.mode() & 0o7777, file.mode() & 0o7777), (0o700, 0o600));
}

#[test]
fn an_ordinary_user_with_one_id_is_root_alone() {
    if !sandbox_is_possible() {
        return;
    }
    let root = root();
    let Some(output) = as_ordinary("stage::ordinary_part", root.folder(), "somebody:700000:65536\n") else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    // It may write, but there is nobody to give a file to.
    assert!(text.contains("command: \"hide /data/hidden\", ending: Exited(101)"), "{text}");
    assert!(text.contains("InvalidInput"), "{text}");
}
