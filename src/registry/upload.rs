//! One blob to a registry: not at all if it is there, mounted if another repository has it, else in chunks
//! (distribution-spec, "Pushing blobs").
//!
//! After a failure the registry is asked how much it has, and the upload goes on from there. A session that is lost is
//! begun again a few times. Some registries take a blob in one piece only, against the specification; what will not have
//! a second chunk is given all in one, as docker does it.

use std::io::{self, Read};
use std::time::Duration;

use reqwest::blocking::{Body, Response};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{StatusCode, Url};

use super::Error;
use super::client::{ATTEMPTS, Client, may_pass, plain_url, refused};
use crate::image::Blob;
use crate::mapping::MappedSlice;
use crate::progress::Task;

/// The largest chunk that a registry may ask for.
const LARGEST_CHUNK: u64 = 64 << 20;

/// How long a blob in one piece may take.
const WHOLE_TIMEOUT: Duration = Duration::from_hours(1);

/// How a blob came to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was there.
    Present,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// An upload under way.
struct Session {
    location: Url,
    /// Bytes that the registry has.
    offset: u64,
    chunk: u64,
}

/// Brings `blob` to the client's repository; `sources` are repositories of the same registry that may have it.
/// `begin_task` is called once something is really sent.
pub(super) fn upload(
    client: &Client,
    blob: &Blob,
    sources: &[&str],
    begin_task: &dyn Fn() -> Box<dyn Task>,
) -> Result<Outcome, Error> {
    if is_there(client, blob)? {
        return Ok(Outcome::Present);
    }
    let mut session = None;
    for source in sources {
        match mount(client, blob, source)? {
            Mount::Done => return Ok(Outcome::Mounted),
            Mount::Begun(begun) => session = Some(begun),
            Mount::Refused => {}
        }
    }
    let task = begin_task();
    let mut last = None;
    let mut in_one_piece = false;
    for attempt in 1..=ATTEMPTS {
        let begun = match session.take() {
            Some(session) => session,
            None => begin(client)?,
        };
        let outcome = if in_one_piece {
            send_whole(client, blob, &begun, attempt, &*task)
        } else {
            send(client, blob, begun, &*task).map(|()| true)
        };
        match outcome {
            Ok(true) => return Ok(Outcome::Sent),
            Ok(false) => {}
            // The session is gone, what the registry has of it is not what was sent, or it knows no chunks.
            Err(Error::Status { url, status: status @ (400 | 404 | 405 | 411 | 416), message }) if !in_one_piece => {
                in_one_piece = status != 404 || attempt > 1;
                last = Some(Error::Status { url, status, message });
            }
            Err(Error::Status { url, status: 404, message }) => {
                last = Some(Error::Status { url, status: 404, message });
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::Broken {
        url: client.url("blobs/uploads/"),
        reason: "it loses every upload".to_owned(),
    }))
}

fn is_there(client: &Client, blob: &Blob) -> Result<bool, Error> {
    let url = client.url(&format!("blobs/{}", blob.digest.to_oci()));
    let response = client.send(&[], || client.http().head(&url))?;
    match response.status() {
        StatusCode::OK => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(refused(response)),
    }
}

/// What became of the wish to have a blob out of another repository.
enum Mount {
    Done,
    /// The registry has begun an upload in its place.
    Begun(Session),
    Refused,
}

fn mount(client: &Client, blob: &Blob, source: &str) -> Result<Mount, Error> {
    let mut url = address(&client.url("blobs/uploads/"))?;
    url.query_pairs_mut().append_pair("mount", &blob.digest.to_oci()).append_pair("from", source);
    let response = match client.send(&[source], || client.http().post(url.clone()).header(CONTENT_LENGTH, 0)) {
        Ok(response) => response,
        // Not to be let at the other repository is no failure of this push.
        Err(Error::Unauthorized { .. }) => return Ok(Mount::Refused),
        Err(error) => return Err(error),
    };
    match response.status() {
        StatusCode::CREATED => Ok(Mount::Done),
        StatusCode::ACCEPTED => session_of(client, &response, 0).map(Mount::Begun),
        _ => Ok(Mount::Refused),
    }
}

fn begin(client: &Client) -> Result<Session, Error> {
    let url = client.url("blobs/uploads/");
    let response = client.send(&[], || client.http().post(&url).header(CONTENT_LENGTH, 0))?;
    match response.status() {
        StatusCode::ACCEPTED => session_of(client, &response, 0),
        _ => Err(refused(response)),
    }
}

/// Sends what is missing and closes the session.
fn send(client: &Client, blob: &Blob, mut session: Session, task: &dyn Task) -> Result<(), Error> {
    let mut told = 0;
    let mut failures = 0;
    while session.offset < blob.size {
        let end = session.offset.saturating_add(session.chunk).min(blob.size);
        let bytes = part(blob, session.offset, end);
        let outcome = client.send_once(&[], || {
            client
                .http()
                .patch(session.location.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_RANGE, format!("{}-{}", session.offset, end - 1))
                .body(bytes.clone())
        });
        match outcome {
            Ok(response) if response.status() == StatusCode::ACCEPTED => {
                let next = session_of(client, &response, end)?;
                // One that takes chunks and loses them is given them a few times, not for ever.
                failures = if next.offset > told { 0 } else { failures + 1 };
                if failures >= ATTEMPTS {
                    let reason = format!("it takes chunk after chunk and still has {} bytes", next.offset);
                    return Err(Error::Broken { url: plain_url(&session.location), reason });
                }
                session = Session { chunk: session.chunk, ..next };
            }
            Ok(response) if !may_pass(response.status()) && response.status() != StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(refused(response));
            }
            outcome => {
                failures += 1;
                let out_of_step = matches!(&outcome, Ok(response) if !may_pass(response.status()));
                if out_of_step {
                    if failures >= ATTEMPTS {
                        return outcome.and_then(|response| Err(refused(response)));
                    }
                } else if !client.wait(&outcome, failures)? {
                    return outcome.and_then(|response| Err(refused(response)));
                }
                session = Session { chunk: session.chunk, ..ask(client, &session)? };
            }
        }
        if session.offset > blob.size {
            return Err(Error::Broken {
                url: plain_url(&session.location),
                reason: format!("it has {} bytes of a blob of {}", session.offset, blob.size),
            });
        }
        if session.offset > told {
            task.advance(session.offset - told);
            told = session.offset;
        }
    }
    close(client, blob, &session)
}

