//! With TLS or without.

/// How a registry is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TLS, but for this machine's own registries, which are plain as docker takes them.
    #[default]
    Usual,
    /// Without TLS.
    Plain,
}

impl Transport {
    /// The scheme of `host`'s addresses.
    pub(super) fn scheme(self, host: &str) -> &'static str {
        if self == Self::Plain || is_local(host) { "http" } else { "https" }
    }
}

/// Whether docker would speak to `host` without TLS: this machine itself.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_this_machine_is_local() {
        for (host, local) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("[::1]:5000", true),
            ("example.org:5000", false),
            ("10.0.0.1", false),
            ("localhost.example.org", false),
        ] {
            assert_eq!(is_local(host), local, "{host}");
        }
    }
}
