//! An image's reference, `HOST/NAME:TAG`, in the full form that every engine understands.
//!
//! `app` means `docker.io/library/app:latest`, as it does to Docker (distribution's reference grammar). For an image
//! that is about to be made a digest in place of a tag is refused: it has none yet. The grammar stands here and not in
//! a library, whose regular expressions take longer to compile than an unchanged image takes to be found so; a test
//! holds the two against each other.

use std::fmt;

use super::error::Error;

/// The registry that a name without a host means.
const DOCKER: &str = "docker.io";
/// Bytes that the name may have, its host included.
const LONGEST_NAME: usize = 255;
/// Bytes that a tag may have.
const LONGEST_TAG: usize = 128;

/// A full reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Reads what a user writes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let reference = Self::parse_any(text)?;
        if reference.digest.is_some() {
            return Err(wrong(text, "it names a digest, which an image that is yet to be made cannot have"));
        }
        Ok(reference)
    }

    /// Reads the reference of an image that is there already, which may name a digest.
    pub fn parse_any(text: &str) -> Result<Self, Error> {
        let wrong = |reason| wrong(text, reason);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err(wrong("a digest is `sha256:` and 64 hexadecimal digits")),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag has letters, digits, `_`, `.` and `-`, not first, and at most 128 of them"));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if is_host(host) => (host, rest),
            _ => (DOCKER, name),
        };
        if !registry
            .split_once(':')
            .map_or_else(|| is_domain(registry), |(host, port)| is_domain(host) && is_port(port))
        {
            return Err(wrong("its host is no domain name with or without a port"));
        }
        if repository.is_empty() || !repository.split('/').all(is_component) {
            return Err(wrong("a name has lower-case letters and digits, with `.`, `_`, `__` or `-` between them"));
        }
        let registry = if registry == "index.docker.io" { DOCKER } else { registry };
        let official = registry == DOCKER && !repository.contains('/');
        let repository = if official { format!("library/{repository}") } else { repository.to_owned() };
        if name.len() > LONGEST_NAME || registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(wrong("its name is longer than 255 bytes"));
        }
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }

    /// What the image is asked for by: the digest, or else the tag.
    pub fn tag_or_digest(&self) -> &str {
        self.digest.as_deref().unwrap_or(self.tag())
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// Host and port of the registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name below the registry, `library/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The last part of the name: `app` of `ghcr.io/me/app`.
    pub fn short_name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
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
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => write!(formatter, ":{}", self.tag()),
        }
    }
}

/// The error of `reference`, which is none.
fn wrong(reference: &str, reason: &str) -> Error {
    Error::Reference { reference: reference.to_owned(), reason: reason.to_owned() }
}

/// Whether the first part of a name is a host: Docker tells it by a dot, a port, or by being `localhost`.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

fn is_domain(host: &str) -> bool {
    let is_label = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label)
}

fn is_port(port: &str) -> bool {
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs of lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_component(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let between = bytes.split(|byte| is_word(*byte)).filter(|separator| !separator.is_empty());
    bytes.first().is_some_and(|byte| is_word(*byte))
        && bytes.last().is_some_and(|byte| is_word(*byte))
        && between.into_iter().all(|it| matches!(it, b"." | b"_" | b"__") || it.iter().all(|byte| *byte == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // Only what no host can be is left out: the crate takes capital letters and underscores there, as Docker does
        // not.
        #[test]
        fn references_are_those_of_the_specification(
            text in "(([a-z]{1,3}|-|localhost|index\\.docker\\.io)(\\.[a-z-]{1,2})?(:[0-9a]{1,3})?/)?([a-z0-9._-]{1,6}|[a-z0-9_-]{1,4}(/[a-z0-9._-]{1,4}){1,2})(:[a-zA-Z0-9._-]{0,4})?"
        ) {
            let expected = text.parse::<oci_spec::distribution::Reference>();
            let found = Reference::parse_any(&text);
            match (expected, found) {
                (Ok(expected), Ok(found)) => {
                    prop_assert_eq!(expected.registry(), found.registry());
                    prop_assert_eq!(expected.repository(), found.repository());
                    prop_assert_eq!(expected.tag(), Some(found.tag()));
                }
                (expected, found) => prop_assert!(expected.is_err() && found.is_err(), "{}: {:?} {:?}", text, expected, found),
            }
        }
    }

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
