//! Small signed repositories, said in a few words and written to a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use apkbuild::apk::writer::{IndexedPackage, NewContent, NewEntry, PackageWriter, write_index};
use apkbuild::apk::{Head, Identity, SignatureKind, SigningKey};
use tempfile::TempDir;

/// The time that everything in such a repository has.
pub const BUILD_DATE: i64 = 1_700_000_000;

/// The key that test repositories are signed with; one for the whole run.
pub fn signing_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate(2048, "tests.rsa.pub").unwrap())
}

/// What an index says that it is where a test says nothing of it: as Alpine's own do, it names a release.
const DESCRIPTION: &str = "v3.22.1-0-g0123abc";

/// A repository in the making. What is said after [`Repository::package`] is about that package.
pub struct Repository {
    arch: String,
    description: String,
    packages: Vec<PackageWriter>,
}

impl Repository {
    /// Nothing in it yet, for x86_64.
    pub fn new() -> Self {
        Self { arch: "x86_64".to_owned(), description: DESCRIPTION.to_owned(), packages: Vec::new() }
    }

    /// What the index says that it is.
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// The architecture of the packages that follow and of the index.
    pub fn arch(mut self, arch: &str) -> Self {
        arch.clone_into(&mut self.arch);
        self
    }

    /// Begins a package.
    pub fn package(mut self, name: &str, version: &str) -> Self {
        let mut writer = PackageWriter { level: Some(1), ..PackageWriter::default() };
        name.clone_into(&mut writer.info.name);
        version.clone_into(&mut writer.info.version);
        writer.info.origin = name.to_owned();
        writer.info.arch.clone_from(&self.arch);
        writer.info.description = format!("{name} for tests");
        writer.info.license = "MIT".to_owned();
        writer.info.build_date = BUILD_DATE;
        self.packages.push(writer);
        self
    }

    /// Anything else about the package.
    pub fn with(mut self, change: impl FnOnce(&mut PackageWriter)) -> Self {
        change(self.packages.last_mut().expect("a package comes first"));
        self
    }

    fn entry(self, path: &str, content: NewContent) -> Self {
        let entry = NewEntry { mtime: BUILD_DATE, ..NewEntry::new(content) };
        self.with(|package| _ = package.entries.insert(path.to_owned(), entry))
    }

    fn change(self, path: &str, change: impl FnOnce(&mut NewEntry)) -> Self {
        self.with(|package| change(package.entries.get_mut(path).expect("the entry comes first")))
    }

    /// A file, 0644.
    pub fn file(self, path: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.entry(path, NewContent::File(contents.into()))
    }

    /// A file, 0755.
    pub fn program(self, path: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.file(path, contents).mode(path, 0o755)
    }

    /// A folder, 0755. Parents of entries need not be said.
    pub fn directory(self, path: &str) -> Self {
        self.entry(path, NewContent::Directory)
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, NewContent::Symlink(target.to_owned()))
    }

    /// Another name for the package's file `target`, which must sort before `path`.
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, NewContent::HardLink(target.to_owned()))
    }

    /// The mode of an entry.
    pub fn mode(self, path: &str, mode: u32) -> Self {
        self.change(path, |entry| entry.mode = mode)
    }

    /// The owner of an entry, by name with a number that the target does not know.
    pub fn owner(self, path: &str, user: &str, group: &str) -> Self {
        self.change(path, |entry| {
            entry.user = (user.to_owned(), 4321);
            entry.group = (group.to_owned(), 4321);
        })
    }

    /// An extended attribute of an entry.
    pub fn xattr(self, path: &str, name: &str, value: &[u8]) -> Self {
        self.change(path, |entry| _ = entry.xattrs.insert(name.to_owned(), value.to_vec()))
    }

    /// What it needs, words separated by blanks.
    pub fn depends(self, words: &str) -> Self {
        self.with(|package| package.info.depends.extend(words.split_whitespace().map(str::to_owned)))
    }

    /// What it provides.
    pub fn provides(self, words: &str) -> Self {
        self.with(|package| package.info.provides.extend(words.split_whitespace().map(str::to_owned)))
    }

    /// What sets it off.
    pub fn install_if(self, words: &str) -> Self {
        self.with(|package| package.info.install_if.extend(words.split_whitespace().map(str::to_owned)))
    }

    /// Whose files it may replace.
    pub fn replaces(self, words: &str) -> Self {
        self.with(|package| package.info.replaces.extend(words.split_whitespace().map(str::to_owned)))
    }

    /// Folders that its trigger watches.
    pub fn triggers(self, words: &str) -> Self {
        self.with(|package| package.info.triggers.extend(words.split_whitespace().map(str::to_owned)))
    }

    /// Its source package.
    pub fn origin(self, name: &str) -> Self {
        self.with(|package| name.clone_into(&mut package.info.origin))
    }

    /// A script, by its name without the dot: `post-install`.
    pub fn script(self, name: &str, text: &str) -> Self {
        self.with(|package| _ = package.scripts.insert(name.to_owned(), text.as_bytes().to_vec()))
    }

    /// Writes it to a temporary folder.
    pub fn build(self) -> BuiltRepository {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repository");
        fs_err::create_dir_all(path.join(&self.arch)).unwrap();
        let keys = folder.path().join("keys");
        fs_err::create_dir(&keys).unwrap();
        fs_err::write(keys.join(signing_key().public_name()), signing_key().public_pem().unwrap()).unwrap();
        let built = BuiltRepository { folder, path, keys, arch: self.arch, description: self.description };
        for writer in self.packages {
            built.add(&writer);
        }
        built.index();
        built
    }
}

