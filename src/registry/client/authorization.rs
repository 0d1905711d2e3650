//! How a registry is told who asks: with a name and a password, or with a token that another server gives for them
//! (distribution's token authentication).
//!
//! A token is asked for when a challenge is met, once for all requests that need the same. No password goes to a server
//! without TLS where the registry itself has it, and an identity token goes to no other server than the one that was
//! named.

use std::sync::PoisonError;

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::super::answer::{body_of, may_pass, message_of, plain_url, refused};
use super::super::{Credentials, Error};
use super::Client;
use crate::address::Address;
use crate::challenge::Challenge;

/// The most bytes of the answer that holds a token.
const LARGEST_TOKEN: u64 = 1 << 20;

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authorization {
    Basic,
    Bearer(String),
}

/// A token server's answer: some give the token under both names.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a registry asks for; of several, a token.
pub(super) fn challenge_of(response: &Response) -> Option<Challenge> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let mut challenges: Vec<Challenge> =
        values.filter_map(|value| value.to_str().ok()).flat_map(Challenge::parse_all).collect();
    challenges.sort_by_key(|challenge| matches!(challenge, Challenge::Basic { .. }));
    challenges.into_iter().next()
}

impl Client {
    /// What is asked for of the client's own repository and of `others`.
    pub(super) fn scopes(&self, others: &[&str]) -> Vec<String> {
        let own = format!("repository:{}:{}", self.repository, self.actions);
        std::iter::once(own).chain(others.iter().map(|other| format!("repository:{other}:pull"))).collect()
    }

    /// How requests of `scopes` are authorized, if that is known.
    pub(super) fn known(&self, scopes: &[String]) -> Option<Authorization> {
        self.authorized.lock().unwrap_or_else(PoisonError::into_inner).get(&scopes.join(" ")).cloned()
    }

    /// `request` with what is known.
    pub(super) fn authorized(&self, request: RequestBuilder, known: Option<&Authorization>) -> RequestBuilder {
        match (known, &self.credentials) {
            (Some(Authorization::Bearer(token)), _) => request.bearer_auth(token),
            (Some(Authorization::Basic), Some(Credentials::Password { user, password })) => {
                request.basic_auth(user, Some(password))
            }
            _ => request,
        }
    }

    /// Answers `challenge`, which a request met that went out with `used`. Several uploads meet the same at a time; the
    /// first answers it for all. `false` where there is nothing to answer it with.
    pub(super) fn answer(
        &self,
        challenge: &Challenge,
        scopes: &[String],
        used: Option<&Authorization>,
    ) -> Result<bool, Error> {
        let _turn = self.authorizing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known(scopes).as_ref() != used {
            return Ok(true);
        }
        let authorization = match challenge {
            Challenge::Bearer { realm, service } => {
                Authorization::Bearer(self.token(realm, service.as_deref(), scopes)?)
            }
            Challenge::Basic { .. } if matches!(self.credentials, Some(Credentials::Password { .. })) => {
                Authorization::Basic
            }
            Challenge::Basic { .. } => return Ok(false),
        };
        self.authorized.lock().unwrap_or_else(PoisonError::into_inner).insert(scopes.join(" "), authorization);
        Ok(true)
    }

    /// The refusal of somebody whom the registry does not let in, with its `message`.
    pub(super) fn unauthorized(&self, message: String) -> Error {
        Error::Unauthorized {
            registry: self.registry.clone(),
            account: self.credentials.as_ref().map(|credentials| credentials.account().to_owned()),
            repository: self.repository.clone(),
            message,
        }
    }

    /// A token from the server at `realm`.
    fn token(&self, realm: &str, service: Option<&str>, scopes: &[String]) -> Result<String, Error> {
        let broken = |reason: String| Error::Broken { url: self.base.clone(), reason };
        let url = Url::parse(realm).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let shown = Address::new(realm);
        let url = url.ok_or_else(|| broken(format!("its tokens should be at `{shown}`, which is no address")))?;
        if self.base.starts_with("https:") && url.scheme() != "https" {
            return Err(broken(format!(
                "its tokens are at {}, where the password would go without TLS",
                plain_url(&url)
            )));
        }
        let broken = |reason: &str| Error::Broken { url: plain_url(&url), reason: reason.to_owned() };
        let mut pairs: Vec<(&str, &str)> = scopes.iter().map(|scope| ("scope", scope.as_str())).collect();
        pairs.extend(service.map(|service| ("service", service)));
        let mut attempt = 0;
        let response = loop {
            let outcome = self.exchange(self.token_request(&url, &pairs)?);
            attempt += 1;
            if !self.wait(&outcome, attempt)? {
                break outcome?;
            }
        };
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                return Err(self.unauthorized(message_of(response)));
            }
            status if may_pass(status) => return Err(refused(response)),
            status => return Err(broken(&format!("asked for a token, it answers {}", status.as_u16()))),
        }
        let answer: TokenAnswer = serde_json::from_slice(&body_of(response, LARGEST_TOKEN)?)
            .map_err(|_| broken("its answer has no token"))?;
        let tokens = [answer.token, answer.access_token].into_iter().flatten();
        let token =
            tokens.into_iter().find(|token| !token.is_empty()).ok_or_else(|| broken("its answer has no token"))?;
        match HeaderValue::from_str(&token) {
            Ok(_) => Ok(token),
            Err(_) => Err(broken("its token has letters that no token has")),
        }
    }

    fn token_request(&self, url: &Url, pairs: &[(&str, &str)]) -> Result<RequestBuilder, Error> {
        let mut url = url.clone();
        if let Some(Credentials::IdentityToken(token)) = &self.credentials {
            let form = [("grant_type", "refresh_token"), ("client_id", "apkbuild"), ("refresh_token", token)];
            let mut encoded = url.clone();
            encoded.query_pairs_mut().clear().extend_pairs(form).extend_pairs(pairs);
            // A redirection would have the body, and with it the identity token, sent on to whoever it names.
            let http = Self::http_builder().redirect(Policy::none()).build();
            let http = http.map_err(|source| Error::Request { url: plain_url(&url), source })?;
            return Ok(http
                .post(url)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(encoded.query().unwrap_or_default().to_owned()));
        }
        url.query_pairs_mut().extend_pairs(pairs);
        let request = self.http.get(url);
        Ok(match &self.credentials {
            Some(Credentials::Password { user, password }) => request.basic_auth(user, Some(password)),
            _ => request,
        })
    }
}
