//! An image from a registry into an OCI folder, for looking into it. Every byte is held against its digest.

use std::io::{Read as _, Write as _};
use std::path::Path;

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::Error;
use super::client::{Client, refused};
use crate::digest::{Sha256Digest, Sha256Writer};
use crate::image::{Architecture, Blob, Document};
use crate::progress::Progress;

/// Largest manifest; registries themselves take no more (distribution-spec).
const LARGEST_MANIFEST: u64 = 4 << 20;
/// How deep indexes may stand in one another.
const DEEPEST_INDEX: usize = 4;

/// Fetches what `name`, a tag or digest, stands for, as it is for `architecture` or, where none is asked for, the first
/// that is there, into the folder `into`, which becomes an OCI layout.
pub fn pull(
    client: &Client,
    name: &str,
    architecture: Option<Architecture>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<(), Error> {
    fs_err::create_dir_all(into.join("blobs/sha256")).map_err(Error::Write)?;
    let manifest = manifest(client, name, architecture, 0)?;
    let bytes = manifest.blob.pieces.iter().map(|piece| &**piece).collect::<Vec<&[u8]>>().concat();
    let url = client.url(&format!("manifests/{name}"));
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let parsed: ImageManifest = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    fs_err::write(place(into, manifest.blob.digest), &bytes).map_err(Error::Write)?;
    for descriptor in std::iter::once(parsed.config()).chain(parsed.layers()) {
        blob(client, descriptor, into, progress)?;
    }
    let index = serde_json::json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": manifest.media_type.to_string(),
            "digest": manifest.blob.digest.to_oci(),
            "size": manifest.blob.size,
        }],
    });
    fs_err::write(into.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).map_err(Error::Write)?;
    fs_err::write(into.join("index.json"), index.to_string()).map_err(Error::Write)
}

fn place(folder: &Path, digest: Sha256Digest) -> std::path::PathBuf {
    folder.join("blobs/sha256").join(digest.to_string())
}

/// The manifest that `name` leads to, through indexes.
fn manifest(client: &Client, name: &str, architecture: Option<Architecture>, depth: usize) -> Result<Document, Error> {
    let url = client.url(&format!("manifests/{name}"));
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let accept = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
    .join(", ");
    let response = client.send(&[], || client.http().get(&url).header(ACCEPT, &accept))?;
    if !response.status().is_success() {
        return Err(refused(response));
    }
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_owned();
    let mut bytes = Vec::new();
    response.take(LARGEST_MANIFEST + 1).read_to_end(&mut bytes).map_err(Error::Write)?;
    if bytes.len() as u64 > LARGEST_MANIFEST {
        return Err(broken("its manifest is larger than 4 MiB".to_owned()));
    }
    if let Some(expected) = name.strip_prefix("sha256:").and_then(Sha256Digest::from_hex) {
        let found = Sha256Digest::of(&bytes);
        if found != expected {
            return Err(Error::Digest { url, expected, found });
        }
    }
    if !media_type.contains(".index.") && !media_type.contains(".list.") {
        return Ok(Document { media_type: MediaType::from(media_type.as_str()), blob: Blob::from(bytes) });
    }
    if depth > DEEPEST_INDEX {
        return Err(broken("its indexes stand too deep in one another".to_owned()));
    }
    let index: ImageIndex = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    let real: Vec<&Descriptor> =
        index.manifests().iter().filter(|descriptor| platform(descriptor) != "unknown/unknown").collect();
    let chosen = real.iter().find(|descriptor| architecture.is_none_or(|wanted| is_for(descriptor, wanted)));
    let Some(chosen) = chosen else {
        return Err(Error::NoSuchPlatform {
            reference: url,
            wanted: architecture.map(|wanted| wanted.to_string()).unwrap_or_default(),
            found: real.iter().map(|descriptor| platform(descriptor)).collect::<Vec<String>>().join(", "),
        });
    };
    manifest(client, chosen.digest().as_ref(), architecture, depth + 1)
}

fn platform(descriptor: &Descriptor) -> String {
    let Some(platform) = descriptor.platform() else { return "no platform".to_owned() };
    let variant = platform.variant().as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
    format!("{}/{}{variant}", platform.os(), platform.architecture())
}

fn is_for(descriptor: &Descriptor, wanted: Architecture) -> bool {
    descriptor.platform().as_ref().is_none_or(|platform| {
        let variant = platform.variant().as_deref();
        *platform.architecture() == wanted.oci()
            && (variant.is_none() || wanted.variant().is_none() || variant == wanted.variant())
    })
}

/// Fetches a blob, verified.
fn blob(client: &Client, descriptor: &Descriptor, into: &Path, progress: &dyn Progress) -> Result<(), Error> {
    let url = client.url(&format!("blobs/{}", descriptor.digest()));
    let broken = |reason: String| Error::Broken { url: url.clone(), reason };
    let expected = descriptor
        .as_digest_sha256()
        .and_then(Sha256Digest::from_hex)
        .ok_or_else(|| broken("the digest is not a SHA-256 one".to_owned()))?;
    let path = place(into, expected);
    if path.exists() {
        return Ok(());
    }
    let response = client.send(&[], || client.http().get(&url))?;
    if !response.status().is_success() {
        return Err(refused(response));
    }
    let name: String = expected.to_string().chars().take(12).collect();
    let task = progress.download(&name, Some(descriptor.size()));
    let mut writer = Sha256Writer::new(fs_err::File::create(&path).map_err(Error::Write)?);
    // One byte more than there should be is enough to know.
    let mut from = response.take(descriptor.size().saturating_add(1));
    let mut buffer = vec![0; 1 << 17];
    loop {
        let read = from.read(&mut buffer).map_err(Error::Write)?;
        if read == 0 {
            break;
        }
        writer.write_all(buffer.get(..read).unwrap_or_default()).map_err(Error::Write)?;
        task.advance(read as u64);
    }
    let (_, found, _) = writer.finish();
    if found != expected {
        return Err(Error::Digest { url, expected, found });
    }
    Ok(())
}
