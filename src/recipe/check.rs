//! What `apkbuild check` holds the finished image against: `[check]`.

use std::time::Duration;

use super::config::Port;
use super::grammar::Grammar;
use super::problem::Problem;
use super::section::Section;
use super::text::{name_of_account, not_a, text};

/// How long the application may take where the recipe does not say.
const STARTUP: Duration = Duration::from_secs(10);

/// The longest time that can be asked for.
const LONGEST: Duration = Duration::from_hours(1);

/// The recipe's `[check]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The account that the image must run as; `None`: that is not looked at.
    pub user: Option<String>,
    /// From exec to the first right answer, at most.
    pub startup: Duration,
    /// What the application must answer, each request within [`Check::startup`] of its start.
    pub http: Vec<HttpCheck>,
}

/// One request and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// TCP port on the image's own loopback.
    pub port: u16,
    /// Path with query, beginning with a slash.
    pub path: String,
    /// The status code that must come back.
    pub status: u16,
    /// Text that the body must be, but for white space at its end; `None`: any body.
    pub body: Option<String>,
}

impl Check {
    /// Reads `[check]`. A request without a port goes to the one that is exposed.
    pub(super) fn read(section: &mut Section<'_>, exposed: &[Port]) -> Self {
        let only_port = match exposed {
            [only] => Some(only.number),
            _ => None,
        };
        let http = section.sections("http", |section| HttpCheck::read(section, only_port));
        Self {
            user: section.text("user", name_of_account),
            startup: section.text("startup", duration).unwrap_or(STARTUP),
            http: http.into_iter().map(|(request, _)| request).collect(),
        }
    }
}

impl HttpCheck {
    fn read(section: &mut Section<'_>, only_port: Option<u16>) -> Option<Self> {
        let port = section.integer("port", 1..=65535).and_then(|port| u16::try_from(port).ok());
        if !section.has("port") && only_port.is_none() {
            section.note("port", Problem::NoPort);
        }
        let path = section.text("path", http_path).unwrap_or_else(|| "/".to_owned());
        let status = section.integer("status", 100..=599).and_then(|status| u16::try_from(status).ok());
        let body = section.text("body", text);
        Some(Self { port: port.or(only_port)?, path, status: status.unwrap_or(200), body })
    }
}

fn http_path(text: &str) -> Result<String, Problem> {
    let printable = |letter: char| letter.is_ascii_graphic() || !letter.is_ascii() && !letter.is_whitespace();
    if text.starts_with('/') && text.chars().all(printable) && !text.contains('#') {
        Ok(text.to_owned())
    } else {
        Err(not_a(Grammar::HttpPath, text))
    }
}

/// Reads `2s`, `500ms`, `1.5s`, `1m`.
fn duration(text: &str) -> Result<Duration, Problem> {
    let units = [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];
    super::size::scaled(text, &units)
        .and_then(|nanoseconds| u64::try_from(nanoseconds).ok())
        .map(Duration::from_nanos)
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
        .ok_or_else(|| not_a(Grammar::Duration, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, milliseconds) in [("2s", 2000), ("500ms", 500), ("1.5s", 1500), ("1m", 60_000), ("2 s", 2000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for wrong in ["", "2", "s", "0s", "-1s", "2h", "1.s", ".5s", "1e3s", "61m", "99999999999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_request_names_a_path() {
        for text in ["/", "/health?deep=1", "/caf\u{e9}"] {
            assert_eq!(http_path(text).as_deref(), Ok(text));
        }
        for wrong in ["", "health", "/a b", "/a\n", "/a#b"] {
            assert!(http_path(wrong).is_err(), "{wrong:?}");
        }
    }
}
