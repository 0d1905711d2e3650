//! The architectures that Alpine is built for, with the names that others give them: OCI platforms (image-spec
//! image-index.md, Go's GOARCH and variants) and what people write.

use std::fmt;

use oci_spec::image::{Arch, Os, Platform};

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

/// All names of an architecture.
struct Names {
    architecture: Architecture,
    /// In repositories and in `etc/apk/arch`.
    alpine: &'static str,
    oci: &'static str,
    /// Where OCI has one.
    variant: Option<&'static str>,
    /// What others call the same machine.
    others: &'static [&'static str],
}

const fn names(
    architecture: Architecture,
    alpine: &'static str,
    oci: &'static str,
    variant: Option<&'static str>,
    others: &'static [&'static str],
) -> Names {
    Names { architecture, alpine, oci, variant, others }
}

/// In the order of the variants.
static TABLE: [Names; 9] = [
    names(Architecture::X86_64, "x86_64", "amd64", None, &["amd64", "x64", "x86-64"]),
    names(Architecture::Aarch64, "aarch64", "arm64", Some("v8"), &["arm64", "armv8"]),
    names(Architecture::Armv7, "armv7", "arm", Some("v7"), &[]),
    names(Architecture::Armhf, "armhf", "arm", Some("v6"), &["arm", "armv6"]),
    names(Architecture::X86, "x86", "386", None, &["i386", "i686", "386"]),
    names(Architecture::Ppc64le, "ppc64le", "ppc64le", None, &["ppc64el"]),
    names(Architecture::S390x, "s390x", "s390x", None, &[]),
    names(Architecture::Riscv64, "riscv64", "riscv64", None, &[]),
    names(Architecture::Loongarch64, "loongarch64", "loong64", None, &["loong64"]),
];

/// A name that is not an architecture of Alpine's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an architecture of Alpine's; those are {}", Architecture::ALL.map(Architecture::as_str).join(", "))]
pub struct UnknownArchitecture {
    /// As it was written.
    pub name: String,
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

    fn names(self) -> &'static Names {
        &TABLE[self as usize]
    }

    /// The name in repositories and in `etc/apk/arch`.
    pub fn as_str(self) -> &'static str {
        self.names().alpine
    }

    /// The architecture that Alpine calls `name`.
    ///
    /// # Errors
    /// Where Alpine calls none so; the message lists what there is.
    pub fn parse(name: &str) -> Result<Self, UnknownArchitecture> {
        let found = TABLE.iter().find(|names| names.alpine == name);
        found.map(|names| names.architecture).ok_or_else(|| UnknownArchitecture { name: name.to_owned() })
    }

    /// The architecture that others call `name`: `amd64`, `arm64`.
    pub fn from_other_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|names| names.others.contains(&name)).map(|names| names.architecture)
    }

    /// What others call it.
    pub fn other_names(self) -> &'static [&'static str] {
        self.names().others
    }

    /// That of this machine, where Alpine is built for it.
    pub fn host() -> Option<Self> {
        match std::env::consts::ARCH {
            "arm" => Some(Self::Armv7),
            // Rust has one name for both byte orders, and Alpine is built for one.
            "powerpc64" => cfg!(target_endian = "little").then_some(Self::Ppc64le),
            name => Self::parse(name).ok(),
        }
    }

    /// Whether programs for it run here.
    pub fn is_host(self) -> bool {
        Self::host() == Some(self)
    }

    /// What this machine is called: Alpine's name, or Rust's where Alpine is not built for it.
    pub fn host_name() -> &'static str {
        Self::host().map_or(std::env::consts::ARCH, Self::as_str)
    }

    /// What images are built for where nobody says: this machine's, or `x86_64` where Alpine is not built for it.
    pub fn default_target() -> Self {
        Self::host().unwrap_or(Self::X86_64)
    }

    /// As OCI calls it.
    pub fn oci(self) -> Arch {
        Arch::from(self.names().oci)
    }

    /// The variant, where OCI has one.
    pub fn variant(self) -> Option<&'static str> {
        self.names().variant
    }

    /// The platform of an index's descriptor.
    pub fn platform(self) -> Platform {
        let mut platform = Platform::default();
        platform.set_architecture(self.oci()).set_os(Os::Linux).set_variant(self.variant().map(str::to_owned));
        platform
    }

    /// Its platform as engines write it: `linux/arm/v7`.
    pub fn platform_name(self) -> String {
        let variant = self.variant().map(|variant| format!("/{variant}")).unwrap_or_default();
        format!("linux/{}{variant}", self.names().oci)
    }

    /// Whether what is for the OCI platform `architecture` and `variant` runs on it. What names no variant runs on all.
    pub fn runs(self, architecture: &Arch, variant: Option<&str>) -> bool {
        *architecture == self.oci() && (variant.is_none() || self.variant().is_none() || variant == self.variant())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_its_platform() {
        let table = Architecture::ALL.map(|architecture| (architecture.as_str(), architecture.platform_name()));
        let expected = [
            ("x86_64", "linux/amd64"),
            ("aarch64", "linux/arm64/v8"),
            ("armv7", "linux/arm/v7"),
            ("armhf", "linux/arm/v6"),
            ("x86", "linux/386"),
            ("ppc64le", "linux/ppc64le"),
            ("s390x", "linux/s390x"),
            ("riscv64", "linux/riscv64"),
            ("loongarch64", "linux/loong64"),
        ];
        assert_eq!(table, expected.map(|(alpine, oci)| (alpine, oci.to_owned())));
        for architecture in Architecture::ALL {
            assert_eq!(architecture.names().architecture, architecture, "the table is in the order of the variants");
            assert_eq!(Architecture::parse(architecture.as_str()), Ok(architecture));
            let json = serde_json::to_value(architecture.platform()).unwrap();
            assert_eq!(json["architecture"], architecture.names().oci, "written as Go writes it");
        }
    }

    #[test]
    fn a_foreign_name_is_refused() {
        let error = Architecture::parse("amd64").unwrap_err().to_string();
        assert!(error.starts_with("`amd64` is not an architecture of Alpine's; those are x86_64, aarch64"), "{error}");
        assert_eq!(Architecture::from_other_name("amd64"), Some(Architecture::X86_64));
        assert_eq!(Architecture::from_other_name("mips"), None);
    }

    #[test]
    fn what_names_a_variant_runs_on_that_only() {
        let runs = |variant| Architecture::Armv7.runs(&Arch::ARM, variant);
        assert_eq!((runs(None), runs(Some("v7")), runs(Some("v6"))), (true, true, false));
        assert!(Architecture::X86_64.runs(&Arch::Amd64, Some("v2")) && !Architecture::X86_64.runs(&Arch::ARM64, None));
    }
}
