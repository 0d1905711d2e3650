//! Installing, held against the real apk: the same packages in the same order, and then the two trees, file for file.

use std::path::Path;

use apkbuild::apk::EntryKind;
use apkbuild::fetch::VerifiedApk;
use apkbuild::rootfs::InodeKind;

use crate::support::apk_reference::{
    Release, Scripts, hold_against_apk, hold_built, index_by_apk, names_in, packages_of, real_packages, with_packages,
    with_real_packages,
};
use crate::support::{Program, Repository, noarch_and_signed_twice, shared_as_root, signing_key};

#[test]
fn alpines_own_packages_are_installed_as_apk_installs_them() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = real_packages(&shared);
    let all = ["alpine-baselayout", "alpine-keys", "apk-tools", "busybox", "musl-utils", "ssl_client"];
    for world in [&all[..], &["alpine-baselayout"], &["busybox"], &["zlib"]] {
        for scripts in Scripts::all() {
            let (rootfs, notes) = hold_against_apk(&shared, repository, &repository.join("keys"), world, scripts, "");
            assert!(notes.iter().all(|note| note.outcome.unrun.is_empty()), "{notes:?}");
            let has_applets = rootfs.tree.resolve("bin/ls").is_some();
            assert_eq!(has_applets, scripts != Scripts::Skipped && world != ["zlib"], "{world:?}");
        }
    }
}

/// All packages of a release's root filesystem with their scripts and triggers. The kernel's files are not in it.
#[test]
fn a_release_is_installed_as_apk_installs_it() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = packages_of(&shared, Release::V3_23);
    let world: Vec<String> = names_in(repository).into_iter().filter(|name| name != "linux-virt").collect();
    assert_eq!(world.len(), 58, "{world:?}");
    let world: Vec<&str> = world.iter().map(String::as_str).collect();
    for scripts in Scripts::all() {
        let (rootfs, notes) = hold_against_apk(&shared, repository, &repository.join("keys"), &world, scripts, "");
        assert!(notes.iter().all(|note| note.outcome.status == 0 && note.lost_account.is_none()), "{notes:#?}");
        assert!(scripts == Scripts::Emulated || notes.is_empty(), "{scripts:?}: {notes:#?}");
        let hash = rootfs.tree.get("etc/ssl/certs/002c0b4f.0").map(|inode| &inode.kind);
        let expected = (scripts != Scripts::Skipped).then_some("ca-cert-GlobalSign_Root_R46.pem");
        assert!(
            matches!((hash, expected), (None, None))
                || matches!((hash, expected), (Some(InodeKind::Symlink(target)), Some(expected)) if target == expected),
            "{hash:?}"
        );
    }
}

/// A folder is as its owner wants it when that is installed, and scripts may change it from then on, until another
/// package becomes its owner. One that a script made first stays as the script left it.
#[test]
fn folders_that_scripts_and_packages_change_are_apks() {
    let Some(shared) = shared_as_root("install") else { return };
    // The emulation has no `stat`, by which scripts can see what a folder is like when they run.
    let look = "for d in /d* /x* /etc /lib /lib/apk; do [ -d $d ] && stat -c '%A %u %g %n' $d; done > /seen";
    for look in ["", look] {
        let repository = with_real_packages(&shared, changed_folders(look));
        if look.is_empty() {
            assert_eq!(hold_built(&shared, &repository, &["c"], ""), []);
        } else if Scripts::all().contains(&Scripts::Run) {
            hold_against_apk(&shared, repository.path(), repository.keys_dir(), &["c"], Scripts::Run, "");
        }
    }
}

fn changed_folders(look: &str) -> Repository {
    let folders = |repository: Repository, folders: &[(&str, u32)]| {
        let folder = |repository: Repository, (path, mode): &(&str, u32)| repository.directory(path).mode(path, *mode);
        folders.iter().fold(repository, folder)
    };
    let (one, two) = (format!("{look}-a"), format!("{look}-b"));
    let [one, two] = [one, two].map(|look| if look.len() > 2 { look } else { ":".to_owned() });
    let repository = Repository::new().package("a", "1-r0").depends("busybox");
    let of_a = [("d1", 0o2750), ("d2", 0o1777), ("d3", 0o700), ("etc", 0o750), ("lib/apk", 0o711)];
    let repository = folders(repository, &of_a).owner("d1", "5", "6").script(
        "post-install",
        &format!(
            "#!/bin/sh\n{one}\nchmod 711 /d3; chown 9:9 /d1; mkdir /x1 /x2; chmod 700 /x1; mkdir -m 750 /x3\n\
             mkdir /d1/made; echo x > /d1/written\n"
        ),
    );
    let of_b = [("d1", 0o2755), ("d3", 0o755), ("d4", 0o750), ("x1", 0o750), ("x3", 0o750)];
    let repository = folders(repository.package("b", "1-r0").depends("a"), &of_b)
        .script("post-install", &format!("#!/bin/sh\n{two}\nchmod 777 /d4 /x3\n"));
    let repository = repository.package("c", "1-r0").depends("b").with(|package| package.info.replaces_priority = 5);
    let of_c = ["d1", "d2", "d3", "d4", "x1", "x2", "x3"].map(|path| (path, 0o500));
    folders(repository, &of_c).script("post-install", "#!/bin/sh\nchmod 777 /d2 /x2\nchown 3:3 /d4\n")
}

