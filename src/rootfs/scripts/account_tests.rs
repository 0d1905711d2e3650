//! Accounts: what busybox 1.36.1 of Alpine 3.20 was seen to write for the same calls, and the scripts of servers.

use super::super::database::write_file;
use super::super::run_script::ScriptOutcome;
use super::tests::{TIMESTAMP, read, root, run};

/// Lines that `commands` add to or change in the account files, each with the first letter of its file, `$?` of each
/// command last.
fn changes(commands: &[&str]) -> (Vec<String>, String) {
    let mut tree = root();
    let files = [("p", "etc/passwd"), ("g", "etc/group"), ("s", "etc/shadow")];
    let before: Vec<String> = files.iter().map(|(_, path)| read(&tree, path)).collect();
    let script: String = commands
        .iter()
        .fold(String::new(), |script, command| script + command + " 2>/dev/null; echo -n $? >> /status\n");
    let outcome = run(&mut tree, &format!("#!/bin/sh\n{script}"));
    assert!(outcome.unrun.is_empty(), "{outcome:?}");
    let mut changes = Vec::new();
    for ((letter, path), before) in files.iter().zip(before) {
        let after = read(&tree, path);
        changes.extend(
            after.lines().filter(|line| !before.lines().any(|old| old == *line)).map(|line| format!("{letter} {line}")),
        );
    }
    (changes, read(&tree, "status"))
}

#[test]
fn groups_get_the_numbers_that_busybox_gives() {
    let (changes, status) = changes(&[
        "addgroup foo",
        "addgroup -S bar",
        "addgroup -S bar",
        "addgroup -g 1001 baz",
        "addgroup -g 1001 qux",
        "addgroup missing foo",
        "addgroup klogd foo",
        "addgroup klogd foo",
        "addgroup klogd nope",
        "addgroup 'bad name'",
        "addgroup 9ab",
        "addgroup --system --gid 450 long",
        "addgroup -Sg451 joined",
        "addgroup",
    ]);
    assert_eq!(
        changes,
        ["g foo:x:1000:klogd", "g bar:x:102:", "g baz:x:1001:", "g 9ab:x:1002:", "g long:x:450:", "g joined:x:451:"]
    );
    assert_eq!(status, "00101100110001");
}

