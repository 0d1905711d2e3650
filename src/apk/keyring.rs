//! The public keys that are trusted, by file name. Alpine's own are built in.
//!
//! A signature names its key's file, and that key alone is asked: a trusted key under another name does not count, and
//! one trusted signature is enough (apk-keys(5)).

use std::collections::BTreeMap;

use aws_lc_rs::signature::UnparsedPublicKey;

use super::error::Error;
use super::pem;
use super::signature::{Signature, SignatureKind};

/// Alpine's keys, as its releases ship them.
macro_rules! alpine_keys {
    ($($id:literal)*) => {
        [$((
            concat!("alpine-devel@lists.alpinelinux.org-", $id, ".rsa.pub"),
            include_str!(concat!("keys/alpine-devel@lists.alpinelinux.org-", $id, ".rsa.pub")),
        )),*]
    };
}

const ALPINE: [(&str, &str); 17] = alpine_keys!(
    "4a6a0840" "5243ef4b" "524d27bb" "5261cecb" "58199dcc" "58cbb476" "58e4f17d" "60ac2099" "6165ee59" "61666e3f"
    "616a9724" "616abc23" "616ac3bc" "616adfeb" "616ae350" "616db30d" "66ba20fe"
);

/// Trusted keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    /// File name to the key in DER (SubjectPublicKeyInfo).
    keys: BTreeMap<String, Vec<u8>>,
}

impl Keyring {
    /// Nobody is trusted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Alpine's keys, for every architecture that it is built for.
    pub fn alpine() -> Self {
        let keys =
            ALPINE.into_iter().filter_map(|(name, text)| Some((name.to_owned(), pem::decode("PUBLIC KEY", text)?)));
        Self { keys: keys.collect() }
    }

    /// Trusts the key in `text` (PEM) under the file name `name`, in place of one that had the name.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let unreadable = || Error::PublicKey { name: name.to_owned() };
        let der = pem::decode("PUBLIC KEY", text).ok_or_else(unreadable)?;
        aws_lc_rs::signature::ParsedPublicKey::new(SignatureKind::Rsa256.verification(), &der)
            .map_err(|_| unreadable())?;
        self.keys.insert(name.to_owned(), der);
        Ok(())
    }

    /// The file names of the keys, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Holds `signed` against `signatures`: the file name of the trusted key that signed it, or why there is none.
    pub fn verify<'a>(&self, signed: &[u8], signatures: &'a [Signature]) -> Result<&'a str, Error> {
        if signatures.is_empty() {
            return Err(Error::NotSigned);
        }
        let (mut wrong, mut unsupported) = (None, None);
        for signature in signatures {
            let kind = match &signature.kind {
                Ok(kind) => *kind,
                Err(algorithm) => {
                    unsupported = Some((signature.signer.clone(), algorithm.clone()));
                    continue;
                }
            };
            let Some(der) = self.keys.get(&signature.signer) else { continue };
            if UnparsedPublicKey::new(kind.verification(), der).verify(signed, &signature.bytes).is_ok() {
                return Ok(&signature.signer);
            }
            wrong = Some(signature.signer.clone());
        }
        if let Some(signer) = wrong {
            return Err(Error::WrongSignature { signer });
        }
        if let Some((signer, algorithm)) = unsupported {
            return Err(Error::UnsupportedSignature { signer, algorithm });
        }
        Err(Error::Foreign {
            signers: signatures.iter().map(|signature| signature.signer.clone()).collect(),
            trusted: self.names().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SigningKey;
    use super::*;

    #[test]
    fn all_of_alpines_keys_are_keys() {
        let mut again = Keyring::new();
        for (name, text) in ALPINE {
            again.add(name, text).unwrap();
        }
        assert_eq!(again, Keyring::alpine());
        assert_eq!(again.names().count(), ALPINE.len());
    }

    #[test]
    fn the_documentation_lists_the_keys_of_every_architecture() {
        let text = include_str!("../../docs/recipe.md");
        let (_, table) = text.split_once("| architecture | keys |\n").unwrap();
        let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
        let cells: Vec<Vec<&str>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
        let mut archs: Vec<&str> = cells.iter().map(|cells| cells[1].trim_matches('`')).collect();
        let mut known: Vec<&str> = crate::platform::Architecture::ALL.iter().map(|arch| arch.as_str()).collect();
        archs.sort_unstable();
        known.sort_unstable();
        assert_eq!(archs, known);
        let names = cells.iter().flat_map(|cells| cells[2].split(", "));
        let listed: std::collections::BTreeSet<String> =
            names.map(|id| format!("alpine-devel@lists.alpinelinux.org-{id}.rsa.pub")).collect();
        assert_eq!(listed, Keyring::alpine().names().map(str::to_owned).collect());
    }

    #[test]
    fn a_signature_is_trusted_under_its_own_name_only() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let public = key.public_pem().unwrap();
        let signature = [key.sign(SignatureKind::Rsa256, b"message").unwrap()];
        let mut mine = Keyring::new();
        mine.add("me.rsa.pub", &public).unwrap();
        assert_eq!(mine.verify(b"message", &signature), Ok("me.rsa.pub"));
        assert_eq!(mine.verify(b"massage", &signature), Err(Error::WrongSignature { signer: "me.rsa.pub".to_owned() }));
        assert_eq!(mine.verify(b"message", &[]), Err(Error::NotSigned));
        let mut other = Keyring::alpine();
        other.add("other.rsa.pub", &public).unwrap();
        assert_eq!(
            other.verify(b"message", &signature),
            Err(Error::Foreign {
                signers: vec!["me.rsa.pub".to_owned()],
                trusted: other.names().map(str::to_owned).collect()
            })
        );
        let second = [key.sign(SignatureKind::Rsa512, b"message").unwrap()];
        assert_eq!(mine.verify(b"message", &second), Ok("me.rsa.pub"));
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = SigningKey::generate(2048, "me.rsa.pub").unwrap();
        let again = SigningKey::from_pem("me.rsa.pub", &key.to_pem().unwrap()).unwrap();
        assert_eq!(key.public_pem().unwrap(), again.public_pem().unwrap());
        let error = SigningKey::from_pem("me.rsa.pub", "nonsense").unwrap_err();
        assert_eq!(error, Error::PrivateKey { name: "me.rsa".to_owned() });
        assert!(Keyring::new().add("x.rsa.pub", "nonsense").is_err());
    }
}