/// Alpine's own packages of v3.23 as they came from the mirror, under an index of ours and under one of apk's.
#[test]
fn packages_from_a_mirror_are_installed_as_apk_installs_them() {
    let Some(shared) = shared_as_root("install") else { return };
    let packages = shared.join("alpine/v3.23/x86_64");
    // What openrc needs beyond them.
    let needed = ["ifupdown-any", "libcap2", "openrc-user"];
    let [ours, theirs] = [(), ()].map(|()| {
        let repository = needed.into_iter().fold(Repository::new(), |repository, name| {
            repository.package(name, "0.63-r1").provides(if name == "libcap2" { "so:libcap.so.2=2" } else { "" })
        });
        let repository = repository.build();
        for path in fs_err::read_dir(&packages).unwrap().map(|entry| entry.unwrap().path()) {
            let Some("apk") = path.extension().and_then(|extension| extension.to_str()) else { continue };
            fs_err::copy(&path, repository.path().join("x86_64").join(path.file_name().unwrap())).unwrap();
        }
        repository
    });
    let key = ours.path().join(signing_key().public_name().strip_suffix(".pub").unwrap());
    fs_err::write(&key, signing_key().to_pem().unwrap()).unwrap();
    let program = Program::new();
    let folder = ours.path().join("x86_64");
    let arguments = ["mkndx", folder.to_str().unwrap(), "--rewrite-arch", "x86_64", "--key", key.to_str().unwrap()];
    program.run(arguments).success();
    index_by_apk(&shared, &theirs.path().join("x86_64"));
    for repository in [&ours, &theirs] {
        let mut all = names_in(repository.path());
        all.retain(|name| !needed.contains(&name.as_str()));
        assert_eq!(all.len(), 18, "{all:?}");
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let worlds = std::iter::once(all.clone()).chain(all.iter().map(|name| vec![*name]));
        for world in worlds {
            for scripts in Scripts::all() {
                let keys = repository.keys_dir();
                let (_, notes) = hold_against_apk(&shared, repository.path(), keys, &world, scripts, "");
                let unrun = notes.iter().any(|note| !note.outcome.unrun.is_empty());
                assert!(!unrun, "{world:?} {scripts:?}: {notes:?}");
            }
        }
    }
}

/// As in releases up to v3.17: busybox makes its links by itself, and no list says which they are.
#[test]
fn applets_come_from_the_program_where_no_list_names_them() {
    let Some(shared) = shared_as_root("install") else { return };
    for release in [Release::V3_20, Release::V3_23] {
        let real = packages_of(&shared, release);
        let package = fs_err::read_dir(real.join("x86_64")).unwrap().map(|entry| entry.unwrap().path());
        let package = package.into_iter().find(|path| path.to_string_lossy().contains("/busybox-1.")).unwrap();
        let package = VerifiedApk::verify(&fs_err::read(package).unwrap(), None).unwrap();
        let entry = package.entries().iter().find(|entry| entry.path == "bin/busybox").unwrap();
        let EntryKind::File { content, .. } = &entry.kind else { panic!("{entry:?}") };
        let program = package.data()[content.clone()].to_vec();
        let repository = Repository::new()
            .package("old-busybox", "1.35.0-r17")
            .depends("musl")
            .program("bin/busybox", program)
            .symlink("bin/sh", "/bin/busybox")
            .directory("sbin")
            .directory("usr/bin")
            .directory("usr/sbin")
            .script("post-install", "#!/bin/sh\nset -e\n/bin/busybox --install -s\n");
        let repository = with_packages(real, repository);
        let notes = hold_built(&shared, &repository, &["old-busybox"], "");
        assert_eq!(notes, [], "{release:?}");
        let (rootfs, _) = hold_against_apk(
            &shared,
            repository.path(),
            repository.keys_dir(),
            &["old-busybox"],
            Scripts::Emulated,
            "",
        );
        let links = rootfs.tree.walk().filter(
            |(_, id)| matches!(&rootfs.tree.inode(*id).kind, InodeKind::Symlink(target) if target == "/bin/busybox"),
        );
        assert!(links.count() > 300, "{release:?}");
    }
}

