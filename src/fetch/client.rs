//! HTTP: one client, made when it is first needed, credentials where a server wants some, and answers sorted into what
//! they mean.
//!
//! Redirections are followed here and not by the library, so that each server gets the credentials that are meant for it
//! and no other's. Refused: statuses other than those of success, web pages in place of files, redirections without end.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{
    AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{StatusCode, Url};

use super::Error;
use super::logins::{Hop, KnownLogins, Login, Logins, Realm};
use crate::address::Address;
use crate::challenge::Challenge;
use crate::proxy::Proxies;
use crate::request_failure::RequestFailure;
use crate::retry_after::retry_after;

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// What a proxy answers in place of a mirror that it does not ask or cannot reach.
const OF_A_PROXY: [StatusCode; 4] = [
    StatusCode::FORBIDDEN,
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    StatusCode::BAD_GATEWAY,
    StatusCode::GATEWAY_TIMEOUT,
];
/// For the answer to begin, and for each further piece of it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The client that all threads share.
#[derive(Default)]
pub(super) struct Client {
    http: OnceLock<Result<reqwest::blocking::Client, String>>,
    logins: KnownLogins,
    /// The servers that asked for credentials, and what for: they get them with the first request from then on.
    asked: Mutex<BTreeMap<String, Realm>>,
    /// As the client itself reads them of the environment.
    proxies: OnceLock<Proxies>,
}

/// An answer whose status and type are as they should be.
pub(super) struct Answer {
    response: Response,
    url: String,
    /// Bytes that the body still has to have, where the server says.
    pub(super) announced: Option<u64>,
    received: u64,
}

/// A proxy's address may hold a password.
impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("http", &self.http).finish_non_exhaustive()
    }
}

impl Client {
    /// One that looks for credentials in `logins`.
    pub(super) fn new(logins: Logins) -> Self {
        Self { logins: KnownLogins::new(logins), ..Self::default() }
    }

    /// Asks for `address`, which should be `expected` ("a package"), with `headers` on top.
    pub(super) fn get(
        &self,
        address: &Address,
        expected: &'static str,
        headers: &[(HeaderName, String)],
    ) -> Result<Answer, Error> {
        let url = || address.to_string();
        let response = self.follow(address, headers)?;
        let status = response.status();
        if !(status.is_success() || status == StatusCode::NOT_MODIFIED || status == StatusCode::RANGE_NOT_SATISFIABLE) {
            let text = status.to_string();
            if self.is_of_proxy(&response) {
                return Err(Error::Proxy { url: url(), status: text, code: status.as_u16() });
            }
            return Err(Error::Status {
                url: url(),
                status: text,
                code: status.as_u16(),
                retry_after: retry_after(response.headers()),
            });
        }
        let kind = text(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        if status.is_success() && (kind.starts_with("text/html") || kind.starts_with("application/xhtml")) {
            return Err(Error::WebPage { url: url(), expected, found: kind });
        }
        let announced = response.content_length();
        Ok(Answer { response, url: url(), announced, received: 0 })
    }

    /// The answer of the last server that `address` leads to.
    fn follow(&self, address: &Address, headers: &[(HeaderName, String)]) -> Result<Response, Error> {
        let unreachable = |reason: String| Error::Unreachable { url: address.to_string(), reason };
        let first = Url::parse(&address.request()).map_err(|error| unreachable(error.to_string()))?;
        let mut hop = Hop { address, first: &first, url: first.clone() };
        for _ in 0..=REDIRECTS {
            let response = self.ask(&hop, headers)?;
            let target = match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => response.headers().get(LOCATION),
                _ => None,
            };
            let Some(target) = target else { return Ok(response) };
            // What a redirection itself brings of credentials is not for its sender to give.
            let target = target.to_str().ok().and_then(|target| hop.url.join(target).ok());
            let target = target.filter(|target| matches!(target.scheme(), "http" | "https"));
            let target = target.and_then(without_userinfo);
            hop.url = target.ok_or_else(|| unreachable("it redirects to what is no address".to_owned()))?;
        }
        Err(Error::Redirects { url: address.to_string(), limit: REDIRECTS })
    }

