//! Options that several verbs share. Each is also an environment variable `APKBUILD_…`; a list there is separated by
//! white space.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use super::error::Error;
use crate::address::Address;
use crate::pipeline::Overrides;
use crate::platform::Architecture;

/// Options that every verb has.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct GlobalOptions {
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true, env = "APKBUILD_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    pub json: bool,
    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours (NO_COLOR is obeyed under `auto`)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", env = "APKBUILD_COLOR")]
    pub color: ColorChoice,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    /// Whether messages on standard error are coloured.
    pub fn on_standard_error(self) -> bool {
        self.decide(std::io::stderr().is_terminal())
    }

    /// Whether results on standard output are coloured.
    pub fn on_standard_output(self) -> bool {
        self.decide(std::io::stdout().is_terminal())
    }

    fn decide(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            // no-color.org: set and not empty.
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// What help texts and usage errors should look like, which are printed before the options are known.
pub(super) fn color_before_parsing(arguments: &[OsString]) -> clap::ColorChoice {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        match value {
            Some("always") => return clap::ColorChoice::Always,
            Some("never") => return clap::ColorChoice::Never,
            _ => {}
        }
    }
    clap::ColorChoice::Auto
}

/// Whether a wrong call is to be told in JSON, which is asked before the options are known.
pub(super) fn json_before_parsing(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json")
}

/// Options that `recipe`, `resolve`, `plan`, `lock` and `vendor` share: where packages come from and what is trusted.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Packages")]
pub struct BuildOptions {
    /// Alpine mirror in place of the recipe's; repeat it for others to fall back to
    #[arg(long, value_name = "URL", env = "APKBUILD_MIRROR", hide_env_values = true, value_delimiter = ' ')]
    pub mirror: Vec<Address>,
    /// Repository in place of the recipe's, where ARCH/APKINDEX.tar.gz lies; `@tag URL` pins
    #[arg(short = 'X', long = "repository", value_name = "[@tag ]URL|DIR")]
    pub repositories: Vec<Address>,
    /// Trust the keys in this folder in place of Alpine's and the recipe's
    #[arg(long, value_name = "DIR", env = "APKBUILD_KEYS_DIR")]
    pub keys_dir: Option<PathBuf>,
    /// Architecture in place of the recipe's: Alpine's name, or amd64, arm64; repeatable
    #[arg(long = "arch", value_name = "ARCH", env = "APKBUILD_ARCH", value_delimiter = ' ', value_parser = architecture())]
    pub archs: Vec<Architecture>,
    /// Where downloads and results are kept for the next time
    #[arg(long, value_name = "DIR", env = "APKBUILD_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Use the cache and local folders only
    #[arg(long, env = "APKBUILD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    pub offline: bool,
    /// Accept indexes without a trusted signature
    #[arg(long, env = "APKBUILD_ALLOW_UNTRUSTED", value_parser = clap::builder::FalseyValueParser::new())]
    pub allow_untrusted: bool,
}

/// Reads an architecture by any of its names, and lists Alpine's in the help and in errors.
pub(super) fn architecture() -> impl clap::builder::TypedValueParser<Value = Architecture> {
    let value = |architecture: Architecture| {
        PossibleValue::new(architecture.as_str()).aliases(architecture.other_names().iter().copied())
    };
    PossibleValuesParser::new(Architecture::ALL.map(value)).map(|name| {
        let known = Architecture::parse(&name).ok().or_else(|| Architecture::from_other_name(&name));
        known.unwrap_or_else(Architecture::default_target)
    })
}

impl BuildOptions {
    /// The same for the pipeline.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            mirrors: self.mirror.clone(),
            repositories: self.repositories(),
            keys_dir: self.keys_dir.clone(),
            archs: self.archs.clone(),
            cache_dir: self.cache_dir.clone(),
            offline: self.offline,
            allow_untrusted: self.allow_untrusted,
        }
    }

    /// The repositories of the command line, or else those of `APKBUILD_REPOSITORY`.
    pub fn repositories(&self) -> Vec<Address> {
        if !self.repositories.is_empty() {
            return self.repositories.clone();
        }
        repositories_of(&std::env::var("APKBUILD_REPOSITORY").unwrap_or_default())
    }
}

/// SOURCE_DATE_EPOCH, in seconds since 1970, where it is set (reproducible-builds.org).
pub(super) fn source_date_epoch() -> Result<Option<i64>, Error> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.to_str().and_then(|text| text.trim().parse().ok()).filter(|seconds| *seconds >= 0) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Error::usage(format!("SOURCE_DATE_EPOCH is {}, which is no time", text.display()))
            .with_help("it is a number of seconds since 1970, as `date +%s` prints it".to_owned())),
    }
}

/// Splits a list at white space, but keeps a tag with the location that follows it: `@edge URL` is one repository.
fn repositories_of(text: &str) -> Vec<Address> {
    let mut repositories = Vec::new();
    let mut tag = None;
    for word in text.split_whitespace() {
        match tag.take() {
            Some(tag) => repositories.push(Address::new(&format!("{tag} {word}"))),
            None if word.starts_with('@') => tag = Some(word),
            None => repositories.push(Address::new(word)),
        }
    }
    repositories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_stays_with_its_repository() {
        assert_eq!(repositories_of("a @edge b\nc"), ["a", "@edge b", "c"].map(Address::new));
        assert!(repositories_of("  ").is_empty());
    }
}
