//! What goes wrong between here and a registry, and the way out of each.

use std::io;
use std::path::PathBuf;

use crate::digest::Sha256Digest;
use crate::request_failure::RequestFailure;

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry could not be reached, or the connection ended, and trying again did not help.
    #[error("no answer from {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The registry answered something else than was asked for.
    #[error("{url} answered {status}{}", told(message))]
    Status {
        /// What was asked for.
        url: String,
        /// The status code.
        status: u16,
        /// What the registry says about it, perhaps nothing.
        message: String,
    },
    /// The registry asks for credentials, or for others.
    #[error("{registry} {}{}", refusal(account.as_deref(), repository), told(message))]
    Unauthorized {
        /// Host and port.
        registry: String,
        /// The account that was tried; `None` where no credentials were found.
        account: Option<String>,
        /// Name of the image there.
        repository: String,
        /// What the registry says about it, perhaps nothing.
        message: String,
    },
    /// The registry asks to wait longer than is reasonable.
    #[error("{url} asks to come back in {seconds} seconds")]
    Busy {
        /// What was asked for.
        url: String,
        /// Its `Retry-After`.
        seconds: u64,
    },
    /// The connection ended inside a blob, and trying again did not help.
    #[error("{url} broke off after {received} of {expected} bytes: {reason}")]
    BrokenOff {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        received: u64,
        /// Bytes that there should be.
        expected: u64,
        /// What the connection said.
        reason: String,
    },
    /// The image is there, but what belongs to it was not taken.
    #[error("the bill of materials cannot be attached to the image: {source}")]
    Attachment {
        /// What the registry said.
        source: Box<Error>,
    },
    /// An answer breaks the rules.
    #[error("{url} does not follow the distribution specification: {reason}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// What came is not what was asked for.
    #[error("{url}: expected sha256:{expected}, found sha256:{found}")]
    Digest {
        /// What was asked for.
        url: String,
        /// The digest that it was asked for by.
        expected: Sha256Digest,
        /// The digest of what came.
        found: Sha256Digest,
    },
    /// The image has no variant for the architecture.
    #[error("{reference} has no image for {wanted}; it has {found}")]
    NoSuchPlatform {
        /// The image.
        reference: String,
        /// As `linux/amd64`.
        wanted: String,
        /// Those that are there.
        found: String,
    },
    /// A file with credentials cannot be read.
    #[error("`{}` cannot be read for credentials: {reason}", path.display())]
    CredentialFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A credential helper failed.
    #[error("the credential helper `{program}` failed for {registry}: {reason}")]
    CredentialHelper {
        /// The program.
        program: String,
        /// What it was asked about.
        registry: String,
        /// What it said.
        reason: String,
    },
    /// A blob could not be put on the disk.
    #[error("cannot keep what the registry sends: {0}")]
    Write(#[source] io::Error),
    /// The image itself.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
}

impl Error {
    /// The connection that `error` tells of ended after `received` of `expected` bytes of `url`.
    pub(super) fn broken_off(url: &str, received: u64, expected: u64, error: &io::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self::BrokenOff { url: url.to_owned(), received, expected, reason: cause.to_string() }
    }

    /// Whether nobody answers.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Request { source, .. } if RequestFailure::of(source).is_no_answer())
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Request { source, .. } if source.is_connect() => {
                "check the host and the network; a registry without TLS is used with --plain-http".to_owned()
            }
            Self::Request { .. }
            | Self::Busy { .. }
            | Self::BrokenOff { .. }
            | Self::Status { status: 429 | 500.., .. } => {
                "try again later; after a push that failed the tag is as it was, and what was sent is not sent again"
                    .to_owned()
            }
            Self::Attachment { .. } => {
                "the tag is as it was; leave the bill of materials out with --sbom none".to_owned()
            }
            Self::Status { status: 404, .. } => "check the name and the tag".to_owned(),
            Self::Unauthorized { registry, .. } => {
                format!("log in with `docker login {registry}` or `podman login {registry}`")
            }
            Self::CredentialHelper { registry, .. } => format!("log in again with `docker login {registry}`"),
            Self::CredentialFile { .. } => "mend the file, or log in again".to_owned(),
            Self::NoSuchPlatform { .. } => "choose one of those with --arch".to_owned(),
            Self::Image(error) => return error.help(),
            Self::Digest { .. } => {
                "the registry, or a proxy before it, gives out damaged data: push the image again".to_owned()
            }
            Self::Broken { .. } => {
                "see whether the address is a registry's, and whether a proxy answers for it".to_owned()
            }
            Self::Write(_) => "see whether TMPDIR has room and may be written".to_owned(),
            Self::Status { .. } => return None,
        })
    }
}

/// What a registry does to somebody whom it does not let in.
fn refusal(account: Option<&str>, repository: &str) -> String {
    match account {
        Some(account) => format!("does not let {account} at {repository}"),
        None => format!("wants an account for {repository}, and there are no credentials for it"),
    }
}

fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