    /// The answer of one server, with credentials where it wants some.
    fn ask(&self, hop: &Hop<'_>, headers: &[(HeaderName, String)]) -> Result<Response, Error> {
        let server = hop.url.origin().ascii_serialization();
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&server).cloned();
        let mut used = self.logins.find(hop, asked.as_ref());
        let mut response = self.send(hop, headers, used.as_ref())?;
        let mut realm = asked;
        if response.status() == StatusCode::UNAUTHORIZED {
            realm = basic_realm(&response);
            if let (None, Some(realm)) = (&used, &realm)
                && let Some(login) = self.logins.find(hop, Some(realm))
            {
                response = self.send(hop, headers, Some(&login))?;
                used = Some(login);
                if response.status() != StatusCode::UNAUTHORIZED {
                    self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(server, realm.clone());
                }
            }
        }
        let status = response.status();
        let is_refusal = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        if !is_refusal || self.is_of_proxy(&response) {
            return Ok(response);
        }
        let tried = used.map(|(_, source)| source);
        let reason = if tried.is_none() { self.reason(hop, &response, realm.as_ref()) } else { None };
        Err(Error::Unauthorized {
            url: hop.address.to_string(),
            server: hop.server(),
            status: status.to_string(),
            code: status.as_u16(),
            tried,
            reason,
        })
    }

    /// Why a server that answered so got no credentials although there may be some.
    fn reason(&self, hop: &Hop<'_>, response: &Response, realm: Option<&Realm>) -> Option<String> {
        if response.status() == StatusCode::UNAUTHORIZED && realm.is_none() {
            return Some("it takes no user and password by the Basic scheme".to_owned());
        }
        self.logins.trouble(hop, realm)
    }

    fn send(&self, hop: &Hop<'_>, headers: &[(HeaderName, String)], login: Option<&Login>) -> Result<Response, Error> {
        let mut request = self.request(hop.url.clone())?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some((credentials, _)) = login
            && let Ok(mut value) = HeaderValue::from_str(&credentials.authorization())
        {
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.send().map_err(|error| failure(hop.address.as_str(), &error.without_url()))
    }

    /// Whether a proxy gave `response` in the server's place.
    fn is_of_proxy(&self, response: &Response) -> bool {
        OF_A_PROXY.contains(&response.status()) && self.is_by_proxy(response.url().as_str())
    }

    /// Whether `url` is asked for by way of a proxy that reads along. Through TLS there is only a tunnel, and a proxy that
    /// opens none is no answer.
    fn is_by_proxy(&self, url: &str) -> bool {
        let proxies = self.proxies.get_or_init(Proxies::of_environment);
        url.starts_with("http:") && Url::parse(url).is_ok_and(|url| proxies.of(&url).is_some())
    }

    fn request(&self, url: Url) -> Result<RequestBuilder, Error> {
        let http = self.http.get_or_init(|| {
            reqwest::blocking::Client::builder()
                .user_agent(concat!("apkbuild/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(STALL_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .proxy(Proxies::of_environment().into_proxy())
                .build()
                .map_err(|error| cause(&error))
        });
        match http {
            Ok(http) => Ok(http.get(url)),
            Err(reason) => Err(Error::Client { reason: reason.clone() }),
        }
    }
}

/// `url` without a user and a password; `None` for one that cannot have any.
fn without_userinfo(mut url: Url) -> Option<Url> {
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

/// What a server asks for by the Basic scheme; `None` where it takes only others. One that does not say how it wants to
/// be told is taken for one that takes Basic, as apk does.
fn basic_realm(response: &Response) -> Option<Realm> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    if values.is_empty() {
        return Some(None);
    }
    values.into_iter().flat_map(Challenge::parse_all).find_map(|challenge| match challenge {
        Challenge::Basic { realm } => Some(realm),
        Challenge::Bearer { .. } => None,
    })
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
    match RequestFailure::of(error) {
        RequestFailure::Redirects => Error::Redirects { url, limit: REDIRECTS },
        RequestFailure::Address => Error::Address { url, reason: cause(error) },
        RequestFailure::Unreachable => Error::Unreachable { url, reason: cause(error) },
        RequestFailure::Tls => Error::Tls { url, reason: cause(error) },
        RequestFailure::Silent if error.is_timeout() => {
            Error::NoAnswer { url, reason: format!("nothing came for {} seconds", STALL_TIMEOUT.as_secs()) }
        }
        RequestFailure::Silent => Error::NoAnswer { url, reason: cause(error) },
        RequestFailure::Other => Error::Broken { url, reason: cause(error) },
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
