//! Packages and indexes made here, as others read them: the real apk, and this program itself.

use std::process::Command;

use apkbuild::apk::{EntryKind, Keyring, SignedIndex};
use apkbuild::fetch::{Script, VerifiedApk};

use crate::support::{Program, Repository, shared, shared_as_root, signing_key};

#[test]
fn a_package_is_read_as_it_was_written() {
    let long = format!("usr/share/{}/{}", "d".repeat(90), "f".repeat(120));
    let repository = Repository::new()
        .package("hello", "1.0-r0")
        .depends("so:libc.musl-x86_64.so.1")
        .program("usr/bin/hello", "#!/bin/sh\n")
        .mode("usr/bin/hello", 0o4755)
        .xattr("usr/bin/hello", "user.note", b"one\0two")
        .hard_link("usr/bin/hello2", "usr/bin/hello")
        .symlink("usr/bin/hi", "hello")
        .directory("var/lib/hello")
        .owner("var/lib/hello", "hello", "users")
        .file(&long, "deep")
        .script("post-install", "#!/bin/sh\nexit 0\n")
        .build();
    let (identity, size) = repository.identity("hello", "1.0-r0");
    let bytes = fs_err::read(repository.package_path("hello", "1.0-r0")).unwrap();
    let package = VerifiedApk::verify(&bytes, Some(identity)).unwrap();
    assert_eq!(package.compressed_size(), size);
    assert_eq!(package.info().depends, ["so:libc.musl-x86_64.so.1"]);
    assert_eq!(package.scripts()[&Script::PostInstall], b"#!/bin/sh\nexit 0\n");
    let entry = |path: &str| package.entries().iter().find(|entry| entry.path == path).unwrap();
    let contents = |path: &str| match &entry(path).kind {
        EntryKind::File { content, .. } => package.data()[content.clone()].to_vec(),
        other => panic!("{path} is {other:?}"),
    };
    assert_eq!(contents("usr/bin/hello"), b"#!/bin/sh\n");
    assert_eq!(contents(&long), b"deep");
    assert_eq!(entry("usr/bin/hello").mode, 0o4755);
    assert_eq!(entry("usr/bin/hello").xattrs["user.note"], b"one\0two");
    assert_eq!(entry("usr/bin/hello2").kind, EntryKind::HardLink { target: "usr/bin/hello".to_owned() });
    assert_eq!(entry("usr/bin/hi").kind, EntryKind::Symlink { target: "hello".to_owned() });
    assert_eq!(entry("usr/bin").kind, EntryKind::Directory, "folders that nobody listed are there too");
    let folder = entry("var/lib/hello");
    assert_eq!((folder.user.as_str(), folder.group.as_str(), folder.uid), ("hello", "users", 4321));
}

