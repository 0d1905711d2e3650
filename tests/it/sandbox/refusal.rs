//! What a machine refuses, and how that is told.

use std::process::{Command, Stdio};

use super::{PROGRAM, Root, inside, sandbox_is_possible};

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
