//! What the OCI image config carries: `[config]` (image-spec config.md).

use std::collections::BTreeMap;
use std::fmt;

use super::ImagePath;

/// The recipe's `[config]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The command, or the arguments of the entrypoint.
    pub cmd: Vec<String>,
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// Where the command starts.
    pub workdir: ImagePath,
    /// Ports that the application listens on, each once, in the order written.
    pub expose: Vec<Port>,
    /// Environment; PATH is always there.
    pub env: BTreeMap<String, String>,
    /// Labels of the config.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Folders that an engine should make volumes of, in the order written.
    pub volumes: Vec<ImagePath>,
    /// The signal that asks the application to stop, as `SIGTERM`; `None`: the engine's own choice.
    pub stop_signal: Option<String>,
}

/// A port; it prints as image-spec writes it: `8000/tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// 1 to 65535.
    pub number: u16,
    /// TCP unless the recipe says otherwise.
    pub protocol: Protocol,
}

/// What is spoken on a [`Port`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        write!(formatter, "{}/{protocol}", self.number)
    }
}
