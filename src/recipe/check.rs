//! What `apkbuild check` holds the finished image against: `[check]`.

use std::time::Duration;

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
