//! Dependencies: `name`, `name=1.2-r0`, `name~3.12`, `name>1`, `name><Q1…`, `!name`, and in the world also `name@tag`.
//!
//! What a package provides and the conditions of its `install_if` are written in the same way. Operator characters may
//! stand in any order (`=>` is `>=`); they are printed in the usual one. Refused: a name, version or identity that is
//! none, an operator with nothing after it, and a tag anywhere but in the world.

use std::cmp::Ordering;
use std::fmt;

use super::identity::Identity;
use super::name::PackageName;
use super::syntax::SyntaxError;
use super::version::Version;
use super::version::{compare, compare_prefix};

/// What one package asks of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// The name that something must provide, or must not.
    pub name: PackageName,
    /// Written with a leading `!`: nothing may provide this.
    pub conflict: bool,
    /// What is asked of whatever provides the name.
    pub constraint: Constraint,
    /// The tag of the repository that the name is pinned to; only in the world.
    pub tag: Option<String>,
}

/// What a dependency asks beyond the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Constraint {
    /// Nothing: any provider will do.
    Any,
    /// A version of which `operator` holds.
    Version(Operator, Version),
    /// One certain package.
    Identity(Identity),
}

/// How a provided version is compared with the one in the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `<~`: less, or beginning with it
    LessOrPrefix,
    /// `=`
    Equal,
    /// `~`: beginning with it
    Prefix,
    /// `>=`
    GreaterOrEqual,
    /// `>~`: greater, or beginning with it
    GreaterOrPrefix,
    /// `>`
    Greater,
    /// `<=>`: any version
    Any,
}

impl Operator {
    /// Whether `provided`, written as a version, is what this operator and `wanted` ask for.
    pub(crate) fn holds(self, provided: &str, wanted: &str) -> bool {
        let order = match self {
            Self::LessOrPrefix | Self::Prefix | Self::GreaterOrPrefix => compare_prefix(provided, wanted),
            _ => compare(provided, wanted),
        };
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual | Self::LessOrPrefix => order != Ordering::Greater,
            Self::Equal | Self::Prefix => order == Ordering::Equal,
            Self::GreaterOrEqual | Self::GreaterOrPrefix => order != Ordering::Less,
            Self::Greater => order == Ordering::Greater,
            Self::Any => true,
        }
    }

    /// The operator as it is usually written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::LessOrPrefix => "<~",
            Self::Equal => "=",
            Self::Prefix => "~",
            Self::GreaterOrEqual => ">=",
            Self::GreaterOrPrefix => ">~",
            Self::Greater => ">",
            Self::Any => "<=>",
        }
    }
}

impl Constraint {
    /// Whether `version` is what this asks for. An identity cannot be told from a version and never holds here.
    pub fn is_met_by(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::Version(operator, wanted) => operator.holds(version.as_str(), wanted.as_str()),
            Self::Identity(_) => false,
        }
    }
}

impl Dependency {
    /// Reads a dependency as packages and indexes write them, without a tag.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let dependency = Self::parse_world(text)?;
        match dependency.tag {
            None => Ok(dependency),
            Some(_) => Err(SyntaxError::TagOutsideWorld { dependency: text.to_owned() }),
        }
    }

    /// Reads a dependency as the world writes them: a tag may follow the name, as in `name@tag~1.2`.
    pub fn parse_world(text: &str) -> Result<Self, SyntaxError> {
        split(text).map(Self::of_split)
    }

    /// What was taken apart before, as a value of its own.
    pub(crate) fn of_split(split: Split<'_>) -> Self {
        let constraint = match split.requirement {
            Requirement::Any => Constraint::Any,
            Requirement::Version(operator, version) => Constraint::Version(operator, Version::as_written(version)),
            Requirement::Identity(identity) => Constraint::Identity(identity),
        };
        Self {
            name: PackageName::checked(split.name),
            conflict: split.conflict,
            constraint,
            tag: split.tag.map(str::to_owned),
        }
    }

    /// A dependency on `name`, whatever its version.
    pub fn on(name: PackageName) -> Self {
        Self { name, conflict: false, constraint: Constraint::Any, tag: None }
    }
}

/// A dependency whose parts still lie in the text that it was read from; its name is checked already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split<'a> {
    pub(crate) name: &'a str,
    pub(crate) conflict: bool,
    pub(crate) requirement: Requirement<'a>,
    pub(crate) tag: Option<&'a str>,
}

/// The counterpart of [`Constraint`] in a [`Split`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Requirement<'a> {
    Any,
    Version(Operator, &'a str),
    Identity(Identity),
}

impl Split<'_> {
    /// Whether its version, if it has one, is one that a dependency may ask for.
    pub(crate) fn has_sound_version(&self) -> bool {
        match self.requirement {
            Requirement::Any | Requirement::Identity(_) | Requirement::Version(Operator::Any, _) => true,
            Requirement::Version(_, version) => super::version::is_version(version),
        }
    }
}

/// Takes a dependency apart without copying any of it.
pub(crate) fn split(text: &str) -> Result<Split<'_>, SyntaxError> {
    let split = take_apart(text)?;
    match split.requirement {
        Requirement::Version(_, version) if !split.has_sound_version() => {
            Err(Version::parse(version).err().unwrap_or(SyntaxError::MissingVersion { dependency: text.to_owned() }))
        }
        _ => Ok(split),
    }
}

/// Takes apart what an index writes: without a tag, and with whatever stands where a version belongs. Packages provide
/// versions that no dependency could ask for (`pc:librtmp=v2.4`).
pub(crate) fn split_of_index(text: &str) -> Result<Split<'_>, SyntaxError> {
    let split = take_apart(text)?;
    match split.tag {
        None => Ok(split),
        Some(_) => Err(SyntaxError::TagOutsideWorld { dependency: text.to_owned() }),
    }
}

