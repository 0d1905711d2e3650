//! The shell: expansions, control flow, redirections, and what happens to what is not understood.

use std::collections::BTreeMap;

use super::super::database::write_file;
use super::super::dump::dump;
use super::super::install::generated;
use super::super::{Emulation, Inode, InodeKind, PackageId, RunScript, ScriptCall, ScriptOutcome, Tree};
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
        write_file(tree, path, b"\x7fELF".to_vec(), 0).unwrap();
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
        "usr/sbin/addgroup",
        "usr/sbin/adduser",
        "usr/sbin/delgroup",
        "usr/sbin/deluser",
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

fn run_with(tree: &mut Tree, script: &str, arguments: &[&str]) -> ScriptOutcome {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let call = ScriptCall {
        package: PackageId(0),
        package_name: "sample-1-r0",
        script: Script::PostInstall,
        text: script.as_bytes(),
        arguments: &arguments,
        timestamp: TIMESTAMP,
    };
    Emulation.run(tree, &call).unwrap()
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
        ("cd etc; echo pa* /etc/gr* '*' no*such > /out; pwd >> /out", "passwd /etc/group * no*such\n/etc\n"),
        ("echo $(basename /a/b.c .c) $(dirname /a/b) > out", "b /a\n"),
        ("cat > out <<END\nroot is $1\nEND", "root is one\n"),
        ("cat > out <<'END'\nroot is $1\nEND", "root is $1\n"),
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
    let script = "#!/bin/sh\nmkdir /one\nsed -i s/a/b/ /etc/passwd\nkernel=$(uname -r)\nmkdir /boot-$kernel\n\
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
            (3, "sed -i s/a/b/ /etc/passwd", "the command `sed`"),
            (4, "kernel=$(uname -r)", "the command `uname`"),
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

#[test]
fn scripts_that_cannot_be_read_say_so() {
    let with_python = {
        let mut tree = root();
        write_file(&mut tree, "usr/bin/python3", Vec::new(), 0).unwrap();
        tree
    };
    let cases: [(&[u8], u8, &str); 6] = [
        (b"#!/usr/bin/lua\nx()\n", 127, "the image has no `/usr/bin/lua` at this point"),
        (b"#!/usr/bin/python3\nx()\n", 0, "it is run by `/usr/bin/python3`"),
        (b"\x7fELF\xff\xfe", 0, "it is a program, not a script"),
        (b"echo x\n", 0, "it names no interpreter in its first line"),
        (b"#!/bin/sh\nif true; then\n", 0, "it is not shell as it is understood here"),
        (b"", 0, "it names no interpreter in its first line"),
    ];
    for (text, status, reason) in cases {
        let call = ScriptCall {
            package: PackageId(0),
            package_name: "x-1",
            script: Script::Trigger,
            text,
            arguments: &[],
            timestamp: 0,
        };
        let outcome = Emulation.run(&mut with_python.clone(), &call).unwrap();
        assert_eq!(outcome.status, status, "{reason}");
        assert!(outcome.unrun.len() == 1 && outcome.unrun[0].reason.starts_with(reason), "{reason}: {outcome:?}");
    }
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
        ("etc/ca-certificates.conf", "# a comment\nmozilla/A_Root.crt\n!mozilla/Off.crt\nmozilla/B_(x).crt\n"),
        ("usr/share/ca-certificates/mozilla/A_Root.crt", "A\n"),
        ("usr/share/ca-certificates/mozilla/Off.crt", "OFF\n"),
        ("usr/share/ca-certificates/mozilla/B_(x).crt", "B"),
        ("usr/local/share/ca-certificates/mine.crt", "MINE\n"),
        ("etc/ssl/certs/ca-certificates.crt", "old\n"),
        ("usr/sbin/update-ca-certificates", "\x7fELF"),
    ] {
        write_file(&mut tree, path, text.as_bytes().to_vec(), 0).unwrap();
    }
    let id = tree.lookup("usr/sbin/update-ca-certificates").unwrap();
    tree.inode_mut(id).metadata.mode = 0o755;
    let outcome = run(&mut tree, "#!/bin/sh\nexec /usr/sbin/update-ca-certificates --fresh\n");
    assert_eq!(outcome, ScriptOutcome::default());
    assert_eq!(read(&tree, "etc/ssl/certs/ca-certificates.crt"), "A\nB\nMINE\n");
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
            ("etc/ssl/certs/ca-cert-A_Root.pem", "/usr/share/ca-certificates/mozilla/A_Root.crt"),
            ("etc/ssl/certs/ca-cert-B_x.pem", "/usr/share/ca-certificates/mozilla/B_(x).crt"),
            ("etc/ssl/certs/ca-cert-mine.pem", "/usr/local/share/ca-certificates/mine.crt"),
        ]
        .map(|(path, target)| (path.to_owned(), target.to_owned()))
    );
}

#[test]
fn scripts_that_grow_or_nest_without_end_are_left_out() {
    for script in [
        "x=aaaaaaaa; while :; do x=$x$x; done",
        "while :; do cat /f /f > /g; mv /g /f; cat /bin/busybox >> /f; done",
        "echo aaaaaaaa > /f; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do \
         cat /f /f > /g; mv /g /f; done",
        &"(".repeat(5000),
        &"case x in x) ".repeat(100),
        "f() { ( ( ( ( f ) ) ) ) }; f",
        "f() { echo $(f); }; f",
    ] {
        let outcome = run(&mut root(), &format!("#!/bin/sh\n{script}\n"));
        assert!(!outcome.unrun.is_empty(), "{}", script.get(..40).unwrap_or(script));
    }
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
