//! What can be wrong with a recipe, each kind with its message and its way out.

use crate::apk::SyntaxError;

use super::grammar::Grammar;

/// One thing that is wrong with a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is not TOML. The text is the TOML parser's.
    #[error("this is not TOML: {message}")]
    Toml {
        /// What the parser says.
        message: String,
    },
    /// A key that no recipe has.
    #[error("unknown key `{key}`{}", suggested(suggestion.as_deref()))]
    UnknownKey {
        /// As it was written, without the table before it.
        key: String,
        /// The known key that is nearest to it.
        suggestion: Option<String>,
        /// All keys that the table may have.
        known: Vec<&'static str>,
    },
    /// A key that every recipe has is not there.
    #[error("`{key}` is missing")]
    MissingKey {
        /// With the table before it.
        key: String,
        /// A line that would do.
        sample: String,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// With the table before it.
        key: String,
        /// The right type, with an article.
        expected: &'static str,
        /// The type that was written, with an article.
        found: &'static str,
        /// The value as it should perhaps have been written.
        instead: Option<String>,
    },
    /// A word that is none of those that can stand there.
    #[error("`{value}` is not one of {}{}", listed(choices), suggested(suggestion.as_deref()))]
    NotOneOf {
        /// As it was written.
        value: String,
        /// What can stand there.
        choices: Vec<&'static str>,
        /// The one that is nearest.
        suggestion: Option<String>,
    },
    /// A number outside its range.
    #[error("`{key}` must be from {minimum} to {maximum}, not {value}")]
    OutOfRange {
        /// With the table before it.
        key: String,
        /// As it was written.
        value: String,
        /// The least that can be.
        minimum: u32,
        /// The most that can be.
        maximum: u32,
    },
    /// Text that does not follow the rules of what it should be.
    #[error("`{}` is not {}", .value.escape_debug(), grammar.noun())]
    NotA {
        /// What it should be.
        grammar: Grammar,
        /// As it was written.
        value: String,
    },
    /// A path that must begin with a slash and does not.
    #[error("`{path}` is not an absolute path")]
    NotAbsolute {
        /// As it was written.
        path: String,
    },
    /// A path that must not begin with a slash.
    #[error("`{path}` is an absolute path")]
    Absolute {
        /// As it was written.
        path: String,
    },
    /// A path with a `..` in it.
    #[error("`{path}` leads out of its folder: `..` is refused")]
    ParentPart {
        /// As it was written.
        path: String,
    },
    /// The root folder where something else is meant.
    #[error("`/` cannot be {what}")]
    Root {
        /// What it was to be.
        what: &'static str,
    },
    /// A line break, a NUL or another control character in a path or name.
    #[error("`{}` holds a control character", .value.escape_debug())]
    ControlCharacter {
        /// As it was written.
        value: String,
    },
    /// A variable in a value of `env` that is not `$PATH`.
    #[error("`{variable}` is not expanded")]
    Variable {
        /// As it was written.
        variable: String,
    },
    /// A command without a program.
    #[error("the first word of `{key}` is empty, and it is the program")]
    NoProgram {
        /// `cmd` or `entrypoint`.
        key: String,
    },
    /// A colon in a path that goes into /etc/passwd.
    #[error("`{path}` holds a colon, which /etc/passwd cannot")]
    Colon {
        /// As it was written.
        path: String,
    },
    /// A name too long for where it must go.
    #[error("`{value}` has {found} characters, and {limit} is the most")]
    TooLong {
        /// As it was written.
        value: String,
        /// How long it is.
        found: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A package that is not written as the world writes it.
    #[error(transparent)]
    Package(#[from] SyntaxError),
    /// A glob that does not parse.
    #[error("`{pattern}` is not a pattern: {reason}")]
    Glob {
        /// As it was written.
        pattern: String,
        /// Why not.
        reason: String,
    },
    /// The same thing twice.
    #[error("{what} `{value}` is there twice")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Its name.
        value: String,
    },
    /// An account whose name and number belong to different accounts that every image has.
    #[error("{kind} `{name}` cannot have the number {id}")]
    ReservedAccount {
        /// `user` or `group`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The number it was given.
        id: u32,
    },
    /// A copy from a stage that the recipe does not have.
    #[error("there is no stage `{name}`{}", suggested(suggestion.as_deref()))]
    UnknownStage {
        /// As it was written.
        name: String,
        /// The stage that is nearest.
        suggestion: Option<String>,
    },
    /// Stages that copy from each other in a circle.
    #[error("stages copy from each other in a circle: {}", chain.join(" from "))]
    StageCycle {
        /// The first stage is there again at the end.
        chain: Vec<String>,
    },
    /// A stage that runs commands and has nothing to run them by.
    #[error("stage `{stage}` runs commands and has no packages, so no shell")]
    NoShell {
        /// Its name.
        stage: String,
    },
    /// A request to no port, where the recipe does not expose exactly one.
    #[error("`port` is missing, and the recipe does not expose exactly one port")]
    NoPort,
}

