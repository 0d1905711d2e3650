//! Names like one that nobody has.

/// Most names that are suggested.
const MOST: usize = 3;

/// How alike two names must be, from 0 to 1.
const LEAST: f64 = 0.8;

/// The names among `names` that are most like `name`, best first. A name with a prefix (`so:`, `cmd:`, `pc:`) is only
/// like others with it, and one without only like others without.
pub(super) fn similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let prefix = |name: &str| name.split_once(':').map(|(prefix, _)| prefix.to_owned());
    let own = prefix(name);
    let mut near: Vec<(f64, &str)> = names
        .filter(|other| other.len().abs_diff(name.len()) <= 4 && prefix(other) == own && *other != name)
        .filter_map(|other| {
            let likeness =
                if other.strip_prefix(name).is_some_and(is_digits) || name.strip_prefix(other).is_some_and(is_digits) {
                    // `python` for `python3`
                    1.0
                } else {
                    strsim::normalized_damerau_levenshtein(name, other).max(strsim::jaro(name, other) - 0.1)
                };
            (likeness >= LEAST).then_some((likeness, other))
        })
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then_with(|| left.1.cmp(right.1)));
    near.truncate(MOST);
    near.into_iter().map(|(_, name)| name).collect()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_comes_first() {
        let names = ["python3", "python2", "pyton-utils", "bash", "busybox", "cmd:python3", "so:libssl.so.3", "nodejs"];
        for (wrong, right) in [
            ("python", vec!["python2", "python3"]),
            ("pyhton3", vec!["python3"]),
            ("busibox", vec!["busybox"]),
            ("node.js", vec!["nodejs"]),
            ("so:libssl.so.1", vec!["so:libssl.so.3"]),
            ("cmd:python", vec!["cmd:python3"]),
            ("quux", vec![]),
        ] {
            assert_eq!(similar(wrong, names.into_iter()), right, "{wrong}");
        }
    }
}
