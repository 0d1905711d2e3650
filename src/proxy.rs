//! The proxies of the environment: `http_proxy`, `https_proxy`, `all_proxy`, and what `no_proxy` makes exceptions of, each
//! also in capitals.
//!
//! `no_proxy` is a list of hosts with commas or blanks between them, as curl(1) has it: `host` and all below it (`.host`
//! and `*.host` are the same), a network (`10.0.0.0/8`), `*` for everything, and `host:port` for one port alone.

use std::env;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// Which proxy is asked for what.
#[derive(Debug)]
pub(crate) struct Proxies {
    matcher: Matcher,
    exceptions: Vec<Exception>,
}

/// A host of `no_proxy`.
#[derive(Debug, PartialEq, Eq)]
struct Exception {
    /// In small letters, without what stands for all below it and without brackets.
    host: String,
    port: Option<u16>,
}

impl Proxies {
    /// Those that the environment names.
    pub(crate) fn of_environment() -> Self {
        let text = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| env::var(name).ok()).unwrap_or_default();
        Self { matcher: Matcher::from_system(), exceptions: exceptions(&text) }
    }

    /// The proxy by which `url` is asked for, with its user and password; `None` where it is asked for directly.
    pub(crate) fn of(&self, url: &Url) -> Option<Url> {
        // Networks are the matcher's to know, which takes ports and `*.` for parts of names.
        if self.exceptions.iter().any(|exception| exception.covers(url)) {
            return None;
        }
        let proxy = self.matcher.intercept(&url.as_str().parse().ok()?)?;
        let mut address = Url::parse(&proxy.uri().to_string()).ok()?;
        let login = match proxy.basic_auth() {
            Some(header) => {
                let pair = header.to_str().ok().and_then(|text| STANDARD.decode(text.strip_prefix("Basic ")?).ok());
                pair.and_then(|pair| String::from_utf8(pair).ok())
            }
            None => proxy.raw_auth().map(|(user, password)| format!("{user}:{password}")),
        };
        if let Some((user, password)) = login.as_deref().and_then(|login| login.split_once(':')) {
            address.set_username(user).ok()?;
            address.set_password(Some(password).filter(|password| !password.is_empty())).ok()?;
        }
        Some(address)
    }

    /// The same for a client.
    pub(crate) fn into_proxy(self) -> reqwest::Proxy {
        reqwest::Proxy::custom(move |url| self.of(url))
    }
}

impl Exception {
    fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_host = self.host == "*"
            || host.eq_ignore_ascii_case(&self.host)
            || host.to_ascii_lowercase().strip_suffix(&self.host).is_some_and(|before| before.ends_with('.'));
        is_host && self.port.is_none_or(|port| url.port_or_known_default() == Some(port))
    }
}

fn exceptions(text: &str) -> Vec<Exception> {
    let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.map(exception).filter(|exception| !exception.host.is_empty()).collect()
}

fn exception(word: &str) -> Exception {
    let split = match word.rsplit_once(':') {
        // More than one colon is an address of version 6, whose port stands behind brackets.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            port.parse().ok().map(|port| (host, Some(port)))
        }
        _ => None,
    };
    let (host, port) = split.unwrap_or((word, None));
    let host = host.trim_matches(['[', ']']);
    let host = if host == "*" { host } else { host.strip_prefix('*').unwrap_or(host).trim_start_matches('.') };
    Exception { host: host.trim_end_matches('.').to_ascii_lowercase(), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_with_all_below_them_and_perhaps_a_port() {
        for (list, direct, by_proxy) in [
            ("", "", "http://a.example"),
            ("*", "http://a.example https://[::1]:8", ""),
            (
                "a.example",
                "http://a.example https://A.example:8 http://b.a.example",
                "http://aa.example http://example",
            ),
            (".a.example", "http://a.example http://b.a.example", "http://ba.example"),
            ("*.a.example", "http://a.example http://c.b.a.example", "http://ba.example"),
            (
                "a.example:8080",
                "http://a.example:8080 https://b.a.example:8080",
                "http://a.example https://a.example:8081",
            ),
            ("a.example:443", "https://a.example", "http://a.example"),
            ("a.example:x", "", "http://a.example"),
            (
                "localhost, 127.0.0.1 ,[::1]:5000",
                "http://localhost:1 http://127.0.0.1 http://[::1]:5000",
                "http://[::1]",
            ),
            ("::1", "http://[::1] http://[::1]:9", "http://[::2]"),
            ("10.0.0.0/8", "", "http://10.1.2.3"),
            (",.,*.,", "", "http://a.example"),
        ] {
            let exceptions = exceptions(list);
            let is_direct = |url: &str| exceptions.iter().any(|exception| exception.covers(&Url::parse(url).unwrap()));
            for url in direct.split_whitespace() {
                assert!(is_direct(url), "{url} with {list}");
            }
            for url in by_proxy.split_whitespace() {
                assert!(!is_direct(url), "{url} with {list}");
            }
        }
    }

    #[test]
    fn a_proxy_has_its_user_and_password() {
        let matcher = Matcher::builder().all("http://us%40er:p%3Aw@proxy.example:3128").no("10.0.0.0/8").build();
        let proxies = Proxies { matcher, exceptions: exceptions("*.corp.example,host:81") };
        let of = |url: &str| proxies.of(&Url::parse(url).unwrap()).map(|proxy| proxy.to_string());
        let proxy = Some("http://us%40er:p%3Aw@proxy.example:3128/".to_owned());
        assert_eq!(of("https://mirror.example/x?y"), proxy);
        assert_eq!(of("http://host/"), proxy);
        for direct in ["http://host:81/", "https://git.corp.example", "http://10.1.2.3"] {
            assert_eq!(of(direct), None, "{direct}");
        }
    }
}
