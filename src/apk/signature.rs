//! Signatures: entries `.SIGN.ALGORITHM.KEYFILE` whose contents are an RSA signature, PKCS#1 v1.5 (apk-package(5)).

use aws_lc_rs::signature as aws;

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

/// A signature as it stands in the first member of a package or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The hash under it.
    pub kind: SignatureKind,
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
    /// The signature in the entry `name` with the contents `bytes`; `None` where the name is not that of a signature or
    /// of a kind that is not known, which is passed over as apk does.
    pub fn from_entry(name: &str, bytes: &[u8]) -> Option<Self> {
        let (word, signer) = name.strip_prefix(".SIGN.")?.split_once('.')?;
        let kind = [SignatureKind::Rsa, SignatureKind::Rsa256, SignatureKind::Rsa512]
            .into_iter()
            .find(|kind| kind.word() == word)?;
        Some(Self { kind, signer: signer.to_owned(), bytes: bytes.to_vec() })
    }

    /// The name of the entry that holds it.
    pub fn entry_name(&self) -> String {
        format!(".SIGN.{}.{}", self.kind.word(), self.signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_and_by_whom() {
        for (name, expected) in [
            (".SIGN.RSA.alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub", Some(SignatureKind::Rsa)),
            (".SIGN.RSA256.me.rsa.pub", Some(SignatureKind::Rsa256)),
            (".SIGN.RSA512.me.rsa.pub", Some(SignatureKind::Rsa512)),
            (".SIGN.DSA.me.pub", None),
            (".SIGN.RSA", None),
            (".PKGINFO", None),
        ] {
            let signature = Signature::from_entry(name, b"x");
            assert_eq!(signature.as_ref().map(|signature| signature.kind), expected, "{name}");
            if let Some(signature) = signature {
                assert_eq!(signature.entry_name(), name);
            }
        }
    }
}
