//! An image to a registry: blobs, then manifests by their digests, then what refers to them, then the tag.
//!
//! Nobody sees anything of a push that failed: until the tag is written, nothing names what was sent.

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, ImageManifestBuilder, MediaType, SCHEMA_VERSION};
use rayon::prelude::*;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::Error;
use super::client::{Client, LARGEST_MANIFEST, body_of, refused};
use super::upload::{Outcome, upload};
use crate::digest::Sha256Digest;
use crate::image::{Blob, Document, Error as ImageError, Publication, descriptor};
use crate::progress::Progress;

/// A document that is kept with a manifest, a bill of materials for instance (image-spec, "Guidance for artifacts").
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Digest of the manifest that it is about.
    pub subject: Sha256Digest,
    /// What it is: `application/spdx+json`.
    pub media_type: String,
    /// Its bytes.
    pub blob: Blob,
}

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
    let mut referring = Vec::new();
    let mut blobs: BTreeMap<Sha256Digest, &Blob> =
        publication.blobs.iter().map(|(digest, blob)| (*digest, blob)).collect();
    let empty = Blob::from(b"{}".to_vec());
    for attachment in attachments {
        let Some(subject) = publication.documents.iter().find(|document| document.blob.digest == attachment.subject)
        else {
            continue;
        };
        referring.push(referrer(attachment, subject, &empty)?);
        blobs.insert(attachment.blob.digest, &attachment.blob);
        blobs.insert(empty.digest, &empty);
    }
    let outcomes = blobs
        .into_par_iter()
        .map(|(digest, blob)| {
            let name: String = digest.to_string().chars().take(12).collect();
            let begin = || progress.upload(&name, blob.size);
            upload(client, blob, sources, &begin).map(|outcome| (outcome, blob.size))
        })
        .collect::<Result<Vec<(Outcome, u64)>, Error>>()?;
    let mut pushed = Pushed::default();
    for (outcome, size) in outcomes {
        match outcome {
            Outcome::Present => pushed.present += 1,
            Outcome::Mounted => pushed.mounted += 1,
            Outcome::Sent => pushed.sent = (pushed.sent.0 + 1, pushed.sent.1 + size),
        }
    }
    for document in &publication.documents {
        put(client, document, &document.blob.digest.to_oci())?;
    }
    for (subject, document) in &referring {
        put(client, document, &document.blob.digest.to_oci())
            .and_then(|is_listed| if is_listed { Ok(()) } else { list_referrer(client, *subject, document) })
            .map_err(|source| Error::Attachment { source: Box::new(source) })?;
        pushed.attached += 1;
    }
    put(client, &publication.root, tag)?;
    Ok(pushed)
}

/// The manifest by which `attachment` refers to `subject`, with the subject's digest.
fn referrer(attachment: &Attachment, subject: &Document, empty: &Blob) -> Result<(Sha256Digest, Document), Error> {
    let specification = |source| ImageError::Specification { document: "referrer", source };
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .artifact_type(MediaType::Other(attachment.media_type.clone()))
        .config(descriptor(MediaType::EmptyJSON, empty)?)
        .layers(vec![descriptor(MediaType::Other(attachment.media_type.clone()), &attachment.blob)?])
        .subject(subject.descriptor()?)
        .build()
        .map_err(specification)?;
    let bytes = json("referrer", &manifest)?;
    Ok((attachment.subject, Document { media_type: MediaType::ImageManifest, blob: Blob::from(bytes) }))
}

/// Puts a manifest under a tag or digest. Gives whether the registry keeps a list of referrers itself, and has put this
/// one on it (its answer names the subject then).
fn put(client: &Client, document: &Document, name: &str) -> Result<bool, Error> {
    let url = client.url(&format!("manifests/{name}"));
    let bytes = document.blob.pieces.iter().map(|piece| &**piece).collect::<Vec<&[u8]>>().concat();
    let response = client.send(&[], || {
        client.http().put(&url).header(CONTENT_TYPE, document.media_type.to_string()).body(bytes.clone())
    })?;
    if !response.status().is_success() {
        return Err(refused(response));
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let found = header("Docker-Content-Digest").and_then(|text| Sha256Digest::from_hex(text.strip_prefix("sha256:")?));
    match found {
        Some(found) if found != document.blob.digest => {
            Err(Error::Digest { url, expected: document.blob.digest, found })
        }
        _ => Ok(header("OCI-Subject").is_some()),
    }
}

/// For registries that keep no lists of referrers: puts the document on the list that is kept under the tag
/// `sha256-DIGEST` (distribution-spec, "Referrers tag schema").
fn list_referrer(client: &Client, subject: Sha256Digest, document: &Document) -> Result<(), Error> {
    let tag = format!("sha256-{subject}");
    let url = client.url(&format!("manifests/{tag}"));
    let accept = MediaType::ImageIndex.to_string();
    let response = client.send(&[], || client.http().get(&url).header("Accept", &accept))?;
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let mut descriptors: Vec<Descriptor> = match response.status() {
        StatusCode::NOT_FOUND => Vec::new(),
        StatusCode::OK => {
            let bytes = body_of(response, LARGEST_MANIFEST)?;
            let index: ImageIndex = serde_json::from_slice(&bytes)
                .map_err(|error| broken(format!("its list of referrers is broken: {error}")))?;
            index.manifests().clone()
        }
        _ => return Err(refused(response)),
    };
    let mut own = document.descriptor()?;
    let manifest: oci_spec::image::ImageManifest =
        serde_json::from_slice(&document.blob.pieces.iter().map(|piece| &**piece).collect::<Vec<&[u8]>>().concat())
            .map_err(|error| broken(error.to_string()))?;
    own.set_artifact_type(manifest.artifact_type().clone());
    if descriptors.iter().any(|descriptor| descriptor.digest() == own.digest()) {
        return Ok(());
    }
    descriptors.push(own);
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(descriptors)
        .build()
        .map_err(|source| ImageError::Specification { document: "list of referrers", source })?;
    let bytes = json("list of referrers", &index)?;
    put(client, &Document { media_type: MediaType::ImageIndex, blob: Blob::from(bytes) }, &tag).map(drop)
}

/// Ordered, so that the same document has the same digest.
fn json(document: &'static str, value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let broken = |source| ImageError::Json { document, source };
    let mut value = serde_json::to_value(value).map_err(broken)?;
    value.sort_all_objects();
    Ok(serde_json::to_vec(&value).map_err(broken)?)
}
