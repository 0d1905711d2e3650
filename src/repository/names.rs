//! Which records of an index have to do with a name or an identity: a hash table that holds no text and is filled in
//! two passes.
//!
//! It may take one name for another of the same hash, so whoever asks it looks at the records themselves.

use std::hash::Hasher as _;

use rustc_hash::FxHasher;

/// That a record has to do with the name of that hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mention {
    hash: u32,
    pub(super) record: u32,
}

impl Mention {
    /// By the record at position `record` of the name that `word` begins with: up to an operator or a tag, and without
    /// a leading `!`.
    pub(super) fn of(word: &[u8], record: u32) -> Self {
        Self::named(bare_name(word), record)
    }

    /// By the record at position `record` of exactly `name`.
    pub(super) fn named(name: &[u8], record: u32) -> Self {
        Self { hash: hash(name), record }
    }
}

/// Mentions by the hash of their name, each name's in the order of the records.
#[derive(Clone, Debug, Default)]
pub(super) struct NameTable {
    /// For each bucket the end of its mentions; they begin where those of the bucket before end.
    ends: Box<[u32]>,
    mentions: Box<[Mention]>,
}

impl NameTable {
    /// Sorts `mentions` into buckets; those of one bucket stay in their order.
    pub(super) fn new(mentions: &[Mention]) -> Self {
        let buckets = mentions.len().next_power_of_two();
        let bucket = |mention: &Mention| mention.hash as usize & (buckets - 1);
        let mut ends = vec![0_u32; buckets];
        for mention in mentions {
            ends[bucket(mention)] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            // The beginning for now; it becomes the end as the bucket is filled.
            (end, *count) = (end + *count, end);
        }
        let mut sorted = vec![Mention::default(); mentions.len()];
        for mention in mentions {
            let place = &mut ends[bucket(mention)];
            sorted[*place as usize] = *mention;
            *place += 1;
        }
        Self { ends: ends.into(), mentions: sorted.into() }
    }

    /// The positions of the records that may mention `name`, in order, each once.
    pub(super) fn records(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        let hash = hash(name);
        let bucket = hash as usize & (self.ends.len().max(1) - 1);
        let end = self.ends.get(bucket).copied().unwrap_or_default();
        let start = bucket.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let mentions = self.mentions.get(start as usize..end as usize).unwrap_or_default();
        let mut last = None;
        mentions
            .iter()
            .filter(move |mention| mention.hash == hash)
            .map(|mention| mention.record)
            .filter(move |record| last.replace(*record) != Some(*record))
    }
}

/// The name that a dependency or a provided word begins with.
pub(super) fn bare_name(word: &[u8]) -> &[u8] {
    let word = word.strip_prefix(b"!").unwrap_or(word);
    let end = word.iter().position(|byte| matches!(byte, b'<' | b'>' | b'=' | b'~' | b'@')).unwrap_or(word.len());
    word.get(..end).unwrap_or_default()
}

fn hash(name: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(name);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_by_any_of_their_names() {
        let words = ["a", "b=1", "a>2", "!a", "c@edge", "b", "a~1"];
        let mentions: Vec<_> =
            words.iter().enumerate().map(|(place, word)| Mention::of(word.as_bytes(), place as u32 / 2)).collect();
        let table = NameTable::new(&mentions);
        let records = |name: &str| table.records(name.as_bytes()).collect::<Vec<_>>();
        assert_eq!(records("a"), [0, 1, 3]);
        assert_eq!(records("b"), [0, 2]);
        assert_eq!(records("c"), [2]);
        assert!(records("d").is_empty() && NameTable::default().records(b"a").next().is_none());
    }
}
