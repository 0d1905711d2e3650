//! Copying into a root filesystem, out of a folder and out of a stage.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use apkbuild::rootfs::copy::{Copied, Error, Request, copy_from_folder, copy_from_stage};
use apkbuild::rootfs::{Content, Inode, InodeKind, Metadata, Origin, Tree};

/// A request with the owner 7:8 at the time 9; the target as a recipe writes it.
fn request<'a>(source: &'a str, target: &'a str) -> Request<'a> {
    let into = target.ends_with('/');
    Request { source, target: target.trim_matches('/'), into, exclude: &[], mode: None, uid: 7, gid: 8, mtime: 9 }
}

/// A folder with these files in it; a name that ends with a slash is a folder, one with `*` an executable.
fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name.trim_end_matches('*'));
        if name.ends_with('/') {
            fs_err::create_dir_all(&path).unwrap();
            continue;
        }
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, name).unwrap();
        let mode = if name.ends_with('*') { 0o700 } else { 0o600 };
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    folder
}

/// `PATH MODE UID:GID` and, for a link, its target; a line each.
fn listing(tree: &Tree) -> Vec<String> {
    tree.walk()
        .map(|(path, id)| {
            let Inode { kind, metadata } = tree.inode(id);
            let tail = match kind {
                InodeKind::Directory(_) => "/".to_owned(),
                InodeKind::File { .. } => String::new(),
                InodeKind::Symlink(target) => format!(" -> {target}"),
            };
            format!("{path}{tail} {:o} {}:{}", metadata.mode, metadata.uid, metadata.gid)
        })
        .collect()
}

/// The paths alone.
fn paths(tree: &Tree) -> Vec<String> {
    tree.walk().map(|(path, _)| path).collect()
}

fn copied(folder: &Path, request: &Request<'_>) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    copy_from_folder(&mut tree, folder, request, &[]).map(|_| tree)
}

fn insert(tree: &mut Tree, path: &str, kind: InodeKind, mode: u32) {
    let metadata = Metadata { mode, ..tree.inode(Tree::ROOT).metadata.clone() };
    if let Some((parent, _)) = path.rsplit_once('/') {
        tree.make_directories(parent, &Tree::new().inode(Tree::ROOT).metadata.clone()).unwrap();
    }
    tree.insert(path, Inode { kind, metadata }).unwrap();
}

fn file(text: &str) -> InodeKind {
    InodeKind::File { content: Content::from(text.as_bytes().to_vec()), checksum: None }
}

#[test]
fn a_slash_decides_between_into_and_as() {
    let folder = folder(&["app.py", "run*", "src/a", "src/b/c", "src/empty/"]);
    for (source, target, expected) in [
        ("app.py", "/app/", &["app/ 755 7:8", "app/app.py 644 7:8"][..]),
        ("app.py", "/app/main.py", &["app/ 755 0:0", "app/main.py 644 7:8"]),
        ("run", "/", &["run 755 7:8"]),
        ("src", "/app", &["app/ 755 7:8", "app/a 644 7:8", "app/b/ 755 7:8", "app/b/c 644 7:8", "app/empty/ 755 7:8"]),
        ("src/b", "/opt/app/", &["opt/ 755 0:0", "opt/app/ 755 7:8", "opt/app/b/ 755 7:8", "opt/app/b/c 644 7:8"]),
        ("src/b", "/", &["b/ 755 7:8", "b/c 644 7:8"]),
    ] {
        assert_eq!(listing(&copied(folder.path(), &request(source, target)).unwrap()), expected, "{source} {target}");
    }
    let whole = copied(folder.path(), &request("", "/app/")).unwrap();
    assert_eq!(
        paths(&whole),
        ["app", "app/app.py", "app/run", "app/src", "app/src/a", "app/src/b", "app/src/b/c", "app/src/empty"]
    );
    let inode = whole.get("app/src/a").unwrap();
    assert_eq!((inode.metadata.mtime, inode.metadata.origin), (9, Origin::Copied));
    assert_eq!(whole.file("app/src/a").map(|content| content.to_vec()), Some(b"src/a".to_vec()));
}

#[test]
fn a_mode_holds_for_files_only() {
    let folder = folder(&["src/a", "src/b*"]);
    let tree = copied(folder.path(), &Request { mode: Some(0o4640), ..request("src", "/app") }).unwrap();
    assert_eq!(listing(&tree), ["app/ 755 7:8", "app/a 4640 7:8", "app/b 4640 7:8"]);
}

