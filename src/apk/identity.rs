//! A package's identity, the `C:` of an index: the digest of its compressed control member.
//!
//! `Q1` is SHA-1 and `Q2` SHA-256, each followed by the digest in base64 (apk-package(5)). A signed index vouches for
//! the identity, the identity for the control member, and the control member's `datahash` for the data.

use std::fmt;

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Sha1Digest, Sha256Digest};

/// As apk reads it: bits of the last digit that belong to no byte may be set.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The identity of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// `Q1…`, what Alpine's indexes hold today.
    Sha1(Sha1Digest),
    /// `Q2…`, which apk reads as well.
    Sha256(Sha256Digest),
}

impl Identity {
    /// Reads `Q1…` or `Q2…`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, encoded) = text.split_at_checked(2)?;
        let bytes = BASE64.decode(encoded).ok()?;
        match kind {
            "Q1" => Some(Self::Sha1(Sha1Digest(bytes.try_into().ok()?))),
            "Q2" => Some(Self::Sha256(Sha256Digest(bytes.try_into().ok()?))),
            _ => None,
        }
    }

    /// The identity of the same kind as this one that `control`, a compressed control member, has.
    #[must_use]
    pub fn of_same_kind(self, control: &[u8]) -> Self {
        match self {
            Self::Sha1(_) => Self::Sha1(Sha1Digest::of(control)),
            Self::Sha256(_) => Self::Sha256(Sha256Digest::of(control)),
        }
    }

    /// The first twenty bytes of the digest, by which apk tells packages apart.
    pub(crate) fn short(self) -> [u8; 20] {
        match self {
            Self::Sha1(digest) => digest.0,
            Self::Sha256(digest) => std::array::from_fn(|place| digest.0.get(place).copied().unwrap_or_default()),
        }
    }

    /// The digest alone in hexadecimal, fit for a file name.
    pub fn to_hex(self) -> String {
        match self {
            Self::Sha1(digest) => digest.to_string(),
            Self::Sha256(digest) => digest.to_string(),
        }
    }
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected an identity, Q1… or Q2…"))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha1(digest) => write!(formatter, "Q1{}", BASE64.encode(digest.0)),
            Self::Sha256(digest) => write!(formatter, "Q2{}", BASE64.encode(digest.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_print_as_they_are_read() {
        let text = "Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=";
        assert_eq!(Identity::parse(text).unwrap().to_string(), text);
        // The last digit before the padding has two bits to spare.
        for spare in
            ["Q1qKcZ+j23xssAXmgQhkOO8dHnbWx=", "Q1qKcZ+j23xssAXmgQhkOO8dHnbWy=", "Q1qKcZ+j23xssAXmgQhkOO8dHnbWz="]
        {
            assert_eq!(Identity::parse(spare), Identity::parse(text), "{spare}");
        }
        for wrong in ["", "Q", "Q1", "Q1!!!!", "Q3qKcZ+j23xssAXmgQhkOO8dHnbWw=", "Q2qKcZ+j23xssAXmgQhkOO8dHnbWw=", "éé"]
        {
            assert_eq!(Identity::parse(wrong), None, "{wrong}");
        }
    }
}
