//! What files say, read in parallel and remembered by content.
//!
//! This room does no I/O: whoever calls it keeps the bytes of [`Facts::to_bytes`] and hands them in again.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::super::node::{self, NodeFacts};
use super::super::python::{self, PythonFacts, PythonVersion};
use super::native::{self, NativeFacts};
use crate::digest::Sha1Digest;

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
    known: FxHashMap<Key, FileFacts>,
    used: FxHashSet<Key>,
    changed: bool,
}

/// Bytes of another layout are not read; the number changes with the types behind it.
const LAYOUT: u32 = 1;

impl Facts {
    /// What [`Facts::to_bytes`] gave; empty where the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let known = match postcard::take_from_bytes::<(u32, String)>(bytes) {
            Ok(((LAYOUT, version), rest)) if version == env!("CARGO_PKG_VERSION") => {
                postcard::from_bytes::<Vec<(Key, FileFacts)>>(rest).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Self { known: known.into_iter().collect(), ..Self::default() }
    }

    /// Everything that was used, in an order of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut used: Vec<(&Key, &FileFacts)> = self.known.iter().filter(|(key, _)| self.used.contains(key)).collect();
        used.sort_unstable_by_key(|(key, _)| **key);
        let mut bytes = postcard::to_stdvec(&(LAYOUT, env!("CARGO_PKG_VERSION"))).unwrap_or_default();
        bytes.extend(postcard::to_stdvec(&used).unwrap_or_default());
        bytes
    }

    /// Whether something was read that was not known.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// What each of `files` says, in their order.
    pub(crate) fn read(&mut self, files: &[(Language, Option<Sha1Digest>, &[u8])]) -> Vec<FileFacts> {
        let keys: Vec<Key> = parallel(|| {
            files
                .par_iter()
                .map(|(language, checksum, bytes)| (*language, checksum.unwrap_or_else(|| Sha1Digest::of(bytes)).0))
                .collect()
        });
        let missing: Vec<usize> = (0..files.len()).filter(|index| !self.known.contains_key(&keys[*index])).collect();
        let read: Vec<(Key, FileFacts)> = parallel(|| {
            missing
                .par_iter()
                .with_max_len(4)
                .map(|index| (keys[*index], parse(files[*index].0, files[*index].2)))
                .collect()
        });
        self.changed |= !read.is_empty();
        self.known.extend(read);
        self.used.extend(&keys);
        keys.iter().filter_map(|key| self.known.get(key).cloned()).collect()
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
    const STACK: usize = 512 << 20;
    static POOL: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let threads = rayon::current_num_threads().min(8);
    match POOL.get_or_init(|| rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build().ok()) {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

/// How deep brackets nest, strings and comments counted too: an upper bound.
pub(crate) fn bracket_depth(source: &str) -> u32 {
    let (mut depth, mut deepest) = (0_u32, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