#[test]
fn a_glob_keeps_paths_below_its_fixed_part() {
    let folder = folder(&["src/a.py", "src/b.txt", "src/x/c.py", "src/x/y/d.py", "src/z.py/e", "other.py"]);
    for (source, expected) in [
        ("*.py", &["app", "app/other.py"][..]),
        ("src/*.py", &["app", "app/a.py", "app/z.py", "app/z.py/e"]),
        (
            "src/**/*.py",
            &["app", "app/a.py", "app/x", "app/x/c.py", "app/x/y", "app/x/y/d.py", "app/z.py", "app/z.py/e"],
        ),
        ("src/x/{c,y}*", &["app", "app/c.py", "app/y", "app/y/d.py"]),
        ("*/x", &["app", "app/src", "app/src/x", "app/src/x/c.py", "app/src/x/y", "app/src/x/y/d.py"]),
    ] {
        assert_eq!(paths(&copied(folder.path(), &request(source, "/app/")).unwrap()), expected, "{source}");
    }
    assert_eq!(paths(&copied(folder.path(), &request("other*", "/main.py")).unwrap()), ["main.py"]);
    let error = copied(folder.path(), &request("src/*.py", "/app")).unwrap_err();
    assert_eq!(error.to_string(), "`src/*.py` fits 2 things, which cannot all become `/app`");
    assert_eq!(error.help().as_deref(), Some("end the target with a slash: \"/app/\""));
}

#[test]
fn what_is_named_by_a_rule_stays_behind() {
    let folder = folder(&[
        ".git/config",
        "a/__pycache__/x.pyc",
        "a/x.py",
        "a/x.log",
        "node_modules/m/index.js",
        "node_modules/keep/k",
        "secret.txt",
        "out.tar",
        ".out.tar.Xy.part",
        "image/index.json",
    ]);
    fs_err::write(folder.path().join(".dockerignore"), "node_modules\n!node_modules/keep\nsecret.*\n").unwrap();
    let exclude = ["**/*.log".to_owned()];
    let outputs = [folder.path().join("out.tar"), folder.path().join("a/../image"), PathBuf::from("/nowhere/x")];
    let mut tree = Tree::new();
    let request = Request { exclude: &exclude, ..request("", "/app") };
    let count = copy_from_folder(&mut tree, folder.path(), &request, &outputs).unwrap();
    assert_eq!(
        paths(&tree),
        [
            "app",
            "app/.dockerignore",
            "app/a",
            "app/a/x.py",
            "app/node_modules",
            "app/node_modules/keep",
            "app/node_modules/keep/k"
        ]
    );
    assert_eq!(count.files, 3);
    for (source, by) in [
        ("secret.txt", "`secret.*` in .dockerignore"),
        ("node_modules/m", "`node_modules` in .dockerignore"),
        ("secret*", "`secret.*` in .dockerignore"),
        ("a/*.log", "`**/*.log` in `exclude`"),
        ("out.tar", "its being what this build writes"),
    ] {
        let request = Request { source, target: "app", into: true, ..request };
        let error = copy_from_folder(&mut Tree::new(), folder.path(), &request, &outputs).unwrap_err();
        assert_eq!(error.to_string(), format!("`{source}` is left out by {by}"));
    }
    let asked = Request { source: ".git", exclude: &[], ..request };
    assert_eq!(paths(&copied(folder.path(), &asked).unwrap()), ["app", "app/config"], "asked for by name");
}

#[test]
fn no_exception_brings_an_image_into_an_image() {
    let folder = folder(&[
        "a.txt",
        "b.txt",
        "image/blobs/a.txt",
        ".image.Xy12.part/blobs/a.txt",
        "sub/.root.Ab34.part/etc/a.txt",
        "sub/.rooted/a.txt",
        "sub/image/a.txt",
    ]);
    let exclude = ["**/b.txt".to_owned(), "!**/a.txt".to_owned()];
    let outputs = [folder.path().join("image"), folder.path().join("sub/root")];
    let expected = [
        "app",
        "app/a.txt",
        "app/sub",
        "app/sub/.rooted",
        "app/sub/.rooted/a.txt",
        "app/sub/image",
        "app/sub/image/a.txt",
    ];
    let whole = Request { exclude: &exclude, ..request("", "/app") };
    let mut tree = Tree::new();
    copy_from_folder(&mut tree, folder.path(), &whole, &outputs).unwrap();
    assert_eq!(paths(&tree), expected);

    let mut tree = Tree::new();
    let fitting = Request { exclude: &exclude, ..request("**/a.txt", "/app/") };
    copy_from_folder(&mut tree, folder.path(), &fitting, &outputs).unwrap();
    assert_eq!(paths(&tree), expected);
}

