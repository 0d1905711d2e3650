//! A package whose every byte was checked. Only this room can make one, so unverified bytes cannot reach a root
//! filesystem: the type forbids it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Wanted;
use super::data_file::Data;
use super::unpack::{UnpackError, unpack};
use crate::apk::{self, Entry, Head, Identity, PackageInfo, read_entries};
use crate::mapping::MappedSlice;

/// A package's scripts (apk-package(5)); the order is that of their use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Script {
    /// `.pre-install`
    PreInstall,
    /// `.post-install`
    PostInstall,
    /// `.pre-deinstall`
    PreDeinstall,
    /// `.post-deinstall`
    PostDeinstall,
    /// `.pre-upgrade`
    PreUpgrade,
    /// `.post-upgrade`
    PostUpgrade,
    /// `.trigger`
    Trigger,
}

impl Script {
    /// Every script, in order.
    pub const ALL: [Self; 7] = [
        Self::PreInstall,
        Self::PostInstall,
        Self::PreDeinstall,
        Self::PostDeinstall,
        Self::PreUpgrade,
        Self::PostUpgrade,
        Self::Trigger,
    ];

    /// The name without its dot: `pre-install`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreDeinstall => "pre-deinstall",
            Self::PostDeinstall => "post-deinstall",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::Trigger => "trigger",
        }
    }
}

/// A package after verification: identity, name, version, datahash, signature chain and every file's checksum held.
#[derive(Clone, Debug)]
pub struct VerifiedApk {
    pub(super) identity: Identity,
    pub(super) info: PackageInfo,
    pub(super) arch: String,
    pub(super) scripts: BTreeMap<Script, Vec<u8>>,
    pub(super) data: MappedSlice,
    pub(super) entries: Vec<Entry>,
    pub(super) compressed_size: u64,
}

impl VerifiedApk {
    /// Verifies a package that lies in memory whole: control member against `identity` where given, data against its
    /// `datahash`, every file against its checksum. Its data is inflated into memory, so this is for small packages.
    pub fn verify(package: &[u8], identity: Option<Identity>) -> Result<Self, apk::Error> {
        let mut reader = package;
        let head = Head::read(&mut reader)?;
        let identity = identity.unwrap_or_else(|| head.identity());
        head.check_identity(identity)?;
        let mut data = Vec::new();
        unpack(&mut reader, &head, &mut data).map_err(|error| match error {
            UnpackError::Package(error) => error,
            UnpackError::Read(error) | UnpackError::Write(error) => {
                apk::Error::Inflate { member: "data member", reason: error.to_string() }
            }
        })?;
        let entries = read_entries(&data)?;
        let arch = head.info.arch.clone();
        Ok(Self::new(identity, arch, head, Data { tar: MappedSlice::from(data), entries }, package.len() as u64))
    }

    /// Puts the package that is `wanted` together from its head and from data that its `datahash` vouches for, every
    /// file's checksum checked.
    pub(super) fn assemble(wanted: &Wanted, head: Head, data: Data) -> Result<Self, apk::Error> {
        head.check_identity(wanted.identity)?;
        wanted.check(&head.info)?;
        let arch = if wanted.arch.is_empty() { head.info.arch.clone() } else { wanted.arch.clone() };
        Ok(Self::new(wanted.identity, arch, head, data, wanted.size))
    }

    fn new(identity: Identity, arch: String, head: Head, data: Data, compressed_size: u64) -> Self {
        let Data { tar: data, entries } = data;
        let mut texts = head.scripts;
        let scripts = Script::ALL.into_iter().filter_map(|script| Some((script, texts.remove(script.name())?)));
        Self { identity, info: head.info, arch, scripts: scripts.collect(), data, entries, compressed_size }
    }

    /// The identity that its index vouched for.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// What the package says about itself.
    pub fn info(&self) -> &PackageInfo {
        &self.info
    }

    /// The architecture that its index gives it (`A:`), or its own where no index was asked.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Its scripts' texts.
    pub fn scripts(&self) -> &BTreeMap<Script, Vec<u8>> {
        &self.scripts
    }

    /// The inflated data member, which the entries' ranges point into.
    pub fn data(&self) -> &MappedSlice {
        &self.data
    }

    /// Its paths in the order of the archive.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of the whole .apk as downloaded (`S:` of the index).
    pub fn compressed_size(&self) -> u64 {
        self.compressed_size
    }
}
