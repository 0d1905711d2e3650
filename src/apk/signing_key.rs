//! A private RSA key, to sign packages and indexes with.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512};

use super::error::Error;
use super::pem;
use super::signature::{Signature, SignatureKind};

/// A private key and the file name that its public half goes by.
pub struct SigningKey {
    pair: KeyPair,
    public_name: String,
}

impl SigningKey {
    /// A new key of `bits` (2048, 3072, 4096 or 8192) whose public half is to be named `public_name`.
    pub fn generate(bits: u32, public_name: impl Into<String>) -> Result<Self, Error> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => return Err(Error::Cryptography { what: "making a key of such a length" }),
        };
        let pair = KeyPair::generate(size).map_err(|_| Error::Cryptography { what: "making an RSA key" })?;
        Ok(Self { pair, public_name: public_name.into() })
    }

    /// Reads an unencrypted private key: PKCS#8 (`PRIVATE KEY`), as written here, or PKCS#1 (`RSA PRIVATE KEY`), as
    /// abuild-keygen writes it. `public_name` is the file name of the public half: `NAME.rsa.pub`.
    pub fn from_pem(public_name: impl Into<String>, text: &str) -> Result<Self, Error> {
        let public_name = public_name.into();
        let pair = match (pem::decode("PRIVATE KEY", text), pem::decode("RSA PRIVATE KEY", text)) {
            (Some(der), _) => KeyPair::from_pkcs8(&der).ok(),
            (None, Some(der)) => KeyPair::from_der(&der).ok(),
            (None, None) => None,
        };
        if let Some(pair) = pair {
            return Ok(Self { pair, public_name });
        }
        Err(Error::PrivateKey { name: public_name.strip_suffix(".pub").unwrap_or(&public_name).to_owned() })
    }

    /// The private key in PEM (PKCS#8).
    pub fn to_pem(&self) -> Result<String, Error> {
        let der: Pkcs8V1Der<'_> =
            self.pair.as_der().map_err(|_| Error::Cryptography { what: "writing a private key" })?;
        Ok(pem::encode("PRIVATE KEY", der.as_ref()))
    }

    /// The public key in PEM (SubjectPublicKeyInfo), the contents of the file [`Self::public_name`].
    pub fn public_pem(&self) -> Result<String, Error> {
        let der: PublicKeyX509Der<'_> =
            self.pair.public_key().as_der().map_err(|_| Error::Cryptography { what: "writing a public key" })?;
        Ok(pem::encode("PUBLIC KEY", der.as_ref()))
    }

    /// The file name of the public half, which signatures carry.
    pub fn public_name(&self) -> &str {
        &self.public_name
    }

    /// Signs `message`. Signatures over SHA-1 are not made.
    pub fn sign(&self, kind: SignatureKind, message: &[u8]) -> Result<Signature, Error> {
        let encoding = match kind {
            SignatureKind::Rsa => return Err(Error::Cryptography { what: "signing over SHA-1, which is broken," }),
            SignatureKind::Rsa256 => &RSA_PKCS1_SHA256,
            SignatureKind::Rsa512 => &RSA_PKCS1_SHA512,
        };
        let mut bytes = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut bytes)
            .map_err(|_| Error::Cryptography { what: "signing" })?;
        Ok(Signature { kind: Ok(kind), signer: self.public_name.clone(), bytes })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public_name)
    }
}
