//! Resolution, held against the real apk 3: its recorded answers always, and apk itself where it can be run.
//!
//! The indexes are Alpine's own and not part of the project: `APKBUILD_SHARED` names the folder that holds them in
//! `alpine/RELEASE/main/ARCH/APKINDEX.tar.gz`, beside `alpine/alpine-rootfs-3*-x86_64.tar.xz`, the apk that answers.

mod brief;
mod damaged;
mod differential;
mod draw;
mod explain;
mod reference;
mod rules;
mod small;
mod versions;