/// A repository on disk, gone when dropped.
pub struct BuiltRepository {
    folder: TempDir,
    path: PathBuf,
    keys: PathBuf,
    arch: String,
    description: String,
}

impl BuiltRepository {
    /// What `-X` takes: the folder that holds ARCH/APKINDEX.tar.gz.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same as text.
    pub fn location(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    /// What `--keys-dir` takes.
    pub fn keys_dir(&self) -> &Path {
        &self.keys
    }

    /// A folder that is laid out as a mirror: `latest-stable/main` is this repository, `community` an empty one.
    pub fn mirror(&self) -> PathBuf {
        self.mirror_of("latest-stable")
    }

    /// The same with another release in the place of `latest-stable`.
    pub fn mirror_of(&self, release: &str) -> PathBuf {
        let mirror = self.folder.path().join("mirror");
        let release = mirror.join(release);
        if !release.exists() {
            let community = release.join("community").join(&self.arch);
            fs_err::create_dir_all(&community).unwrap();
            fs_err::os::unix::fs::symlink(&self.path, release.join("main")).unwrap();
            let index = write_index(&self.description, &[], signing_key(), SignatureKind::Rsa256).unwrap();
            fs_err::write(community.join("APKINDEX.tar.gz"), index).unwrap();
        }
        mirror
    }

    /// Where the package of that name and version lies.
    pub fn package_path(&self, name: &str, version: &str) -> PathBuf {
        self.path.join(&self.arch).join(format!("{name}-{version}.apk"))
    }

    /// Where the index lies.
    pub fn index_path(&self) -> PathBuf {
        self.path.join(&self.arch).join("APKINDEX.tar.gz")
    }

    /// The identity and the size of a package.
    pub fn identity(&self, name: &str, version: &str) -> (Identity, u64) {
        let bytes = fs_err::read(self.package_path(name, version)).unwrap();
        (Head::read(&mut bytes.as_slice()).unwrap().identity(), bytes.len() as u64)
    }

    /// Adds or replaces a package; the index does not know of it before [`Self::index`].
    pub fn add(&self, writer: &PackageWriter) {
        let bytes = writer.write(signing_key(), SignatureKind::Rsa256).unwrap();
        fs_err::write(self.package_path(&writer.info.name, &writer.info.version), bytes).unwrap();
    }

    /// Writes the index over what lies there now.
    pub fn index(&self) {
        let index = write_index(&self.description, &self.indexed(), signing_key(), SignatureKind::Rsa256).unwrap();
        fs_err::write(self.index_path(), index).unwrap();
    }

    /// What the index says, in the order of file names.
    pub fn indexed(&self) -> Vec<IndexedPackage> {
        let mut packages = BTreeMap::new();
        for entry in fs_err::read_dir(self.path.join(&self.arch)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "apk") {
                let bytes = fs_err::read(&path).unwrap();
                let head = Head::read(&mut bytes.as_slice()).unwrap();
                let size = bytes.len() as u64;
                packages.insert(path, IndexedPackage { identity: head.identity(), info: head.info, size });
            }
        }
        packages.into_values().collect()
    }
}

/// A repository with one package for any machine, which is in `noarch/` alone, and one that depends on it and was signed
/// again after the index was made.
pub fn noarch_and_signed_twice() -> BuiltRepository {
    let repository = Repository::new()
        .package("any++", "1-r0")
        .with(|package| package.info.arch = "noarch".to_owned())
        .file("usr/share/any", "any\n")
        .package("own", "1-r0")
        .depends("any++")
        .file("usr/bin/own", "own\n")
        .build();
    let folder = repository.path().join("noarch");
    fs_err::create_dir(&folder).unwrap();
    fs_err::rename(repository.package_path("any++", "1-r0"), folder.join("any++-1-r0.apk")).unwrap();
    let place = repository.package_path("own", "1-r0");
    fs_err::write(&place, signed_twice(&fs_err::read(&place).unwrap())).unwrap();
    repository
}

/// A package with its signature once more before it, as one that was signed again; its identity stays.
pub fn signed_twice(package: &[u8]) -> Vec<u8> {
    let mut signature = flate2::bufread::GzDecoder::new(package);
    std::io::copy(&mut signature, &mut std::io::sink()).unwrap();
    let length = package.len() - signature.into_inner().len();
    [&package[..length], package].concat()
}
