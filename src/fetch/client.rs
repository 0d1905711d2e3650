//! HTTP: one client, made when it is first needed, and answers sorted into what they mean.
//!
//! Refused: statuses other than those of success, web pages in place of files, redirections without end.

use std::error::Error as _;
use std::io::{self, Read};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName};

use super::Error;
use crate::retry_after::retry_after;

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// For the answer to begin, and for each further piece of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The client that all threads share.
#[derive(Debug, Default)]
pub(super) struct Client {
    client: OnceLock<Result<reqwest::blocking::Client, String>>,
}

/// An answer whose status and type are as they should be.
pub(super) struct Answer {
    response: Response,
    url: String,
    /// Bytes that the body still has to have, where the server says.
    pub(super) announced: Option<u64>,
    received: u64,
}

impl Client {
    /// Asks for `url`, which should be `expected` ("a package"), with `headers` on top.
    pub(super) fn get(
        &self,
        url: &str,
        expected: &'static str,
        headers: &[(HeaderName, String)],
    ) -> Result<Answer, Error> {
        let mut request = self.request(url)?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().map_err(|error| failure(url, &error))?;
        let status = response.status();
        if !(status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::RANGE_NOT_SATISFIABLE) {
            return Err(Error::Status {
                url: url.to_owned(),
                status: status.to_string(),
                code: status.as_u16(),
                retry_after: retry_after(response.headers()),
            });
        }
        let kind = text(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        if status.is_success() && (kind.starts_with("text/html") || kind.starts_with("application/xhtml")) {
            return Err(Error::WebPage { url: url.to_owned(), expected, found: kind });
        }
        let announced = response.content_length();
        Ok(Answer { response, url: url.to_owned(), announced, received: 0 })
    }

    fn request(&self, url: &str) -> Result<RequestBuilder, Error> {
        let client = self.client.get_or_init(|| {
            reqwest::blocking::Client::builder()
                .user_agent(concat!("apkbuild/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(STALL_TIMEOUT)
                .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
                .build()
                .map_err(|error| cause(&error))
        });
        match client {
            Ok(client) => Ok(client.get(url)),
            Err(reason) => Err(Error::Client { reason: reason.clone() }),
        }
    }
}

impl Answer {
    /// The status of an answer that is no failure.
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header as text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<String> {
        text(self.response.headers(), name)
    }

    /// First byte and whole length, of an answer that is a part (RFC 9110, 14.4).
    pub(super) fn range(&self) -> Option<(u64, u64)> {
        let range = self.header(&CONTENT_RANGE)?;
        let (bytes, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        Some((bytes.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
    }

    /// The next bytes of the body; 0 at its end. A body that ends too soon is an error.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.response.read(buffer) {
                Ok(0) if self.announced.is_some_and(|announced| self.received < announced) => {
                    return Err(self.truncated());
                }
                Ok(read) => {
                    self.received += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(if ends_too_soon(&error) && self.announced.is_some() {
                        self.truncated()
                    } else {
                        Error::Broken { url: self.url.clone(), reason: root_cause(&error) }
                    });
                }
            }
        }
    }

    fn truncated(&self) -> Error {
        Error::Truncated { url: self.url.clone(), expected: self.announced.unwrap_or_default(), found: self.received }
    }
}

/// hyper's own error for a body that is shorter than its length; it says so in its text alone.
fn ends_too_soon(error: &io::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = error.get_ref().map(|inner| inner as &dyn std::error::Error);
    while let Some(error) = cause {
        if error.to_string().contains("end of file before message length") {
            return true;
        }
        cause = error.source();
    }
    error.kind() == io::ErrorKind::UnexpectedEof
}

fn failure(url: &str, error: &reqwest::Error) -> Error {
    let url = url.to_owned();
    if error.is_redirect() {
        Error::Redirects { url, limit: REDIRECTS }
    } else if error.is_connect() || error.is_builder() {
        Error::Unreachable { url, reason: cause(error) }
    } else if error.is_timeout() {
        Error::Broken { url, reason: format!("no answer for {} seconds", STALL_TIMEOUT.as_secs()) }
    } else {
        Error::Broken { url, reason: cause(error) }
    }
}

/// What lies at the bottom of a failure, which says it best.
fn cause(error: &reqwest::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
