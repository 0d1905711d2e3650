//! Why a file is in an image, found out from the image alone: its command, its installed database and its files are
//! traced as a build with `profile = "traced"` would.

use crate::apk::{Identity, PackageInfo};
use crate::digest::Sha1Digest;
use crate::image::Contents;
use crate::prune::{Policy, Profile, Reason, Report, prune};
use crate::rootfs::{InstalledPackage, Origin, PackageId, Rootfs};

/// What can be said of `path`, a line each.
pub(super) fn why(contents: &Contents, path: &str) -> Vec<String> {
    let policy = policy(contents);
    if policy.command.is_empty() {
        return vec!["the image has no command that could be traced; ask with --report".to_owned()];
    }
    let report = match prune(&mut rootfs(contents), &policy) {
        Ok(report) => report,
        Err(error) => return vec![format!("the image cannot be traced: {error}")],
    };
    let Some(kept) = report.kept.iter().find(|kept| kept.path == path) else {
        return unreached(&report, path, &policy);
    };
    match &kept.reason {
        Reason::Root { .. } | Reason::Reached { .. } => {
            let lines = report.why(path).unwrap_or_default();
            lines.into_iter().skip(1).collect()
        }
        _ => unreached(&report, path, &policy),
    }
}

/// Nothing leads to `path`: what does that mean here?
fn unreached(report: &Report, path: &str, policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    let is_reachable_otherwise = !report.pruned.iter().any(|pruned| pruned.path == path && pruned.rule == "unreached");
    if is_reachable_otherwise {
        if let Some(kept) = report.kept.iter().find(|kept| kept.path == path) {
            lines.extend(kept.package.iter().flat_map(|package| report.why_package(package)));
        } else if let Some(pruned) = report.pruned.iter().find(|pruned| pruned.path == path) {
            lines.push(format!("the rule `{}` would take it", pruned.rule));
        }
    } else {
        lines.push(format!(
            "nothing that the command `{}` reaches leads to it; `profile = \"traced\"` would take it",
            policy.command.join(" ")
        ));
    }
    if report.unfollowed.iter().any(|it| it.what.contains("bytecode")) {
        lines.push(
            "the image holds bytecode without source, through which no trace leads: ask with the --report of its build"
                .to_owned(),
        );
    }
    lines
}

fn policy(contents: &Contents) -> Policy {
    let config = contents.image.config.config().clone().unwrap_or_default();
    let command = [config.entrypoint(), config.cmd()].into_iter().flatten().flatten().cloned().collect();
    let variables = config.env().iter().flatten().filter_map(|variable| variable.split_once('='));
    let world = contents.tree.resolve("etc/apk/world").and_then(|real| contents.tree.file(&real).cloned());
    let world = world.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Policy {
        profile: Profile::Traced,
        command,
        workdir: config.working_dir().clone().unwrap_or_default(),
        env: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        packages: world.split_whitespace().map(str::to_owned).collect(),
        ..Policy::default()
    }
}

/// The image's files with what is known of where they came from.
fn rootfs(contents: &Contents) -> Rootfs {
    let mut tree = contents.tree.clone();
    let origins: Vec<_> = contents
        .tree
        .walk()
        .map(|(path, id)| {
            let origin = match contents.place_of_package(&path) {
                Some(place) => Origin::Package(PackageId(u32::try_from(place).unwrap_or(u32::MAX))),
                // What pip and npm install lies where they put it; a trace of it is worth having.
                None => Origin::Stage,
            };
            (id, origin)
        })
        .collect();
    for (id, origin) in origins {
        tree.inode_mut(id).metadata.origin = origin;
    }
    let packages = contents.packages.iter().map(|package| {
        let info = PackageInfo {
            name: package.name.clone(),
            version: package.version.clone(),
            depends: package.depends.clone(),
            provides: package.provides.clone(),
            ..PackageInfo::default()
        };
        InstalledPackage::new(Identity::Sha1(Sha1Digest::of(package.identity.as_bytes())), info)
    });
    Rootfs { tree, packages: packages.collect() }
}
