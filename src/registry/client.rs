//! Requests to one registry: where it is, who asks, and patience.

mod authorization;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::blocking::{ClientBuilder, RequestBuilder, Response};
use reqwest::{StatusCode, Url};

use self::authorization::{Authorization, challenge_of};
use super::answer::{may_pass, message_of, plain_url};
use super::{CredentialFiles, Credentials, Error, Transport};
use crate::image::Reference;
use crate::proxy::Proxies;
use crate::retry_after::retry_after;

/// How often one thing is tried.
pub(super) const ATTEMPTS: u32 = 5;
/// How long a request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);
/// Bytes of a blob that one request carries.
const CHUNK: u64 = 8 << 20;
/// The longest wait that a registry may ask for before it counts as a refusal.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

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
    /// After a failure; it doubles each time.
    first_wait: Duration,
    chunk: u64,
}

impl Client {
    /// For the repository that `reference` names, with the credentials that `files` have for it.
    pub fn new(reference: &Reference, transport: Transport, files: &CredentialFiles) -> Result<Self, Error> {
        let registry = reference.registry().to_owned();
        let host = if registry == "docker.io" { "registry-1.docker.io" } else { &registry };
        let http = Self::http_builder().build();
        let http = http.map_err(|source| Error::Request { url: registry.clone(), source })?;
        Ok(Self {
            http,
            base: format!("{}://{host}", transport.scheme(host)),
            credentials: files.find(&registry, reference.repository())?,
            repository: reference.repository().to_owned(),
            registry,
            actions: "pull,push",
            authorized: Mutex::default(),
            authorizing: Mutex::default(),
            first_wait: Duration::from_millis(500),
            chunk: CHUNK,
        })
    }

    fn http_builder() -> ClientBuilder {
        reqwest::blocking::Client::builder()
            .user_agent(concat!("apkbuild/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .timeout(REQUEST_TIMEOUT)
            .proxy(Proxies::of_environment().into_proxy())
    }

    /// The same for reading alone: registries refuse a stranger who asks to write, even where all may read.
    #[must_use]
    pub fn for_reading(mut self) -> Self {
        self.actions = "pull";
        self
    }

    /// The same with another first wait after a failure, for tests that have no time.
    #[must_use]
    pub fn with_first_wait(mut self, wait: Duration) -> Self {
        self.first_wait = wait;
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

    /// Sends the request that `build` makes, again and again where that may help, and gives the answer, whatever else
    /// its status. `others` are repositories that are only read.
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
            let response = self.exchange(self.authorized(request, used.as_ref()))?;
            if response.status() != StatusCode::UNAUTHORIZED && response.status() != StatusCode::FORBIDDEN {
                return Ok(response);
            }
            let challenge = challenge_of(&response);
            let message = message_of(response);
            // A token may have run out since: one fresh one is tried.
            let Some(challenge) = challenge.filter(|_| !answered) else {
                return Err(self.unauthorized(message));
            };
            answered = true;
            if !self.answer(&challenge, &scopes, used.as_ref())? {
                return Err(self.unauthorized(message));
            }
        }
    }

    /// A request, and whether it goes to the registry itself. Where an upload is sent elsewhere, nobody there is told
    /// who asks: what the address says is all that such a place needs.
    fn told_apart(&self, request: RequestBuilder) -> Result<(RequestBuilder, bool), Error> {
        let request = request.build().map_err(|source| Error::Request { url: self.base.clone(), source })?;
        let is_own = Url::parse(&self.base).is_ok_and(|base| base.origin() == request.url().origin());
        Ok((RequestBuilder::from_parts(self.http.clone(), request), is_own))
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
        std::thread::sleep(asked.unwrap_or(self.first_wait * 2_u32.pow(attempt - 1)));
        Ok(true)
    }

    fn exchange(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().map_err(|source| {
            let url = source.url().map_or_else(|| self.base.clone(), plain_url);
            Error::Request { url, source: source.without_url() }
        })
    }
}
