//! The number by which OpenSSL finds a certificate in a folder: the hash of its subject (X509_NAME_hash(3)).
//!
//! It is the beginning of a SHA-1 over the subject in a canonical form, in which letters are small, spaces are single
//! and every text is UTF-8, so that names which differ only in such things are the same (RFC 5280, 7.1). Only as much
//! of DER (X.690) is read as leads there, never deeper than a certificate is built. What is no certificate gives `None`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Sha1Digest;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;
/// The version of a certificate, which the first version leaves out.
const VERSION: u8 = 0xa0;

/// The certificates in a PEM text (RFC 7468), each as DER; `None` where one of them is not base64 or has no end.
pub(super) fn certificates(pem: &str) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (body, after) = after.split_once("-----END CERTIFICATE-----")?;
        let body: String = body.split_whitespace().collect();
        found.push(STANDARD.decode(body).ok()?);
        rest = after;
    }
    Some(found)
}

/// The hash of the subject of the certificate `der`.
pub(super) fn subject_hash(der: &[u8]) -> Option<u32> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (mut rest, _) = value(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.after;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        rest = element(rest)?.after;
    }
    let (subject, _) = value(rest, SEQUENCE)?;
    let digest = Sha1Digest::of(&canonical(subject)?);
    digest.0.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The canonical form of a name: its parts one after another, without the header around them all.
fn canonical(mut name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !name.is_empty() {
        let (mut part, after) = value(name, SET)?;
        name = after;
        let mut attributes = Vec::new();
        while !part.is_empty() {
            let (attribute, after) = value(part, SEQUENCE)?;
            part = after;
            let kind = element(attribute)?;
            let text = element(kind.after)?;
            let mut body = kind.whole.to_vec();
            if is_text(text.tag) {
                push(&mut body, UTF8_STRING, canonical_text(text.tag, text.value)?.as_bytes());
            } else {
                body.extend_from_slice(text.whole);
            }
            let mut attribute = Vec::new();
            push(&mut attribute, SEQUENCE, &body);
            attributes.push(attribute);
        }
        // The elements of a set are in the order of their bytes (X.690, 11.6).
        attributes.sort_unstable();
        push(&mut bytes, SET, &attributes.concat());
    }
    Some(bytes)
}

/// Whether a value is a text; any other stays as it is.
fn is_text(tag: u8) -> bool {
    matches!(
        tag,
        UTF8_STRING | PRINTABLE_STRING | T61_STRING | IA5_STRING | VISIBLE_STRING | BMP_STRING | UNIVERSAL_STRING
    )
}

/// A text in its canonical form; `None` where it is damaged.
fn canonical_text(tag: u8, bytes: &[u8]) -> Option<String> {
    let wide = |size: usize| {
        let letters = bytes.chunks(size).map(|letter| {
            let number = letter.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
            if letter.len() == size { char::from_u32(number) } else { None }
        });
        letters.collect::<Option<String>>()
    };
    let text = match tag {
        UTF8_STRING => str::from_utf8(bytes).ok()?.to_owned(),
        BMP_STRING => wide(2)?,
        UNIVERSAL_STRING => wide(4)?,
        _ => bytes.iter().copied().map(char::from).collect(),
    };
    let is_space = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r');
    let words: Vec<String> =
        text.split(is_space).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    Some(words.join(" "))
}

/// One element of DER.
struct Element<'der> {
    tag: u8,
    value: &'der [u8],
    /// With its tag and length.
    whole: &'der [u8],
    after: &'der [u8],
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, after) = rest.split_at_checked(length)?;
    Some(Element { tag, value, whole: der.get(..der.len() - after.len())?, after })
}

/// The value of the first element, which has the tag `tag`, and what comes after it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|element| element.tag == tag).map(|element| (element.value, element.after))
}

/// Appends an element.
fn push(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    let length = value.len().to_be_bytes();
    let digits = length.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &length[start..]);
    if let 0..=0x7f = value.len() {
        bytes.push(value.len() as u8);
    } else {
        bytes.push(0x80 | digits.len() as u8);
        bytes.extend_from_slice(digits);
    }
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Subjects as OpenSSL 3.0.19 wrote and hashed them.
    #[test]
    fn names_have_the_hash_that_openssl_gives_them() {
        for (what, hash, subject) in [
            (
                "spaces, capitals and umlauts in UTF-8",
                0xaf91_3298,
                "310b300906035504061302444531163014060355040a0c0d202045782020414d504c4520203115301306035504030c0c\
                 4772c3b6c39f6520c384c396",
            ),
            (
                "printable",
                0xb190_8758,
                "310b30090603550406130244453110300e060355040a13074578616d706c65310d300b06035504031304726f6f74",
            ),
            (
                "T.61, taken for Latin-1",
                0x9bbc_7dd8,
                "310b3009060355040613024445310e300c060355040a14054772f6df65310a30080603550403130178",
            ),
            (
                "two bytes a letter",
                0x2e14_5bf6,
                "310b300906035504061302444531173015060355040a1e0e0047007200f600df00650020039b310a300806035504031301\
                 78",
            ),
            (
                "three attributes in one part, out of order",
                0x0004_f38a,
                "3120300806035504030c01623008060355040a0c0161300a060355040b0c035a6564310b3009060355040613024445",
            ),
            (
                "a number and an address",
                0x25e6_9fbe,
                "310b3009060355040513023132310b3009060355042d0c026162310a300806035504030c01783114301206092a864886\
                 f70d01090116054140422e43",
            ),
        ] {
            let subject = hex::decode(subject.replace(' ', "")).unwrap();
            // A certificate of the first version, of which nothing but the subject is looked at.
            let mut fields = [0x02, 1, 7, SEQUENCE, 0, SEQUENCE, 0, SEQUENCE, 0].to_vec();
            push(&mut fields, SEQUENCE, &subject);
            let (mut to_be_signed, mut certificate) = (Vec::new(), Vec::new());
            push(&mut to_be_signed, SEQUENCE, &fields);
            push(&mut certificate, SEQUENCE, &to_be_signed);
            assert_eq!(subject_hash(&certificate), Some(hash), "{what}");
            for length in 0..certificate.len() {
                assert_eq!(subject_hash(&certificate[..length]), None, "{what}, {length} bytes");
            }
        }
    }

    #[test]
    fn a_long_value_has_a_long_length() {
        for length in [0, 127, 128, 255, 256, 70_000] {
            let mut bytes = Vec::new();
            push(&mut bytes, SET, &vec![7; length]);
            let found = element(&bytes).unwrap();
            assert_eq!((found.tag, found.value.len(), found.after.len()), (SET, length, 0));
        }
        assert!(
            element(&[SET, 0x85, 0, 0, 0, 0, 1, 7]).is_none()
                && element(&[SET, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none()
        );
    }

    #[test]
    fn certificates_are_taken_out_of_their_text() {
        let one = "-----BEGIN CERTIFICATE-----\nAQID\nBA==\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(&format!("words\n{one}words\n{one}")), Some(vec![vec![1, 2, 3, 4]; 2]));
        assert_eq!(certificates(""), Some(Vec::new()));
        for broken in [&one[..40], "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert_eq!(certificates(broken), None, "{broken}");
        }
    }
}