#[test]
fn accounts_get_what_busybox_gives() {
    let day = TIMESTAMP / 86_400;
    let (changes, status) = changes(&[
        "adduser -D foo",
        "adduser -S foo",
        "adduser -S bar",
        "adduser -D -H -u 500 baz",
        "adduser -S -D -H -u 500 taken",
        "adduser -D -G nope f1",
        "adduser -S -D -H -G www-data -h /var/www -s /bin/ash -g 'web user' www",
        "adduser www audio",
        "adduser www nope",
        "adduser nobody2 audio",
        "adduser -SDH -hx/y -sz sys1",
        "adduser -D -g '' -h /nowhere/x last",
    ]);
    let mut expected: Vec<String> = [
        "p foo:x:1000:1000:Linux User,,,:/home/foo:/bin/sh",
        "p bar:x:101:65533:Linux User,,,:/home/bar:/sbin/nologin",
        "p baz:x:500:500:Linux User,,,:/home/baz:/bin/sh",
        "p www:x:102:82:web user:/var/www:/bin/ash",
        "p sys1:x:103:65533:Linux User,,,:x/y:z",
        "p last:x:1001:1001::/nowhere/x:/bin/sh",
        "g audio:x:18:www",
        "g www-data:x:82:www",
        "g nogroup:x:65533:bar,sys1",
        "g foo:x:1000:",
        "g baz:x:500:",
        "g last:x:1001:",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.extend(["foo", "bar", "baz", "www", "sys1", "last"].map(|name| format!("s {name}:!:{day}:0:99999:7:::")));
    assert_eq!(changes, expected);
    assert_eq!(status, "010011001100");
}

#[test]
fn homes_are_made_unless_told_otherwise() {
    let mut tree = root();
    run(&mut tree, "#!/bin/sh\nadduser -D plain\nadduser -S -h /var/lib/sys sys\nadduser -S -D -H -h /none none\n");
    let of = |path: &str| tree.get(path).map(|inode| (inode.metadata.mode, inode.metadata.uid, inode.metadata.gid));
    assert_eq!(of("home/plain"), Some((0o2755, 1000, 1000)));
    assert_eq!(of("var/lib/sys"), Some((0o2755, 101, 65_533)));
    assert_eq!(of("none"), None);
}

#[test]
fn missing_files_are_not_made() {
    for (missing, script, status, left) in [
        ("etc/group", "addgroup foo", 1, "etc/passwd"),
        ("etc/group", "adduser -S -D foo", 1, "etc/passwd"),
        ("etc/passwd", "adduser -D foo", 1, "etc/group"),
    ] {
        let mut tree = root();
        tree.remove(missing);
        let before = read(&tree, left);
        assert_eq!(run(&mut tree, &format!("#!/bin/sh\n{script}\n")).status, status, "{script}");
        assert!(tree.get(missing).is_none() && read(&tree, left) == before, "{script}");
    }
    let mut tree = root();
    tree.remove("etc/shadow");
    assert_eq!(run(&mut tree, "#!/bin/sh\nadduser -D foo\n").status, 0);
    assert!(tree.get("etc/shadow").is_none() && read(&tree, "etc/passwd").contains("foo:x:1000"));
}

#[test]
fn the_comment_of_accounts_is_that_of_their_busybox() {
    for (program, comment) in [("ELF Linux User,,,", "Linux User,,,"), ("ELF of 1.37", "")] {
        let mut tree = root();
        write_file(&mut tree, "bin/busybox", program.as_bytes().to_vec(), 0).unwrap();
        let id = tree.lookup("bin/busybox").unwrap();
        tree.inode_mut(id).metadata.mode = 0o755;
        run(&mut tree, "#!/bin/sh\nadduser -S -D -H sample\n");
        let line = format!("sample:x:101:65533:{comment}:/home/sample:/sbin/nologin\n");
        assert!(read(&tree, "etc/passwd").ends_with(&line), "{}", read(&tree, "etc/passwd"));
    }
}

#[test]
fn servers_get_their_accounts_and_folders() {
    for (server, script, passwd, group) in [
        (
            "nginx",
            "addgroup -S -g 82 www-data 2>/dev/null\naddgroup -S nginx 2>/dev/null\n\
             adduser -S -D -H -h /var/lib/nginx -s /sbin/nologin -G nginx -g nginx nginx 2>/dev/null\n\
             addgroup nginx www-data 2>/dev/null\nexit 0\n",
            "nginx:x:101:102:nginx:/var/lib/nginx:/sbin/nologin\n",
            "nginx:x:102:nginx\n",
        ),
        (
            "redis",
            "addgroup -S redis 2>/dev/null\n\
             adduser -S -H -h /var/lib/redis -s /bin/false -D -G redis -g redis redis 2>/dev/null\nexit 0\n",
            "redis:x:101:102:redis:/var/lib/redis:/bin/false\n",
            "redis:x:102:redis\n",
        ),
        (
            "postgresql",
            "datadir=/var/lib/postgresql\naddgroup -g 70 -S postgres 2>/dev/null\n\
             adduser -u 70 -S -D -H -h \"$datadir\" -s /bin/sh -g 'Postgres user' -G postgres postgres 2>/dev/null\n\
             for dir in $datadir /run/postgresql /var/log/postgresql; do\n\tmkdir -p \"$dir\"\n\
             \tchown postgres:postgres \"$dir\"\n\tchmod 0750 \"$dir\"\ndone\nexit 0\n",
            "postgres:x:70:70:Postgres user:/var/lib/postgresql:/bin/sh\n",
            "postgres:x:70:postgres\n",
        ),
        (
            "dbus",
            "group=messagebus\nif ! getent group $group >/dev/null; then\n\taddgroup -S $group\nfi\n\
             adduser -S -D -H -h /dev/null -s /sbin/nologin -G $group -g $group $group 2>/dev/null || true\n",
            "messagebus:x:101:102:messagebus:/dev/null:/sbin/nologin\n",
            "messagebus:x:102:messagebus\n",
        ),
        (
            "openssh",
            "addgroup -S -g 22 sshd 2>/dev/null\n\
             adduser -S -D -H -u 22 -h /dev/null -s /sbin/nologin -G sshd -g sshd sshd 2>/dev/null\n\
             [ -d /etc/ssh ] || mkdir -p -m 755 /etc/ssh\nexit 0\n",
            "sshd:x:22:22:sshd:/dev/null:/sbin/nologin\n",
            "sshd:x:22:sshd\n",
        ),
    ] {
        let mut tree = root();
        assert_eq!(run(&mut tree, &format!("#!/bin/sh\n\n{script}")), ScriptOutcome::default(), "{server}");
        assert!(read(&tree, "etc/passwd").ends_with(passwd), "{server}: {}", read(&tree, "etc/passwd"));
        assert!(read(&tree, "etc/group").ends_with(group), "{server}: {}", read(&tree, "etc/group"));
        if server == "nginx" {
            assert!(read(&tree, "etc/group").contains("www-data:x:82:nginx\n"));
        }
        if server == "postgresql" {
            let metadata = &tree.get("var/log/postgresql").unwrap().metadata;
            assert_eq!((metadata.mode, metadata.uid, metadata.gid), (0o750, 70, 70));
        }
    }
}
