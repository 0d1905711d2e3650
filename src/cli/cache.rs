//! `apkbuild cache dir|clean|verify`: where the cache lies, how large it may be, and whether it is whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::bytes::human;
use super::error::Error;
use super::output::Context;
use crate::fetch::Cache;

/// Arguments of `cache`.
#[derive(Debug, Args)]
pub struct CacheArguments {
    #[command(subcommand)]
    action: Action,
    /// Where downloads and results are kept
    #[arg(long, global = true, value_name = "DIR", env = "APKBUILD_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print where it lies
    Dir,
    /// Empty it, or take away what was used least recently
    Clean {
        /// Leave the most recently used up to this size: 500MB, 5GB, 1GiB
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        keep: Option<u64>,
    },
    /// Hold every package in it against its digest, and take away what is damaged
    Verify,
}

/// Does what is asked. `verify` ends with exit code 3 where something was damaged.
pub fn run(arguments: &CacheArguments, context: &Context) -> Result<(), Error> {
    let cache = match &arguments.cache_dir {
        Some(folder) => Cache::at(folder),
        None => Cache::of_user()?,
    };
    match &arguments.action {
        Action::Dir if context.json => context.print_json(&serde_json::json!({ "cache": cache.root() })),
        Action::Dir => context.print(&cache.root().display().to_string()),
        Action::Clean { keep } => {
            let cleaned = cache.clean(keep.unwrap_or(0))?;
            if context.json {
                return context.print_json(&serde_json::json!({
                    "removed": cleaned.removed,
                    "removed-bytes": cleaned.removed_bytes,
                    "kept": cleaned.kept,
                    "kept-bytes": cleaned.kept_bytes,
                }));
            }
            context.print(&format!(
                "removed {} ({}), kept {} ({})",
                cleaned.removed,
                human(cleaned.removed_bytes),
                cleaned.kept,
                human(cleaned.kept_bytes),
            ))
        }
        Action::Verify => {
            let (looked_at, damaged) = cache.verify()?;
            cache.remove(&damaged)?;
            if context.json {
                let list: Vec<_> = damaged
                    .iter()
                    .map(|entry| serde_json::json!({ "path": entry.path, "reason": entry.reason }))
                    .collect();
                context.print_json(&serde_json::json!({ "verified": looked_at, "damaged": list }))?;
            } else {
                let lines: Vec<String> =
                    damaged.iter().map(|entry| format!("{}: {}\n", entry.path.display(), entry.reason)).collect();
                context.print(&format!("{}{looked_at} verified, {} damaged\n", lines.concat(), damaged.len()))?;
            }
            if damaged.is_empty() {
                return Ok(());
            }
            Err(Error::not_held(format!("{} of {looked_at} entries of the cache were damaged", damaged.len()))
                .with_help("they were taken away and will be fetched again when they are needed".to_owned()))
        }
    }
}

/// A number of bytes: `5GB` in powers of 1000, `5GiB` in powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write 500MB, 5GB or 1GiB");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    let unit = text.get(digits.len()..).unwrap_or_default().trim().to_ascii_lowercase();
    let factor: f64 = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = digits.parse::<f64>().map_err(|_| wrong())? * factor;
    if !(0.0..=9e15).contains(&bytes) {
        return Err(wrong());
    }
    #[expect(clippy::cast_sign_loss, reason = "it was held against its bounds")]
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [("0", 0), ("12", 12), ("5GB", 5_000_000_000), ("1.5 kB", 1500), ("2GiB", 2 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "GB", "-1", "5XB", "1e99", "NaN"] {
            parse_size(wrong).unwrap_err();
        }
    }
}
