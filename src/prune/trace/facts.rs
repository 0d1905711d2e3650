//! What files say, read in threads and remembered by content.
//!
//! Reading a file begins when it is reached and goes on while others are followed. What is remembered is one run of
//! bytes with a list of places at its head, and only the part of a file that is reached again is made values of.
//!
//! What was read is kept in two parts, one that all applications on the same packages share, and one of the application's
//! own, so that a change of code makes little to write. This room does no I/O: whoever calls it keeps [`News`] and hands
//! the bytes in again.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::super::Error;
use super::super::node::{self, NodeFacts};
use super::super::python::{self, PythonFacts, PythonVersion};
use super::native::{self, NativeFacts};
use crate::digest::Sha1Digest;
use crate::mapping::MappedSlice;
use crate::rootfs::Content;

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Language {
    Native,
    Python {
        minor: u8,
    },
    /// JavaScript, with what its name says of its dialect.
    Node {
        dialect: node::Dialect,
    },
}

/// What a file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum FileFacts {
    Native(#[serde(with = "shared")] Arc<NativeFacts>),
    Python(#[serde(with = "shared")] Arc<PythonFacts>),
    Node(#[serde(with = "shared")] Arc<NodeFacts>),
}

type Key = (Language, [u8; 20]);

/// What was read so far, by content. Nothing to begin with.
#[derive(Debug, Default)]
pub struct Facts {
    kept: Arc<Kept>,
    /// What was read in this run: anew, with its bytes, or out of what was kept.
    used: BTreeMap<Key, Option<Vec<u8>>>,
}

/// What earlier runs read.
#[derive(Debug, Default)]
struct Kept {
    common: Parts,
    own: Parts,
}

/// The facts of files, each as it is kept.
type Parts = FxHashMap<Key, MappedSlice>;

/// What is to be kept for later runs, in the place of what was kept there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// In common for all that have the same packages.
    Common(Vec<u8>),
    /// For the application alone.
    Own(Vec<u8>),
}

/// The program that read: another one may read something else out of the same file, or keep it otherwise.
const PROGRAM: &str = env!("APKBUILD_SOURCES");

impl Facts {
    /// What was kept of [`News`] of the same program, which whoever kept it has seen to be whole; nothing where another
    /// program gave it.
    pub fn known(common: MappedSlice, own: MappedSlice) -> Self {
        let [common, own] = [common, own].map(|bytes| read_parts(&bytes).unwrap_or_default());
        Self { kept: Arc::new(Kept { common, own }), used: BTreeMap::new() }
    }

    /// What this run adds to what was kept, if anything.
    pub fn news(&self) -> Option<News> {
        if self.used.values().all(Option::is_none) {
            return None;
        }
        let parts = self.used.iter().map(|(key, read)| (key, read.as_deref().or_else(|| self.kept.part(key))));
        let parts = parts.filter_map(|(key, part)| Some((key, part?)));
        let is_common = |key: &Key| self.kept.common.contains_key(key);
        let (common, own): (Vec<_>, Vec<_>) = parts.clone().partition(|(key, _)| is_common(key));
        let bytes = |parts: &[(&Key, &[u8])]| parts.iter().map(|(_, part)| part.len()).sum::<usize>();
        // Where that outweighs it, what is in common is of other packages by now, or there is none yet.
        let news = if bytes(&own) > bytes(&common) {
            News::Common(write_parts(&parts.collect::<Vec<_>>()))
        } else {
            News::Own(write_parts(&own))
        };
        Some(news)
    }

    /// Begins to read a file, whose SHA-1 is `checksum` where that is known.
    pub(crate) fn begin(&self, language: Language, checksum: Option<Sha1Digest>, content: &Content) -> Reading {
        let (sender, receiver) = sync_channel(1);
        let (kept, content) = (self.kept.clone(), content.clone());
        let read = move || {
            let key = (language, checksum.unwrap_or_else(|| Sha1Digest::of(&content)).0);
            // Nobody may want it any more, which is no harm.
            let _ = sender.send(kept.read(key).unwrap_or_else(|| Read::anew(key, &content)));
        };
        match pool() {
            Some(pool) => pool.spawn(read),
            None => read(),
        }
        Reading { language, receiver }
    }

    /// Waits for a file that is being read.
    pub(crate) fn finish(&mut self, reading: &Reading) -> Option<FileFacts> {
        let read = reading.receiver.recv().ok()?;
        self.used.insert(read.key, read.bytes);
        Some(read.facts)
    }
}

/// A file that is being read.
pub(crate) struct Reading {
    /// As what.
    pub language: Language,
    receiver: Receiver<Read>,
}

/// A file that was read.
struct Read {
    key: Key,
    facts: FileFacts,
    /// As they are to be kept, where they were not yet.
    bytes: Option<Vec<u8>>,
}

impl Read {
    fn anew(key: Key, content: &[u8]) -> Self {
        let facts = parse(key.0, content);
        let bytes = postcard::to_stdvec(&facts).unwrap_or_default();
        Self { key, facts, bytes: Some(bytes) }
    }
}

impl Kept {
    fn part(&self, key: &Key) -> Option<&[u8]> {
        self.common.get(key).or_else(|| self.own.get(key)).map(|part| &**part)
    }

    fn read(&self, key: Key) -> Option<Read> {
        let facts = postcard::from_bytes(self.part(&key)?).ok()?;
        Some(Read { key, facts, bytes: None })
    }
}

/// `parts` in one run, with a list of their lengths at its head.
fn write_parts(parts: &[(&Key, &[u8])]) -> Vec<u8> {
    let list: Vec<(&Key, u32)> = parts.iter().map(|(key, part)| (*key, part.len() as u32)).collect();
    let mut bytes = postcard::to_stdvec(&(PROGRAM, list)).unwrap_or_default();
    for (_, part) in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Each file's facts, as they lie in `bytes`.
fn read_parts(bytes: &MappedSlice) -> Option<Parts> {
    let (program, body) = postcard::take_from_bytes::<&str>(bytes).ok()?;
    if program != PROGRAM {
        return None;
    }
    let (list, parts) = postcard::take_from_bytes::<Vec<(Key, u32)>>(body).ok()?;
    let mut end = bytes.len() - parts.len();
    let part = |(key, length): (Key, u32)| {
        let start = end;
        end += length as usize;
        Some((key, bytes.slice(start..end)?))
    };
    list.into_iter().map(part).collect()
}

fn parse(language: Language, bytes: &[u8]) -> FileFacts {
    match language {
        Language::Native => FileFacts::Native(native::read(bytes).into()),
        Language::Python { minor } => FileFacts::Python(python::parse(bytes, PythonVersion { major: 3, minor }).into()),
        Language::Node { dialect } => FileFacts::Node(node::parse(bytes, dialect).into()),
    }
}

/// Runs `work` on threads whose stacks hold a deeply nested program.
pub(crate) fn parallel<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// The threads that read; `None` where there can be none.
fn pool() -> Option<&'static rayon::ThreadPool> {
    const STACK: usize = 512 << 20;
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build().ok();
    // Where address space is short, one is slower but enough.
    POOL.get_or_init(|| pool(rayon::current_num_threads().min(8)).or_else(|| pool(1))).as_ref()
}

/// Whether there are threads that can read deeply nested programs: on any other's stack those would end this one.
///
/// # Errors
/// Where the system gives no thread, or no address space for its stack.
pub(crate) fn require_threads() -> Result<(), Error> {
    pool().map(drop).ok_or(Error::NoThreads)
}

/// How deep brackets nest, strings and comments counted too: an upper bound.
pub(crate) fn bracket_depth(source: &str) -> u32 {
    // What each byte adds, looked up: sources are long, and most of their bytes add nothing.
    const STEP: [i8; 256] = {
        let mut step = [0; 256];
        (step[b'(' as usize], step[b'[' as usize], step[b'{' as usize]) = (1, 1, 1);
        (step[b')' as usize], step[b']' as usize], step[b'}' as usize]) = (-1, -1, -1);
        step
    };
    let (mut depth, mut deepest) = (0_i32, 0);
    for byte in source.bytes() {
        depth = (depth + i32::from(STEP[byte as usize])).max(0);
        deepest = deepest.max(depth);
    }
    deepest.unsigned_abs()
}

/// What is behind an [`Arc`], written as if it stood there itself.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
