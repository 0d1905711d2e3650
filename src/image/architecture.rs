//! Alpine's architectures as OCI platforms (image-spec image-index.md, Go's GOARCH and variants).

use std::fmt;

use oci_spec::image::{Arch, Os, Platform};

use super::error::Error;

/// An architecture that Alpine is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture(&'static Row);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Row {
    alpine: &'static str,
    oci: &'static str,
    variant: Option<&'static str>,
}

const fn row(alpine: &'static str, oci: &'static str, variant: Option<&'static str>) -> Row {
    Row { alpine, oci, variant }
}

static ROWS: [Row; 9] = [
    row("x86_64", "amd64", None),
    row("aarch64", "arm64", Some("v8")),
    row("armv7", "arm", Some("v7")),
    row("armhf", "arm", Some("v6")),
    row("x86", "386", None),
    row("ppc64le", "ppc64le", None),
    row("s390x", "s390x", None),
    row("riscv64", "riscv64", None),
    row("loongarch64", "loong64", None),
];

impl Architecture {
    /// The architecture that Alpine calls `name`.
    pub fn from_alpine(name: &str) -> Result<Self, Error> {
        ROWS.iter().find(|row| row.alpine == name).map(Self).ok_or_else(|| Error::Architecture {
            name: name.to_owned(),
            known: ROWS.iter().map(|row| row.alpine).collect::<Vec<&str>>().join(", "),
        })
    }

    /// That of this machine, where Alpine is built for it.
    pub fn host() -> Option<Self> {
        let name = match std::env::consts::ARCH {
            "arm" => "armv7",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self::from_alpine(name).ok()
    }

    /// As Alpine calls it.
    pub fn alpine(self) -> &'static str {
        self.0.alpine
    }

    /// As OCI calls it.
    pub fn oci(self) -> Arch {
        Arch::from(self.0.oci)
    }

    /// The variant, where OCI has one.
    pub fn variant(self) -> Option<&'static str> {
        self.0.variant
    }

    /// The platform of an index's descriptor.
    pub fn platform(self) -> Platform {
        let mut platform = Platform::default();
        platform.set_architecture(self.oci()).set_os(Os::Linux).set_variant(self.0.variant.map(str::to_owned));
        platform
    }
}

impl fmt::Display for Architecture {
    /// As engines write it: `linux/arm/v7`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "linux/{}", self.0.oci)?;
        self.0.variant.map_or(Ok(()), |variant| write!(formatter, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_architecture_has_its_platform() {
        let table: Vec<(&str, String)> = ROWS.iter().map(|row| (row.alpine, Architecture(row).to_string())).collect();
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
        for row in &ROWS {
            let json = serde_json::to_value(Architecture(row).platform()).unwrap();
            assert_eq!(json["architecture"], row.oci, "written as Go writes it");
        }
    }

    #[test]
    fn a_foreign_name_is_refused() {
        let error = Architecture::from_alpine("amd64").unwrap_err().to_string();
        assert!(error.starts_with("`amd64` is not an architecture of Alpine's; those are x86_64, aarch64"), "{error}");
    }
}
