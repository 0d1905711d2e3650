//! Triggers: which packages want to hear that something was installed into which folders (apk-package(5)).

use super::glob::matches_path;
use super::package::InstalledPackage;
use super::tree::PackageId;

/// The packages whose trigger has to run, in install order, each with the folders that match, absolute and sorted.
pub(super) fn fired(packages: &[InstalledPackage]) -> Vec<(PackageId, Vec<String>)> {
    let mut folders: Vec<String> = packages
        .iter()
        .flat_map(|package| &package.records)
        .map(|record| match (record.is_folder(), record.path.rsplit_once('/')) {
            (true, _) => format!("/{}", record.path),
            (false, Some((folder, _))) => format!("/{folder}"),
            (false, None) => "/".to_owned(),
        })
        .collect();
    folders.sort_unstable();
    folders.dedup();
    let mut fired = Vec::new();
    for (id, package) in (0u32..).map(PackageId).zip(packages) {
        let matching: Vec<String> = folders
            .iter()
            .filter(|folder| package.info.triggers.iter().any(|pattern| is_match(pattern, folder)))
            .cloned()
            .collect();
        if !matching.is_empty() {
            fired.push((id, matching));
        }
    }
    fired
}

/// A pattern is absolute; a leading `+` asks for changed folders only, and in a new image every folder is.
fn is_match(pattern: &str, folder: &str) -> bool {
    let pattern = pattern.strip_prefix('+').unwrap_or(pattern);
    pattern.starts_with('/') && matches_path(pattern, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_folders() {
        for (pattern, folder, expected) in [
            ("/usr/bin", "/usr/bin", true),
            ("/usr/share/fonts/*", "/usr/share/fonts/a", true),
            ("/usr/share/fonts/*", "/usr/share/fonts", false),
            ("/usr/share/fonts/*", "/usr/share/fonts/a/b", false),
            ("+/etc/*.d", "/etc/conf.d", true),
            ("usr", "/usr", false),
            ("/lib/modules/[0-9]*", "/lib/modules/6.1", true),
            ("/", "/", true),
        ] {
            assert_eq!(is_match(pattern, folder), expected, "{pattern} {folder}");
        }
    }
}