/// Packages that make accounts as servers' packages do, with files that belong to them.
fn servers() -> Repository {
    Repository::new()
        .package("www-server", "1.26-r0")
        .depends("busybox alpine-baselayout")
        .script(
            "pre-install",
            "#!/bin/sh\n\naddgroup -S -g 82 www-data 2>/dev/null\naddgroup -S www 2>/dev/null\n\
             adduser -S -D -H -h /var/lib/www -s /sbin/nologin -G www -g www www 2>/dev/null\n\
             addgroup www www-data 2>/dev/null\n\nexit 0\n",
        )
        .script("post-install", "#!/bin/sh\nchown -R www:www /var/lib/www\nchmod 711 /var/lib/www\nexit 0\n")
        .directory("var/lib/www")
        .owner("var/lib/www", "www", "www")
        .mode("var/lib/www", 0o750)
        .file("var/lib/www/index.html", "hello")
        .owner("var/lib/www/index.html", "www", "www-data")
        .file("var/lib/www/strange", "x")
        .owner("var/lib/www/strange", "nobody-of-that-name", "audio")
        .package("key-value-store", "7.2-r0")
        .depends("www-server")
        .script(
            "pre-install",
            "#!/bin/sh\naddgroup -S kv 2>/dev/null\n\
             adduser -S -H -h /var/lib/kv -s /bin/false -D -G kv -g kv kv 2>/dev/null\nadduser kv www-data\nexit 0\n",
        )
        .directory("var/lib/kv")
        .owner("var/lib/kv", "kv", "kv")
        .mode("var/lib/kv", 0o2770)
        .package("database", "16.1-r0")
        .depends("key-value-store")
        .script(
            "pre-install",
            "#!/bin/sh\ndir=/var/lib/database\naddgroup -g 70 -S db 2>/dev/null\n\
             adduser -u 70 -S -D -H -h $dir -s /bin/sh -g 'Database user' -G db db 2>/dev/null\n\
             for folder in $dir /run/database; do\n\t[ -d \"$folder\" ] || mkdir -p -m 0755 \"$folder\"\n\
             \tchown db:db \"$folder\"\ndone\nadduser -D guestbook\nexit 0\n",
        )
        .script(
            "post-install",
            "#!/bin/sh\nif ! [ -f /etc/database.conf ]; then\n\techo \"port=5432\" > /etc/database.conf\nfi\nexit 3\n",
        )
        .program("usr/bin/database", "x")
        .mode("usr/bin/database", 0o4755)
}

#[test]
fn servers_accounts_and_files_are_apks() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = with_real_packages(&shared, servers());
    let notes = hold_built(&shared, &repository, &["database"], "");
    let failed: Vec<(&str, u8)> = notes.iter().map(|note| (note.package.as_str(), note.outcome.status)).collect();
    assert_eq!(failed, [("database-16.1-r0", 3)], "{notes:?}");
    assert!(notes.iter().all(|note| note.outcome.unrun.is_empty()), "{notes:?}");
}

