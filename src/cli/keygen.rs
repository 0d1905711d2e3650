//! `apkbuild keygen`: a key pair to sign packages and indexes with.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::error::Error;
use super::output::Context;
use crate::apk::SigningKey;

/// Arguments of `keygen`.
#[derive(Debug, Args)]
#[command(after_help = "Sign with NAME.rsa; whoever is to trust it gets NAME.rsa.pub, for instance in a --keys-dir.")]
pub struct KeygenArguments {
    /// Folder for the two files
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Name of the pair, by which signatures name their key; a name made at random where not given
    #[arg(long)]
    name: Option<String>,
    /// Length of the key
    #[arg(long, default_value = "4096", value_parser = parse_bits)]
    bits: u32,
}

/// Makes DIR/NAME.rsa and DIR/NAME.rsa.pub, and prints their paths.
pub fn run(arguments: &KeygenArguments, context: &Context) -> Result<(), Error> {
    let name = match &arguments.name {
        Some(name) => name.strip_suffix(".rsa").unwrap_or(name).to_owned(),
        None => random_name()?,
    };
    let proper = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+".contains(letter);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(proper) {
        return Err(Error::usage(format!("`{name}` is no name for a key"))
            .with_help("use letters, digits and - _ . @ +, for instance me@example.org-1".to_owned()));
    }
    fs_err::create_dir_all(&arguments.output)?;
    let private = arguments.output.join(format!("{name}.rsa"));
    let public = arguments.output.join(format!("{name}.rsa.pub"));
    if let Some(there) = [&private, &public].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Error::failed(format!("{} exists, and a key is never overwritten", there.display()))
            .with_help("choose another --name or --output, or remove it".to_owned()));
    }
    let key =
        SigningKey::generate(arguments.bits, format!("{name}.rsa.pub")).map_err(|error| Error::from_room(&error))?;
    let pem = |text: Result<String, crate::apk::Error>| text.map_err(|error| Error::from_room(&error));
    write_new(&private, 0o600, &pem(key.to_pem())?)?;
    write_new(&public, 0o644, &pem(key.public_pem())?)?;
    if context.json {
        return context.print_json(&serde_json::json!({ "private": private, "public": public }));
    }
    context.print(&format!("{}\n{}\n", private.display(), public.display()))
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), Error> {
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

fn parse_bits(text: &str) -> Result<u32, String> {
    match text {
        "2048" => Ok(2048),
        "3072" => Ok(3072),
        "4096" => Ok(4096),
        "8192" => Ok(8192),
        _ => Err("a key has 2048, 3072, 4096 or 8192 bits".to_owned()),
    }
}

/// A name that no other key is likely to have.
pub(super) fn random_name() -> Result<String, Error> {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::failed("no random numbers to be had"))?;
    Ok(format!("apkbuild-{}", hex::encode(bytes)))
}
