//! The real apk, run in a root of its own over copies of the indexes. It is apk 3, whose answers are the ones to give.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fs_err as fs;

use super::draw::{Offer, Question};

/// The releases whose indexes are there: folder and architecture.
pub const RELEASES: [(&str, &str); 3] = [("v3.16", "x86_64"), ("v3.17", "aarch64"), ("v3.22", "x86_64")];

/// The folder of real data, or why there is none.
pub fn shared() -> Result<PathBuf, String> {
    match std::env::var_os("APKBUILD_SHARED") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Err("APKBUILD_SHARED does not name a folder of real indexes".to_owned()),
    }
}

/// The text of a release's index.
pub fn index_text(shared: &Path, release: &str) -> String {
    let (_, arch) = RELEASES.iter().find(|(name, _)| *name == release).expect("a release");
    let path = shared.join("alpine").join(release).join("main").join(arch).join("APKINDEX.tar.gz");
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut archive = tar::Archive::new(flate2::bufread::MultiGzDecoder::new(file));
    archive.set_ignore_zeros(true);
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        if entry.path().unwrap().as_os_str() == "APKINDEX" {
            return std::io::read_to_string(entry).unwrap();
        }
    }
    panic!("no APKINDEX in the index of {release}");
}

/// apk, ready to answer.
pub struct Reference {
    root: tempfile::TempDir,
    /// How many have been asked; it tells apart those that are asked at once.
    asked: AtomicUsize,
}

/// The one that tests have in common while any of them needs it.
static COMMON: Mutex<Weak<Reference>> = Mutex::new(Weak::new());

