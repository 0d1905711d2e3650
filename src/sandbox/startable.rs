//! An image as something that can be started: a root on disk, and what its config says about the program.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_spec::image::ImageConfiguration;

use super::account::User;
use super::inside::{MOST_READ, read_below};
use super::{Error, Ids, Sandbox};
use crate::held::HeldFolder;
use crate::image::config_beside;
use crate::platform::DEFAULT_PATH;
use crate::rootfs::folder::Owners;

/// What an image config says about its program (image-spec config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// What stands before every command.
    pub entrypoint: Vec<String>,
    /// The command that is meant where none is given.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// Where it starts; empty for `/`.
    pub working_directory: String,
    /// `NAME|UID[:GROUP|GID]`; empty for root.
    pub user: String,
    /// TCP ports that it says it listens on, the lowest first.
    pub ports: Vec<u16>,
}

impl From<&ImageConfiguration> for Start {
    fn from(image: &ImageConfiguration) -> Self {
        let Some(config) = image.config() else { return Self::default() };
        let list = |texts: &Option<Vec<String>>| texts.clone().unwrap_or_default();
        let tcp = |port: &String| port.strip_suffix("/tcp").unwrap_or(port).parse().ok().filter(|port| *port != 0);
        let ports: BTreeSet<u16> = config.exposed_ports().iter().flatten().filter_map(tcp).collect();
        Self {
            entrypoint: list(config.entrypoint()),
            cmd: list(config.cmd()),
            environment: list(config.env()),
            working_directory: config.working_dir().clone().unwrap_or_default(),
            user: config.user().clone().unwrap_or_default(),
            ports: ports.into_iter().collect(),
        }
    }
}

/// An image that can be started.
#[derive(Clone, Debug)]
pub struct Startable {
    /// The image, as the caller named it.
    pub image: PathBuf,
    /// The root filesystem on disk.
    pub root: PathBuf,
    /// The image's config.
    pub start: Start,
    /// Its user.
    pub user: User,
    /// Folders in it to which its user may write.
    pub writable: Vec<PathBuf>,
    /// Bytes of its layers as they are stored; `None` for a plain folder.
    pub compressed_size: Option<u64>,
    /// What [`Startable::unpacked_size`] says, where it is known already.
    pub known_size: Option<u64>,
    /// Keeps the root where it is, if it lies in the cache.
    pub held: Option<Arc<HeldFolder>>,
}

impl Startable {
    /// The root filesystem in the folder `image`, with the config that lies beside it ([`config_beside`]) if one does.
    /// `user` stands in for the config's.
    pub fn open_folder(image: &Path, user: Option<&str>) -> Result<Self, Error> {
        let root = fs_err::canonicalize(image).map_err(|error| Error::file("open the image", error))?;
        let path = config_beside(&root);
        // A pipe would be waited for.
        if fs_err::metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(Error::Config { path, reason: "it is not a file".to_owned() });
        }
        let mut start = match fs_err::read(&path) {
            Ok(text) => {
                let config = serde_json::from_slice::<ImageConfiguration>(&text);
                Start::from(&config.map_err(|error| Error::Config { path, reason: error.to_string() })?)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Start::default(),
            Err(error) => return Err(Error::file("read the image's config", error)),
        };
        if let Some(user) = user {
            user.clone_into(&mut start.user);
        }
        let startable = Self::of_folder(&root, start).map_err(|error| error.of_image(image))?;
        Ok(Self { image: image.to_owned(), ..startable })
    }

    /// The root filesystem in the folder `root`, started as `start` says.
    pub fn of_folder(root: &Path, start: Start) -> Result<Self, Error> {
        let read = |path: &str| {
            read_below(root, Path::new(path))
                .map_err(|error| Error::Root { root: root.display().to_string(), error: error.into() })
        };
        let accounts = |path: &str| of_accounts(path, read(path)?);
        let user = User::resolve(&start.user, &accounts("etc/passwd")?, &accounts("etc/group")?)?;
        let writable = writable_folders(root, &user);
        Ok(Self {
            image: root.to_owned(),
            root: root.to_owned(),
            start,
            user,
            writable,
            compressed_size: None,
            known_size: None,
            held: None,
        })
    }

    /// The text of its file `path`, at most 1 MiB of it; empty where there is none that can be read.
    pub fn text_of(&self, path: &str) -> String {
        read_below(&self.root, Path::new(path)).unwrap_or_default()
    }

