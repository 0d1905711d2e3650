//! An image's reference, `HOST/NAME:TAG`, in the full form that every engine understands.
//!
//! `app` means `docker.io/library/app:latest`, as it does to Docker (distribution's reference grammar). For an image that is
//! about to be made a digest in place of a tag is refused: it has none yet.

use std::fmt;

use oci_spec::distribution;

use super::Error;

/// A full reference with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(distribution::Reference);

impl Reference {
    /// Reads what a user writes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let reference = Self::parse_any(text)?;
        if reference.0.digest().is_some() {
            return Err(Error::Reference {
                reference: text.to_owned(),
                reason: "it names a digest, which an image that is yet to be made cannot have".to_owned(),
            });
        }
        Ok(reference)
    }

    /// Reads the reference of an image that is there already, which may name a digest.
    pub fn parse_any(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|error: distribution::ParseError| Error::Reference {
            reference: text.to_owned(),
            reason: error.to_string(),
        })
    }

    /// What the image is asked for by: the digest, or else the tag.
    pub fn tag_or_digest(&self) -> &str {
        self.0.digest().unwrap_or(self.tag())
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.0.tag().unwrap_or("latest")
    }

    /// Host and port of the registry.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The name below the registry, `library/app`.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// As people write it: without what Docker adds by itself.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let short = full.strip_prefix("docker.io/").unwrap_or(&full);
        short.strip_prefix("library/").unwrap_or(short).to_owned()
    }
}

impl fmt::Display for Reference {
    /// The full form.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry(), self.repository())?;
        match self.0.digest() {
            Some(digest) => write!(formatter, "@{digest}"),
            None => write!(formatter, ":{}", self.tag()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_become_full_ones() {
        for (text, full, familiar) in [
            ("app", "docker.io/library/app:latest", "app:latest"),
            ("app:1.0", "docker.io/library/app:1.0", "app:1.0"),
            ("me/app:1.0", "docker.io/me/app:1.0", "me/app:1.0"),
            ("localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app:latest"),
            ("ghcr.io/me/app:v2", "ghcr.io/me/app:v2", "ghcr.io/me/app:v2"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!((reference.to_string().as_str(), reference.familiar().as_str()), (full, familiar));
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let digest = format!("app@sha256:{}", "0".repeat(64));
        for text in ["", "App", "a b", "app:", "app:-x", digest.as_str()] {
            assert!(matches!(Reference::parse(text), Err(Error::Reference { .. })), "{text}");
        }
    }
}
