//! Requests to one registry: where it is, who asks, and patience.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::Error;
use super::challenge::Challenge;
use super::credentials::{CredentialFiles, Credentials};
use crate::image::Reference;
use crate::retry_after::retry_after;

/// How often one thing is tried.
pub(super) const ATTEMPTS: u32 = 5;
/// How long a request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
/// Bytes of a blob that one request carries.
const CHUNK: u64 = 8 << 20;
/// The longest wait that a registry may ask for before it counts as a refusal.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Largest manifest; registries themselves take no more (distribution-spec).
pub(super) const LARGEST_MANIFEST: u64 = 4 << 20;
/// The most bytes of a refusal that are read: more is no message.
const LARGEST_MESSAGE: u64 = 64 << 10;
/// The most bytes of the answer that holds a token.
const LARGEST_TOKEN: u64 = 1 << 20;

/// How a registry is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TLS, but for this machine's own registries, which are plain as docker takes them.
    #[default]
    Usual,
    /// Without TLS.
    Plain,
}

/// A connection to one repository of one registry.
#[derive(Debug)]
pub struct Client {
    http: reqwest::blocking::Client,
    registry: String,
    repository: String,
    base: String,
    credentials: Option<Credentials>,
    /// What is asked for of the client's own repository.
    actions: &'static str,
    /// How requests are authorized, by scope, once a challenge was met.
    authorized: Mutex<BTreeMap<String, Authorization>>,
    authorizing: Mutex<()>,
    /// The first wait after a failure; it doubles each time.
    patience: Duration,
    chunk: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Authorization {
    Basic,
    Bearer(String),
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(alias = "access_token")]
    token: String,
}

impl Client {
    /// For the repository that `reference` names, with the credentials that `files` have for it.
    pub fn new(reference: &Reference, transport: Transport, files: &CredentialFiles) -> Result<Self, Error> {
        let registry = reference.registry().to_owned();
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { &registry };
        let scheme = if transport == Transport::Plain || is_local(host) { "http" } else { "https" };
        let http = reqwest::blocking::Client::builder()
            .user_agent(concat!("apkbuild/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|source| Error::Request { url: registry.clone(), source })?;
        Ok(Self {
            http,
            base: format!("{scheme}://{host}"),
            credentials: files.find(&registry, reference.repository())?,
            repository: reference.repository().to_owned(),
            registry,
            actions: "pull,push",
            authorized: Mutex::default(),
            authorizing: Mutex::default(),
            patience: Duration::from_millis(500),
            chunk: CHUNK,
        })
    }

    /// The same for reading alone: registries refuse a stranger who asks to write, even where all may read.
    #[must_use]
    pub fn for_reading(mut self) -> Self {
        self.actions = "pull";
        self
    }

    /// The same with another first wait after a failure, for tests that have no time.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same with uploads in chunks of so many bytes.
    #[must_use]
    pub fn with_chunk(mut self, bytes: u64) -> Self {
        self.chunk = bytes.max(1);
        self
    }

    pub(super) fn chunk(&self) -> u64 {
        self.chunk
    }

    /// The address of `path` in the repository: `blobs/…`, `manifests/…`.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.base, self.repository)
    }

    pub(super) fn http(&self) -> &reqwest::blocking::Client {
        &self.http
    }

    /// Sends the request that `build` makes, again and again where that may help, and gives the answer, whatever else its
    /// status. `others` are repositories that are only read.
    pub(super) fn send(&self, others: &[&str], build: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            let outcome = self.send_once(others, &build);
            attempt += 1;
            if !self.wait(&outcome, attempt)? {
                return outcome;
            }
        }
    }