    /// Bytes of its files, each counted once however many names it has; `None` where not all of it can be read.
    pub fn unpacked_size(&self) -> Option<u64> {
        self.known_size.or_else(|| size_of_files(&self.root))
    }

    /// The sandbox that runs it as an engine would: `command` in place of the image's own where it is not empty, after
    /// the entrypoint. Its root is read-only, but its user's own folders are writable for as long as it runs.
    pub fn sandbox(&self, command: &[OsString]) -> Result<Sandbox, Error> {
        let strings = |texts: &[String]| texts.iter().map(OsString::from).collect::<Vec<_>>();
        let mut words = strings(&self.start.entrypoint);
        words.extend(if command.is_empty() { strings(&self.start.cmd) } else { command.to_vec() });
        if words.is_empty() {
            return Err(Error::NoCommand.of_image(&self.image));
        }
        let mut sandbox = Sandbox::new(&self.root, words);
        sandbox.image = Some(self.image.clone());
        sandbox.account = self.user.account.clone();
        sandbox.ids = Ids::Own;
        sandbox.scratch.clone_from(&self.writable);
        sandbox.environment =
            vec![OsString::from(format!("PATH={DEFAULT_PATH}")), OsString::from(format!("HOME={}", self.user.home))];
        sandbox.set_environment(strings(&self.start.environment));
        if !self.start.working_directory.is_empty() {
            sandbox.working_directory = Path::new("/").join(&self.start.working_directory);
        }
        Ok(sandbox)
    }
}

/// `text` as that of the file of accounts `path`, unless it is longer than is read of such a file.
pub(super) fn of_accounts(path: &str, text: String) -> Result<String, Error> {
    if text.len() as u64 >= MOST_READ {
        return Err(Error::Accounts { path: path.to_owned(), most: MOST_READ });
    }
    Ok(text)
}

/// Bytes of the files below `root`, if all of it can be read.
fn size_of_files(root: &Path) -> Option<u64> {
    let mut seen = BTreeSet::new();
    let mut size = 0_u64;
    for entry in walkdir::WalkDir::new(root) {
        let metadata = entry.ok()?.metadata().ok()?;
        if metadata.is_file() && (metadata.nlink() == 1 || seen.insert(metadata.ino())) {
            size = size.saturating_add(metadata.len());
        }
    }
    Some(size)
}

/// The topmost folders of `root` to which `user` may write, as they are seen inside. Where every file is the caller's
/// own, as an ordinary user's are, those that anybody may write to, and the home.
fn writable_folders(root: &Path, user: &User) -> Vec<PathBuf> {
    let keeps_owners = Owners::possible() == Owners::Keep;
    let account = &user.account;
    let mut writable = Vec::new();
    let mut walk = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_dir() {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        let path = Path::new("/").join(entry.path().strip_prefix(root).unwrap_or(entry.path()));
        let owned = keeps_owners && account.uid != 0 && metadata.uid() == account.uid;
        let shared = keeps_owners && metadata.gid() == account.gid && metadata.mode() & 0o020 != 0 && account.gid != 0;
        let at_home = path == Path::new(&user.home) && account.uid != 0;
        if owned || shared || at_home || metadata.mode() & 0o002 != 0 {
            // These get something fresh of their own anyway.
            if !["/dev", "/proc", "/tmp"].iter().any(|place| path.starts_with(place)) {
                writable.push(path);
            }
            walk.skip_current_dir();
        }
    }
    writable
}

impl Sandbox {
    /// Sets variables, `NAME=value` each, in place of those that have the same name.
    pub fn set_environment(&mut self, variables: impl IntoIterator<Item = OsString>) {
        fn name(variable: &OsStr) -> Vec<u8> {
            variable.as_bytes().split(|byte| *byte == b'=').next().unwrap_or_default().to_vec()
        }
        // An image may set as many as it likes.
        let mut places: HashMap<Vec<u8>, usize> =
            self.environment.iter().enumerate().map(|(place, variable)| (name(variable), place)).collect();
        for variable in variables {
            // A name alone is not passed on from the host: what runs inside depends on the call, not on the caller.
            let bytes = variable.into_vec();
            if !bytes.contains(&b'=') {
                continue;
            }
            let variable = OsString::from_vec(bytes);
            let place = *places.entry(name(&variable)).or_insert(self.environment.len());
            match self.environment.get_mut(place) {
                Some(present) => *present = variable,
                None => self.environment.push(variable),
            }
        }
    }
}
