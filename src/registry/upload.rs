//! One blob to a registry: not at all if it is there, mounted if another repository has it, else in chunks
//! (distribution-spec, "Pushing blobs").
//!
//! After a failure the registry is asked how much it has, and the upload goes on from there. A session that is lost is
//! begun again a few times. Some registries take a blob in one piece only, against the specification; what will not
//! have a second chunk is given all in one, as docker does it.

mod body;
mod upload_session;

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{StatusCode, Url};

use self::body::{part, whole};
use self::upload_session::UploadSession;
use super::Error;
use super::answer::{announced_digest, may_pass, plain_url, refused};
use super::client::{ATTEMPTS, Client};
use crate::image::Blob;
use crate::progress::Task;

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
            None => UploadSession::begin(client)?,
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
        StatusCode::OK => match announced_digest(&response) {
            Some(found) if found != blob.digest => Err(Error::Digest { url, expected: blob.digest, found }),
            _ => Ok(true),
        },
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(refused(response)),
    }
}

/// What became of the wish to have a blob out of another repository.
enum Mount {
    Done,
    /// The registry has begun an upload in its place.
    Begun(UploadSession),
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
        StatusCode::ACCEPTED => UploadSession::of(client, &response, 0).map(Mount::Begun),
        _ => Ok(Mount::Refused),
    }
}

/// Sends what is missing and closes the session.
fn send(client: &Client, blob: &Blob, mut session: UploadSession, task: &dyn Task) -> Result<(), Error> {
    let mut told = 0;
    let mut failures = 0;
    while session.offset < blob.size {
        let end = session.offset.saturating_add(session.chunk).min(blob.size);
        let outcome = client.send_once(&[], || {
            client
                .http()
                .patch(session.location.clone())
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_RANGE, format!("{}-{}", session.offset, end - 1))
                .body(part(blob, session.offset, end))
        });
        match outcome {
            Ok(response) if response.status() == StatusCode::ACCEPTED => {
                let next = session.followed_by(UploadSession::of(client, &response, end)?);
                // One that takes chunks and loses them is given them a few times, not for ever.
                failures = if next.offset > told { 0 } else { failures + 1 };
                if failures >= ATTEMPTS {
                    let reason = format!("it takes chunk after chunk and still has {} bytes", next.offset);
                    return Err(Error::Broken { url: plain_url(&session.location), reason });
                }
                session = next;
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
                session = session.ask(client)?;
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

/// Sends all of it in one request, without saying which part it is. `false` where that failed and, after the wait that
/// is over then, a new session may do better.
fn send_whole(
    client: &Client,
    blob: &Blob,
    session: &UploadSession,
    attempt: u32,
    task: &dyn Task,
) -> Result<bool, Error> {
    let outcome = client.send_once(&[], || {
        client
            .http()
            .patch(session.location.clone())
            .timeout(WHOLE_TIMEOUT)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(whole(blob))
    });
    if client.wait(&outcome, attempt)? {
        return Ok(false);
    }
    let response = outcome?;
    if response.status() != StatusCode::ACCEPTED {
        return Err(refused(response));
    }
    task.advance(blob.size);
    close(client, blob, &UploadSession::of(client, &response, blob.size)?).map(|()| true)
}

fn close(client: &Client, blob: &Blob, session: &UploadSession) -> Result<(), Error> {
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

fn address(text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::Broken { url: text.to_owned(), reason: error.to_string() })
}
