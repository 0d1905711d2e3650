//! The real apk, run in a root of its own over copies of the indexes.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use super::draw::{Question, Second};

/// The releases whose indexes are there: architecture and folder.
pub const RELEASES: [(&str, &str); 2] = [("x86_64", "v3.16"), ("aarch64", "v3.17")];

/// The folder of real data, or why there is none.
pub fn shared() -> Result<PathBuf, String> {
    match std::env::var_os("APKBUILD_SHARED") {
        Some(folder) => Ok(PathBuf::from(folder)),
        None => Err("APKBUILD_SHARED does not name a folder of real indexes".to_owned()),
    }
}

/// The text of a release's index.
pub fn index_text(shared: &Path, arch: &str, release: &str) -> String {
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
}

impl Reference {
    /// Unpacks apk and lays the indexes before it; or says why it cannot be run here.
    pub fn new(shared: &Path) -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("apk is run in a root of its own, which only root may do".to_owned());
        }
        let archives = fs::read_dir(shared.join("alpine")).map_err(|error| error.to_string())?;
        let minirootfs = archives
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.to_string_lossy().contains("minirootfs") && path.to_string_lossy().contains("x86_64"))
            .ok_or("there is no minirootfs with an apk in it")?;
        if std::env::consts::ARCH != "x86_64" {
            return Err("the apk at hand is for x86_64".to_owned());
        }
        let root = tempfile::tempdir().unwrap();
        let archive = flate2::bufread::GzDecoder::new(std::io::BufReader::new(fs::File::open(minirootfs).unwrap()));
        tar::Archive::new(archive).unpack(root.path()).unwrap();
        for (arch, release) in RELEASES {
            let first = index_text(shared, arch, release);
            for second in Second::ALL {
                let text = second.index(&first).unwrap_or_else(|| first.clone());
                let folder = root.path().join("repos").join(second.to_string()).join(arch);
                fs::create_dir_all(&folder).unwrap();
                write_index(&folder.join("APKINDEX.tar.gz"), &text);
                let list = match (second, second.is_tagged()) {
                    (Second::None, _) => "/repos/-\n".to_owned(),
                    (_, true) => format!("/repos/-\n@edge /repos/{second}\n"),
                    (_, false) => format!("/repos/-\n/repos/{second}\n"),
                };
                fs::write(root.path().join("repos").join(format!("{second}.list")), list).unwrap();
            }
            let reference = root.path().join("roots").join(arch);
            fs::create_dir_all(reference.join("etc/apk")).unwrap();
            let made = Self::apk(root.path(), arch).args(["--initdb", "add"]).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(Self { root })
    }

    fn apk(root: &Path, arch: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(root).args(["/sbin/apk", "--no-cache", "--no-network", "--no-progress", "--allow-untrusted"]);
        command.args(["--arch", arch, "--root", &format!("/roots/{arch}"), "--keys-dir", "/etc/apk/keys"]);
        command
    }

    /// What apk selects, as `name-version` in install order; nothing where it finds no selection. Several may be asked
    /// at once.
    pub fn answer(&self, question: &Question) -> Option<Vec<String>> {
        self.ask(&question.arch, &question.second.to_string(), &question.world)
    }

    /// What apk selects from repositories of its own, each its address (of which only the tag counts) and its index.
    /// `number` tells apart those that are asked at once.
    pub fn answer_from(&self, number: usize, repositories: &[(&str, &str)], world: &[String]) -> Option<Vec<String>> {
        self.ask("x86_64", &self.offer(number, repositories), world)
    }

    /// What apk says where it selects nothing from repositories of its own.
    pub fn explanation_from(&self, number: usize, repositories: &[(&str, &str)], world: &[String]) -> String {
        let list = self.offer(number, repositories);
        let mut command = Self::apk(self.root.path(), "x86_64");
        command.args(["--repositories-file", &format!("/repos/{list}.list")]);
        let output = command.args(["add", "--simulate", "--"]).args(world).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    }

    /// Lays repositories before apk; gives the name of the list that they stand in.
    fn offer(&self, number: usize, repositories: &[(&str, &str)]) -> String {
        let folder = self.root.path().join("repos");
        let list = format!("small-{number}");
        let mut lines = String::new();
        for (place, (address, text)) in repositories.iter().enumerate() {
            let name = format!("{list}-{place}");
            fs::create_dir_all(folder.join(&name).join("x86_64")).unwrap();
            write_index(&folder.join(&name).join("x86_64/APKINDEX.tar.gz"), text);
            let tag = address.split_once(' ').map_or(String::new(), |(tag, _)| format!("{tag} "));
            lines.push_str(&format!("{tag}/repos/{name}\n"));
        }
        fs::write(folder.join(format!("{list}.list")), lines).unwrap();
        list
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
        command.args(["--repositories-file", &format!("/repos/{list}.list")]);
        let output = command.args(["add", "--simulate", "--"]).args(world).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        // With a repository unread, or for another reason than the world's, an answer would say nothing.
        let is_refusal = message.contains("unable to select packages");
        let is_answer = !message.contains("WARNING") && (output.status.success() || is_refusal);
        assert!(is_answer, "apk could not answer {world:?} from {list}: {message}{text}");
        if !output.status.success() {
            return None;
        }
        let mut packages = Vec::new();
        for line in text.lines().filter(|line| line.starts_with('(')) {
            let mut words = line.split(' ');
            assert_eq!(words.nth(1), Some("Installing"), "{line}");
            let name = words.next().unwrap().split('@').next().unwrap();
            packages.push(format!("{name}-{}", words.next().unwrap().trim_matches(['(', ')'])));
        }
        Some(packages)
    }
}

/// Writes an index without a signature; this apk is told to trust it.
fn write_index(path: &Path, text: &str) {
    let encoder = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in [("DESCRIPTION", "a copy"), ("APKINDEX", text)] {
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
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}