impl Reference {
    /// Unpacks apk; or says why it cannot be run here.
    pub fn new(shared: &Path) -> Result<Arc<Self>, String> {
        let mut common = COMMON.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reference) = common.upgrade() {
            return Ok(reference);
        }
        if !nix::unistd::geteuid().is_root() {
            return Err("apk is run in a root of its own, which only root may do".to_owned());
        }
        if std::env::consts::ARCH != "x86_64" {
            return Err("the apk at hand is for x86_64".to_owned());
        }
        let archives = fs::read_dir(shared.join("alpine")).map_err(|error| error.to_string())?;
        let rootfs = archives
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.to_string_lossy().contains("alpine-rootfs-3") && path.extension().is_some())
            .ok_or("there is no root filesystem with an apk 3 in it")?;
        let root = tempfile::tempdir().unwrap();
        let mut tar = Command::new("tar");
        let unpacked = tar.arg("-xf").arg(rootfs).arg("-C").arg(root.path()).output().unwrap();
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        for arch in ["x86_64", "aarch64"] {
            let reference = root.path().join("roots").join(arch);
            fs::create_dir_all(reference.join("etc/apk")).unwrap();
            let made = Self::apk(root.path(), arch).args(["--initdb", "add"]).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let reference = Arc::new(Self { root, asked: AtomicUsize::new(0) });
        *common = Arc::downgrade(&reference);
        Ok(reference)
    }

    fn apk(root: &Path, arch: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(root).args(["/sbin/apk", "--no-cache", "--no-network", "--no-progress", "--allow-untrusted"]);
        command.args(["--arch", arch, "--root", &format!("/roots/{arch}"), "--keys-dir", "/etc/apk/keys"]);
        command
    }

    /// What `apk --version` says.
    pub fn version(&self) -> String {
        let output = Self::apk(self.root.path(), "x86_64").arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Lays an index before apk, to be asked of in questions.
    pub fn lay(&self, arch: &str, offer: Offer, text: &str) {
        let folder = self.root.path().join("repos").join(offer.untagged()).join(arch);
        fs::create_dir_all(&folder).unwrap();
        write_index(&folder.join("APKINDEX.tar.gz"), text);
    }

    /// What apk selects, as `name-version` in install order; nothing where it finds no selection. Several may be asked
    /// at once.
    pub fn answer(&self, question: &Question) -> Option<Vec<String>> {
        self.ask(&question.arch, &self.list_of(question), &question.world)
    }

    /// What apk says where it selects nothing.
    pub fn explanation(&self, question: &Question) -> String {
        self.explain(&question.arch, &self.list_of(question), &question.world)
    }

    /// Lays what a question offers before apk; gives the list that it stands in.
    fn list_of(&self, question: &Question) -> String {
        let lines: String = question
            .repositories()
            .map(|(tag, offer)| {
                let tag = tag.map(|tag| format!("@{tag} ")).unwrap_or_default();
                format!("{tag}/repos/{}\n", offer.untagged())
            })
            .collect();
        let name = format!("asked-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        self.list(&name, &lines)
    }

    /// What apk selects from repositories of its own, each its address (of which only the tag counts) and its index.
    pub fn answer_from(&self, repositories: &[(&str, &str)], world: &[String]) -> Option<Vec<String>> {
        self.ask("x86_64", &self.offer(repositories), world)
    }

    /// What apk says where it selects nothing from repositories of its own.
    pub fn explanation_from(&self, repositories: &[(&str, &str)], world: &[String]) -> String {
        self.explain("x86_64", &self.offer(repositories), world)
    }

    fn explain(&self, arch: &str, list: &str, world: &[String]) -> String {
        let mut command = Self::apk(self.root.path(), arch);
        command.args(["--repositories-file", list]);
        let output = command.args(["add", "--simulate", "--"]).args(world).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    /// Lays repositories before apk; gives the list that they stand in.
    fn offer(&self, repositories: &[(&str, &str)]) -> String {
        let list = format!("small-{}", self.asked.fetch_add(1, Ordering::Relaxed));
        let mut lines = String::new();
        for (place, (address, text)) in repositories.iter().enumerate() {
            let name = format!("{list}-{place}");
            let folder = self.root.path().join("repos").join(&name).join("x86_64");
            fs::create_dir_all(&folder).unwrap();
            write_index(&folder.join("APKINDEX.tar.gz"), text);
            let tag = address.split_once(' ').map_or(String::new(), |(tag, _)| format!("{tag} "));
            lines.push_str(&format!("{tag}/repos/{name}\n"));
        }
        self.list(&list, &lines)
    }

    /// Writes a list of repositories; gives its path as apk sees it.
    fn list(&self, name: &str, lines: &str) -> String {
        let path = format!("repos/{name}.list");
        fs::create_dir_all(self.root.path().join("repos")).unwrap();
        fs::write(self.root.path().join(&path), lines).unwrap();
        format!("/{path}")
    }

    /// The sign that apk puts between the two versions of each pair.
    pub fn compare_versions(&self, pairs: &[(String, String)]) -> Vec<(String, char, String)> {
        // A process for each pair, but one shell for all of them.
        let text: String = pairs.iter().map(|(left, right)| format!("{left} {right}\n")).collect();
        fs::write(self.root.path().join("pairs"), text).unwrap();
        let program = "while read -r left right; do apk version -t \"$left\" \"$right\" || exit; done </pairs";
        let output = Command::new("chroot").arg(self.root.path()).args(["/bin/sh", "-c", program]).output().unwrap();
        let signs = String::from_utf8(output.stdout).unwrap();
        let signs: Vec<char> = signs.lines().map(|line| line.chars().next().unwrap()).collect();
        assert_eq!(signs.len(), pairs.len(), "{}", String::from_utf8_lossy(&output.stderr));
        pairs.iter().zip(signs).map(|((left, right), sign)| (left.clone(), sign, right.clone())).collect()
    }

    fn ask(&self, arch: &str, list: &str, world: &[String]) -> Option<Vec<String>> {
        let mut command = Self::apk(self.root.path(), arch);
        command.args(["--repositories-file", list]);
        let output = command.args(["add", "--simulate", "--"]).args(world).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        // With a repository unread, or for another reason than the world's, an answer would say nothing.
        let is_refusal = message.contains("unable to select packages");
        let is_whole = message.lines().filter(|line| line.contains("WARNING")).all(|line| line.contains("not "));
        let is_answer = is_whole && !message.contains("opening") && (output.status.success() || is_refusal);
        assert!(is_answer, "apk could not answer {world:?} from {list}: {message}{text}");
        if !output.status.success() {
            return None;
        }
        let mut packages = Vec::new();
        for line in text.lines().filter(|line| line.starts_with('(')) {
            let mut words = line.split_ascii_whitespace().skip_while(|word| !word.ends_with(')'));
            assert_eq!(words.nth(1), Some("Installing"), "{line}");
            let name = words.next().unwrap().split('@').next().unwrap();
            packages.push(format!("{name}-{}", words.next().unwrap().trim_matches(['(', ')'])));
        }
        Some(packages)
    }
}

/// Writes an index without a signature; this apk is told to trust it.
pub fn write_index(path: &Path, text: impl AsRef<[u8]>) {
    let encoder = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in [("DESCRIPTION", b"a copy".as_slice()), ("APKINDEX", text.as_ref())] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // apk reads no header in which any of these was left out.
        header.set_entry_type(tar::EntryType::Regular);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}
