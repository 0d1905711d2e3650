//! One blob out of a registry into a file, verified (distribution-spec, "Pulling blobs").
//!
//! Where the connection ends within it, what came is kept and the rest asked for; a registry that knows no ranges sends
//! all of it again. Attempts are counted only while nothing new comes, so that a bad line gets through in the end.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::Error;
use super::answer::refused;
use super::client::Client;
use crate::digest::{Sha256Digest, Sha256Writer};
use crate::progress::Progress;

/// How long nothing may come.
const STALL_TIMEOUT: Duration = Duration::from_mins(1);

/// Fetches the blob `expected` of `size` bytes to `place`. A file that is there after an error is not to be used.
pub(super) fn fetch_blob(
    client: &Client,
    expected: Sha256Digest,
    size: u64,
    place: &Path,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let url = client.url(&format!("blobs/{}", expected.to_oci()));
    let create = || fs_err::File::create(place).map(Sha256Writer::new).map_err(Error::Write);
    let name: String = expected.to_string().chars().take(12).collect();
    let task = progress.download(&name, Some(size));
    let mut writer = create()?;
    // `furthest` tells a line that drops again and again in the same place from one that gets on.
    let (mut received, mut furthest, mut attempt) = (0_u64, 0_u64, 0);
    let mut buffer = vec![0; 1 << 17];
    loop {
        let response = client.send(&[], || {
            let request = client.http().get(&url).timeout(STALL_TIMEOUT);
            if received == 0 { request } else { request.header(RANGE, format!("bytes={received}-")) }
        })?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if received > 0 => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
                let start =
                    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse::<u64>().ok());
                if start != Some(received) {
                    let reason = format!("asked for the bytes from {received}, it sends {}", range.unwrap_or("others"));
                    return Err(Error::Broken { url, reason });
                }
            }
            StatusCode::OK => {
                // All of it, from the beginning.
                if received > 0 {
                    writer = create()?;
                    received = 0;
                }
            }
            _ => return Err(refused(response)),
        }
        let before = furthest;
        // One byte more than there should be is enough to know.
        let mut from = response.take(size.saturating_sub(received).saturating_add(1));
        let ended = loop {
            match from.read(&mut buffer) {
                Ok(0) if received < size => break Some(std::io::ErrorKind::UnexpectedEof.into()),
                Ok(0) => break None,
                Ok(read) => {
                    writer.write_all(buffer.get(..read).unwrap_or_default()).map_err(Error::Write)?;
                    received += read as u64;
                    task.advance(received.saturating_sub(furthest));
                    furthest = furthest.max(received);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        let Some(error) = ended else { break };
        attempt = if furthest > before { 1 } else { attempt + 1 };
        let outcome = Err(Error::broken_off(&url, received, size, &error));
        if !client.wait(&outcome, attempt)? {
            return outcome.map(drop);
        }
    }
    let (_, found, _) = writer.finish();
    if found != expected {
        return Err(Error::Digest { url, expected, found });
    }
    Ok(())
}
