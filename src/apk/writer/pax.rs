//! PAX records: what the fixed fields of a tar header cannot hold (pax(1), "pax Extended Header").

/// Appends `LENGTH KEY=VALUE\n` to `bytes`, where the length counts its own digits.
pub fn append_pax_record(bytes: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    bytes.extend_from_slice(format!("{length} {key}=").as_bytes());
    bytes.extend_from_slice(value);
    bytes.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_itself() {
        let mut records = b"9 path=x\n".to_vec();
        append_pax_record(&mut records, "path", b"y");
        assert_eq!(records, b"9 path=x\n9 path=y\n");
        for length in [80, 88, 89, 90, 91, 92, 93, 980, 985, 986, 987, 988, 989, 990] {
            let mut record = Vec::new();
            append_pax_record(&mut record, "k", &vec![b'v'; length]);
            assert!(record.starts_with(format!("{} ", record.len()).as_bytes()), "{length}");
        }
    }
}
