//! Installing small packages: what the tree and the database are then, and which packages are refused.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use apkbuild::fetch::{Script, VerifiedApk};
use apkbuild::rootfs::dump::dump;
use apkbuild::rootfs::{
    DatabaseOptions, Emulation, Error, InstallOptions, Installation, LostAccount, Origin, PackageId, Rootfs,
    newest_build_date, write_database,
};

use crate::support::{BuiltRepository, Repository};

/// The packages of `repository`, `NAME-VERSION` each, in this order.
fn verified(repository: &BuiltRepository, packages: &[&str]) -> Vec<VerifiedApk> {
    packages
        .iter()
        .map(|package| {
            let path = repository.path().join("x86_64").join(format!("{package}.apk"));
            VerifiedApk::verify(&fs_err::read(path).unwrap(), None).unwrap()
        })
        .collect()
}

fn install(packages: &[VerifiedApk]) -> Result<Installation, Error> {
    let mut emulation = Emulation::default();
    let timestamp = newest_build_date(packages);
    Rootfs::install(packages, InstallOptions { scripts: Some(&mut emulation), timestamp })
}

/// A dump without the folders that every root has.
fn dumped(rootfs: &Rootfs) -> String {
    let usual = ["dev", "etc", "etc/apk", "proc", "tmp", "var", "var/cache", "var/cache/apk", "var/cache/misc"];
    let is_usual = |line: &&str| line.rsplit(' ').next().is_some_and(|path| usual.contains(&path));
    dump(&rootfs.tree).split_inclusive('\n').filter(|line| !is_usual(&line.trim_end())).collect()
}

#[test]
fn packages_become_a_tree_with_their_owners() {
    let repository = Repository::new()
        .package("one", "1-r0")
        .file("usr/share/one", "one")
        .hard_link("usr/share/two", "usr/share/one")
        .symlink("usr/share/link", "one")
        .package("accounts", "1-r0")
        .file("etc/passwd", "root:x:0:0::/:\nweb:x:80:81::/:\n")
        .file("etc/group", "root:x:0:\nweb:x:81:\n")
        .package("web", "1-r0")
        .directory("usr/share/web")
        .owner("usr/share/web", "web", "web")
        .mode("usr/share/web", 0o2750)
        .file("usr/share/web/other", "x")
        .owner("usr/share/web/other", "unknown", "web")
        .build();
    let packages = verified(&repository, &["one-1-r0", "accounts-1-r0", "web-1-r0"]);
    let Installation { rootfs, notes } = install(&packages).unwrap();
    assert!(notes.is_empty());
    assert_eq!(
        dumped(&rootfs),
        "f0644 0:0 20 4f2d805f8eb98fae0322ca0440564b4775fdaa54 etc/group\n\
         f0644 0:0 31 d9480a85887a73f5ec8e7f97b31ab790282b73ae etc/passwd\n\
         d0755 0:0 - - usr\n\
         d0755 0:0 - - usr/share\n\
         l0777 0:0 - - usr/share/link -> one\n\
         f0644 0:0 3 fe05bcdcdc4928012781a5f1a2a77cbb5398e106 usr/share/one\n\
         f0644 0:0 3 fe05bcdcdc4928012781a5f1a2a77cbb5398e106 usr/share/two = usr/share/one\n\
         d2750 80:81 - - usr/share/web\n\
         f0644 4321:81 1 11f6ad8ec52a2984abaafd7c3b516503785c2072 usr/share/web/other\n"
    );
    let origin = |path: &str| rootfs.tree.get(path).unwrap().metadata.origin;
    assert_eq!(origin("usr/share/one"), Origin::Package(PackageId(0)));
    assert_eq!(origin("usr/share"), Origin::Package(PackageId(0)), "of `one` and `web` the first by name owns it");
    assert_eq!(rootfs.packages[2].paths, ["usr", "usr/share", "usr/share/web", "usr/share/web/other"]);
}

#[test]
fn a_file_of_two_packages_is_refused_with_both_names() {
    let repository = Repository::new()
        .package("lib-one", "1-r0")
        .file("usr/lib/a", "1")
        .package("two", "2.1-r3")
        .file("usr/lib/a", "2")
        .build();
    let error = install(&verified(&repository, &["lib-one-1-r0", "two-2.1-r3"])).unwrap_err();
    assert_eq!(error.to_string(), "two-2.1-r3 brings `usr/lib/a`, which lib-one-1-r0 already brought");
    assert_eq!(
        error.help().unwrap(),
        "ask for only one of two and lib-one, or for versions of them that `replaces` settles"
    );
}

