//! Package URLs (package-url specification): `pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64`.

use std::fmt::Write as _;

/// Writes a package URL. `path` is the namespace's parts and the name; qualifiers without a value are left out.
pub(super) fn write(kind: &str, path: &[&str], version: &str, qualifiers: &[(&str, &str)]) -> String {
    let path: Vec<String> = path.iter().map(|part| encoded(part)).collect();
    let mut purl = format!("pkg:{kind}/{}", path.join("/"));
    if !version.is_empty() {
        purl.push('@');
        purl.push_str(&encoded(version));
    }
    let mut qualifiers: Vec<&(&str, &str)> = qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
    qualifiers.sort();
    for (place, (key, value)) in qualifiers.into_iter().enumerate() {
        purl.push(if place == 0 { '?' } else { '&' });
        let _ = write!(purl, "{key}={}", encoded(value));
    }
    purl
}

/// Percent-encodes all but letters, digits and `.-_~:`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn package_urls_are_escaped() {
        for (purl, expected) in [
            (
                write("apk", &["alpine", "libstdc++"], "13.2-r0", &[("distro", "alpine-3.20"), ("arch", "x86_64")]),
                "pkg:apk/alpine/libstdc%2B%2B@13.2-r0?arch=x86_64&distro=alpine-3.20",
            ),
            (write("npm", &["@scope", "name"], "1.0.0+x", &[]), "pkg:npm/%40scope/name@1.0.0%2Bx"),
            (write("pypi", &["a"], "", &[("x", "")]), "pkg:pypi/a"),
        ] {
            assert_eq!(purl, expected);
        }
    }
}
