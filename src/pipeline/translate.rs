//! The recipe's words in the words of the rooms that carry them out. Rooms do not know the recipe, so that each can be
//! read and used by itself.

use super::selection::Selection;
use super::sources::image_repositories;
use crate::apk::Dependency;
use crate::image::{self, CompressionKind, Layer, Layering, PackedImage, Settings};
use crate::platform::Architecture;
use crate::prune::{Bytecode, Policy, Profile};
use crate::recipe::{self, Layers, Recipe};
use crate::repository::AlpineRelease;
use crate::rootfs::adjust;
use crate::rootfs::base::ReleaseNames;
use crate::rootfs::{DatabaseOptions, InstalledPackage, copy};

/// The release in the words of os-release(5).
pub(super) fn release(release: &AlpineRelease) -> ReleaseNames {
    ReleaseNames { branch: release.branch.to_string(), version: release.version.clone() }
}

/// An owner to be looked up.
pub(super) fn owner(owner: &recipe::Owner) -> adjust::OwnerReference {
    let reference = |reference: &recipe::AccountReference| match reference {
        recipe::AccountReference::Name(name) => adjust::AccountReference::Name(name.clone()),
        recipe::AccountReference::Id(id) => adjust::AccountReference::Id(*id),
    };
    adjust::OwnerReference { user: reference(&owner.user), group: owner.group.as_ref().map(reference) }
}

/// What a step copies, and for whom.
pub(super) fn copy(step: &recipe::CopyStep, uid: u32, gid: u32, timestamp: i64) -> copy::Request<'_> {
    copy::Request {
        source: &step.source,
        target: step.target.path.in_tree(),
        into: step.target.into,
        exclude: &step.exclude,
        mode: step.mode,
        uid,
        gid,
        mtime: timestamp,
    }
}

/// What may be pruned.
pub(super) fn policy(recipe: &Recipe) -> Policy {
    let config = &recipe.config;
    Policy {
        profile: match recipe.prune.profile {
            recipe::Profile::None => Profile::None,
            recipe::Profile::Standard => Profile::Standard,
            recipe::Profile::Traced => Profile::Traced,
        },
        keep: recipe.prune.keep.clone(),
        remove: recipe.prune.remove.clone(),
        drop: recipe.prune.drop.clone(),
        command: config.entrypoint.iter().chain(&config.cmd).cloned().collect(),
        workdir: config.workdir.to_string(),
        env: config.env.clone(),
        packages: world(recipe),
        bytecode: match recipe.prune.bytecode {
            recipe::Bytecode::Source => Bytecode::Source,
            recipe::Bytecode::Compiled => Bytecode::Compiled,
        },
    }
}

/// The world as the recipe writes it.
pub(super) fn world(recipe: &Recipe) -> Vec<String> {
    recipe.alpine.packages.iter().map(ToString::to_string).collect()
}

/// What the database says beyond the packages.
pub(super) fn database(recipe: &Recipe, arch: Architecture, selection: &Selection, timestamp: i64) -> DatabaseOptions {
    let repositories = image_repositories(&recipe.alpine, |place| selection.latest_stable(place));
    // apk changes nothing in a system whose world names a tag that no repository has.
    let is_there = |tag: &str| {
        let tags = repositories.iter().filter_map(|line| line.strip_prefix('@')?.split_whitespace().next());
        tags.into_iter().any(|known| known == tag)
    };
    let world = recipe.alpine.packages.iter().map(|package| match &package.tag {
        Some(tag) if !is_there(tag) => Dependency { tag: None, ..package.clone() }.to_string(),
        _ => package.to_string(),
    });
    DatabaseOptions {
        world: world.collect(),
        arch: arch.to_string(),
        pins: selection.pins().filter(|(_, tag)| is_there(tag)).collect(),
        repositories,
        timestamp,
    }
}

/// The packages that an index lists without files. apk never downloads them, but its database names them.
pub(super) fn packages_without_files(selection: &Selection) -> impl Iterator<Item = InstalledPackage> {
    let entries = selection.resolution.packages.iter().map(|selected| &selected.entry);
    entries.filter(|entry| entry.is_virtual()).map(|entry| InstalledPackage {
        compressed_size: entry.size,
        ..InstalledPackage::new(entry.identity, entry.to_package_info())
    })
}

/// How files are spread over layers.
pub(super) fn layering(layers: Layers) -> Layering {
    match layers {
        Layers::Split => Layering::Split,
        Layers::Single => Layering::Single,
        Layers::Packages => Layering::Packages,
    }
}

/// How layers are compressed.
pub(super) fn compression(compression: recipe::Compression) -> CompressionKind {
    match compression {
        recipe::Compression::Gzip => CompressionKind::Gzip,
        recipe::Compression::Zstd => CompressionKind::Zstd,
    }
}

/// The image of `layers`.
pub(super) fn packed(
    recipe: &Recipe,
    arch: Architecture,
    layers: Vec<Layer>,
    timestamp: i64,
) -> Result<PackedImage, image::Error> {
    PackedImage::new(arch, layers, &settings(recipe, timestamp))
}

/// What the image says about how it is run.
fn settings(recipe: &Recipe, timestamp: i64) -> Settings {
    let config = &recipe.config;
    Settings {
        user: format!("{}:{}", recipe.user.uid, recipe.user.gid),
        env: config.env.clone(),
        cmd: config.cmd.clone(),
        entrypoint: config.entrypoint.clone(),
        workdir: config.workdir.to_string(),
        ports: config.expose.iter().map(ToString::to_string).collect(),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        volumes: config.volumes.iter().map(ToString::to_string).collect(),
        stop_signal: config.stop_signal.clone(),
        created: timestamp,
    }
}
