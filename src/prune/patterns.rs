//! The recipe's own globs, `keep` and `remove`, and which of them found nothing.

use std::collections::BTreeSet;

use globset::{GlobSet, GlobSetBuilder};

use super::error::Error;
use super::inventory::Inventory;
use super::rules::glob;

/// Globs in the order in which they were written.
pub(super) struct Patterns {
    set: GlobSet,
    written: Vec<String>,
}

impl Patterns {
    /// Reads the globs of `prune.KEY`. One that names a folder speaks for all that is below; a leading slash is
    /// allowed.
    pub(super) fn new(key: &'static str, written: &[String]) -> Result<Self, Error> {
        let mut builder = GlobSetBuilder::new();
        for pattern in written {
            let bad = |error: &globset::Error| Error::BadPattern {
                key,
                pattern: pattern.clone(),
                reason: error.kind().to_string(),
            };
            let trimmed = pattern.trim_matches('/');
            if trimmed.is_empty() {
                return Err(Error::BadPattern { key, pattern: pattern.clone(), reason: "it is empty".to_owned() });
            }
            builder.add(glob(trimmed).map_err(|error| bad(&error))?);
            builder.add(glob(&format!("{trimmed}/**")).map_err(|error| bad(&error))?);
        }
        let set = builder.build().map_err(|error| Error::BadPattern {
            key,
            pattern: written.join(", "),
            reason: error.kind().to_string(),
        })?;
        Ok(Self { set, written: written.to_vec() })
    }

    /// The first pattern that fits `path`.
    pub(super) fn first_match(&self, path: &str) -> Option<&str> {
        let glob = self.set.matches(path).into_iter().min()?;
        self.written.get(glob / 2).map(String::as_str)
    }

    /// The patterns that fit no path at all.
    pub(super) fn unmatched(&self, inventory: &Inventory<'_>) -> Vec<String> {
        if self.written.is_empty() {
            return Vec::new();
        }
        let mut found = BTreeSet::new();
        for entry in &inventory.entries {
            found.extend(self.set.matches(&entry.path).into_iter().map(|glob| glob / 2));
        }
        self.written
            .iter()
            .enumerate()
            .filter(|(index, _)| !found.contains(index))
            .map(|(_, pattern)| pattern.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_speaks_for_what_is_below() {
        let patterns =
            Patterns::new("keep", &["/usr/share/zoneinfo/".into(), "usr/lib/python3*/sqlite3/**".into()]).unwrap();
        for (path, pattern) in [
            ("usr/share/zoneinfo", Some("/usr/share/zoneinfo/")),
            ("usr/share/zoneinfo/Europe/Berlin", Some("/usr/share/zoneinfo/")),
            ("usr/lib/python3.12/sqlite3/dbapi2.py", Some("usr/lib/python3*/sqlite3/**")),
            ("usr/lib/python3.12/x/sqlite3/dbapi2.py", None),
        ] {
            assert_eq!(patterns.first_match(path), pattern, "{path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let error = Patterns::new("remove", &["usr/[".into()]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "`usr/[` in `prune.remove` is not a pattern: unclosed character class; missing ']'"
        );
        assert!(error.help().is_some());
        assert!(Patterns::new("keep", &["/".into()]).is_err());
    }
}