fn take_apart(text: &str) -> Result<Split<'_>, SyntaxError> {
    let (conflict, rest) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let is_operator = |letter: char| matches!(letter, '<' | '>' | '=' | '~');
    let (name, operator, version) = match rest.find(is_operator) {
        None => (rest, "", ""),
        Some(start) => {
            let (name, tail) = rest.split_at(start);
            let version = tail.trim_start_matches(is_operator);
            (name, &tail[..tail.len() - version.len()], version)
        }
    };
    let (name, tag) = match name.split_once('@') {
        Some((_, "")) => return Err(SyntaxError::EmptyTag { dependency: text.to_owned() }),
        Some((name, tag)) => (name, Some(tag)),
        None => (name, None),
    };
    if name.is_empty() {
        return Err(SyntaxError::EmptyName { text: text.to_owned() });
    }
    super::name::check(name)?;
    if let Some(tag) = tag {
        super::name::check(tag)?;
    }
    if operator.is_empty() {
        return Ok(Split { name, conflict, requirement: Requirement::Any, tag });
    }
    if version.is_empty() {
        return Err(SyntaxError::MissingVersion { dependency: text.to_owned() });
    }
    if version.contains(|letter: char| letter.is_control() || letter.is_whitespace()) {
        return Err(SyntaxError::Version { version: version.to_owned(), rest: version.to_owned() });
    }
    let has = |letter| operator.contains(letter);
    let requirement = match (has('<'), has('='), has('>'), has('~')) {
        (true, false, true, false) => match Identity::parse(version) {
            Some(identity) => Requirement::Identity(identity),
            None => {
                return Err(SyntaxError::Identity { dependency: text.to_owned(), identity: version.to_owned() });
            }
        },
        (less, equal, greater, prefix) => {
            let operator = match (less, greater, prefix, equal) {
                (true, true, ..) => Operator::Any,
                (true, false, true, _) => Operator::LessOrPrefix,
                (true, false, false, true) => Operator::LessOrEqual,
                (true, false, false, false) => Operator::Less,
                (false, true, true, _) => Operator::GreaterOrPrefix,
                (false, true, false, true) => Operator::GreaterOrEqual,
                (false, true, false, false) => Operator::Greater,
                (false, false, true, _) => Operator::Prefix,
                (false, false, false, _) => Operator::Equal,
            };
            Requirement::Version(operator, version)
        }
    };
    Ok(Split { name, conflict, requirement, tag })
}

impl fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conflict {
            formatter.write_str("!")?;
        }
        write!(formatter, "{}", self.name)?;
        if let Some(tag) = &self.tag {
            write!(formatter, "@{tag}")?;
        }
        write!(formatter, "{}", self.constraint)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Version(operator, version) => write!(formatter, "{}{version}", operator.as_str()),
            Self::Identity(identity) => write!(formatter, "><{identity}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dependencies_are_printed_in_one_way() {
        for (written, printed) in [
            ("python3", "python3"),
            ("!python3", "!python3"),
            ("so:libc.musl-x86_64.so.1=1", "so:libc.musl-x86_64.so.1=1"),
            ("python3=>3.10", "python3>=3.10"),
            ("python3>=3.10-r0", "python3>=3.10-r0"),
            ("python3~=3.10", "python3~3.10"),
            ("python3=~3.10", "python3~3.10"),
            ("python3~<3.10", "python3<~3.10"),
            ("python3>~3.10", "python3>~3.10"),
            ("python3=<3", "python3<=3"),
            ("python3>=<3", "python3<=>3"),
            ("!python3<3.10", "!python3<3.10"),
            ("a<>Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=", "a><Q1qKcZ+j23xssAXmgQhkOO8dHnbWw="),
        ] {
            assert_eq!(Dependency::parse(written).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn only_the_world_pins() {
        for (written, name, tag) in [("nginx@edge", "nginx", "edge"), ("nginx@edge~1.2", "nginx", "edge")] {
            let dependency = Dependency::parse_world(written).unwrap();
            assert_eq!((dependency.name.as_str(), dependency.tag.as_deref()), (name, Some(tag)));
            assert_eq!(dependency.to_string(), written);
            assert!(matches!(Dependency::parse(written), Err(SyntaxError::TagOutsideWorld { .. })));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in
            ["", "!", "=1", "a=", "a>=", "a=x", "a b", "@x", "a@", "a@=1", "a=1.0 b", "!!a", "a><1.0", "a=1@x", "a=1>2"]
        {
            assert!(Dependency::parse_world(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn operators_compare_as_apk_does() {
        for (dependency, provided, met) in [
            ("a=1.0", "1.0", true),
            ("a=1.0", "1.0-r0", false),
            ("a~1.0", "1.0-r0", true),
            ("a>1.0", "1.0-r0", true),
            ("a>1.0-r0", "1.0-r0", false),
            ("a>=1.0-r0", "1.0-r0", true),
            ("a<1.0", "1.0_rc1", true),
            ("a<=1.0", "1.1", false),
            ("a<~1.0", "1.0-r5", true),
            ("a<~1.0", "1.1", false),
            ("a>~1.0", "1.0_rc1", true),
            ("a>~1.0", "0.9", false),
            ("a<=>1", "0.1", true),
            ("a~3.8.1", "3.8", false),
        ] {
            let constraint = Dependency::parse(dependency).unwrap().constraint;
            assert_eq!(constraint.is_met_by(&Version::parse(provided).unwrap()), met, "{dependency} by {provided}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in "\\PC*") {
            if let Ok(dependency) = Dependency::parse_world(&text) {
                prop_assert_eq!(Dependency::parse_world(&dependency.to_string()).unwrap(), dependency);
            }
        }
    }
}
