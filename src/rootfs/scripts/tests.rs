//! The shell: expansions, control flow, redirections, and what happens to what is not understood.

use std::collections::BTreeMap;

use super::super::database::write_file;
use super::super::dump::dump;
use super::super::run_script::{RunScript, ScriptCall, ScriptOutcome};
use super::super::skeleton::generated;
use super::super::tree::{Inode, InodeKind, PackageId, Tree};
use super::Emulation;
use crate::fetch::Script;

/// A day in 2023, in seconds since 1970.
pub(super) const TIMESTAMP: i64 = 1_700_000_000;

/// A root with busybox, links for these applets, and the account files of a small system.
pub(super) fn root() -> Tree {
    let mut tree = Tree::new();
    for folder in ["bin", "sbin", "usr/bin", "usr/sbin", "etc", "tmp", "var/lib", "home"] {
        tree.make_directories(folder, &generated(0o755, 0)).unwrap();
    }
    let program = |tree: &mut Tree, path: &str| {
        write_file(tree, path, b"\x7fELF Linux User,,,".to_vec(), 0).unwrap();
        let id = tree.lookup(path).unwrap();
        tree.inode_mut(id).metadata.mode = 0o755;
    };
    program(&mut tree, "bin/busybox");
    program(&mut tree, "usr/bin/other");
    let applets = [
        "bin/sh",
        "bin/ash",
        "bin/mkdir",
        "bin/rmdir",
        "bin/ln",
        "bin/rm",
        "bin/mv",
        "bin/cp",
        "bin/touch",
        "bin/cat",
        "bin/grep",
        "bin/chown",
        "bin/chmod",
        "bin/chgrp",
        "bin/sed",
        "bin/su",
        "usr/bin/awk",
        "usr/bin/expr",
        "usr/bin/find",
        "usr/bin/passwd",
        "usr/bin/seq",
        "usr/bin/sort",
        "usr/bin/tr",
        "sbin/modprobe",
        "usr/sbin/addgroup",
        "usr/sbin/adduser",
        "usr/bin/cut",
        "usr/bin/head",
        "usr/bin/basename",
        "usr/bin/dirname",
        "usr/bin/readlink",
        "usr/bin/id",
        "usr/bin/getent",
        "usr/bin/install",
        "bin/uname",
    ];
    for applet in applets {
        let kind = InodeKind::Symlink("/bin/busybox".to_owned());
        tree.insert(applet, Inode { kind, metadata: generated(0o777, 0) }).unwrap();
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\nklogd:x:100:101:klogd:/dev/null:/sbin/nologin\n\
                  nobody:x:65534:65534:nobody:/:/sbin/nologin\n";
    let group = "root:x:0:root\naudio:x:18:\nshadow:x:42:\nwww-data:x:82:\nusers:x:100:games\nklogd:x:101:klogd\n\
                 nogroup:x:65533:\nnobody:x:65534:\n";
    let shadow = "root:*::0:::::\nklogd:!::0:::::\n";
    for (path, text) in [("etc/passwd", passwd), ("etc/group", group), ("etc/shadow", shadow)] {
        write_file(&mut tree, path, text.as_bytes().to_vec(), 0).unwrap();
    }
    tree
}

/// Runs `script` as a .post-install with the argument `1-r0`.
pub(super) fn run(tree: &mut Tree, script: &str) -> ScriptOutcome {
    run_with(tree, script, &["1-r0"])
}

fn run_bytes(tree: &mut Tree, script: &[u8]) -> ScriptOutcome {
    let call = ScriptCall {
        package: PackageId(0),
        name: "sample",
        package_name: "sample-1-r0",
        script: Script::Trigger,
        text: script,
        arguments: &[],
        timestamp: TIMESTAMP,
    };
    Emulation::default().run(tree, &call).unwrap()
}

fn run_with(tree: &mut Tree, script: &str, arguments: &[&str]) -> ScriptOutcome {
    run_by(Emulation::default(), tree, script, arguments)
}

fn run_by(mut emulation: Emulation, tree: &mut Tree, script: &str, arguments: &[&str]) -> ScriptOutcome {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let call = ScriptCall {
        package: PackageId(0),
        name: "sample",
        package_name: "sample-1-r0",
        script: Script::PostInstall,
        text: script.as_bytes(),
        arguments: &arguments,
        timestamp: TIMESTAMP,
    };
    emulation.run(tree, &call).unwrap()
}

pub(super) fn read(tree: &Tree, path: &str) -> String {
    tree.file(path).map_or_else(|| format!("no file {path}"), |text| String::from_utf8_lossy(text).into_owned())
}

/// What `script`, which writes to the file /out, has written.
fn output(script: &str) -> String {
    let mut tree = root();
    let outcome = run_with(&mut tree, &format!("#!/bin/sh\n{script}\n"), &["one", "two words"]);
    assert!(outcome.unrun.is_empty(), "{script}: {outcome:?}");
    read(&tree, "out")
}

#[test]
fn words_expand_as_in_the_shell() {
    for (script, expected) in [
        ("echo a 'b  c' \"d  e\" f\\ g > out", "a b  c d  e f g\n"),
        ("x=1; y=\"$x 2\"; echo $y \"$y\" '$y' ${y}z > /out", "1 2 1 2 $y 1 2z\n"),
        ("echo $# $1 \"$2\" > out", "2 one two words\n"),
        ("for i in \"$@\"; do echo \"<$i>\"; done > out", "<one>\n<two words>\n"),
        ("for i in $*; do echo \"<$i>\"; done > out", "<one>\n<two>\n<words>\n"),
        ("shift 2; for i in \"$@\"; do echo never; done > out; echo \"[$*]\" >> out", "[]\n"),
        (
            "p=/lib/modules/6.1-lts; echo ${p#/lib/modules/} ${p##*/} ${p%/*} ${p%%-*} > out",
            "6.1-lts 6.1-lts /lib/modules /lib/modules/6.1\n",
        ),
        ("echo ${a:-b} ${a-c} ${a:=d} $a ${a:+e} ${#a} > out", "b c d d e 1\n"),
        ("a=; echo \"${a:-b}\" \"${a-c}\" \"${a+set}\" > out", "b  set\n"),
        ("echo $(echo one; echo two) \"$(echo a; echo b)\" `echo c` > out", "one two a\nb c\n"),
        ("cd etc; echo pa* /etc/gr* '*' no*such > /out; echo $PWD >> /out", "passwd /etc/group * no*such\n/etc\n"),
        ("echo $(basename /a/b.c .c) $(dirname /a/b) > out", "b /a\n"),
        ("cat > out <<END\nroot is $1\nEND", "root is one\n"),
        ("cat > out <<'END'\nroot is $1\nEND", "root is $1\n"),
        ("echo \"$(cat <<END\nin $(cat <<E\nanother\nE\n)\nEND\n)\" > out", "in another\n"),
        ("printf '%s=%s\\n' a 1 b 2 > out", "a=1\nb=2\n"),
        ("cut -d: -f3 < /etc/passwd | head -n 2 > out", "0\n100\n"),
        ("getent group audio | cut -d: -f3 > out", "18\n"),
        ("id -u klogd > out; id -g klogd >> out", "100\n101\n"),
        ("readlink /bin/sh > out; readlink -f /bin/sh >> out", "/bin/busybox\n/bin/busybox\n"),
        ("command -v mkdir > out || echo none; command -v nothing >> out || echo none >> out", "/bin/mkdir\nnone\n"),
    ] {
        assert_eq!(output(script), expected, "{script}");
    }
}

#[test]
fn control_flows_as_in_the_shell() {
    for (script, expected) in [
        ("if [ -e /etc/passwd ]; then echo yes; else echo no; fi > out", "yes\n"),
        ("if false; then echo a; elif [ ! -d /nothing ]; then echo b; fi > out", "b\n"),
        ("[ -x /bin/busybox ] && [ -L /bin/sh ] && echo both > out", "both\n"),
        ("test -f /nothing -o -d /etc && echo or > out", "or\n"),
        ("case \"$1\" in o*|x) echo glob;; *) echo rest;; esac > out", "glob\n"),
        ("case /a in /b) echo b;; esac; echo $? > out", "0\n"),
        ("for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done > out", "1\n3\n"),
        ("for i in 1 2 3; do for j in a b; do [ $i$j = 2a ] && break 2; echo $i$j; done; done > out", "1a\n1b\n"),
        ("i=; while [ ${#i} -lt 3 ]; do i=x$i; done; echo $i > out", "xxx\n"),
        ("f() { local x=in; echo $1 $x; return 3; }; x=out; f arg > out; echo $? $x >> out", "arg in\n3 out\n"),
        ("(cd /etc; x=1; exit 4); echo $? $x $PWD > out", "4 /\n"),
        ("false || { echo group; false; } > out; echo $? >> out", "group\n1\n"),
        ("! false && echo negated > out", "negated\n"),
        ("set -e; false || true; echo on > out; false; echo off >> out", "on\n"),
        ("nothing-of-that-name; echo $? > out", "127\n"),
        ("/etc/passwd; echo $? > out", "126\n"),
        ("echo gone >/dev/null 2>&1; echo kept 2>/dev/null > out", "kept\n"),
        ("{ echo a; echo b >&2; } > out 2>/dev/null", "a\n"),
        (
            "grep -q ^klogd: /etc/passwd && echo there > out; grep -q '^x:' /etc/passwd || echo not >> out",
            "there\nnot\n",
        ),
        ("PATH=/nowhere mkdir x || echo lost > out", "lost\n"),
        ("echo a | cat | cat > out", "a\n"),
    ] {
        assert_eq!(output(script), expected, "{script}");
    }
}

#[test]
fn files_and_folders_change_as_the_commands_say() {
    let mut tree = root();
    let before = dump(&tree);
    let outcome = run(
        &mut tree,
        "#!/bin/sh\nmkdir -p -m 0750 var/lib/a/b\nmkdir var/lib/a/b/c/d\nln -s ../x var/lib/a/l\nln -sf y /var/lib/a/l\n\
         touch tmp/f; chmod 4755 tmp/f; ln tmp/f tmp/g; chown klogd:audio tmp/g\nmv tmp/g tmp/h\ncp tmp/h /tmp/i\n\
         install -d -m 0700 -o klogd -g klogd /var/lib/k\ncp -a var/lib/a var/lib/z; rm -r var/lib/a/b\n\
         chown -R nobody: var/lib/z; chmod -R o-rx,g+w var/lib/z\nrmdir var/lib/nothing var/lib/k/../k\n\
         chown unknown tmp/i\nexit 0\n",
    );
    assert_eq!(outcome, ScriptOutcome::default());
    let after = dump(&tree);
    let changed: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(
        changed,
        [
            "f0755 100:18 0 da39a3ee5e6b4b0d3255bfef95601890afd80709 tmp/f",
            "f0755 100:18 0 da39a3ee5e6b4b0d3255bfef95601890afd80709 tmp/h = tmp/f",
            "f0755 0:0 0 da39a3ee5e6b4b0d3255bfef95601890afd80709 tmp/i",
            "d0755 0:0 - - var/lib/a",
            "l0777 0:0 - - var/lib/a/l -> y",
            "d0770 65534:65534 - - var/lib/z",
            "d0770 65534:65534 - - var/lib/z/b",
            "l0777 65534:65534 - - var/lib/z/l -> y",
        ]
    );
}

#[test]
fn applets_are_linked_from_busyboxs_own_list() {
    let mut tree = root();
    tree.remove("bin/sh");
    let list = "bin/sh\nbin/cat\nusr/bin/awk\nnowhere/x\n";
    write_file(&mut tree, "etc/busybox-paths.d/busybox", list.as_bytes().to_vec(), 0).unwrap();
    let outcome = run(&mut tree, "#!/bin/busybox sh\n/bin/busybox --install -s || exit 1\n");
    assert_eq!(outcome, ScriptOutcome::default());
    for (path, made) in [("bin/sh", true), ("usr/bin/awk", true), ("nowhere/x", false)] {
        let target = tree.get(path).map(|inode| inode.kind.clone());
        assert_eq!(matches!(target, Some(InodeKind::Symlink(target)) if target == "/bin/busybox"), made, "{path}");
    }
}

#[test]
fn what_is_not_understood_is_named_and_the_rest_is_done() {
    let mut tree = root();
    let script = "#!/bin/sh\nmkdir /one\ntr a b < /etc/passwd\nkernel=$(uname -r)\nmkdir /boot-$kernel\n\
                  if other --check; then\n\tmkdir /two\n\tvalue=1\nfi\nmkdir /v-$value\n\
                  if [ -d /one ]; then\n\tother --fix\n\tmkdir /three\nfi\nother --more || exit 1\n[ -e /proc/cpuinfo ] && mkdir /p\n\
                  mkdir /four &\ncat /etc/passwd | other\nmkdir /five\n";
    let outcome = run(&mut tree, script);
    assert_eq!(outcome.status, 0);
    let unrun: Vec<(usize, &str, &str)> =
        outcome.unrun.iter().map(|unrun| (unrun.line, unrun.text.as_str(), unrun.reason.as_str())).collect();
    assert_eq!(
        unrun,
        [
            (3, "tr a b < /etc/passwd", "the command `tr`"),
            (4, "kernel=$(uname -r)", "the release of the running kernel"),
            (5, "mkdir /boot-$kernel", "`$kernel` comes from what was not run"),
            (6, "if other --check; then", "it runs `/usr/bin/other`"),
            (10, "mkdir /v-$value", "`$value` comes from what was not run"),
            (12, "other --fix", "it runs `/usr/bin/other`"),
            (15, "other --more || exit 1", "it runs `/usr/bin/other`"),
            (16, "[ -e /proc/cpuinfo ] && mkdir /p", "`/proc/cpuinfo` is of the running machine's /proc"),
            (16, "[ -e /proc/cpuinfo ] && mkdir /p", "it goes on in the background"),
            (18, "cat /etc/passwd | other", "it runs `/usr/bin/other`"),
        ]
    );
    let made: Vec<&str> =
        ["one", "two", "three", "four", "five", "p"].into_iter().filter(|path| tree.get(path).is_some()).collect();
    assert_eq!(made, ["one", "three", "five"]);
}

/// What is told as left out of `script`, by reason.
fn left_out(script: &str) -> Vec<String> {
    run(&mut root(), &format!("#!/bin/sh\n{script}\n")).unrun.into_iter().map(|unrun| unrun.reason).collect()
}

#[test]
fn what_depends_on_what_was_not_run_is_not_done() {
    for (script, reasons) in [
        // Where it is, what it read, and what a file set.
        (
            "cd $(other)\nrm -rf *",
            &["it runs `/usr/bin/other`", "the folder that it is in comes from what was not run"][..],
        ),
        (
            "other | read x\n[ -n \"$x\" ] || mkdir /x",
            &["it runs `/usr/bin/other`", "`$x` comes from what was not run"],
        ),
        (
            "for i in $(other); do mkdir $i; done; mkdir /$i",
            &["it runs `/usr/bin/other`", "`$i` comes from what was not run"],
        ),
        (
            "echo 'x=$(other)' > /conf; . /conf; mkdir /$x",
            &["it runs `/usr/bin/other`", "`$x` comes from what was not run"],
        ),
        // Messages are not made, so what reads them is not known.
        ("x=$(addgroup 2>&1)", &["the message of a command is read"]),
        ("adduser &> /log", &["the message of a command goes into a file"]),
        ("rmdir /nothing 2>&1 | cat", &["the message of a command is read"]),
        ("printf 'a\nb\n' | while read x; do y=$(cat); done", &["it reads the input of the command around it"]),
        ("exec > /log", &["it redirects what comes after"]),
        // Of the running machine nothing is known.
        ("modprobe tun; exit 0", &[]),
        ("modprobe tun || true", &[]),
        ("modprobe tun && mkdir /x", &["whether `modprobe` succeeds depends on the running machine"]),
        ("modprobe tun", &["whether `modprobe` succeeds depends on the running machine"]),
        ("if modprobe tun; then mkdir /x; fi", &["whether `modprobe` succeeds depends on the running machine"]),
        ("modprobe tun; [ $? = 0 ] && mkdir /x", &["whether `modprobe` succeeds depends on the running machine"]),
        ("set -e; modprobe tun; mkdir /x", &["whether `modprobe` succeeds depends on the running machine"]),
        ("su klogd -s /bin/sh -c 'chown root /etc'", &["`chown` as another account than root"]),
        ("sed 's/\\(a\\)\\1/b/' /etc/passwd", &["`sed`: a reference to a group"]),
        ("awk 'BEGIN { print 1 }'", &["the program of `awk`: `BEGIN { print 1 }`"]),
    ] {
        assert_eq!(left_out(script), reasons, "{script}");
    }
    // One that goes round is told once.
    assert_eq!(left_out("for i in 1 2 3; do other; done").len(), 1);
}

#[test]
fn scripts_that_cannot_be_started_fail_as_under_apk() {
    let with_programs = {
        let mut tree = root();
        for (path, mode) in [("usr/bin/python3", 0o755), ("usr/bin/lua", 0o644)] {
            write_file(&mut tree, path, Vec::new(), 0).unwrap();
            let id = tree.lookup(path).unwrap();
            tree.inode_mut(id).metadata.mode = mode;
        }
        tree
    };
    // What apk 3.0.8 was seen to do with each: 127, and nothing done.
    for (text, reason) in [
        (&b"#!/usr/bin/nothing\nx()\n"[..], "the image has no `/usr/bin/nothing` at this point"),
        (b"#!/bin/sh\r\nexit 0\r\n", "the image has no `/bin/sh\\r` at this point"),
        (b"#!sh\n", "the image has no `sh` at this point"),
        (b"#!/usr/bin/lua\nx()\n", "`/usr/bin/lua` cannot be executed (permission denied)"),
        (b"#!/etc\n", "`/etc` cannot be executed (permission denied)"),
        (b"echo x > /made\n", "it has no `#!` line, so the kernel does not start it (exec format error)"),
        (b"\n#!/bin/sh\n", "it has no `#!` line, so the kernel does not start it (exec format error)"),
        (b"", "it has no `#!` line, so the kernel does not start it (exec format error)"),
        (b"#!\necho x > /made\n", "its `#!` line names no interpreter (exec format error)"),
    ] {
        let mut tree = with_programs.clone();
        let before = dump(&tree);
        let outcome = run_bytes(&mut tree, text);
        assert_eq!((outcome.status, outcome.output.as_str()), (127, reason));
        assert!(outcome.unrun.is_empty() && dump(&tree) == before);
    }
    // What may be right is left out and told.
    for (text, reason) in [
        (&b"#!/usr/bin/python3\nx()\n"[..], "it is run by `/usr/bin/python3`"),
        (b"\x7fELF\xff\xfe", "it is a program, not a script"),
        (b"#!/bin/sh\necho \xff\n", "it is not text in UTF-8"),
        (b"#!/bin/sh\nif true; then\n", "it is not shell as it is understood here"),
        (b"#!/bin/sh -e -u\n", "it is run by `/bin/sh -e -u`"),
        (b"#!/bin/sh\necho \x01\n", "it is not shell as it is understood here: it has a control character"),
        (b"#!/bin/sh\ncat <<< x\n", "it is not shell as it is understood here: what looks like a here-document"),
        (b"#!/bin/sh\nfor i in; do :; done\n", "it is not shell as it is understood here: a `for` over nothing"),
    ] {
        let outcome = run_bytes(&mut with_programs.clone(), text);
        assert_eq!(outcome.status, 0, "{reason}");
        assert!(outcome.unrun.len() == 1 && outcome.unrun[0].reason.starts_with(reason), "{reason}: {outcome:?}");
    }
    // The rest of the line is one argument.
    let outcome = run(&mut root(), "#! /bin/sh -eu \nfalse\nmkdir /never\n");
    assert_eq!((outcome.status, outcome.unrun.len()), (1, 0));
}

#[test]
fn a_script_that_fails_tells_the_end_of_what_it_printed() {
    let script = "#!/bin/sh\nfor i in $(seq 5000); do echo \"line $i\"; done\necho 'no device' >&2\nexit 3\n";
    let outcome = run(&mut root(), script);
    assert_eq!(outcome.status, 3);
    assert_eq!(outcome.output.lines().count(), 15);
    assert!(outcome.output.ends_with("line 4999\nline 5000\nno device"), "{}", outcome.output);
    assert_eq!(run(&mut root(), "#!/bin/sh\necho fine\n").output, "");
}

#[test]
fn a_here_document_ends_with_the_script_at_the_latest() {
    assert_eq!(output("cat > out <<EOF\none\nEOF "), "one\nEOF \n");
    assert_eq!(output("cat > out <<'E F'\none\nE F"), "one\n");
}

#[test]
fn a_file_grows_by_what_is_added_to_it() {
    // Ten thousand times a thousand bytes; copying the file each time would be fifty gigabytes.
    let mut tree = root();
    let line = "x".repeat(999);
    let outcome = run(
        &mut tree,
        &format!(
            "#!/bin/sh\nd='0 1 2 3 4 5 6 7 8 9'\nfor a in $d; do for b in $d; do for c in $d; do for e in $d; do\n\
             echo {line} >> /grown\ndone; done; done; done\n: >> /grown\n"
        ),
    );
    assert!(outcome.unrun.is_empty(), "{outcome:?}");
    assert_eq!(tree.file("grown").map(|content| content.len()), Some(10_000_000));
}

#[test]
fn endless_scripts_end() {
    let outcome = run(&mut root(), "#!/bin/sh\nwhile true; do :; done\nmkdir /after\n");
    assert_eq!(outcome.unrun.first().map(|unrun| unrun.reason.as_str()), Some("it goes on without end"));
    let outcome = run(&mut root(), "#!/bin/sh\nf() { f; }\nf\n");
    assert_eq!(outcome.unrun.first().map(|unrun| unrun.reason.as_str()), Some("it goes deeper and deeper"));
}

#[test]
fn the_bundle_is_made_from_the_certificates_that_are_on() {
    let mut tree = root();
    for (path, text) in [
        (
            "etc/ca-certificates.conf",
            "# a comment\nmozilla/A_Root.crt\n!mozilla/Off.crt\nmozilla/B_(x),y z.crt\nmozilla/gone.crt\n",
        ),
        ("usr/share/ca-certificates/mozilla/A_Root.crt", "A\n"),
        ("usr/share/ca-certificates/mozilla/Off.crt", "OFF\n"),
        ("usr/share/ca-certificates/mozilla/B_(x),y z.crt", "B"),
        ("usr/local/share/ca-certificates/A_Root.crt", "MY A\n"),
        ("usr/local/share/ca-certificates/mine.pem", "MINE\n"),
        ("usr/local/share/ca-certificates/.hidden.crt", "HIDDEN\n"),
        ("etc/ssl/certs/ca-certificates.crt", "old\n"),
        ("usr/sbin/update-ca-certificates", "\x7fELF"),
    ] {
        write_file(&mut tree, path, text.as_bytes().to_vec(), 0).unwrap();
    }
    let id = tree.lookup("usr/sbin/update-ca-certificates").unwrap();
    tree.inode_mut(id).metadata.mode = 0o755;
    let outcome = run(&mut tree, "#!/bin/sh\nexec /usr/sbin/update-ca-certificates --fresh\n");
    assert_eq!(outcome, ScriptOutcome::default());
    assert_eq!(read(&tree, "etc/ssl/certs/ca-certificates.crt"), "A\n\nB\n\nMY A\n\nMINE\n\n");
    let links: BTreeMap<String, String> = tree
        .walk()
        .filter_map(|(path, id)| match &tree.inode(id).kind {
            InodeKind::Symlink(target) if path.starts_with("etc/ssl") => Some((path, target.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        links.into_iter().collect::<Vec<_>>(),
        [
            ("etc/ssl/certs/ca-cert-A_Root.pem", "/usr/local/share/ca-certificates/A_Root.crt"),
            ("etc/ssl/certs/ca-cert-B_=x=_y_z.pem", "/usr/share/ca-certificates/mozilla/B_(x),y z.crt"),
            ("etc/ssl/certs/ca-cert-gone.pem", "/usr/share/ca-certificates/mozilla/gone.crt"),
            ("etc/ssl/certs/ca-cert-mine.pem.pem", "/usr/local/share/ca-certificates/mine.pem"),
        ]
        .map(|(path, target)| (path.to_owned(), target.to_owned()))
    );
}

/// The hook is Alpine's, and the certificate is of the key that a Debian test machine made.
#[test]
fn certificates_get_their_links_by_hash() {
    let certificate = "-----BEGIN CERTIFICATE-----\n\
        MIIBFjCByQIUT9bfi1AI0W4j2PdfMSx5u7jYg6gwBQYDK2VwMC4xCzAJBgNVBAYT\n\
        AkRFMRAwDgYDVQQKEwdFeGFtcGxlMQ0wCwYDVQQDEwRyb290MB4XDTI2MTEzMDIx\n\
        NDQzMloXDTI2MTIwMTIxNDQzMlowLjELMAkGA1UEBhMCREUxEDAOBgNVBAoTB0V4\n\
        YW1wbGUxDTALBgNVBAMTBHJvb3QwKjAFBgMrZXADIQBce1GyV+HpHgpyvfGPUGq1\n\
        or8E4wlK/uOs2ImriE+08TAFBgMrZXADQQB9IXbsL4Rk5MAz4CPEuGOQfLdEw07y\n\
        FsuZq9Namjs+y8DopTHGtRfNwgEwe+HFFKjdy5aXp4rciZUFfrELbk4C\n\
        -----END CERTIFICATE-----\n";
    // Of the same subject, and another certificate.
    let other = certificate.replace("MIIBFjCByQIUT9bfi1AI", "MIIBFjCByQIUT9bfi1AJ");
    let hook = "#!/bin/sh\nexec /usr/bin/c_rehash /etc/ssl/certs\n";
    let mut tree = root();
    for (path, text) in [
        ("etc/ca-certificates.conf", "one.crt\ntwo.crt\nagain.crt\nboth.crt\nwords.crt\n"),
        ("usr/share/ca-certificates/one.crt", certificate),
        ("usr/share/ca-certificates/two.crt", &other),
        ("usr/share/ca-certificates/again.crt", certificate),
        ("usr/share/ca-certificates/both.crt", &format!("{certificate}{other}")),
        ("usr/share/ca-certificates/words.crt", "words\n"),
        ("etc/ssl/certs/ca-certificates.crt", "old\n"),
        ("etc/ca-certificates/update.d/certhash", hook),
        ("usr/sbin/update-ca-certificates", "\x7fELF"),
        ("usr/bin/c_rehash", "\x7fELF"),
    ] {
        write_file(&mut tree, path, text.as_bytes().to_vec(), 0).unwrap();
    }
    for path in ["usr/sbin/update-ca-certificates", "usr/bin/c_rehash"] {
        let id = tree.lookup(path).unwrap();
        tree.inode_mut(id).metadata.mode = 0o755;
    }
    let script = "#!/bin/sh\nln -s nowhere /etc/ssl/certs/01234567.0\nupdate-ca-certificates\n";
    let outcome = run(&mut tree, script);
    assert_eq!(outcome, ScriptOutcome::default());
    let links = tree.walk().filter(|(path, _)| path.starts_with("etc/ssl/certs/") && !path.contains("ca-cert"));
    let links: Vec<String> = links
        .map(|(path, id)| match &tree.inode(id).kind {
            InodeKind::Symlink(target) => format!("{path} -> {target}"),
            other => panic!("{path}: {other:?}"),
        })
        .collect();
    assert_eq!(
        links,
        ["etc/ssl/certs/b1908758.0 -> ca-cert-again.pem", "etc/ssl/certs/b1908758.1 -> ca-cert-two.pem",]
    );
    // A hook of another package is not known.
    write_file(&mut tree, "etc/ca-certificates/update.d/java", b"#!/bin/sh\nkeytool\n".to_vec(), 0).unwrap();
    let outcome = run(&mut tree, script);
    let reasons: Vec<&str> = outcome.unrun.iter().map(|unrun| unrun.reason.as_str()).collect();
    let expected = "`/etc/ca-certificates/update.d/java`, which is to follow the bundle and the links that are made";
    assert_eq!(reasons, [expected]);
}

#[test]
fn scripts_that_grow_or_nest_without_end_are_left_out() {
    for script in [
        "x=aaaaaaaa; while :; do x=$x$x; done",
        "while :; do cat /f /f > /g; mv /g /f; cat /bin/busybox >> /f; done",
        "echo aaaaaaaa > /f; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do \
         cat /f /f > /g; mv /g /f; done",
        &"(".repeat(5000),
        &format!("echo $#; {}true", "{ ".repeat(3000)),
        &format!("echo ${{#x}}; {}", "case x in x) ".repeat(26)),
        &format!("echo a | grep -E 'a{}'", "{1}".repeat(100_000)),
        &format!("echo \"${{x:-'}}\"; {}true", "{ ".repeat(3000)),
        &format!("[[ {} -n x ]]", "! ".repeat(3000)),
        &format!("[[ -n x {} ]]", "&& -n x ".repeat(20_000)),
        &"case x in x) ".repeat(100),
        "f() { ( ( ( ( f ) ) ) ) }; f",
        "f() { echo $(f); }; f",
    ] {
        let outcome = run(&mut root(), &format!("#!/bin/sh\n{script}\n"));
        assert!(!outcome.unrun.is_empty(), "{}", script.get(..40).unwrap_or(script));
    }
}

#[test]
fn what_costs_more_than_a_command_counts_as_more() {
    let long = |count: usize| "a".repeat(count);
    let deep = |count: usize| "/d".repeat(count);
    // Each of these took from seconds to minutes, or the whole stack, before it was counted.
    for (script, reason) in [
        (format!("a={}; b=${{a%%*b}}", long(20_000)), "it goes on without end"),
        (format!("a={}; b=${{a##*b*b}}", long(20_000)), "it goes on without end"),
        (format!("a={}; case $a in *b*b*b) ;; esac; b=${{a%*b*b*}}", long(50_000)), "it goes on without end"),
        (format!("a={}; while :; do b=$a; done", long(50_000)), "it goes on without end"),
        (format!("a={}; while :; do (:); done", long(500_000)), "it goes on without end"),
        (format!("a={}; while :; do echo $a | sed 's/a*a*b/x/g' > /f; done", long(2000)), "it goes on without end"),
        (format!("a={}; echo $a > /f; grep '\\(a*\\)*b' /f; while :; do grep -c 'a*a*a*b' /f; done", long(2000)), "it goes on without end"),
        (format!("while :; do mkdir -p {}; done", deep(1000)), "it goes on without end"),
        ("p=/d; while :; do p=$p/d; mkdir -p $p; done".to_owned(), "it goes on without end"),
        ("while :; do mkdir d; cd d; done".to_owned(), "it goes on without end"),
        (format!("mkdir -p {0}; while :; do [ -d {0} ]; done", deep(1500)), "it goes on without end"),
        (
            format!("mkdir d; ln -s {} one; ln -s {} two; while :; do [ -e two ]; done", "d/../".repeat(800), "one/".repeat(39)),
            "it goes on without end",
        ),
        ("for i in 1 2 3 4 5 6 7 8 9; do mkdir $i; touch $i/a $i/b $i/c; done; while :; do echo */* */* */* */*; done".to_owned(), "it goes on without end"),
        ("while :; do find /; done".to_owned(), "it goes on without end"),
        ("while :; do ls -a /usr /etc > /dev/null; chown -R 0 /; done".to_owned(), "it goes on without end"),
        ("seq 10000000000 > /f".to_owned(), "it counts without end"),
        ("printf '%999999999d'".to_owned(), "what it writes grows without end"),
        (format!("a={}; [[ $a =~ (a?){{255}}b ]]", long(500_000)), "it goes on without end"),
        (format!("a={}; echo $a | sed 's/.*/{}/'", long(20_000), "&".repeat(1000)), "what it writes grows without end"),
        (format!("a={}; echo $a | awk '{{print {}}}'", long(20_000), "$0 ".repeat(1000)), "what it writes grows without end"),
        (format!("printf '{}'", "%65536s".repeat(12_000)), "what it writes grows without end"),
        (format!("set -- {}; while :; do set -- \"$@\"; done", "a ".repeat(20_000)), "it goes on without end"),
        (format!("set -- {}; while shift; do :; done", "a ".repeat(200_000)), "it goes on without end"),
        ("i=; while :; do i=x$i; adduser -D u${#i}; done".to_owned(), "it goes on without end"),
        (format!("[ {} a ]", "! ".repeat(100_000)), "a condition that nests beyond all reason"),
        (format!("[ {} a {} ]", "\\( ".repeat(100_000), "\\) ".repeat(100_000)), "a condition that nests beyond all reason"),
        (format!("f() {{ cat {}; }}; touch /f; echo {} > /f; f > /g", "/f ".repeat(100_000), long(4000)), "what it writes grows without end"),
        ("cat <<E > /f; while :; do cat /f /f > /g; cat /g >> /f; done\nx\nE".to_owned(), "it goes on without end"),
    ] {
        // The twentieth part of what a script may take, for the test's own sake.
        let emulation = Emulation { most_steps: 10_000 };
        let outcome = run_by(emulation, &mut root(), &format!("#!/bin/sh\n{script}\n"), &[]);
        let reasons: Vec<&str> = outcome.unrun.iter().map(|unrun| unrun.reason.as_str()).collect();
        assert!(reasons.contains(&reason), "{}: {reasons:?}", script.get(..60).unwrap_or(&script));
    }
    // Nothing, however often, takes no time, and line numbers beyond any number match nothing.
    let outcome = run(&mut root(), "#!/bin/sh\necho a | grep -E 'a{0}{255}{255}{255}{255}{255}' > /out\n");
    assert!(outcome.unrun.is_empty(), "{outcome:?}");
    run(&mut root(), "#!/bin/sh\necho a | sed '1,+18446744073709551615d'\n");
    // What scripts do stays far below.
    let usual = format!(
        "p={}; echo ${{p%%*b}} ${{p##*/}} > /out; mkdir -p {}; [ a {} ]",
        long(1000),
        deep(20),
        "-a a ".repeat(200)
    );
    let outcome = run(&mut root(), &format!("#!/bin/sh\n{usual}\n"));
    assert!(outcome.unrun.is_empty(), "{outcome:?}");
}

/// The docs have a table of commands, and each with a package that needs it.
#[test]
fn the_docs_have_every_command_and_no_other() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/install-scripts.md");
    let text = fs_err::read_to_string(path).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| command |")).skip(2);
    let mut told = Vec::new();
    for row in rows.take_while(|row| row.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{row}");
        assert!(!cells[1].is_empty() && !cells[2].is_empty(), "{row}");
        told.extend(cells[0].split(", ").map(|name| name.trim_matches('`').to_owned()));
    }
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, super::table::emulated_commands());
}

mod properties {
    use proptest::prelude::*;

    use super::{root, run};

    proptest! {
        #[test]
        fn no_script_brings_the_shell_down(words in prop::collection::vec(
            prop::sample::select(vec![
                "if", "then", "fi", "case", "in", "esac", "a)", ";;", "for", "x", "do", "done", "while", "(", ")", "{", "}",
                "$(", "`", "${x", "}", "\"", "'", "\\", "|", "&&", "||", "!", ";", "\n", "<<E", "E\n", ">", "2>&1", "/out",
                "$x", "${x%/*}", "$((1+1))", "*", "[", "]", "test", "-e", "echo", "cat", "mkdir", "-p", "chmod", "u+x,",
                "x=1", "adduser", "-S", "f()", "return", "exit", "set", "-e", "cd", "..", "rm", "-rf", "/", "mv", "cp",
                "-a", "etc", "é", "ln", "-s", "install", "-d", "chown", "root:", "break", "continue", "9", "shift", "printf", "%s%",
                "sed", "s/a/b/", "-i", "/etc/passwd", "grep", "[a-", "awk", "{print", "$1}", "find", "-exec", ";", "seq", "[[",
                "]]", "==", "su", "-c", "&>", "read", ".", "expr", ":", "cut", "-f1-", "sort", "-V", "head", "-n1", "passwd", "-u",
            ]),
            0..30,
        )) {
            run(&mut root(), &format!("#!/bin/sh\n{}\n", words.join(" ")));
        }

        #[test]
        fn no_text_brings_the_shell_down(text in "\\PC{0,200}") {
            run(&mut root(), &format!("#!/bin/sh\n{text}\n"));
        }
    }
}
