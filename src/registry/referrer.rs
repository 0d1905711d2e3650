//! Documents that refer to an image, a bill of materials for instance (image-spec manifest.md, "Guidelines for artifact
//! usage"), and the list of them, where a registry does not keep one itself.

use std::collections::HashMap;

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, ImageManifestBuilder, MediaType, SCHEMA_VERSION};
use reqwest::StatusCode;
use reqwest::header::ACCEPT;

use super::Error;
use super::answer::{LARGEST_MANIFEST, body_of, refused};
use super::client::Client;
use super::push::put;
use crate::digest::Sha256Digest;
use crate::image::{Blob, Document, Error as ImageError, canonical, descriptor, timestamp};

const CREATED: &str = "org.opencontainers.image.created";
const TITLE: &str = "org.opencontainers.image.title";

/// A document that is kept with a manifest.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Digest of the manifest that it is about.
    pub subject: Sha256Digest,
    /// What it is: `application/spdx+json`.
    pub media_type: String,
    /// What a file of it is called; those who fetch artifacts save it under that name.
    pub file_name: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Its bytes.
    pub blob: Blob,
}

/// The manifest by which an attachment refers to its subject.
pub(super) struct Referrer {
    /// The subject's digest.
    subject: Sha256Digest,
    document: Document,
    /// As a list of referrers has it: what it is, and what it is annotated with.
    descriptor: Descriptor,
}

/// The configuration of what has none (image-spec manifest.md).
pub(super) fn empty_configuration() -> Blob {
    Blob::from(b"{}".to_vec())
}

impl Referrer {
    /// By which `attachment` refers to `subject`.
    pub(super) fn new(attachment: &Attachment, subject: &Document) -> Result<Self, Error> {
        let media_type = MediaType::from(attachment.media_type.as_str());
        let title = (TITLE.to_owned(), attachment.file_name.clone());
        let mut layer = descriptor(media_type.clone(), &attachment.blob)?;
        layer.set_annotations(Some(HashMap::from([title.clone()])));
        let annotations = HashMap::from([title, (CREATED.to_owned(), timestamp(attachment.created))]);
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .artifact_type(media_type.clone())
            .config(descriptor(MediaType::EmptyJSON, &empty_configuration())?)
            .layers(vec![layer])
            .subject(subject.descriptor()?)
            .annotations(annotations.clone())
            .build()
            .map_err(|source| ImageError::Specification { document: "referrer", source })?;
        let blob = Blob::from(canonical("referrer", &manifest)?);
        let mut descriptor = descriptor(MediaType::ImageManifest, &blob)?;
        descriptor.set_artifact_type(Some(media_type));
        descriptor.set_annotations(Some(annotations));
        Ok(Self {
            subject: attachment.subject,
            document: Document { media_type: MediaType::ImageManifest, blob },
            descriptor,
        })
    }

    /// Sends it, and puts it on the list where the registry has not done so.
    pub(super) fn attach(&self, client: &Client) -> Result<(), Error> {
        let response = put(client, &self.document, &self.document.blob.digest.to_oci())?;
        // A registry that keeps lists of referrers names the subject in its answer (distribution-spec, "Pushing
        // manifests with subject").
        if response.headers().contains_key("OCI-Subject") { Ok(()) } else { self.list(client) }
    }

    /// Puts it on the list that is kept under the tag `sha256-DIGEST` (distribution-spec, "Referrers tag schema").
    fn list(&self, client: &Client) -> Result<(), Error> {
        let tag = format!("sha256-{}", self.subject);
        let url = client.url(&format!("manifests/{tag}"));
        let accept = MediaType::ImageIndex.to_string();
        let response = client.send(&[], || client.http().get(&url).header(ACCEPT, &accept))?;
        let mut descriptors: Vec<Descriptor> = match response.status() {
            StatusCode::NOT_FOUND => Vec::new(),
            StatusCode::OK => {
                let index: ImageIndex =
                    serde_json::from_slice(&body_of(response, LARGEST_MANIFEST)?).map_err(|error| Error::Broken {
                        url: url.clone(),
                        reason: format!("its list of referrers is broken: {error}"),
                    })?;
                index.manifests().clone()
            }
            _ => return Err(refused(response)),
        };
        if descriptors.iter().any(|descriptor| descriptor.digest() == self.descriptor.digest()) {
            return Ok(());
        }
        descriptors.push(self.descriptor.clone());
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests(descriptors)
            .build()
            .map_err(|source| ImageError::Specification { document: "list of referrers", source })?;
        let blob = Blob::from(canonical("list of referrers", &index)?);
        put(client, &Document { media_type: MediaType::ImageIndex, blob }, &tag).map(drop)
    }
}
