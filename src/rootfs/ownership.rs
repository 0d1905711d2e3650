//! Which of two packages a path belongs to when both bring it: the rules of apk, for files and for folders.
//!
//! Files (apk 2.14 and 3.0): packages of one name or one origin replace each other; else `replaces` decides, and
//! between two that replace each other the higher `replaces_priority`; else it is a conflict. Folders (apk 3.0): the
//! higher `replaces_priority`, then the main package of a shared origin, then the name that sorts first; never a
//! conflict.

use crate::apk::{Dependency, PackageInfo, Version};

/// What becomes of a file that the package `old` brought when `new` brings it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileClaim {
    /// The file of the package that comes now.
    New,
    /// The file that is there; the other is left out silently.
    Old,
    /// Neither: the build cannot go on.
    Conflict,
}

/// Who gets a file.
pub(super) fn file_claim(old: &PackageInfo, new: &PackageInfo) -> FileClaim {
    if old.name == new.name || shares_origin(old, new) {
        return FileClaim::New;
    }
    // A package that does not replace the other ranks below one that does, whatever its priority.
    let priority_of_old = replaces(old, new).then_some(old.replaces_priority);
    let priority_of_new = replaces(new, old).then_some(new.replaces_priority);
    if priority_of_old > priority_of_new {
        FileClaim::Old
    } else if priority_of_new.is_some() {
        FileClaim::New
    } else {
        FileClaim::Conflict
    }
}

/// Whether a folder that `old` owns passes to `new`.
pub(super) fn folder_passes(old: &PackageInfo, new: &PackageInfo) -> bool {
    if old.name == new.name {
        return true;
    }
    if old.replaces_priority != new.replaces_priority {
        return new.replaces_priority > old.replaces_priority;
    }
    if shares_origin(old, new) {
        if old.name == old.origin {
            return false;
        }
        if new.name == new.origin {
            return true;
        }
    }
    new.name < old.name
}

fn shares_origin(old: &PackageInfo, new: &PackageInfo) -> bool {
    !old.origin.is_empty() && old.origin == new.origin
}

/// Whether one of the `replaces` of `package` names `other`; a word that cannot be read names nothing.
fn replaces(package: &PackageInfo, other: &PackageInfo) -> bool {
    package.replaces.iter().any(|word| {
        let Ok(dependency) = Dependency::parse(word) else { return false };
        let names = dependency.name.as_str() == other.name && !dependency.conflict;
        names && Version::parse(&other.version).is_ok_and(|version| dependency.constraint.is_met_by(&version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, origin: &str, replaces: &[&str], priority: u32) -> PackageInfo {
        PackageInfo {
            name: name.to_owned(),
            version: "1-r0".to_owned(),
            origin: origin.to_owned(),
            replaces: replaces.iter().map(|word| (*word).to_owned()).collect(),
            replaces_priority: priority,
            ..PackageInfo::default()
        }
    }

    #[test]
    fn files_go_where_apk_lets_them_go() {
        use FileClaim::{Conflict, New, Old};
        let plain = package("plain", "one", &[], 0);
        let high = package("high", "four", &["low"], 5);
        let low = package("low", "five", &["high"], 0);
        for (case, old, new, claim) in [
            ("nothing said", &plain, &package("other", "two", &[], 9), Conflict),
            ("same name", &plain, &package("plain", "two", &[], 0), New),
            ("same origin", &plain, &package("other", "one", &[], 0), New),
            ("no origin at all", &package("a", "", &[], 0), &package("b", "", &[], 0), Conflict),
            ("new replaces old", &plain, &package("other", "two", &["plain"], 0), New),
            ("new replaces another version", &plain, &package("other", "two", &["plain>2"], 0), Conflict),
            ("old replaces new", &package("other", "two", &["plain"], 0), &plain, Old),
            ("both, old ranks higher", &high, &low, Old),
            ("both, new ranks higher", &low, &high, New),
            ("both, equal rank", &package("a", "x", &["b"], 1), &package("b", "y", &["a"], 1), New),
            ("a negated word names nothing", &plain, &package("other", "two", &["!plain"], 0), Conflict),
        ] {
            assert_eq!(file_claim(old, new), claim, "{case}");
        }
    }

    #[test]
    fn folders_have_one_owner_in_any_order() {
        for (case, winner, loser) in [
            ("priority", package("z", "z", &[], 1000), package("a", "a", &[], 0)),
            ("main package of the origin", package("zlib", "zlib", &[], 0), package("a-lib", "zlib", &[], 0)),
            ("name", package("a", "x", &[], 0), package("b", "y", &[], 0)),
        ] {
            assert!(folder_passes(&loser, &winner), "{case}");
            assert!(!folder_passes(&winner, &loser), "{case}");
        }
    }
}
