//! A signed index over packages.

use super::super::error::Error;
use super::super::identity::Identity;
use super::super::package_info::PackageInfo;
use super::super::signature::SignatureKind;
use super::super::signing_key::SigningKey;
use super::archive::{Archive, Attributes};
use super::gzip;
use super::package::signature_member;

/// What an index says about one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPackage {
    /// From its `.PKGINFO`.
    pub info: PackageInfo,
    /// The digest of its control member.
    pub identity: Identity,
    /// Bytes of the .apk.
    pub size: u64,
}

impl IndexedPackage {
    /// The package's record, in apk's order of fields, without the blank line that ends it.
    pub fn record(&self) -> String {
        let info = &self.info;
        let mut record = String::new();
        let mut field = |letter: char, value: &str| {
            if !value.is_empty() {
                record.push_str(&format!("{letter}:{value}\n"));
            }
        };
        let nonzero = |number: i64| if number == 0 { String::new() } else { number.to_string() };
        field('C', &self.identity.to_string());
        field('P', &info.name);
        field('V', &info.version);
        field('A', &info.arch);
        field('S', &self.size.to_string());
        field('I', &info.installed_size.to_string());
        field('T', &info.description);
        field('U', &info.url);
        field('L', &info.license);
        field('o', &info.origin);
        field('m', &info.maintainer);
        field('t', &nonzero(info.build_date));
        field('c', &info.commit);
        field('k', &nonzero(i64::from(info.provider_priority)));
        field('D', &info.depends.join(" "));
        field('p', &info.provides.join(" "));
        field('i', &info.install_if.join(" "));
        record
    }
}

/// `APKINDEX.tar.gz` over `packages` in their order, signed by `key`.
pub fn write_index(
    description: &str,
    packages: &[IndexedPackage],
    key: &SigningKey,
    kind: SignatureKind,
) -> Result<Vec<u8>, Error> {
    let mut text = String::new();
    for package in packages {
        text.push_str(&package.record());
        text.push('\n');
    }
    let mut archive = Archive::default();
    archive.add("DESCRIPTION", &Attributes::file(0o644, 0), &[], description.as_bytes())?;
    archive.add("APKINDEX", &Attributes::file(0o644, 0), &[], text.as_bytes())?;
    let body = gzip::member(&archive.finish(), gzip::LEVEL)?;
    let mut index = signature_member(key, kind, &body)?;
    index.extend_from_slice(&body);
    Ok(index)
}