#[test]
fn a_change_anywhere_in_a_package_is_noticed() {
    let repository = Repository::new().package("hello", "1.0-r0").file("usr/share/x", "contents").build();
    let (identity, _) = repository.identity("hello", "1.0-r0");
    let bytes = fs_err::read(repository.package_path("hello", "1.0-r0")).unwrap();
    let signature = bytes.windows(3).skip(1).position(|window| window == [0x1f, 0x8b, 8]).unwrap() + 1;
    for position in signature..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0x10;
        assert!(VerifiedApk::verify(&changed, Some(identity)).is_err(), "byte {position} of {}", bytes.len());
    }
    for length in 0..bytes.len() {
        assert!(VerifiedApk::verify(&bytes[..length], Some(identity)).is_err(), "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(VerifiedApk::verify(&longer, Some(identity)).is_err());
}

#[test]
fn alpines_own_packages_and_indexes_are_read() {
    let Some(shared) = shared("alpines_own_packages_and_indexes_are_read") else { return };
    let keyring = Keyring::alpine();
    for (index, packages) in [("v3.16/main/x86_64", 4929), ("v3.17/main/aarch64", 5004), ("v3.22/main/x86_64", 5646)] {
        let bytes = fs_err::read(shared.join("alpine").join(index).join("APKINDEX.tar.gz")).unwrap();
        let index = SignedIndex::read(&bytes).unwrap();
        assert!(index.verify(&keyring).unwrap().starts_with("alpine-devel@"));
        let text = String::from_utf8(index.open().unwrap().text).unwrap();
        assert_eq!(text.matches("\nP:").count(), packages);
    }
    let folder = shared.join("alpine/apk");
    let bytes = fs_err::read(folder.join("alpine-baselayout-3.2.0-r23.aarch64.apk")).unwrap();
    let head = apkbuild::apk::Head::read(&mut bytes.as_slice()).unwrap();
    assert!(keyring.verify(&head.control, &head.signatures).unwrap().ends_with("616ae350.rsa.pub"));
    let package = VerifiedApk::verify(&bytes, None).unwrap();
    assert_eq!(package.info().name, "alpine-baselayout");
    assert!(package.scripts().contains_key(&Script::PreInstall));
    assert!(package.entries().iter().any(|entry| entry.path == "tmp" && entry.mode == 0o1777));
    let bytes = fs_err::read(folder.join("hello-wolfi-2.12.1-r0.apk")).unwrap();
    let head = apkbuild::apk::Head::read(&mut bytes.as_slice()).unwrap();
    let error = keyring.verify(&head.control, &head.signatures).unwrap_err();
    assert!(error.to_string().starts_with("it is signed by melange.rsa.pub, and the trusted keys are alpine-devel@"));
    VerifiedApk::verify(&bytes, None).unwrap();
    let mut today = 0;
    for entry in fs_err::read_dir(shared.join("alpine/v3.23/x86_64")).unwrap() {
        let bytes = fs_err::read(entry.unwrap().path()).unwrap();
        let head = apkbuild::apk::Head::read(&mut bytes.as_slice()).unwrap();
        assert!(keyring.verify(&head.control, &head.signatures).unwrap().ends_with("6165ee59.rsa.pub"));
        VerifiedApk::verify(&bytes, Some(head.identity())).unwrap();
        today += 1;
    }
    assert_eq!(today, 18);
}

#[test]
fn the_real_apk_installs_what_the_verbs_make() {
    let Some(shared) = shared_as_root("the_real_apk_installs_what_the_verbs_make") else { return };
    let program = Program::new();
    for (path, contents) in [
        (
            "hello/PKGINFO",
            "pkgname = hello\npkgver = 1.0-r0\npkgdesc = says hello\nlicense = MIT\ndepend = cmd:world\n",
        ),
        ("hello/root/usr/bin/hello", "#!/bin/sh\necho hello\n"),
        ("hello/root/var/lib/hello/.keep", ""),
        ("hello/owners", "# who owns what\nvar/lib/hello nobody:nobody 0750\n"),
        ("hello/.post-install", "#!/bin/sh\nexit 0\n"),
        ("world/root/usr/bin/world", "world"),
    ] {
        program.write(path, contents);
    }
    let run = |words: &str| program.run(words.split_whitespace()).success().trim_end().to_owned();
    assert_eq!(run("keygen -o keys --name me --bits 2048"), "keys/me.rsa\nkeys/me.rsa.pub");
    let output = "--key keys/me.rsa -o repository/x86_64";
    assert_eq!(run(&format!("mkpkg hello --arch x86_64 {output}")), "repository/x86_64/hello-1.0-r0.apk");
    let first = fs_err::read(program.folder().join("repository/x86_64/hello-1.0-r0.apk")).unwrap();
    run(&format!("mkpkg hello --arch x86_64 {output}"));
    let second = fs_err::read(program.folder().join("repository/x86_64/hello-1.0-r0.apk")).unwrap();
    assert_eq!(first, second, "the same folder gives the same bytes");
    run(&format!("mkpkg world --name world --version 2-r1 --arch x86_64 --provide cmd:world=2 {output}"));
    run("mkndx repository/x86_64 --key keys/me.rsa --description mine");

    fs_err::create_dir(program.folder().join("trusted")).unwrap();
    fs_err::rename(program.folder().join("keys/me.rsa.pub"), program.folder().join("trusted/me.rsa.pub")).unwrap();
    for (apk, root, folder) in [("apk", "root", "APK_REFERENCE"), ("apk3", "root3", "APK3_REFERENCE")] {
        let installed = Command::new(shared.join("tools").join(apk))
            .args(["install", "repository", "trusted", root, "--no-scripts", "hello"])
            .current_dir(program.folder())
            .env(folder, program.folder().join(format!("{apk}-reference")))
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&installed.stdout).into_owned() + &String::from_utf8_lossy(&installed.stderr);
        assert!(installed.status.success(), "{apk}: {said}");
        assert!(
            said.contains("Installing world (2-r1)") && said.contains("Installing hello (1.0-r0)"),
            "{apk}: {said}"
        );
        assert!(!said.contains("WARNING") && !said.contains("ERROR"), "{apk}: {said}");
        let text = fs_err::read_to_string(program.folder().join(root).join("usr/bin/hello")).unwrap();
        assert_eq!(text, "#!/bin/sh\necho hello\n");
    }
}

#[test]
fn what_cannot_be_packed_is_refused() {
    let program = Program::new();
    fs_err::write(program.folder().join("me.rsa"), signing_key().to_pem().unwrap()).unwrap();
    program.write("nameless/root/x", "");
    program.write("unnamed/PKGINFO", "pkgname = ../x\npkgver = 1-r0\n");
    program.write("unversioned/PKGINFO", "pkgname = x\npkgver = one\n");
    program.write("misowned/PKGINFO", "pkgname = x\npkgver = 1-r0\n");
    program.write("misowned/owners", "etc/missing root:root\n");
    program.write("misnamed/other-1-r0.apk", "");
    for (words, code, message) in [
        ("mkpkg nameless --key me.rsa", 2, "has no `pkgname`"),
        ("mkpkg unnamed --key me.rsa", 2, "`../x` is no name for a package"),
        ("mkpkg unversioned --key me.rsa", 2, "`one` is no version"),
        ("mkpkg misowned --key me.rsa", 2, "root/ has no such path"),
        ("mkpkg misowned --key missing.rsa", 1, "missing.rsa"),
        ("mkpkg misowned --key misowned/PKGINFO", 1, "no unencrypted RSA private key"),
        ("mkndx misnamed --key me.rsa", 1, "other-1-r0.apk: it has no control member"),
        ("mkndx nowhere --key me.rsa", 1, "there is no folder `nowhere`"),
        ("mkpkg nowhere --key me.rsa --name x --version 1-r0", 1, "there is no folder `nowhere`"),
        ("keygen --bits 1024", 2, "2048, 3072, 4096 or 8192"),
        ("keygen --name a/b", 2, "`a/b` is no name for a key"),
        ("keygen --name me --bits 2048", 1, "me.rsa exists, and a key is never overwritten"),
    ] {
        let finished = program.run(words.split_whitespace());
        assert!(finished.failure(code).contains(message), "{words}: {}", finished.stderr);
    }
    let left: Vec<String> = fs_err::read_dir(program.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".apk"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
