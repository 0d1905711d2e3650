//! An image from a registry into an OCI folder, for looking into it. Every byte is held against its digest, and what is
//! no image is refused by what it is before any of its blobs is fetched.

use std::io::Read as _;
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use rayon::prelude::*;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::Error;
use super::answer::{LARGEST_MANIFEST, announced_digest, refused};
use super::blob::fetch_blob;
use super::client::Client;
use crate::digest::Sha256Digest;
use crate::image::{Blob, Document, Error as ImageError, artifact_kind};
use crate::platform::Architecture;
use crate::progress::Progress;

/// How deep indexes may stand in one another.
const DEEPEST_INDEX: usize = 4;
/// What a manifest or index of an image may be.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Fetches what `name`, a tag or digest, stands for, as it is for `architecture` or, where none is asked for, the first
/// that is there, into the folder `into`, which becomes an OCI layout. Gives the platforms that there are images for
/// under that name, where it names an index.
pub fn pull(
    client: &Client,
    name: &str,
    architecture: Option<Architecture>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<Vec<String>, Error> {
    fs_err::create_dir_all(into.join("blobs/sha256")).map_err(Error::Write)?;
    let mut platforms = Vec::new();
    let manifest = manifest(client, name, architecture, 0, &mut platforms)?;
    let bytes = manifest.blob.bytes();
    let url = client.url(&format!("manifests/{name}"));
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let parsed: ImageManifest =
        serde_json::from_slice(&bytes).map_err(|error| broken(format!("its manifest is broken: {error}")))?;
    if let Some(what) = artifact_kind(&parsed) {
        return Err(ImageError::Artifact { path: url.into(), what }.into());
    }
    fs_err::write(place(into, manifest.blob.digest), &bytes).map_err(Error::Write)?;
    let mut descriptors: Vec<&Descriptor> = std::iter::once(parsed.config()).chain(parsed.layers()).collect();
    descriptors.sort_by_key(|descriptor| descriptor.digest().to_string());
    descriptors.dedup_by_key(|descriptor| descriptor.digest());
    descriptors.into_par_iter().try_for_each(|descriptor| {
        let expected = sha256(client, descriptor)?;
        fetch_blob(client, expected, descriptor.size(), &place(into, expected), progress)
    })?;
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": manifest.media_type.to_string(),
            "digest": manifest.blob.digest.to_oci(),
            "size": manifest.blob.size,
        }],
    });
    fs_err::write(into.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).map_err(Error::Write)?;
    fs_err::write(into.join("index.json"), index.to_string()).map_err(Error::Write)?;
    Ok(platforms)
}

fn place(folder: &Path, digest: Sha256Digest) -> std::path::PathBuf {
    folder.join("blobs/sha256").join(digest.to_string())
}

/// The manifest that `name` leads to, through indexes.
fn manifest(
    client: &Client,
    name: &str,
    architecture: Option<Architecture>,
    depth: usize,
    platforms: &mut Vec<String>,
) -> Result<Document, Error> {
    let url = client.url(&format!("manifests/{name}"));
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let Answer { media_type, announced, bytes } = answer(client, &url)?;
    // The digest that it was asked for by, or else the one that the registry says this tag has.
    let asked = name.strip_prefix("sha256:").and_then(Sha256Digest::from_hex);
    let found = Sha256Digest::of(&bytes);
    if let Some(expected) = asked.or(announced).filter(|expected| *expected != found) {
        return Err(Error::Digest { url, expected, found });
    }
    let value: serde_json::Value = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(error) if MANIFESTS.contains(&media_type.as_str()) => {
            return Err(broken(format!("its manifest is no JSON: {error}")));
        }
        Err(_) => serde_json::Value::Null,
    };
    // The document's own word counts more than the header's (image-spec manifest.md).
    let media_type = value.get("mediaType").and_then(serde_json::Value::as_str).map_or(media_type, str::to_owned);
    if !MANIFESTS.contains(&media_type.as_str()) {
        let what = if media_type.is_empty() { "something of no type" } else { &format!("`{media_type}`") };
        return Err(broken(format!("it answers with {what}, which is no manifest of an image")));
    }
    if !media_type.contains(".index.") && !media_type.contains(".list.") {
        return Ok(Document { media_type: MediaType::from(media_type.as_str()), blob: Blob::from(bytes) });
    }
    if depth > DEEPEST_INDEX {
        return Err(broken("its indexes stand too deep in one another".to_owned()));
    }
    let index: ImageIndex =
        serde_json::from_slice(&bytes).map_err(|error| broken(format!("its index is broken: {error}")))?;
    let real: Vec<&Descriptor> =
        index.manifests().iter().filter(|descriptor| platform(descriptor) != "unknown/unknown").collect();
    let chosen = real.iter().find(|descriptor| architecture.is_none_or(|wanted| is_for(descriptor, wanted)));
    if real.is_empty() {
        return Err(broken("its index names no image".to_owned()));
    }
    let Some(chosen) = chosen else {
        return Err(Error::NoSuchPlatform {
            reference: url,
            wanted: architecture.map(Architecture::platform_name).unwrap_or_default(),
            found: real.iter().map(|descriptor| platform(descriptor)).collect::<Vec<String>>().join(", "),
        });
    };
    platforms.extend(real.iter().map(|descriptor| platform(descriptor)));
    manifest(client, chosen.digest().as_ref(), architecture, depth + 1, platforms)
}

fn platform(descriptor: &Descriptor) -> String {
    let Some(platform) = descriptor.platform() else { return "no platform".to_owned() };
    let variant = platform.variant().as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os(), platform.architecture())
}

fn is_for(descriptor: &Descriptor, wanted: Architecture) -> bool {
    descriptor
        .platform()
        .as_ref()
        .is_none_or(|platform| wanted.runs(platform.architecture(), platform.variant().as_deref()))
}

/// The digest of a descriptor, which must be a SHA-256 one.
fn sha256(client: &Client, descriptor: &Descriptor) -> Result<Sha256Digest, Error> {
    descriptor.as_digest_sha256().and_then(Sha256Digest::from_hex).ok_or_else(|| Error::Broken {
        url: client.url(&format!("blobs/{}", descriptor.digest())),
        reason: "the digest is not a SHA-256 one".to_owned(),
    })
}

/// What a registry gives for a manifest.
struct Answer {
    media_type: String,
    /// `Docker-Content-Digest`.
    announced: Option<Sha256Digest>,
    bytes: Vec<u8>,
}

/// Asks for a manifest, again where the connection ends within it.
fn answer(client: &Client, url: &str) -> Result<Answer, Error> {
    let mut attempt = 0;
    loop {
        let response = client.send(&[], || client.http().get(url).header(ACCEPT, MANIFESTS.join(", ")))?;
        if !response.status().is_success() {
            return Err(refused(response));
        }
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
        let announced = announced_digest(&response);
        let expected = response.content_length().unwrap_or_default();
        let mut bytes = Vec::new();
        let read = response.take(LARGEST_MANIFEST + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > LARGEST_MANIFEST {
            return Err(Error::Broken { url: url.to_owned(), reason: "its manifest is larger than 4 MiB".to_owned() });
        }
        let Err(error) = read else { return Ok(Answer { media_type, announced, bytes }) };
        attempt += 1;
        let outcome = Err(Error::broken_off(url, bytes.len() as u64, expected, &error));
        if !client.wait(&outcome, attempt)? {
            return outcome.map(|_| Answer { media_type, announced, bytes });
        }
    }
}