impl Problem {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownKey { known, .. } if known.is_empty() => None,
            Self::UnknownKey { known, .. } => Some(format!("what can stand here: {}", known.join(", "))),
            Self::MissingKey { sample, .. } => Some(format!("add {sample}")),
            Self::WrongType { key, expected, instead, .. } => Some(match instead {
                Some(instead) => format!("write {instead}"),
                None => format!("give `{key}` {expected}; docs/recipe.md shows every key"),
            }),
            Self::NotA { grammar, .. } => Some(grammar.rule().to_owned()),
            Self::NotAbsolute { path } => Some(format!("write \"/{path}\"")),
            Self::Absolute { .. } => {
                Some("paths of sources start from the recipe's folder: leave the slash out".into())
            }
            Self::ParentPart { .. } => Some(
                "a recipe takes files from its own folder and below it only: move the recipe up, or the file in".into(),
            ),
            Self::ReservedAccount { name, id, .. } => Some(match (name.as_str(), id) {
                ("root", _) => "root has the number 0".to_owned(),
                ("nobody", _) => "nobody has the number 65534".to_owned(),
                (_, 0) => "0 is root: take another number, such as 1001, or name = \"root\"".to_owned(),
                _ => "65534 is nobody: take another number, such as 1001".to_owned(),
            }),
            Self::Package(_) => Some(
                "packages are written as apk's world: name, name=1.2-r0, name~3.12, name>1, name@tag, !name".to_owned(),
            ),
            Self::Variable { .. } => Some(
                "only $PATH is, to the default PATH: write the value out, or \\$ for a dollar (in TOML \"\\\\$\" or '\\$')".to_owned(),
            ),
            Self::NoProgram { .. } => Some("name the program, such as \"python3\", or leave the key out".to_owned()),
            Self::Twice { .. } => Some("leave one of them out".to_owned()),
            Self::StageCycle { .. } => Some("let one of them build what it needs by itself".to_owned()),
            Self::NoShell { .. } => Some("add packages = [\"busybox\"]".to_owned()),
            Self::NoPort => Some("add port = 8000, or whichever the application listens on".to_owned()),
            Self::UnknownStage { name, .. } => Some(format!("add [stage.{name}], or leave `from` out")),
            Self::Toml { .. }
            | Self::NotOneOf { .. }
            | Self::OutOfRange { .. }
            | Self::Root { .. }
            | Self::ControlCharacter { .. }
            | Self::Colon { .. }
            | Self::TooLong { .. }
            | Self::Glob { .. } => None,
        }
    }
}

/// `, did you mean …?`, or nothing.
fn suggested(suggestion: Option<&str>) -> String {
    suggestion.map(|suggestion| format!(", did you mean `{suggestion}`?")).unwrap_or_default()
}

/// `a, b or c`, each in backticks.
fn listed(choices: &[&str]) -> String {
    let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The one of `known` that somebody who wrote `word` most likely meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().min(word.chars().count()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant() {
        let known = ["packages", "keep", "stop-signal", "cmd", "profile"];
        for (word, meant) in [
            ("pakages", Some("packages")),
            ("Packages", Some("packages")),
            ("package", Some("packages")),
            ("stop_signal", Some("stop-signal")),
            ("cdm", Some("cmd")),
            ("command", None),
            ("volumes", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known).as_deref(), meant, "{word}");
        }
    }
}