#[test]
fn owners_links_and_attributes_are_apks() {
    let Some(shared) = shared_as_root("install") else { return };
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // cap_dac_override and cap_fowner: bits 0x0a, which is a newline in the middle of a PAX record.
    let newline = [1, 0, 0, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let repository = Repository::new()
        .package("links", "1-r0")
        .program("usr/bin/a", "same bytes")
        .hard_link("usr/bin/b", "usr/bin/a")
        .symlink("usr/bin/c", "/usr/bin/a")
        .symlink("usr/bin/dangling", "../nowhere")
        .file("top", "at the top")
        .file(".hidden", "not installed")
        .file("usr/.kept", "installed")
        .mode("usr/bin/a", 0o2755)
        .mode("usr/bin/b", 0o2755)
        .package("attributes", "1-r0")
        .depends("links")
        .file("usr/bin/ping", "x")
        .xattr("usr/bin/ping", "security.capability", &capability)
        .file("usr/bin/override", "x")
        .xattr("usr/bin/override", "security.capability", &newline)
        .file("usr/share/noted", "x")
        .xattr("usr/share/noted", "user.two", b"2")
        .xattr("usr/share/noted", "user.one", b"1")
        .directory("usr/share/folder")
        .mode("usr/share/folder", 0o1777)
        .package("replaced", "1-r0")
        .file("opt/one", "replaced")
        .file("opt/two", "replaced")
        .package("replacing", "1-r0")
        .depends("replaced")
        .replaces("replaced")
        .file("opt/one", "replacing")
        .package("ranking", "1-r0")
        .depends("replaced")
        .replaces("ranked")
        .with(|package| package.info.replaces_priority = 7)
        .file("opt/three", "ranking")
        .file("opt/four", "ranking")
        .package("ranked", "1-r0")
        .depends("ranking")
        .replaces("ranking")
        .file("opt/three", "ranked")
        .file("opt/five", "ranked")
        .package("sister", "1-r0")
        .depends("ranked")
        .origin("replaced")
        .file("opt/two", "sister")
        .package("all", "1-r0")
        .depends("attributes replacing sister")
        .build();
    let notes = hold_built(&shared, &repository, &["all"], "");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn what_scripts_made_before_is_treated_as_apk_treats_it() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = Repository::new()
        .package("first", "1-r0")
        .depends("busybox")
        .script(
            "post-install",
            "#!/bin/sh\nmkdir -p etc/conf.d opt\necho old > etc/conf.d/changed\necho same > etc/conf.d/same\n\
             ln -s /nowhere etc/conf.d/link\necho old > opt/changed\nmkdir -m 700 /closed\nmkdir /given\n\
             chown 7:7 /given\nmkdir -m 711 /agreed\nmkdir /real\nln -s real /through\n\
             echo \"$1 $# $PATH $PWD\" > /called\n",
        )
        .package("second", "2-r0")
        .depends("first")
        .file("etc/conf.d/changed", "new\n")
        .file("etc/conf.d/same", "same\n")
        .symlink("etc/conf.d/link", "/x")
        .file("opt/changed", "new\n")
        .directory("closed")
        .directory("given")
        .directory("agreed")
        .mode("agreed", 0o711)
        .directory("through")
        .mode("through", 0o750)
        .file("through/file", "x")
        .directory("mine")
        .mode("mine", 0o755)
        .script("post-install", "#!/bin/sh\nchmod 700 /mine /agreed\nchown 5:5 /mine\necho mod > etc/conf.d/same\n")
        .package("third", "1-r0")
        .depends("second")
        .origin("second")
        .file("etc/conf.d/same", "third\n")
        .package("listener", "1-r0")
        .depends("third")
        .triggers("/through /nothing/*")
        .script("trigger", "#!/bin/sh\necho \"$@\" > /heard\n");
    let repository = with_real_packages(&shared, repository);
    let notes = hold_built(&shared, &repository, &["listener"], "");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn without_a_shell_scripts_fail_as_they_do_for_apk() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = Repository::new()
        .package("bare", "1-r0")
        .script("pre-install", "#!/bin/sh\nmkdir /never\n")
        .script("post-install", "#!/bin/sh\nexit 0\n")
        .file("bare/file", "x")
        .build();
    let notes = hold_built(&shared, &repository, &["bare"], "");
    assert_eq!(notes.iter().map(|note| note.outcome.status).collect::<Vec<_>>(), [127, 127]);
}

/// Where packages disagree about a folder, apk 3 takes one package's word.
#[test]
fn a_folder_that_packages_disagree_about_has_one_owner() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = Repository::new()
        .package("a", "1-r0")
        .directory("spool")
        .mode("spool", 0o770)
        .package("b", "1-r0")
        .depends("a")
        .directory("spool")
        .mode("spool", 0o1777)
        .package("c", "1-r0")
        .depends("b")
        .with(|package| package.info.replaces_priority = 5)
        .directory("spool")
        .mode("spool", 0o755)
        .build();
    hold_built(&shared, &repository, &["c"], "");
}