    /// Sends the request once; credentials are found out on the way.
    pub(super) fn send_once(&self, others: &[&str], build: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let scopes = self.scopes(others);
        let mut answered = false;
        loop {
            let (request, is_own) = self.told_apart(build())?;
            if !is_own {
                return self.exchange(request);
            }
            let used = self.known(&scopes);
            let response = self.exchange(match (&used, &self.credentials) {
                (Some(Authorization::Bearer(token)), _) => request.bearer_auth(token),
                (Some(Authorization::Basic), Some(Credentials::Password { user, password })) => {
                    request.basic_auth(user, Some(password))
                }
                _ => request,
            })?;
            if response.status() != StatusCode::UNAUTHORIZED && response.status() != StatusCode::FORBIDDEN {
                return Ok(response);
            }
            let challenges: Vec<Challenge> = response
                .headers()
                .get_all(WWW_AUTHENTICATE)
                .iter()
                .filter_map(|value| Challenge::parse(value.to_str().ok()?))
                .collect();
            let message = message_of(response);
            // A token may have run out since: one fresh one is tried.
            let Some(challenge) = challenges.first().filter(|_| !answered) else {
                return Err(self.unauthorized(message));
            };
            answered = true;
            // Several uploads meet the same challenge at a time; the first answers it for all.
            let _turn = self.authorizing.lock().unwrap_or_else(PoisonError::into_inner);
            if self.known(&scopes) != used {
                continue;
            }
            let Some(authorization) = self.authorize(challenge, &scopes)? else {
                return Err(self.unauthorized(message));
            };
            self.authorized.lock().unwrap_or_else(PoisonError::into_inner).insert(scopes.join(" "), authorization);
        }
    }

    /// A request, and whether it goes to the registry itself. Where an upload is sent elsewhere, nobody there is told who
    /// asks: what the address says is all that such a place needs.
    fn told_apart(&self, request: RequestBuilder) -> Result<(RequestBuilder, bool), Error> {
        let request = request.build().map_err(|source| Error::Request { url: self.base.clone(), source })?;
        let is_own = Url::parse(&self.base).is_ok_and(|base| base.origin() == request.url().origin());
        Ok((RequestBuilder::from_parts(self.http.clone(), request), is_own))
    }

    fn known(&self, scopes: &[String]) -> Option<Authorization> {
        self.authorized.lock().unwrap_or_else(PoisonError::into_inner).get(&scopes.join(" ")).cloned()
    }

    /// After attempt number `attempt`: waits and says whether to try again. Some failures are final at once.
    pub(super) fn wait(&self, outcome: &Result<Response, Error>, attempt: u32) -> Result<bool, Error> {
        let asked = match outcome {
            Err(Error::Request { source, .. }) if !source.is_builder() && !source.is_redirect() => None,
            Err(Error::BrokenOff { .. }) => None,
            Err(_) => return Ok(false),
            Ok(response) => {
                if !may_pass(response.status()) {
                    return Ok(false);
                }
                let asked = retry_after(response.headers());
                if let Some(asked) = asked.filter(|asked| *asked > LONGEST_WAIT) {
                    return Err(Error::Busy { url: plain_url(response.url()), seconds: asked.as_secs() });
                }
                asked
            }
        };
        if attempt >= ATTEMPTS {
            return Ok(false);
        }
        std::thread::sleep(asked.unwrap_or(self.patience * 2_u32.pow(attempt - 1)));
        Ok(true)
    }

    fn exchange(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().map_err(|source| {
            let url = source.url().map_or_else(|| self.base.clone(), Url::to_string);
            Error::Request { url, source: source.without_url() }
        })
    }

    fn scopes(&self, others: &[&str]) -> Vec<String> {
        let own = format!("repository:{}:{}", self.repository, self.actions);
        std::iter::once(own).chain(others.iter().map(|other| format!("repository:{other}:pull"))).collect()
    }

