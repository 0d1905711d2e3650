//! What files say, read in threads and remembered by content.
//!
//! Reading a file begins when it is reached and goes on while others are followed. What is remembered is one run of
//! bytes with a list of places at its head, and only the part of a file that is reached again is made values of.
//!
//! This room does no I/O: whoever calls it keeps the bytes of [`Facts::to_bytes`] and hands them in again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

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

/// What was read so far, by content. Empty to begin with.
#[derive(Debug, Default)]
pub struct Facts {
    kept: Arc<Kept>,
    /// What was read in this run: anew, with its bytes, or out of what was kept.
    used: BTreeMap<Key, Option<Vec<u8>>>,
}

/// What earlier runs read.
#[derive(Debug, Default)]
struct Kept {
    bytes: MappedSlice,
    places: FxHashMap<Key, Range<usize>>,
}

/// The program that read: another one may read something else out of the same file, or keep it otherwise.
const PROGRAM: &str = env!("APKBUILD_SOURCES");

impl Facts {
    /// What [`Facts::to_bytes`] of the same program gave, which whoever kept the bytes has seen to be whole; empty
    /// where another program gave them.
    pub fn from_bytes(bytes: MappedSlice) -> Self {
        let places = Kept::places(&bytes).unwrap_or_default();
        Self { kept: Arc::new(Kept { bytes, places }), used: BTreeMap::new() }
    }

    /// Everything that was used, in an order of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = self.used.iter().map(|(key, read)| (key, read.as_deref().or_else(|| self.kept.part(key))));
        let parts: Vec<(&Key, &[u8])> = parts.filter_map(|(key, part)| Some((key, part?))).collect();
        let list: Vec<(&Key, u32)> = parts.iter().map(|(key, part)| (*key, part.len() as u32)).collect();
        let mut bytes = postcard::to_stdvec(&(PROGRAM, list)).unwrap_or_default();
        for (_, part) in parts {
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// Whether something was read that was not known.
    pub fn has_changed(&self) -> bool {
        self.used.values().any(Option::is_some)
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
    /// Where each file's facts lie in `bytes`.
    fn places(bytes: &[u8]) -> Option<FxHashMap<Key, Range<usize>>> {
        let (program, body) = postcard::take_from_bytes::<&str>(bytes).ok()?;
        if program != PROGRAM {
            return None;
        }
        let (list, parts) = postcard::take_from_bytes::<Vec<(Key, u32)>>(body).ok()?;
        let mut end = bytes.len() - parts.len();
        let place = |(key, length): (Key, u32)| {
            let start = end;
            end += length as usize;
            (key, start..end)
        };
        Some(list.into_iter().map(place).collect())
    }

    fn part(&self, key: &Key) -> Option<&[u8]> {
        self.bytes.get(self.places.get(key)?.clone())
    }

    fn read(&self, key: Key) -> Option<Read> {
        let facts = postcard::from_bytes(self.part(&key)?).ok()?;
        Some(Read { key, facts, bytes: None })
    }
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
    let threads = rayon::current_num_threads().min(8);
    POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build().ok()).as_ref()
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
