//! What can be wrong with the bytes of a package, an index or a key.
//!
//! The messages name what was expected and what was found; which file or URL it was is known to whoever brought the
//! bytes, and added there.

use crate::digest::Sha256Digest;

use super::Identity;

/// Bytes that are not what Alpine's format, version 2, wants them to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are those of apk's third format.
    #[error("this is in apk's v3 format (ADB), and only v2 is read here")]
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
    #[error("it is signed by {}, which is not among the trusted keys", .signers.join(" and "))]
    Foreign {
        /// File names of the keys.
        signers: Vec<String>,
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
            Self::NotSigned => "ask a mirror that signs, or accept it as it is with --allow-untrusted",
            Self::Foreign { signers } if signers.iter().any(|signer| signer.starts_with("alpine-devel@")) => {
                "Alpine's key for this architecture or release is not built in: name the folder that holds it with --keys-dir, \
                 or accept the index as it is with --allow-untrusted"
            }
            Self::Foreign { .. } => {
                "if you trust that key, name the folder that holds it with --keys-dir; --allow-untrusted accepts anything"
            }
            Self::VersionThree => "ask a repository of Alpine v3.22 or earlier, or one that keeps v2 packages",
            Self::Path { .. } | Self::Twice { .. } | Self::Kind { .. } | Self::HardLink { .. } => {
                "leave the package out, or have whoever makes it mend it"
            }
            Self::PublicKey { .. } => "a public key is a file that begins with -----BEGIN PUBLIC KEY-----",
            Self::PrivateKey { .. } => "make a key pair with `apkbuild keygen`",
            _ => return None,
        };
        Some(help.to_owned())
    }
}
