//! `APKINDEX.tar.gz`: a signature, and everything after it, which the signature covers (apk-repositories(5)).
//!
//! Refused: another format, an index without the entry `APKINDEX`. Whether its records are text is for their reader to
//! say, who knows which package is concerned.

use std::io::Read as _;

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;

use super::error::Error;
use super::keyring::Keyring;
use super::member::{check_magic, damaged, read_signatures, tar_ranges};
use super::signature::Signature;

/// Alpine's largest has some 15 MB inflated.
const LIMIT: usize = 512 << 20;

/// Bytes of an index that nobody vouches for, beside those that it has packed.
const UNVERIFIED_LIMIT: usize = 48 << 20;

/// More bytes than deflate can make of one (RFC 1951: 258 of two bits).
const MOST_OF_ONE: usize = 1100;

/// An index as it came, its signatures read and nothing else.
#[derive(Clone, Debug)]
pub struct SignedIndex<'a> {
    signatures: Vec<Signature>,
    signed: &'a [u8],
}

/// What an index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexText {
    /// What the index says that it is.
    pub description: String,
    /// The member `APKINDEX`, the packages' records.
    pub text: Vec<u8>,
}

impl<'a> SignedIndex<'a> {
    /// Reads the signatures that `bytes` begin with; there may be none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = bytes;
        let begun = read_signatures(&mut reader, "index")?;
        let signed = usize::try_from(begun.length).ok().and_then(|length| bytes.get(length..)).unwrap_or_default();
        Ok(Self { signatures: begun.signatures, signed })
    }

    /// The file name of the trusted key that signed it, or why there is none.
    pub fn verify(&self, keyring: &Keyring) -> Result<&str, Error> {
        keyring.verify(self.signed, &self.signatures)
    }

    /// Inflates it, after [`Self::verify`] has said that it can be trusted.
    pub fn open(&self) -> Result<IndexText, Error> {
        self.open_within(LIMIT)
    }

    /// Inflates it though nobody vouches for it, and refuses one that becomes far larger than it is packed.
    pub fn open_unverified(&self) -> Result<IndexText, Error> {
        self.open_within(UNVERIFIED_LIMIT.saturating_add(self.signed.len()).min(LIMIT))
    }

    fn open_within(&self, limit: usize) -> Result<IndexText, Error> {
        let mut signed = self.signed;
        check_magic(&mut signed, "index")?;
        let mut tar = inflate(signed, limit)?;
        let (mut description, mut records) = (String::new(), None);
        for (name, range) in tar_ranges(&tar, "index")? {
            match name.as_str() {
                "APKINDEX" => records = Some(range),
                // Free text, and no package depends on it.
                "DESCRIPTION" => {
                    description = String::from_utf8_lossy(tar.get(range).unwrap_or_default()).into_owned();
                }
                _ => {}
            }
        }
        let records = records.ok_or(Error::Missing { member: "entry APKINDEX" })?;
        // The records are nearly all there is, so they stay where they are and the rest goes.
        tar.truncate(records.end);
        tar.drain(..records.start);
        Ok(IndexText { description, text: tar })
    }
}

/// Inflates gzip data of any number of members.
fn inflate(packed: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    if let Some(tar) = inflate_single(packed, limit) {
        return Ok(tar);
    }
    let mut tar = Vec::new();
    MultiGzDecoder::new(packed)
        .take(limit as u64 + 1)
        .read_to_end(&mut tar)
        .map_err(|error| damaged("index", &error))?;
    if tar.len() > limit { Err(Error::TooLarge { member: "index", limit }) } else { Ok(tar) }
}

/// Inflates gzip data that is one member, as that of an index is, at once: its last bytes tell how much it holds
/// (RFC 1952). `None` where it is not one, or anything is wrong with it.
fn inflate_single(packed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (_, [sum @ .., a, b, c, d]) = packed.split_last_chunk::<8>()?;
    let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
    if length > limit || length / MOST_OF_ONE > packed.len() {
        return None;
    }
    let mut inflated = vec![0; length];
    let written = Decompressor::new().gzip_decompress(packed, &mut inflated).ok()?;
    // The sum was held against the end of the first member. That it is also at the end of all says that there is no
    // other, or one of the same contents, which would say nothing new.
    (written == length && libdeflater::crc32(&inflated).to_le_bytes() == *sum).then_some(inflated)
}

#[cfg(test)]
mod tests {
    use super::super::writer::write_index;
    use super::super::{SignatureKind, SigningKey};
    use super::*;

    #[test]
    fn an_index_is_read_as_it_was_written() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let bytes = write_index("mine", &[], &key, SignatureKind::Rsa256).unwrap();
        let index = SignedIndex::read(&bytes).unwrap();
        let mut keyring = Keyring::alpine();
        assert_eq!(
            index.verify(&keyring),
            Err(Error::Foreign {
                signers: vec!["me.rsa.pub".to_owned()],
                trusted: keyring.names().map(str::to_owned).collect()
            })
        );
        keyring.add("me.rsa.pub", &key.public_pem().unwrap()).unwrap();
        assert_eq!(index.verify(&keyring), Ok("me.rsa.pub"));
        assert_eq!(index.open().unwrap(), IndexText { description: "mine".to_owned(), text: Vec::new() });

        let unsigned = SignedIndex::read(index.signed).unwrap();
        assert_eq!(unsigned.verify(&keyring), Err(Error::NotSigned));
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        let changed = SignedIndex::read(&changed).unwrap();
        assert_eq!(changed.verify(&keyring), Err(Error::WrongSignature { signer: "me.rsa.pub".to_owned() }));
    }

    #[test]
    fn any_number_of_members_is_one_index() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let bytes = write_index("mine", &[], &key, SignatureKind::Rsa256).unwrap();
        let tar = inflate(SignedIndex::read(&bytes).unwrap().signed, LIMIT).unwrap();
        let half = tar.len() / 2;
        let member = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, bytes).unwrap();
            encoder.finish().unwrap()
        };
        let members = [member(&tar[..half]), member(&tar[half..])].concat();
        assert_eq!(inflate_single(&members, LIMIT), None);
        assert_eq!(inflate(&members, LIMIT).unwrap(), tar);
        let one = member(&tar);
        assert_eq!(inflate_single(&one, LIMIT), Some(tar));
        assert!(inflate(&[one.as_slice(), b"rest"].concat(), LIMIT).is_err());
    }

    #[test]
    fn a_description_may_be_anything() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let bytes = write_index("mine", &[], &key, SignatureKind::Rsa256).unwrap();
        let mut tar = inflate(SignedIndex::read(&bytes).unwrap().signed, LIMIT).unwrap();
        let at = memchr::memmem::find(&tar, b"mine").unwrap();
        tar[at..at + 4].copy_from_slice(b"\xff\0v3");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &tar).unwrap();
        let packed = encoder.finish().unwrap();
        let opened = SignedIndex::read(&packed).unwrap().open().unwrap();
        assert_eq!(opened, IndexText { description: "\u{fffd}\0v3".to_owned(), text: Vec::new() });
    }

    #[test]
    fn every_cut_is_noticed() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let bytes = write_index("mine", &[], &key, SignatureKind::Rsa256).unwrap();
        for length in 0..bytes.len() {
            let opened = SignedIndex::read(&bytes[..length]).and_then(|index| index.open());
            assert!(opened.is_err(), "{length} of {} bytes were taken for an index", bytes.len());
        }
    }
}