#[test]
fn what_is_not_there_names_what_is_near() {
    let folder = folder(&["app.py", "src/index.js", "src/util.js"]);
    for (source, message, help) in [
        ("ap.py", "there is no `ap.py` in the recipe's folder", "did you mean `app.py`?"),
        ("src/indx.js", "there is no `src/indx.js` in the recipe's folder", "did you mean `src/index.js`?"),
        ("lib/x", "there is no `lib` in the recipe's folder", "what is there: app.py, src"),
        ("app.py/x", "there is no `app.py/x` in the recipe's folder", "there is nothing in it at all"),
        ("*.rb", "nothing in the recipe's folder fits `*.rb`", "what is there: app.py, src"),
        ("src/*.py", "nothing in `src` of the recipe's folder fits `src/*.py`", "what is there: index.js, util.js"),
    ] {
        let error = copied(folder.path(), &request(source, "/app/")).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.help().as_deref()), (message, Some(help)));
    }
}

#[test]
fn links_stay_inside() {
    let folder = folder(&["real/a", "real/deep/b"]);
    let link = |target: &str, name: &str| symlink(target, folder.path().join(name)).unwrap();
    link("real", "current");
    link("/etc/passwd", "absolute");
    link("../../etc", "up");
    link("loop", "loop");
    link("/usr/bin/python3", "real/python");
    link("gone", "real/dangling");
    let tree = copied(folder.path(), &request("current", "/app/")).unwrap();
    assert_eq!(
        listing(&tree),
        [
            "app/ 755 7:8",
            "app/current/ 755 7:8",
            "app/current/a 644 7:8",
            "app/current/dangling -> gone 777 7:8",
            "app/current/deep/ 755 7:8",
            "app/current/deep/b 644 7:8",
            "app/current/python -> /usr/bin/python3 777 7:8",
        ]
    );
    for (source, message) in [
        ("absolute", "`absolute` leads out of the recipe's folder: it is a link to `/etc/passwd`"),
        ("up/passwd", "`up` leads out of the recipe's folder: it is a link to `../../etc`"),
        ("loop", "`loop` leads through too many links"),
        ("real/dangling", "there is no `real/gone` in the recipe's folder"),
    ] {
        assert_eq!(copied(folder.path(), &request(source, "/x")).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_no_image_can_hold_is_refused() {
    let folder = folder(&["a/b", "c/\n"]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("a/socket")).unwrap();
    let error = copied(folder.path(), &request("a", "/a")).unwrap_err();
    assert_eq!(error.to_string(), "`a/socket` is no file, folder or link");
    let exclude = ["socket".to_owned()];
    assert_eq!(
        paths(&copied(folder.path(), &Request { exclude: &exclude, ..request("a", "/a") }).unwrap()),
        ["a", "a/b"]
    );
    assert!(matches!(copied(folder.path(), &request("c", "/c")), Err(Error::Name { .. })));
}

#[test]
fn folders_are_merged_and_files_replaced() {
    let folder = folder(&["tool", "tree/etc/conf", "tree/bin/x"]);
    let mut tree = Tree::new();
    insert(&mut tree, "usr/bin/tool", file("old"), 0o700);
    insert(&mut tree, "bin", InodeKind::Symlink("usr/bin".to_owned()), 0o777);
    insert(&mut tree, "etc/other", file("other"), 0o640);
    let mut copy = |source, target| copy_from_folder(&mut tree, folder.path(), &request(source, target), &[]);
    assert_eq!(copy("tool", "/bin/").unwrap(), Copied { files: 1, bytes: 4 });
    copy("tree/*", "/").unwrap();
    let error = copy("tool", "/etc").unwrap_err();
    assert_eq!(error.to_string(), "`etc` is a folder in the image, so it cannot become the file `tool`");
    let error = copy("tree", "/etc/other").unwrap_err();
    assert_eq!(error.to_string(), "`etc/other`: `etc/other` is not a folder");
    assert_eq!(
        listing(&tree),
        [
            "bin -> usr/bin 777 0:0",
            "etc/ 755 0:0",
            "etc/conf 644 7:8",
            "etc/other 640 0:0",
            "usr/ 755 0:0",
            "usr/bin/ 755 0:0",
            "usr/bin/tool 644 7:8",
            "usr/bin/x 644 7:8",
        ]
    );
}

#[test]
fn a_stage_gives_its_files_links_and_hard_links() {
    let mut stage = Tree::new();
    insert(&mut stage, "deps/pkg/a.py", file("print(1)"), 0o600);
    insert(&mut stage, "deps/pkg/__pycache__/a.pyc", file("x"), 0o644);
    insert(&mut stage, "deps/bin/run", file("#!"), 0o4711);
    stage.link("deps/bin/same", stage.lookup("deps/bin/run").unwrap()).unwrap();
    insert(&mut stage, "deps/bin/link", InodeKind::Symlink("/deps/bin/run".to_owned()), 0o777);
    insert(&mut stage, "current", InodeKind::Symlink("/deps/../deps/pkg".to_owned()), 0o777);
    let mut tree = Tree::new();
    let count = copy_from_stage(&mut tree, "build", &stage, &request("deps", "/app/deps")).unwrap();
    assert_eq!(count.files, 4);
    assert_eq!(
        listing(&tree),
        [
            "app/ 755 0:0",
            "app/deps/ 755 7:8",
            "app/deps/bin/ 755 7:8",
            "app/deps/bin/link -> /deps/bin/run 777 7:8",
            "app/deps/bin/run 755 7:8",
            "app/deps/bin/same 755 7:8",
            "app/deps/pkg/ 755 7:8",
            "app/deps/pkg/a.py 644 7:8",
        ]
    );
    assert_eq!(tree.lookup("app/deps/bin/run"), tree.lookup("app/deps/bin/same"));
    assert_eq!(tree.get("app/deps/pkg/a.py").unwrap().metadata.origin, Origin::Stage);
    copy_from_stage(&mut tree, "build", &stage, &request("current", "/")).unwrap();
    assert!(tree.file("current/a.py").is_some(), "links of a stage are followed inside it");
    let error = copy_from_stage(&mut tree, "build", &stage, &request("dep", "/x")).unwrap_err();
    assert_eq!(error.to_string(), "there is no `dep` in stage `build`");
    assert_eq!(error.help().as_deref(), Some("did you mean `deps`?"));
}

#[test]
fn nothing_of_the_machine_shows() {
    let mut dumps = Vec::new();
    for order in [["b", "a/c", "a/d*"], ["a/d*", "b", "a/c"]] {
        let folder = folder(&order);
        for path in ["a", "b", "a/c"] {
            let path = folder.path().join(path);
            let mode = fs_err::metadata(&path).unwrap().permissions().mode() | if dumps.is_empty() { 0 } else { 0o066 };
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        dumps.push(format!("{:?}", copied(folder.path(), &request("", "/app")).unwrap()));
    }
    assert_eq!(dumps[0], dumps[1]);
}

#[test]
fn a_large_file_is_mapped() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("model"), vec![7; 1 << 20]).unwrap();
    let tree = copied(folder.path(), &request("model", "/")).unwrap();
    assert!(matches!(tree.file("model"), Some(Content::Mapped(_))));
    assert_eq!(tree.file("model").map(|content| content.len()), Some(1 << 20));
}

#[test]
fn a_folder_may_be_as_deep_as_a_path_may_be_long() {
    let deep = vec!["d"; 1500].join("/");
    let folder = folder(&[&format!("src/{deep}/file"), "src/.git/config", "src/beside"]);
    fs_err::write(folder.path().join(".dockerignore"), "**/none\nsrc/d/d/x\n").unwrap();
    let tree = copied(folder.path(), &request("src", "/app")).unwrap();
    assert!(tree.file(&format!("app/{deep}/file")).is_some());
    assert_eq!(tree.walk().count(), 1 + 1500 + 1 + 1, "no more than the folders, the file and the one beside");
}

#[test]
fn links_to_folders_of_the_image_are_followed_wherever_they_stand() {
    let folder = folder(&["src/a/x/one", "src/a/y/two", "src/b/three"]);
    let mut tree = Tree::new();
    let metadata = tree.inode(Tree::ROOT).metadata.clone();
    tree.make_directories("real/inner", &metadata).unwrap();
    insert(&mut tree, "app", InodeKind::Symlink("real".to_owned()), 0o777);
    insert(&mut tree, "real/a", InodeKind::Symlink("/real/inner".to_owned()), 0o777);
    copy_from_folder(&mut tree, folder.path(), &request("src", "/app"), &[]).unwrap();
    for path in ["real/inner/x/one", "real/inner/y/two", "real/b/three"] {
        assert!(tree.file(path).is_some(), "{path}: {:?}", paths(&tree));
    }
}
