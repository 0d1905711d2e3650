//! PEM, as keys are kept: base64 between two lines that say what it is (RFC 7468).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the first block in `text` that is labelled `label`.
pub(super) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// One block labelled `label`, lines of 64 letters.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = encode("THING", &bytes);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert_eq!(decode("THING", &format!("before\n{text}after")), Some(bytes));
        for wrong in ["", "-----BEGIN THING-----", "-----BEGIN THING-----\n!\n-----END THING-----"] {
            assert_eq!(decode("THING", wrong), None);
        }
    }
}
