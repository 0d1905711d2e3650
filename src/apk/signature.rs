//! Signatures: entries `.SIGN.ALGORITHM.KEYFILE` whose contents are an RSA signature, PKCS#1 v1.5 (apk-package(5)).

use aws_lc_rs::signature as aws;

use super::error::Error;

/// The hash under a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureKind {
    /// `RSA`, over SHA-1: what Alpine signs with. It is read, never written.
    Rsa,
    /// `RSA256`, over SHA-256: what is written here.
    Rsa256,
    /// `RSA512`, over SHA-512.
    Rsa512,
}

/// A signature as it stands before a package or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The hash under it; where that is no RSA signature, the word for what it is: `DSA`.
    pub kind: Result<SignatureKind, String>,
    /// The file name of the key that made it: `NAME.rsa.pub`.
    pub signer: String,
    /// As long as the key.
    pub bytes: Vec<u8>,
}

impl SignatureKind {
    /// The word in the entry's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Rsa256 => "RSA256",
            Self::Rsa512 => "RSA512",
        }
    }

    /// Old keys of Alpine have 2,048 bits, and shorter ones are refused.
    pub(super) fn verification(self) -> &'static aws::RsaParameters {
        match self {
            Self::Rsa => &aws::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Rsa256 => &aws::RSA_PKCS1_2048_8192_SHA256,
            Self::Rsa512 => &aws::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

impl Signature {
    /// What the name of every entry with a signature begins with.
    pub const PREFIX: &str = ".SIGN.";

    /// The signature in the entry `name` with the contents `bytes`. An algorithm that is not known is no error here:
    /// another signature may do.
    ///
    /// # Errors
    /// Where the name is not `.SIGN.ALGORITHM.KEYFILE`.
    pub fn from_entry(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let parts = name.strip_prefix(Self::PREFIX).and_then(|rest| rest.split_once('.'));
        let Some((word, signer)) = parts.filter(|(word, signer)| !word.is_empty() && !signer.is_empty()) else {
            return Err(Error::SignatureName { name: name.to_owned() });
        };
        let known = [SignatureKind::Rsa, SignatureKind::Rsa256, SignatureKind::Rsa512];
        let kind = known.into_iter().find(|kind| kind.word() == word).ok_or_else(|| word.to_owned());
        Ok(Self { kind, signer: signer.to_owned(), bytes: bytes.to_vec() })
    }

    /// The name of the entry that holds it.
    pub fn entry_name(&self) -> String {
        let word = self.kind.as_ref().map_or_else(String::as_str, |kind| kind.word());
        format!("{}{word}.{}", Self::PREFIX, self.signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_and_by_whom() {
        for (name, expected) in [
            (".SIGN.RSA.alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub", Ok(SignatureKind::Rsa)),
            (".SIGN.RSA256.me.rsa.pub", Ok(SignatureKind::Rsa256)),
            (".SIGN.RSA512.me.rsa.pub", Ok(SignatureKind::Rsa512)),
            (".SIGN.DSA.me.pub", Err("DSA".to_owned())),
        ] {
            let signature = Signature::from_entry(name, b"x").unwrap();
            assert_eq!(signature.kind, expected, "{name}");
            assert_eq!(signature.entry_name(), name);
        }
        for name in [".SIGN.RSA", ".SIGN.RSA.", ".SIGN..me.rsa.pub", ".PKGINFO"] {
            assert_eq!(Signature::from_entry(name, b"x"), Err(Error::SignatureName { name: name.to_owned() }));
        }
    }
}