#[test]
fn a_planted_link_leads_no_file_past_its_owner() {
    let repository = Repository::new()
        .package("victim", "1-r0")
        .file("usr/bin/tool", "good")
        .package("planter", "1-r0")
        .symlink("opt", "../../usr/bin")
        .package("thief", "1-r0")
        .file("opt/tool", "bad")
        .package("guest", "1-r0")
        .file("opt/new", "guest")
        .build();
    let error =
        install(&verified(&repository, &["victim-1-r0", "planter-1-r0", "thief-1-r0"])).unwrap_err().to_string();
    assert_eq!(error, "thief-1-r0 brings `opt/tool`, which victim-1-r0 already brought");
    let installation = install(&verified(&repository, &["victim-1-r0", "planter-1-r0", "guest-1-r0"])).unwrap();
    let tree = &installation.rootfs.tree;
    assert_eq!(tree.file("usr/bin/new").map(|bytes| bytes.to_vec()), Some(b"guest".to_vec()), "inside the root");
}

#[test]
fn a_file_and_a_folder_cannot_have_one_path() {
    let repository = Repository::new()
        .package("file", "1-r0")
        .file("opt/x", "1")
        .package("folder", "1-r0")
        .file("opt/x/y", "2")
        .build();
    let packages = verified(&repository, &["file-1-r0", "folder-1-r0"]);
    let message = |packages: &[VerifiedApk]| {
        let error = install(packages).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    assert_eq!(message(&packages), "folder-1-r0 cannot bring `opt/x`: `opt/x`: `opt/x` is not a folder");
    let turned: Vec<VerifiedApk> = packages.into_iter().rev().collect();
    assert_eq!(message(&turned), "file-1-r0 cannot bring `opt/x`: `opt/x` is a folder that is not empty");
}

#[test]
fn the_database_says_what_apk_writes() {
    let repository = Repository::new()
        .package("odd", "1-r0")
        .with(|package| {
            package.info.description = " two  words  ".to_owned();
            package.info.license = String::new();
            package.info.origin = String::new();
        })
        .depends("a~=1.2 b=>1 c>~3 !d<=4 e")
        .provides("f=1 so:g.so.1=1")
        .replaces("h~=5 h<~6")
        .file("usr/odd", "x")
        .build();
    let mut rootfs = install(&verified(&repository, &["odd-1-r0"])).unwrap().rootfs;
    rootfs.packages[0].arch = "noarch".to_owned();
    rootfs.packages[0].compressed_size = 7;
    write_database(&mut rootfs, &DatabaseOptions::default()).unwrap();
    let text = String::from_utf8(rootfs.tree.file("lib/apk/db/installed").unwrap().to_vec()).unwrap();
    let (_, text) = text.split_once("P:odd\n").unwrap();
    assert_eq!(
        text,
        "V:1-r0\nA:noarch\nS:7\nI:8192\nT: two  words  \nU:\nL:\nt:1700000000\nD:a~1.2 b>=1 c>~3 !d<=4 e\n\
         p:f=1 so:g.so.1=1\nr:h~5 h<~6\nF:usr\nR:odd\nZ:Q1EfatjsUqKYSrqv18O1FlA3hcIHI=\n\n"
    );
}

/// A package as only a broken builder writes one: these entries and no others, in this order.
fn broken(entries: &[(&str, tar::EntryType, &str)]) -> VerifiedApk {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let mut data = tar::Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(text.len() as u64);
        data.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let data = gzip(&data.into_inner().unwrap());
    let digest = apkbuild::digest::Sha256Digest::of(&data);
    let info = format!("pkgname = broken\npkgver = 1-r0\narch = x86_64\ndatahash = {digest}\n");
    let mut header = tar::Header::new_ustar();
    header.set_size(info.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let mut control = tar::Builder::new(Vec::new());
    control.append_data(&mut header, ".PKGINFO", info.as_bytes()).unwrap();
    let control = control.get_ref().clone();
    VerifiedApk::verify(&[gzip(&control), data].concat(), None).unwrap()
}

#[test]
fn packages_that_are_built_wrong_are_refused() {
    use tar::EntryType::Regular;
    let error = install(&[broken(&[("a/b", Regular, "x")])]).unwrap_err();
    assert_eq!(error.to_string(), "broken-1-r0 brings `a/b` without listing its folder `a`");
    assert!(error.help().unwrap().ends_with("report it to whoever makes broken"));
}

/// Its script ends well without the account, which nobody would notice.
#[test]
fn an_account_that_cannot_be_made_is_told() {
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/busybox", "x")
        .symlink("bin/sh", "busybox")
        .symlink("bin/adduser", "busybox")
        .symlink("bin/addgroup", "busybox")
        .package("store", "1-r0")
        .file("etc/store.conf", "x")
        .owner("etc/store.conf", "root", "store")
        .directory("var/lib/store")
        .owner("var/lib/store", "store", "store")
        .script(
            "pre-install",
            "#!/bin/sh\naddgroup -S store 2>/dev/null\nadduser -S -D -H -G store store 2>/dev/null\nexit 0\n",
        )
        .package("accounts", "1-r0")
        .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        .file("etc/group", "root:x:0:\n")
        .build();
    for (order, expected) in [
        (&["shell-1-r0", "store-1-r0"][..], Some(None)),
        (&["shell-1-r0", "store-1-r0", "accounts-1-r0"], Some(Some("accounts".to_owned()))),
        (&["accounts-1-r0", "shell-1-r0", "store-1-r0"], None),
    ] {
        let Installation { rootfs, notes } = install(&verified(&repository, order)).unwrap();
        let lost: Vec<_> = notes.into_iter().map(|note| (note.package, note.script, note.lost_account)).collect();
        let paths = ["etc/store.conf (root:store)", "var/lib/store (store:store)"].map(str::to_owned).to_vec();
        let expected = expected.map(|brought_later_by| {
            ("store-1-r0".to_owned(), Script::PreInstall, Some(LostAccount { paths, brought_later_by }))
        });
        assert_eq!(lost, expected.clone().into_iter().collect::<Vec<_>>(), "{order:?}");
        let owner = &rootfs.tree.get("var/lib/store").unwrap().metadata;
        assert_eq!((owner.uid, owner.gid), if expected.is_some() { (4321, 4321) } else { (100, 100) }, "{order:?}");
    }
}

/// An image of which nobody knows the commands is of no use.
#[test]
fn a_busybox_whose_applets_nobody_knows_ends_the_build() {
    let repository = Repository::new()
        .package("busybox", "1.30.1-r5")
        .program("bin/busybox", "x")
        .symlink("bin/sh", "busybox")
        .script("post-install", "#!/bin/sh\n[ -e /x ] || /bin/busybox --install -s\nexit 0\n")
        .build();
    let error = install(&verified(&repository, &["busybox-1.30.1-r5"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "busybox-1.30.1-r5: the applets of `/bin/busybox` cannot be read from it: it is no ELF file"
    );
    assert_eq!(error.help().unwrap(), "use `scripts = \"run\"` under [alpine], which runs it");
}

#[test]
fn scripts_that_are_not_understood_are_named() {
    let repository = Repository::new()
        .package("shell", "1-r0")
        .program("bin/busybox", "x")
        .symlink("bin/sh", "busybox")
        .symlink("bin/mkdir", "busybox")
        .program("usr/bin/cache-fonts", "x")
        .package("fonts", "1-r0")
        .directory("usr/share/fonts")
        .script("post-install", "#!/bin/sh\nmkdir /done\ncache-fonts --all\nmkdir /after\n")
        .triggers("/usr/share/fonts")
        .script("trigger", "#!/bin/sh\ncache-fonts \"$@\"\n")
        .build();
    let Installation { mut rootfs, notes } = install(&verified(&repository, &["shell-1-r0", "fonts-1-r0"])).unwrap();
    let said: Vec<(Script, usize, &str, &str)> = notes
        .iter()
        .flat_map(|note| note.outcome.unrun.iter().map(|unrun| (note.script, unrun.line, &*unrun.text, &*unrun.reason)))
        .collect();
    assert_eq!(
        said,
        [
            (Script::PostInstall, 3, "cache-fonts --all", "it runs `/usr/bin/cache-fonts`"),
            (Script::Trigger, 2, "cache-fonts \"$@\"", "it runs `/usr/bin/cache-fonts`"),
        ]
    );
    assert!(rootfs.tree.get("done").is_some() && rootfs.tree.get("after").is_some());
    assert_eq!(rootfs.tree.get("done").unwrap().metadata.origin, Origin::Script(PackageId(1)));
    write_database(&mut rootfs, &DatabaseOptions::default()).unwrap();
    let triggers = String::from_utf8(rootfs.tree.file("lib/apk/db/triggers").unwrap().to_vec()).unwrap();
    assert!(triggers.starts_with("Q1") && triggers.ends_with("= /usr/share/fonts\n"), "{triggers}");
}