/// Statements of many kinds, each writing to files, which a real shell runs for apk and the emulation here.
const STATEMENTS: &str = r#"#!/bin/sh
mkdir -p /o/deep/er; cd /o
echo a 'b  c' "d  e" f\ g "h\"i\$j\\k\l" > words
x=1; y="$x 2"; echo $y "$y" '$y' ${y}z >> words
echo $# $1 "$*" >> words
set -- one "two words" ""; for i in "$@"; do echo "<$i>"; done >> words
for i in $*; do echo "<$i>"; done >> words; shift; echo $# "$1" >> words
p=/lib/modules/6.1-lts.tar.gz; echo ${p#*/} ${p##*/} ${p%.*} ${p%%.*} ${#p} ${p#"/lib"} > params
echo ${a:-b} "${a-c d}" ${a:=d} $a ${a:+e} >> params; a=; echo "[${a:-b}][${a-c}][${a+set}]" >> params
echo $(echo one; echo two) "$(echo a; echo b)" `echo c \`echo d\`` > subst
cat > here <<END
root is $(id -u) and $x \$y
	tab
END
cat > raw <<'END'
$not $(expanded)
END
printf '%s=%s\n' a 1 b 2 > printf; printf 'no end' >> printf
echo -n no-end > echo; echo -e 'a\tb' >> echo
touch z.txt y.txt .hidden; echo *.txt *none [xy].* * > globs; case z.txt in [a-y]*) echo no;; *.t?t) echo glob;; esac >> globs
if [ -e words ] && ! [ -d words ]; then echo file; elif true; then echo other; else echo none; fi > ifs
[ -x /bin/busybox -a -L /bin/ls ]; echo $? >> ifs; test "" -o x = x; echo $? >> ifs; [ 1 -lt 2 ] && echo less >> ifs
[ -s words ] && [ ! -s .hidden ] && [ -u words ] || echo sizes >> ifs; [ a != b -a ! -f /none ]; echo $? >> ifs
n=; while [ ${#n} -lt 3 ]; do n=x$n; [ $n = xx ] && continue; echo $n; done > loops
until [ -z "$n" ]; do n=${n#x}; done; echo "done<$n>" >> loops
for i in 1 2 3; do for j in a b; do [ $i$j = 2a ] && break 2; echo $i$j; done; done >> loops
f() { local x=in y; y=2; echo "$1 $x $y $#"; return 3; }; x=out; f arg more > functions; echo $? $x "$y" >> functions
(cd /etc && x=sub && exit 4); echo $? $x $PWD >> functions
{ echo a; false; } > group; echo $? >> group; ! true; echo $? >> group; false || true && echo chained >> group
echo to-err 1>&2; echo kept 2>/dev/null >> group; ls-of-no-kind; echo $? >> group; /etc/passwd; echo $? >> group
grep -q '^root:' /etc/passwd && echo root >> group; grep '^shadow' /etc/group | cut -d: -f1,3 >> group; grep ^shadow: /etc/group | cut -d: -f3 >> group
head -n 2 /etc/passwd | tail-of-no-kind; head -n 1 < /etc/passwd >> group; basename /a/b.c .c >> group; dirname /a/b/ >> group; dirname x >> group
readlink /bin/ls >> group; readlink -f /bin/ls >> group; readlink words; echo $? >> group; ls /usr > ls; (cd /usr; ls -1) >> ls; ls words >> ls; ls none; echo $? >> ls; { echo b; echo B; echo a; echo b; } | sort >> ls; sort -u ls words | sort -r >> ls; command -v ls >> group; command -v nothing; echo $? >> group
cp words copy; cp -p /etc/shadow secret; cp -r deep tree; mv y.txt deep/; mv deep/er deep/other; ln -s ../x link; ln -sf again link; ln words hard
mkdir m1 -m 0710; mkdir -p m2/m3; mkdir m1; echo $? >> group; rmdir m2; echo $? >> group; rm -rf m2 none; rm none; echo $? >> group; rmdir -p m1
chmod 4711 copy; chmod u-s,g+w copy; chmod -R go-rwx tree; chmod +x here; chmod a=r raw; chmod g=u,o= printf; chmod 2775 deep; chmod 755 deep
chown nobody words; chown :shadow copy; chown 12:34 echo; chown root: globs; chown nobody:shadow -R tree; chmod 6755 loops; chown 1 loops; chown -h 5:6 link; chgrp audio ifs
chown no-such-user ifs; echo $? >> group
install -d -m 0750 -o nobody -g audio inst/deep; install -m 0600 words inst/words; install -D -m 0644 here new/dir/here; umask 077; touch private; mkdir closed; umask 022
addgroup -S one; addgroup two; adduser -S -D -H -G one -g "One, of many" one; adduser -D -h /o/home two 2>/dev/null; adduser -D three; adduser -S four; adduser one audio; addgroup -g 70 five
getent passwd one > getent; getent group 70 >> getent; getent passwd none; echo $? >> getent; id -u one >> getent; id -gn one >> getent
set -e; false || echo on > errexit; if false; then :; fi; ! false; echo still >> errexit; false; echo never >> errexit
"#;

#[test]
fn scripts_do_here_what_they_do_for_apk() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = Repository::new()
        .package("statements", "1-r0")
        .depends("busybox alpine-baselayout")
        .script("post-install", STATEMENTS);
    let repository = with_real_packages(&shared, repository);
    let notes = hold_built(&shared, &repository, &["statements"], "");
    assert!(notes.iter().all(|note| note.outcome.unrun.is_empty()), "{notes:#?}");
    assert_eq!(notes.first().map(|note| note.outcome.status), Some(1), "it ends at its last `false`");
}

#[test]
fn scripts_that_the_kernel_does_not_start_fail_as_they_do_for_apk() {
    let Some(shared) = shared_as_root("install") else { return };
    let mut repository = Repository::new();
    for (name, script) in [
        ("no-line", "echo > /made\n"),
        ("blank-first", "\n#!/bin/sh\necho > /made\n"),
        ("carriage-return", "#!/bin/sh\r\necho > /made\n"),
        ("no-interpreter", "#!\necho > /made\n"),
        ("folder", "#!/etc\n"),
        ("spaces", "#!  /bin/sh  -e \nfalse\necho > /made\n"),
        ("environment", "#!/bin/sh\necho $1 $# > /made-by-environment\n"),
    ] {
        repository = repository.package(name, "1-r0").depends("busybox").script("post-install", script);
    }
    let repository = with_real_packages(&shared, repository);
    let world = ["no-line", "blank-first", "carriage-return", "no-interpreter", "folder", "spaces", "environment"];
    let notes = hold_built(&shared, &repository, &world, "");
    let statuses: std::collections::BTreeMap<&str, u8> = notes
        .iter()
        .map(|note| (note.package.strip_suffix("-1-r0").unwrap_or(&note.package), note.outcome.status))
        .collect();
    for name in &world[..5] {
        assert_eq!(statuses.get(name), Some(&127), "{name}");
    }
    assert_eq!(statuses.get("spaces"), Some(&1));
    assert_eq!(statuses.get("environment"), None);
}

/// All packages of the stand-in repository at once, but for the one that is made to clash with another; and of that which
/// has another Python, where it is there.
#[test]
fn a_whole_repository_is_installed_as_apk_installs_it() {
    let Some(shared) = shared_as_root("install") else { return };
    let Some(stand_in) = std::env::var_os("APKBUILD_STAND_IN").map(std::path::PathBuf::from) else {
        eprintln!("install: skipped, since APKBUILD_STAND_IN names no folder that scripts/local-mirror printed");
        return;
    };
    hold_whole_repository(&shared, &stand_in);
    let second = stand_in.join("python-3.13");
    if second.join("repo").exists() {
        hold_whole_repository(&shared, &second);
    } else {
        eprintln!("install: Python 3.13 skipped, since {} has no repository", second.display());
    }
}

fn hold_whole_repository(shared: &Path, stand_in: &Path) {
    let repository = Repository::new().build();
    let mut world = Vec::new();
    for section in ["main", "community"] {
        for entry in fs_err::read_dir(stand_in.join("repo/latest-stable").join(section).join("x86_64")).unwrap() {
            let path = entry.unwrap().path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".apk")) else { continue };
            fs_err::copy(&path, repository.path().join(format!("x86_64/{name}.apk"))).unwrap();
            // NAME-VERSION-rN
            world.push(name.rsplitn(3, '-').nth(2).unwrap().to_owned());
        }
    }
    repository.index();
    // apk looks for them where the index says that they belong.
    std::os::unix::fs::symlink("x86_64", repository.path().join("noarch")).unwrap();
    world.retain(|name| name != "stand-in-banner-clash");
    world.sort();
    assert!(world.len() > 20, "{world:?}");
    let world: Vec<&str> = world.iter().map(String::as_str).collect();
    let notes = hold_built(shared, &repository, &world, "");
    assert!(notes.iter().all(|note| note.outcome.unrun.is_empty()), "{notes:#?}");
}

/// The index was made first: it lists a package for any machine as such, and one that was signed again afterwards.
#[test]
fn packages_in_the_folder_for_any_machine_and_ones_signed_again_are_apks() {
    let Some(shared) = shared_as_root("install") else { return };
    let repository = noarch_and_signed_twice();
    assert_eq!(hold_built(&shared, &repository, &["own"], ""), []);
}
