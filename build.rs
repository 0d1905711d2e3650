//! Gives the program a digest of its own sources, `APKBUILD_SOURCES`: what it once made of some input is only taken
//! again by a program that would make the same of it.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let mut files = vec![PathBuf::from("Cargo.lock"), PathBuf::from("Cargo.toml")];
    add_files(Path::new("src"), &mut files)?;
    files.sort();
    // Against accidents, not against somebody: who writes the sources decides what the program does.
    let mut hasher = DefaultHasher::new();
    for file in files {
        let text = match fs_err::read(&file) {
            // A package that is unpacked somewhere may come without Cargo.lock.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            text => text?,
        };
        for part in [file.as_os_str().as_encoded_bytes(), &text] {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
    }
    println!("cargo::rustc-env=APKBUILD_SOURCES={:016x}", hasher.finish());
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=Cargo.toml");
    Ok(())
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { add_files(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
