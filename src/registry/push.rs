//! An image to a registry: blobs, then manifests by their digests, then what refers to them, then the tag.
//!
//! Nobody sees anything of a push that failed: until the tag is written, nothing names what was sent.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rayon::prelude::*;
use reqwest::blocking::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::Error;
use super::answer::{LARGEST_MANIFEST, announced_digest, body_of, refused};
use super::client::Client;
use super::referrer::{Attachment, Referrer, empty_configuration};
use super::upload::{Outcome, upload};
use crate::digest::Sha256Digest;
use crate::image::{Blob, Document, Publication};
use crate::progress::Progress;

/// What a push did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Blobs and bytes that were sent.
    pub sent: (u64, u64),
    /// Blobs that were there.
    pub present: u64,
    /// Blobs that the registry took from another repository.
    pub mounted: u64,
    /// Attachments that went along.
    pub attached: u64,
}

/// Sends `publication` with `attachments` and names it `tag`. `sources` are repositories of the same registry that may
/// have some of the blobs.
pub fn push(
    client: &Client,
    publication: &Publication,
    attachments: &[Attachment],
    tag: &str,
    sources: &[&str],
    progress: &dyn Progress,
) -> Result<Pushed, Error> {
    let mut referrers = Vec::new();
    let mut blobs: BTreeMap<Sha256Digest, &Blob> =
        publication.blobs.iter().map(|(digest, blob)| (*digest, blob)).collect();
    let empty = empty_configuration();
    for attachment in attachments {
        let Some(subject) = publication.documents.iter().find(|document| document.blob.digest == attachment.subject)
        else {
            continue;
        };
        referrers.push(Referrer::new(attachment, subject)?);
        blobs.insert(attachment.blob.digest, &attachment.blob);
        blobs.insert(empty.digest, &empty);
    }
    let send = |blob: &Blob| -> Result<(Outcome, u64), Error> {
        let name: String = blob.digest.to_string().chars().take(12).collect();
        let begin = || progress.upload(&name, blob.size);
        upload(client, blob, sources, &begin).map(|outcome| (outcome, blob.size))
    };
    let mut blobs: Vec<&Blob> = blobs.into_values().collect();
    blobs.sort_by_key(|blob| Reverse(blob.size));
    // The smallest goes alone: what is wrong with the registry or with who asks is met once, and not by each at a time.
    let first = blobs.pop().map(send).transpose()?;
    let others = blobs.into_par_iter().map(send).collect::<Result<Vec<_>, Error>>()?;
    let mut pushed = Pushed::default();
    for (outcome, size) in first.into_iter().chain(others) {
        match outcome {
            Outcome::Present => pushed.present += 1,
            Outcome::Mounted => pushed.mounted += 1,
            Outcome::Sent => pushed.sent = (pushed.sent.0 + 1, pushed.sent.1 + size),
        }
    }
    for document in &publication.documents {
        put(client, document, &document.blob.digest.to_oci())?;
    }
    for referrer in &referrers {
        referrer.attach(client).map_err(|source| Error::Attachment { source: Box::new(source) })?;
        pushed.attached += 1;
    }
    let outcome = put(client, &publication.root, tag);
    // It may be the answer that was lost on the way, and not the request.
    if matches!(outcome, Err(Error::Request { .. })) && names(client, tag, &publication.root).unwrap_or(false) {
        return Ok(pushed);
    }
    outcome.map(|_| pushed)
}

/// Whether `tag` names `document`.
fn names(client: &Client, tag: &str, document: &Document) -> Result<bool, Error> {
    let url = client.url(&format!("manifests/{tag}"));
    let response = client.send(&[], || client.http().get(&url).header(ACCEPT, document.media_type.to_string()))?;
    Ok(response.status().is_success()
        && Sha256Digest::of(&body_of(response, LARGEST_MANIFEST)?) == document.blob.digest)
}

/// Puts a manifest under a tag or digest, and gives what the registry answers.
pub(super) fn put(client: &Client, document: &Document, name: &str) -> Result<Response, Error> {
    let url = client.url(&format!("manifests/{name}"));
    let bytes = document.blob.bytes();
    let response = client.send(&[], || {
        client.http().put(&url).header(CONTENT_TYPE, document.media_type.to_string()).body(bytes.clone())
    })?;
    if !response.status().is_success() {
        return Err(refused(response));
    }
    match announced_digest(&response) {
        Some(found) if found != document.blob.digest => {
            Err(Error::Digest { url, expected: document.blob.digest, found })
        }
        _ => Ok(response),
    }
}
