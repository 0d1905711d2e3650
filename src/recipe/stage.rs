//! Build stages: `[stage.NAME]`, each a root filesystem of its own, of which only what a copy names reaches the image.

use std::collections::BTreeMap;

use crate::apk::Dependency;

use super::{CopyStep, ImagePath};

/// One `[stage.NAME]`. Release, mirrors, repositories, keys and scripts are those of `[alpine]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// NAME.
    pub name: String,
    /// Its world.
    pub packages: Vec<Dependency>,
    /// What is copied into it before anything is run, in order.
    pub copies: Vec<CopyStep>,
    /// Where the commands are run.
    pub workdir: ImagePath,
    /// The environment of the commands; PATH is always there.
    pub env: BTreeMap<String, String>,
    /// Commands for `/bin/sh -euc`, one after another.
    pub run: Vec<String>,
    /// Which network the commands see.
    pub network: Network,
}

/// Which network the commands of a stage see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Loopback only.
    #[default]
    None,
    /// The host's, with its resolver, CA bundle, and proxy and index variables.
    Host,
}