    /// Answers a challenge; `None` where there is nothing to answer it with.
    fn authorize(&self, challenge: &Challenge, scopes: &[String]) -> Result<Option<Authorization>, Error> {
        let Challenge::Bearer { realm, service } = challenge else {
            return Ok(matches!(self.credentials, Some(Credentials::Password { .. })).then_some(Authorization::Basic));
        };
        let broken = |reason: String| Error::Broken { url: realm.clone(), reason };
        let realm_url = Url::parse(realm).map_err(|error| broken(format!("its realm is no address: {error}")))?;
        if self.base.starts_with("https:") && realm_url.scheme() != "https" {
            return Err(broken("its realm would have the password sent without TLS".to_owned()));
        }
        let mut pairs: Vec<(&str, &str)> = scopes.iter().map(|scope| ("scope", scope.as_str())).collect();
        pairs.extend(service.as_deref().map(|service| ("service", service)));
        let mut attempt = 0;
        let response = loop {
            let request = match &self.credentials {
                Some(Credentials::IdentityToken(token)) => {
                    let mut form =
                        vec![("grant_type", "refresh_token"), ("client_id", "apkbuild"), ("refresh_token", token)];
                    form.extend(&pairs);
                    let mut encoded = realm_url.clone();
                    encoded.query_pairs_mut().clear().extend_pairs(form);
                    self.http
                        .post(realm_url.clone())
                        .header("Content-Type", "application/x-www-form-urlencoded")
                        .body(encoded.query().unwrap_or_default().to_owned())
                }
                credentials => {
                    let mut url = realm_url.clone();
                    url.query_pairs_mut().extend_pairs(&pairs);
                    let request = self.http.get(url);
                    match credentials {
                        Some(Credentials::Password { user, password }) => request.basic_auth(user, Some(password)),
                        _ => request,
                    }
                }
            };
            let outcome = self.exchange(request);
            attempt += 1;
            if !self.wait(&outcome, attempt)? {
                break outcome?;
            }
        };
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) {
            return Err(self.unauthorized(message_of(response)));
        }
        if !response.status().is_success() {
            return Err(refused(response));
        }
        let bytes = body_of(response, LARGEST_TOKEN)?;
        let answer: TokenAnswer =
            serde_json::from_slice(&bytes).map_err(|_| broken("its answer has no token".to_owned()))?;
        Ok(Some(Authorization::Bearer(answer.token)))
    }

    fn unauthorized(&self, message: String) -> Error {
        Error::Unauthorized {
            registry: self.registry.clone(),
            account: self.credentials.as_ref().map(|credentials| credentials.account().to_owned()),
            repository: self.repository.clone(),
            message,
        }
    }
}

/// Whether a failure with this status may have passed by the next time.
pub(super) fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

/// An answer that is a refusal, as an error.
pub(super) fn refused(response: Response) -> Error {
    let (url, status) = (plain_url(response.url()), response.status().as_u16());
    Error::Status { url, status, message: message_of(response) }
}

/// An address without its query, where upload sessions and signatures stand.
pub(super) fn plain_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// The body of an answer, which is refused where it has more than `limit` bytes.
pub(super) fn body_of(response: Response, limit: u64) -> Result<Vec<u8>, Error> {
    let url = plain_url(response.url());
    let expected = response.content_length().unwrap_or_default();
    let mut bytes = Vec::new();
    match response.take(limit + 1).read_to_end(&mut bytes) {
        Err(error) => Err(Error::broken_off(&url, bytes.len() as u64, expected, &error)),
        Ok(_) if bytes.len() as u64 > limit => {
            Err(Error::Broken { url, reason: format!("its answer has more than {limit} bytes") })
        }
        Ok(_) => Ok(bytes),
    }
}

/// What a registry says in its error document (distribution-spec, error codes), in one line.
fn message_of(response: Response) -> String {
    let Ok(bytes) = body_of(response, LARGEST_MESSAGE) else { return String::new() };
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let errors = value.get("errors").and_then(serde_json::Value::as_array);
    let texts = errors.into_iter().flatten().filter_map(|error| {
        let field = |key| error.get(key).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty());
        field("message").or_else(|| field("code"))
    });
    let plain = value.get("details").or_else(|| value.get("message")).and_then(serde_json::Value::as_str);
    let text = texts.chain(plain).collect::<Vec<&str>>().join("; ");
    text.chars().filter(|letter| !letter.is_control()).take(300).collect()
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