/// Sends all of it in one request, without saying which part it is. `false` where that failed and, after the wait that is
/// over then, a new session may do better.
fn send_whole(client: &Client, blob: &Blob, session: &Session, attempt: u32, task: &dyn Task) -> Result<bool, Error> {
    let outcome = client.send_once(&[], || {
        let body = Body::sized(BlobReader { pieces: blob.pieces.clone(), place: 0, at: 0 }, blob.size);
        client
            .http()
            .patch(session.location.clone())
            .timeout(WHOLE_TIMEOUT)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(body)
    });
    if client.wait(&outcome, attempt)? {
        return Ok(false);
    }
    let response = outcome?;
    if response.status() != StatusCode::ACCEPTED {
        return Err(refused(response));
    }
    task.advance(blob.size);
    close(client, blob, &session_of(client, &response, blob.size)?).map(|()| true)
}

/// A blob as something that is read from its beginning to its end.
struct BlobReader {
    pieces: Vec<MappedSlice>,
    /// The piece that is read now.
    place: usize,
    /// Bytes of that which are read already.
    at: usize,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.get(self.place) {
            let rest = piece.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                (self.place, self.at) = (self.place + 1, 0);
                continue;
            }
            let count = rest.len().min(buffer.len());
            buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.at += count;
            return Ok(count);
        }
        Ok(0)
    }
}

/// Asks how much of an upload the registry has.
fn ask(client: &Client, session: &Session) -> Result<Session, Error> {
    let response = client.send(&[], || client.http().get(session.location.clone()))?;
    match response.status() {
        StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::ACCEPTED => {
            // `0-0` is nothing as well as one byte, and so is no answer: nothing, then, and the registry will object.
            session_of(client, &response, 0)
        }
        _ => Err(refused(response)),
    }
}

fn close(client: &Client, blob: &Blob, session: &Session) -> Result<(), Error> {
    let mut url = session.location.clone();
    url.query_pairs_mut().append_pair("digest", &blob.digest.to_oci());
    let response = client.send(&[], || {
        client.http().put(url.clone()).header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, 0)
    })?;
    if response.status() == StatusCode::CREATED || is_there(client, blob)? {
        // The second where a first answer was lost on the way, and the session is rightly gone by the next attempt.
        return Ok(());
    }
    Err(refused(response))
}

/// The session that an answer describes; `expected` is what the registry should have, if it does not say.
fn session_of(client: &Client, response: &Response, expected: u64) -> Result<Session, Error> {
    let broken = |reason: &str| Error::Broken { url: plain_url(response.url()), reason: reason.to_owned() };
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let location = header(LOCATION).map_or_else(|| Ok(response.url().clone()), |text| response.url().join(text));
    let location = location.map_err(|_| broken("its location is no address"))?;
    let offset = match header(RANGE).map(|text| text.trim_start_matches("bytes=")).and_then(|text| text.split_once('-'))
    {
        None => expected,
        Some((_, "0")) if expected <= 1 => expected,
        Some((_, last)) => last.parse::<u64>().map_err(|_| broken("its range is no number"))?.saturating_add(1),
    };
    let least = response.headers().get("OCI-Chunk-Min-Length").and_then(|value| value.to_str().ok()?.parse().ok());
    let chunk = client.chunk().max(least.unwrap_or_default());
    if chunk > LARGEST_CHUNK {
        return Err(broken("it wants larger chunks than 64 MiB"));
    }
    Ok(Session { location, offset, chunk })
}

/// The bytes of `blob` from `start` to `end`.
fn part(blob: &Blob, start: u64, end: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0_u64;
    for piece in &blob.pieces {
        let length = piece.len() as u64;
        let from = start.saturating_sub(at).min(length) as usize;
        let to = end.saturating_sub(at).min(length) as usize;
        bytes.extend_from_slice(piece.get(from..to).unwrap_or_default());
        at += length;
    }
    bytes
}

fn address(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::Broken { url: text.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_run_over_pieces() {
        let blob = Blob::new(["ab", "", "cdef", "g"].map(|text| text.as_bytes().to_vec().into()).to_vec());
        for (start, end, expected) in [(0, 7, "abcdefg"), (1, 3, "bc"), (2, 2, ""), (5, 7, "fg"), (6, 99, "g")] {
            assert_eq!(part(&blob, start, end), expected.as_bytes());
        }
        let mut whole = String::new();
        BlobReader { pieces: blob.pieces, place: 0, at: 0 }.read_to_string(&mut whole).unwrap();
        assert_eq!(whole, "abcdefg");
    }
}
