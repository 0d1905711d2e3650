//! Paths inside the image.

use std::fmt;

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
