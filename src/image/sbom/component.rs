//! One component of an image: a package of Alpine's, of Python's or of Node's.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::license::License;
use crate::apk::Identity;

/// Where a component comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ecosystem {
    /// Alpine.
    Apk,
    /// Python.
    Pypi,
    /// Node.
    Npm,
}

/// One component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Component {
    /// Whose package it is.
    pub ecosystem: Ecosystem,
    /// Its name there.
    pub name: String,
    /// Its version.
    pub version: String,
    /// As declared.
    pub license: License,
    /// In one line.
    pub description: String,
    /// Its web site, where it names one.
    pub url: Option<String>,
    /// Its maintainer, where it names one.
    pub maintainer: String,
    /// Of an Alpine package: the source package that it was built from.
    pub origin: String,
    /// Of an Alpine package: the commit of that.
    pub commit: String,
    /// Of an Alpine package: the digest of its control member, by which a signed index vouches for it.
    pub identity: Option<Identity>,
    /// package-url specification.
    pub purl: String,
    /// The file or folder in the image that says it is there.
    pub evidence: String,
    /// The place of the component that holds it; none where the image itself does.
    pub parent: Option<usize>,
    /// Places of the components that it asks for; `None` where that is not known.
    pub depends: Option<BTreeSet<usize>>,
    /// Names that it asks for, of its own ecosystem.
    #[serde(skip)]
    pub(super) requires: Vec<String>,
}

impl Component {
    /// The source package that it was built from: its own name where nothing else is said.
    pub(super) fn source(&self) -> &str {
        if self.origin.is_empty() { &self.name } else { &self.origin }
    }
}

/// `url` if it is one that a document may name.
pub(super) fn web_site(url: &str) -> Option<String> {
    let is_plain = url.chars().all(|letter| {
        letter.is_ascii_graphic() && !matches!(letter, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^')
    });
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (is_plain && !rest.is_empty()).then(|| url.to_owned())
}
