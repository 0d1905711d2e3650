//! What can be wrong with the bytes of a package, an index or a key.
//!
//! The messages name what was expected and what was found; which file or URL it was is known to whoever brought the
//! bytes, and added there.

use crate::digest::Sha256Digest;

use super::identity::Identity;

/// Bytes that are not what Alpine's format, version 2, wants them to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are those of apk's third format.
    #[error("this is in apk's third format (ADB), which is not read here")]
    VersionThree,
    /// The first bytes are no gzip member.
    #[error("expected gzip data, found {found}")]
    NotGzip {
        /// What the bytes look like.
        found: String,
    },
    /// The gzip data is damaged or ends too soon.
    #[error("its {member} is damaged: {reason}")]
    Inflate {
        /// Which member: signature, control member, data member, index.
        member: &'static str,
        /// What the decompressor says.
        reason: String,
    },
    /// A member is larger than anything sensible.
    #[error("its {member} is larger than {limit} bytes, which no proper one is")]
    TooLarge {
        /// Which member.
        member: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A member that every package or index has is not there.
    #[error("it has no {member}")]
    Missing {
        /// Which member or entry.
        member: &'static str,
    },
    /// The tar inside a member cannot be read.
    #[error("the tar of its {member} is damaged: {reason}")]
    Tar {
        /// Which member.
        member: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// A text that is not UTF-8.
    #[error("its {what} is not UTF-8 text")]
    NotText {
        /// Which text.
        what: &'static str,
    },
    /// A line of `.PKGINFO` whose value cannot be read.
    #[error("line {line} of its .PKGINFO: `{key}` should be {expected}, but is `{found}`")]
    PackageInfoValue {
        /// Counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A key that every `.PKGINFO` has.
    #[error("its .PKGINFO has no `{key}`")]
    PackageInfoMissing {
        /// The key.
        key: &'static str,
    },
    /// Another package than the one that the index speaks of.
    #[error("its identity is {found}, but {expected} was expected")]
    IdentityMismatch {
        /// What the index says.
        expected: Identity,
        /// What the bytes are.
        found: Identity,
    },
    /// The data is not what the control member vouches for.
    #[error("its data has the SHA-256 {found}, but its .PKGINFO says {expected}")]
    DataMismatch {
        /// `datahash` of .PKGINFO.
        expected: Sha256Digest,
        /// That of the bytes.
        found: Sha256Digest,
    },
    /// The package says that it is another one.
    #[error("it calls itself {found}, but {expected} was expected")]
    WrongPackage {
        /// `name-version` that was asked for.
        expected: String,
        /// `name-version` of its .PKGINFO.
        found: String,
    },
    /// The package is built for another machine than its index says.
    #[error("it is built for {found}, but its index says {expected}")]
    WrongArchitecture {
        /// `A:` of the index.
        expected: String,
        /// `arch` of its .PKGINFO.
        found: String,
    },
    /// A file whose contents are not what the tar says.
    #[error("`{path}` in it has the SHA-1 {found}, but its checksum says {expected}")]
    FileMismatch {
        /// The path.
        path: String,
        /// The checksum in the tar.
        expected: String,
        /// That of the bytes.
        found: String,
    },
    /// A path that would lead out of the root or confuse whoever reads it.
    #[error("it brings the path `{path}`, which {reason}")]
    Path {
        /// The path, control characters escaped.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The same path twice.
    #[error("it brings `{path}` twice")]
    Twice {
        /// The path.
        path: String,
    },
    /// An entry of a kind that no image can have.
    #[error("it brings `{path}`, which is {kind}")]
    Kind {
        /// The path.
        path: String,
        /// Device, FIFO and so on.
        kind: String,
    },
    /// A hard link to something that the package does not bring.
    #[error("its hard link `{path}` leads to `{target}`, which is no file of the same package")]
    HardLink {
        /// The link.
        path: String,
        /// What it names.
        target: String,
    },
    /// No signature at all.
    #[error("it is not signed")]
    NotSigned,
    /// Signed, but by nobody who is trusted.
    #[error("it is signed by {}, and the trusted keys are {}", .signers.join(" and "), listed(.trusted))]
    Foreign {
        /// File names of the keys that signed it.
        signers: Vec<String>,
        /// File names of the keys that are trusted.
        trusted: Vec<String>,
    },
    /// Signed in a way that is not read.
    #[error("its signature by {signer} is {algorithm}, which is not supported: RSA, RSA256 and RSA512 are")]
    UnsupportedSignature {
        /// File name of the key.
        signer: String,
        /// The word in the entry's name.
        algorithm: String,
    },
    /// An entry of a signature member that does not say by which key it is.
    #[error("`{name}` in its signature is no name of a signature: expected .SIGN.ALGORITHM.KEYFILE")]
    SignatureName {
        /// The entry.
        name: String,
    },
    /// One signature under two names.
    #[error("its signature has two names, `{}` and `{}`", .names[0], .names[1])]
    TwoSigners {
        /// That in the header, and that in the extension before it.
        names: [String; 2],
    },
    /// Something in a signature member that no signature covers.
    #[error("`{name}` stands among its signatures, where nothing vouches for it")]
    BesideSignature {
        /// The entry.
        name: String,
    },
    /// More signatures than anybody makes.
    #[error("it has more than {limit} signatures")]
    TooManySignatures {
        /// How many are read.
        limit: usize,
    },
    /// A trusted key is named, but the signature is not that key's over these bytes.
    #[error("its signature by {signer} does not fit: it was changed after it was signed, or damaged")]
    WrongSignature {
        /// File name of the key.
        signer: String,
    },
    /// A public key that cannot be read.
    #[error("{name} is no RSA public key in PEM")]
    PublicKey {
        /// File name of the key.
        name: String,
    },
    /// A private key that cannot be read.
    #[error("{name} is no unencrypted RSA private key in PEM")]
    PrivateKey {
        /// File name of the key.
        name: String,
    },
    /// The cryptographic library refused.
    #[error("{what} failed")]
    Cryptography {
        /// What was tried.
        what: &'static str,
    },
    /// Something that the format cannot express.
    #[error("{what} cannot be written into a package: {reason}")]
    Unwritable {
        /// A path or a field.
        what: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// What the user can do about it; `None` where the bytes are damaged, since that depends on where they come from.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NotSigned => {
                "ask a mirror that signs its index, or sign it with `apkbuild mkndx --key`; --allow-untrusted builds without any check"
            }
            Self::Foreign { .. } => {
                "if you trust that key, put its file, under that name, into the recipe's `keys` or into the folder of --keys-dir"
            }
            Self::UnsupportedSignature { .. } => "ask whoever makes it to sign with RSA256",
            Self::SignatureName { .. }
            | Self::TwoSigners { .. }
            | Self::BesideSignature { .. }
            | Self::TooManySignatures { .. } => {
                "ask another mirror with --mirror, or have whoever makes it sign it again"
            }
            Self::VersionThree => {
                "Alpine's releases up to v3.24 serve the second format; ask a repository that serves APKINDEX.tar.gz. OpenWrt and others serve the third, which is not read"
            }
            Self::Path { .. } | Self::Twice { .. } | Self::Kind { .. } | Self::HardLink { .. } => {
                "leave the package out, or have whoever makes it mend it"
            }
            Self::WrongPackage { .. } | Self::WrongArchitecture { .. } => {
                "the index and the package contradict each other: leave it out, or have the index made anew"
            }
            Self::PublicKey { .. } => "a public key is a file that begins with -----BEGIN PUBLIC KEY-----",
            Self::PrivateKey { .. } => "make a key pair with `apkbuild keygen`",
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// File names of keys, those of Alpine's as one.
fn listed(names: &[String]) -> String {
    const ALPINE: [&str; 2] = ["alpine-devel@lists.alpinelinux.org-", ".rsa.pub"];
    let id = |name: &str| Some(name.strip_prefix(ALPINE[0])?.strip_suffix(ALPINE[1])?.to_owned());
    let ids: Vec<String> = names.iter().filter_map(|name| id(name)).collect();
    let alpine = match ids.as_slice() {
        [] => None,
        [id] => Some(format!("{}{id}{}", ALPINE[0], ALPINE[1])),
        ids => Some(format!("{}{{{}}}{}", ALPINE[0], ids.join(","), ALPINE[1])),
    };
    let others = names.iter().filter(|name| id(name).is_none()).cloned();
    let all: Vec<String> = others.chain(alpine).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_in_one_line() {
        let alpine = |id: &str| format!("alpine-devel@lists.alpinelinux.org-{id}.rsa.pub");
        for (names, expected) in [
            (vec![], "none"),
            (vec!["me.rsa.pub".to_owned()], "me.rsa.pub"),
            (vec![alpine("1")], "alpine-devel@lists.alpinelinux.org-1.rsa.pub"),
            (
                vec![alpine("1"), alpine("2"), "me.rsa.pub".to_owned()],
                "me.rsa.pub, alpine-devel@lists.alpinelinux.org-{1,2}.rsa.pub",
            ),
        ] {
            assert_eq!(listed(&names), expected);
        }
    }
}
