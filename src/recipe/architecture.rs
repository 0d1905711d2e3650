//! Architectures, by the names that Alpine gives them.

use std::fmt;

use toml::de::DeValue;

use super::field::wrong_type;
use super::problem::Problem;
use super::problem::nearest;
use super::section::Section;

/// A machine that Alpine is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Architecture {
    X86_64,
    Aarch64,
    Armv7,
    Armhf,
    X86,
    Ppc64le,
    S390x,
    Riscv64,
    Loongarch64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::X86_64,
        Self::Aarch64,
        Self::Armv7,
        Self::Armhf,
        Self::X86,
        Self::Ppc64le,
        Self::S390x,
        Self::Riscv64,
        Self::Loongarch64,
    ];

    /// The name in repositories and in `etc/apk/arch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Armv7 => "armv7",
            Self::Armhf => "armhf",
            Self::X86 => "x86",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// The architecture that Alpine calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.as_str() == name)
    }

    /// The architecture that this program was built for; `x86_64` where Alpine has none of its kind.
    pub fn host() -> Self {
        match std::env::consts::ARCH {
            "arm" => Self::Armv7,
            "powerpc64" => Self::Ppc64le,
            name => Self::from_name(name).unwrap_or(Self::X86_64),
        }
    }
}

impl Architecture {
    /// Reads `archs`: each once, and the host's where there are none.
    pub(super) fn read_all(section: &mut Section<'_>) -> Vec<Self> {
        let archs = section.values("archs", "a list of strings", Self::read).unwrap_or_default();
        let archs = section.unlike("architecture", archs, ToString::to_string);
        if archs.is_empty() { vec![Self::host()] } else { archs }
    }

    fn read(key: &str, value: &DeValue<'_>) -> Result<Self, Problem> {
        let DeValue::String(text) = value else { return Err(wrong_type(key, "a string", value)) };
        // What others call the same machines.
        let alias = match text.as_ref() {
            "amd64" | "x64" | "x86-64" => Some("x86_64"),
            "arm64" | "armv8" => Some("aarch64"),
            "i386" | "i686" | "386" => Some("x86"),
            "arm" | "armv6" => Some("armhf"),
            "ppc64el" => Some("ppc64le"),
            _ => None,
        };
        Self::from_name(text).ok_or_else(|| {
            let choices: Vec<&'static str> = Self::ALL.into_iter().map(Self::as_str).collect();
            let suggestion = alias.map(str::to_owned).or_else(|| nearest(text, choices.iter().copied()));
            Problem::NotOneOf { value: text.to_string(), choices, suggestion }
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
