//! Paths inside the image.

use std::fmt;

use super::problem::Problem;
use super::text::plain;

/// An absolute path inside the image, without `.`, `..`, empty parts or a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Box<str>);

/// Where a copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyTarget {
    /// The path, without the slash at its end.
    pub path: ImagePath,
    /// Written with a slash at its end: what is copied goes into that folder under its own name. Otherwise a file or
    /// folder takes this name.
    pub into: bool,
}

impl ImagePath {
    /// As it is in a configuration: `/app`, `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is in a tree: `app`, and nothing at all for the root.
    pub fn in_tree(&self) -> &str {
        self.0.trim_start_matches('/')
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl ImagePath {
    /// Reads an absolute path. Empty parts, `.` and a slash at the end are dropped; `..` and control characters are
    /// refused, and so is more than Linux takes.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if !text.starts_with('/') {
            return Err(Problem::NotAbsolute { path: text.to_owned() });
        }
        Ok(Self(format!("/{}", relative(text)?).into()))
    }

    /// `/`
    pub(super) fn root() -> Self {
        Self("/".into())
    }
}

impl CopyTarget {
    /// Reads an absolute path with or without a slash at its end.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Ok(Self { path: ImagePath::parse(text)?, into: text.ends_with('/') })
    }
}

/// `text` without slashes at its ends, empty parts and `.`; refused as [`ImagePath::parse`] says.
pub(super) fn relative(text: &str) -> Result<String, Problem> {
    plain(text)?;
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(Problem::ParentPart { path: text.to_owned() });
    }
    let path = parts.join("/");
    let longest_part = parts.iter().map(|part| part.len()).max().unwrap_or_default();
    // NAME_MAX and PATH_MAX of linux/limits.h, less the slash before and the NUL behind.
    for (found, limit) in [(longest_part, 255), (path.len(), 4094)] {
        if found > limit {
            return Err(Problem::TooLong { value: text.to_owned(), found, limit });
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (text, path, in_tree) in
            [("/", "/", ""), ("//app/", "/app", "app"), ("/app/./x//y", "/app/x/y", "app/x/y"), ("/a b", "/a b", "a b")]
        {
            let read = ImagePath::parse(text).unwrap();
            assert_eq!((read.as_str(), read.in_tree()), (path, in_tree), "{text}");
        }
        for wrong in ["", "app", "./app", "/app/..", "/../app", "/a\nb", "/a\0"] {
            assert!(ImagePath::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(ImagePath::parse(&format!("/{}", "x".repeat(256))).is_err());
        assert!(ImagePath::parse(&"/x".repeat(2048)).is_err());
    }

    #[test]
    fn a_slash_at_the_end_means_into() {
        for (text, path, into) in [("/app", "/app", false), ("/app/", "/app", true), ("/", "/", true)] {
            assert_eq!(CopyTarget::parse(text), Ok(CopyTarget { path: ImagePath::parse(path).unwrap(), into }));
        }
    }
}
