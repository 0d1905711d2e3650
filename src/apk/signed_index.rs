//! `APKINDEX.tar.gz`: a signature, and everything after it, which the signature covers (apk-repositories(5)).
//!
//! Refused: another format, an index without the entry `APKINDEX`, text that is not UTF-8.

use std::io::{BufRead, Read as _};

use flate2::bufread::MultiGzDecoder;

use super::member::{check_magic, damaged, split_signatures, tar_entries};
use super::{Error, Keyring, Signature};

/// Alpine's largest has some 15 MB inflated.
const LIMIT: usize = 512 << 20;

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
    pub text: String,
}

impl<'a> SignedIndex<'a> {
    /// Reads the signatures that `bytes` begin with; there may be none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let (signatures, signed) = split_signatures(bytes)?;
        Ok(Self { signatures, signed })
    }

    /// The file name of the trusted key that signed it, or why there is none.
    pub fn verify(&self, keyring: &Keyring) -> Result<&str, Error> {
        keyring.verify(self.signed, &self.signatures)
    }

    /// Inflates it. Whether to trust what comes out is for [`Self::verify`] to say, before.
    pub fn open(&self) -> Result<IndexText, Error> {
        let mut signed = self.signed;
        check_magic(&mut signed, "index")?;
        let tar = inflate(signed)?;
        let mut index = IndexText { description: String::new(), text: String::new() };
        let mut found = false;
        for (name, contents) in tar_entries(&tar, "index")? {
            let place = match name.as_str() {
                "APKINDEX" => &mut index.text,
                "DESCRIPTION" => &mut index.description,
                _ => continue,
            };
            found |= name == "APKINDEX";
            str::from_utf8(contents).map_err(|_| Error::NotText { what: "index" })?.clone_into(place);
        }
        if found { Ok(index) } else { Err(Error::Missing { member: "entry APKINDEX" }) }
    }
}

fn inflate(packed: impl BufRead) -> Result<Vec<u8>, Error> {
    let mut tar = Vec::new();
    MultiGzDecoder::new(packed)
        .take(LIMIT as u64 + 1)
        .read_to_end(&mut tar)
        .map_err(|error| damaged("index", &error))?;
    if tar.len() > LIMIT { Err(Error::TooLarge { member: "index", limit: LIMIT }) } else { Ok(tar) }
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
        assert_eq!(index.verify(&keyring), Err(Error::Foreign { signers: vec!["me.rsa.pub".to_owned()] }));
        keyring.add("me.rsa.pub", &key.public_pem().unwrap()).unwrap();
        assert_eq!(index.verify(&keyring), Ok("me.rsa.pub"));
        assert_eq!(index.open().unwrap(), IndexText { description: "mine".to_owned(), text: String::new() });

        let unsigned = SignedIndex::read(index.signed).unwrap();
        assert_eq!(unsigned.verify(&keyring), Err(Error::NotSigned));
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        let changed = SignedIndex::read(&changed).unwrap();
        assert_eq!(changed.verify(&keyring), Err(Error::WrongSignature { signer: "me.rsa.pub".to_owned() }));
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
