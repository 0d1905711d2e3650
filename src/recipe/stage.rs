//! Build stages: `[stage.NAME]`, each a root filesystem of its own, of which only what a copy names reaches the image.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::apk::Dependency;

use super::alpine::package;
use super::config::environment;
use super::copy::CopyStep;
use super::faults::Faults;
use super::grammar::Grammar;
use super::image_path::ImagePath;
use super::problem::Problem;
use super::section::Section;
use super::text::{not_a, text};

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

impl Stage {
    /// Reads every `[stage.NAME]`, in an order in which each comes after those that it copies from.
    pub(super) fn read_all(section: &mut Section<'_>, names: &BTreeSet<String>) -> Vec<Self> {
        let stages = section.named_sections("stage", |name, section| {
            if !is_name(name.get_ref()) {
                section.faults().note(not_a(Grammar::StageName, name.get_ref()), name.span());
            }
            (Self::read(name.get_ref(), section, names), name.span())
        });
        in_order(stages, section.faults())
    }

    fn read(name: &str, section: &mut Section<'_>, names: &BTreeSet<String>) -> Self {
        let stage = Self {
            name: name.to_owned(),
            packages: section.texts("packages", package).unwrap_or_default(),
            copies: CopyStep::read_all(section, names),
            workdir: section.text("workdir", ImagePath::parse).unwrap_or_else(ImagePath::root),
            env: environment(section),
            run: section.texts("run", command).unwrap_or_default(),
            network: section.choice("network", &[("none", Network::None), ("host", Network::Host)]).unwrap_or_default(),
        };
        let could_copy_a_shell = stage.copies.iter().any(|copy| copy.from.is_some());
        if !stage.run.is_empty() && !section.has("packages") && !could_copy_a_shell {
            section.note("run", Problem::NoShell { stage: name.to_owned() });
        }
        stage
    }

    /// The stages that this one copies from.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.copies.iter().filter_map(|copy| copy.from.as_deref())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn command(command: &str) -> Result<String, Problem> {
    if command.trim().is_empty() {
        return Err(not_a(Grammar::Command, command));
    }
    text(command)
}

/// Puts stages behind those that they need, otherwise by name, and notes the circle where there is one.
fn in_order(stages: Vec<(Stage, Range<usize>)>, faults: &Faults) -> Vec<Stage> {
    let mut waiting: BTreeMap<String, (Stage, Range<usize>)> =
        stages.into_iter().map(|(stage, span)| (stage.name.clone(), (stage, span))).collect();
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().find(|(_, (stage, _))| !stage.needs().any(|name| waiting.contains_key(name)));
        let Some(name) = ready.map(|(name, _)| name.clone()) else {
            let (chain, span) = circle(&waiting);
            faults.note(Problem::StageCycle { chain }, span);
            break;
        };
        ordered.extend(waiting.remove(&name).map(|(stage, _)| stage));
    }
    ordered
}

/// A circle among stages of which each needs another, and where its first stage is.
fn circle(waiting: &BTreeMap<String, (Stage, Range<usize>)>) -> (Vec<String>, Range<usize>) {
    let mut chain: Vec<&str> = Vec::new();
    let mut next = waiting.keys().next().map(String::as_str);
    while let Some(name) = next {
        if let Some(start) = chain.iter().position(|earlier| *earlier == name) {
            chain.drain(..start);
            chain.push(name);
            break;
        }
        chain.push(name);
        next = waiting.get(name).and_then(|(stage, _)| stage.needs().find(|name| waiting.contains_key(*name)));
    }
    let span = chain.first().and_then(|name| waiting.get(*name)).map(|(_, span)| span.clone()).unwrap_or_default();
    (chain.into_iter().map(str::to_owned).collect(), span)
}
