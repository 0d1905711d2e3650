//! What a stage on the host's network gets of the host beside the network: the certificates that the host trusts, and
//! how it reaches the world: proxies and package indexes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Bind, Sandbox};

/// Where the host's CA bundle is seen inside; /dev is the sandbox's own, so nothing of it is left in the root.
const BUNDLE_INSIDE: &str = "/dev/host/ca-certificates.crt";

/// Where Alpine's programs look for certificates; the host's lie over that file where the root has it.
const ALPINE_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where distributions keep the bundle.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Variables by which programs are told of a bundle: OpenSSL, Python, pip, Node, curl, git, cargo.
const BUNDLE_VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
];

/// Variables that are brought along, compared without regard to case. A value that is a path of the host means nothing
/// inside, so variables that hold one are not among them.
const VARIABLES: [&str; 23] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "all_proxy",
    "no_proxy",
    "pip_index_url",
    "pip_extra_index_url",
    "pip_trusted_host",
    "pip_default_timeout",
    "pip_retries",
    "uv_index",
    "uv_default_index",
    "uv_index_url",
    "uv_extra_index_url",
    "npm_config_registry",
    "npm_config_proxy",
    "npm_config_https_proxy",
    "npm_config_noproxy",
    "yarn_registry",
    "yarn_npm_registry_server",
    "goproxy",
    "gonosumdb",
    "gosumdb",
];

/// What is brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostNetwork {
    bundle: Option<PathBuf>,
    variables: BTreeMap<String, String>,
}

impl HostNetwork {
    /// What this host has.
    pub(super) fn of_this_host() -> Self {
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let bundle = named.into_iter().chain(BUNDLES.map(PathBuf::from)).find(|bundle| bundle.is_file());
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            is_brought(&name).then_some((name, value))
        });
        Self { bundle, variables: variables.collect() }
    }

    /// Lets `sandbox` see it.
    pub(super) fn bring_into(&self, sandbox: &mut Sandbox) {
        if let Some(bundle) = &self.bundle {
            let bind = |target: &str| Bind { source: bundle.clone(), target: target.into(), read_only: true };
            sandbox.binds.push(bind(BUNDLE_INSIDE));
            if is_there(sandbox) {
                sandbox.binds.push(bind(ALPINE_BUNDLE));
            }
            sandbox.set_environment(BUNDLE_VARIABLES.map(|name| format!("{name}={BUNDLE_INSIDE}").into()));
        }
        sandbox.set_environment(self.variables.iter().map(|(name, value)| format!("{name}={value}").into()));
    }
}

/// Whether the root has a bundle of its own, which it must not be left with an empty file in place of.
fn is_there(sandbox: &Sandbox) -> bool {
    super::read_below(&sandbox.root, ALPINE_BUNDLE.as_ref()).is_ok_and(|text| !text.is_empty())
}

fn is_brought(name: &str) -> bool {
    VARIABLES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_outside_is_brought() {
        for name in ["HTTPS_PROXY", "no_proxy", "PIP_INDEX_URL", "npm_config_registry", "NPM_CONFIG_REGISTRY"] {
            assert!(is_brought(name), "{name}");
        }
        for name in
            ["PATH", "HOME", "AWS_SECRET_ACCESS_KEY", "PIP_CERT", "PIP_FIND_LINKS", "PIP_TARGET", "SSL_CERT_FILE"]
        {
            assert!(!is_brought(name), "{name}");
        }
    }

    #[test]
    fn the_bundle_is_seen_and_named() {
        let root = tempfile::tempdir().unwrap();
        let network = HostNetwork {
            bundle: Some("/host/bundle.pem".into()),
            variables: BTreeMap::from([("PIP_INDEX_URL".to_owned(), "https://index.example/simple".to_owned())]),
        };
        let mut sandbox = Sandbox::new(root.path(), Vec::new());
        network.bring_into(&mut sandbox);
        assert_eq!(sandbox.binds.len(), 1);
        assert!(sandbox.environment.contains(&format!("PIP_CERT={BUNDLE_INSIDE}").into()));
        assert!(sandbox.environment.contains(&"PIP_INDEX_URL=https://index.example/simple".into()));

        fs_err::create_dir_all(root.path().join("etc/ssl/certs")).unwrap();
        fs_err::write(root.path().join("etc/ssl/certs/ca-certificates.crt"), "own").unwrap();
        let mut sandbox = Sandbox::new(root.path(), Vec::new());
        network.bring_into(&mut sandbox);
        assert_eq!(sandbox.binds[1].target.to_str(), Some(ALPINE_BUNDLE));
    }
}
