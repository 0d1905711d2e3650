//! An upload under way: where it goes on, and how much of it the registry says it has.

use reqwest::blocking::Response;
use reqwest::header::{CONTENT_LENGTH, LOCATION, RANGE};
use reqwest::{StatusCode, Url};

use super::super::Error;
use super::super::answer::{plain_url, refused};
use super::super::client::Client;

/// The largest chunk that a registry may ask for.
const LARGEST_CHUNK: u64 = 64 << 20;

/// An upload under way.
pub(super) struct UploadSession {
    /// Where the next part goes: at the registry, or at a place that keeps blobs for it.
    pub(super) location: Url,
    /// Bytes that the registry has.
    pub(super) offset: u64,
    /// Bytes that the next part should have.
    pub(super) chunk: u64,
}

impl UploadSession {
    /// Begins one.
    pub(super) fn begin(client: &Client) -> Result<Self, Error> {
        let url = client.url("blobs/uploads/");
        let response = client.send(&[], || client.http().post(&url).header(CONTENT_LENGTH, 0))?;
        match response.status() {
            StatusCode::ACCEPTED => Self::of(client, &response, 0),
            _ => Err(refused(response)),
        }
    }

    /// Asks how much the registry has of it.
    pub(super) fn ask(&self, client: &Client) -> Result<Self, Error> {
        let response = client.send(&[], || client.http().get(self.location.clone()))?;
        match response.status() {
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::ACCEPTED => {
                // `0-0` is nothing as well as one byte, and so is no answer: nothing, then, and the registry will
                // object.
                Ok(self.followed_by(Self::of(client, &response, 0)?))
            }
            _ => Err(refused(response)),
        }
    }

    /// The session that an answer describes; `expected` is what the registry should have, if it does not say.
    pub(super) fn of(client: &Client, response: &Response, expected: u64) -> Result<Self, Error> {
        let broken = |reason: &str| Error::Broken { url: plain_url(response.url()), reason: reason.to_owned() };
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let location = header(LOCATION).map_or_else(|| Ok(response.url().clone()), |text| response.url().join(text));
        let location = location.ok().filter(|location| matches!(location.scheme(), "http" | "https"));
        let location = location.ok_or_else(|| broken("its location is no address"))?;
        let range = header(RANGE).map(|text| text.trim_start_matches("bytes="));
        let offset = match range.and_then(|text| text.split_once('-')) {
            None => expected,
            Some((_, "0")) if expected <= 1 => expected,
            Some((_, last)) => last.parse::<u64>().map_err(|_| broken("its range is no number"))?.saturating_add(1),
        };
        let least = response.headers().get("OCI-Chunk-Min-Length").and_then(|value| value.to_str().ok()?.parse().ok());
        let chunk = client.chunk().max(least.unwrap_or_default());
        if chunk > LARGEST_CHUNK {
            return Err(broken("it wants larger chunks than 64 MiB"));
        }
        Ok(Self { location, offset, chunk })
    }

    /// `next`, which an answer later than the first describes: only that one says how large chunks are to be.
    pub(super) fn followed_by(&self, next: Self) -> Self {
        Self { chunk: self.chunk, ..next }
    }
}
