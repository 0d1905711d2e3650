//! What a registry answers: whether it is a refusal, what it says about that, and bodies that are only so large.

use std::io::Read as _;

use reqwest::blocking::Response;
use reqwest::{StatusCode, Url};

use super::Error;
use crate::address::Address;
use crate::digest::Sha256Digest;

/// Largest manifest; registries themselves take no more (distribution-spec).
pub(super) const LARGEST_MANIFEST: u64 = 4 << 20;
/// The most bytes of a refusal that are read: more is no message.
const LARGEST_MESSAGE: u64 = 64 << 10;

/// Whether a failure with this status may have passed by the next time.
pub(super) fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

/// An answer that is a refusal, as an error.
pub(super) fn refused(response: Response) -> Error {
    let (url, status) = (plain_url(response.url()), response.status().as_u16());
    Error::Status { url, status, message: message_of(response) }
}

/// An address without its query, where upload sessions and signatures stand, and without a user and a password.
pub(super) fn plain_url(url: &Url) -> String {
    Address::new(url.as_str()).to_string()
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

/// The digest that a registry says the thing has that it answers about.
pub(super) fn announced_digest(response: &Response) -> Option<Sha256Digest> {
    let text = response.headers().get("Docker-Content-Digest")?.to_str().ok()?;
    Sha256Digest::from_hex(text.strip_prefix("sha256:")?)
}

/// What a registry says in its error document (distribution-spec, error codes), in one line.
pub(super) fn message_of(response: Response) -> String {
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
