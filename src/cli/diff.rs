//! `apkbuild diff A B`: what differs between two images, by package, file and bytes.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::bytes::human;
use super::delivery::TransportOptions;
use super::source::Source;
use super::{Context, Error};
use crate::image::{Difference, FileDifference};

/// How many files are listed unless `-v` asks for all.
const FILES: usize = 40;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// An image: an archive, an OCI folder, or a reference that names its registry
    #[arg(value_name = "A")]
    one: PathBuf,
    /// The image that it is compared with
    #[arg(value_name = "B")]
    other: PathBuf,
    /// Of images for several architectures, the one to look at, as Alpine names it
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    #[command(flatten)]
    transport: TransportOptions,
}

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Comparison<'images> {
    a: String,
    b: String,
    same: bool,
    #[serde(flatten)]
    difference: &'images Difference,
}

/// Prints what differs.
pub fn run(arguments: &DiffArguments, context: &Context) -> Result<(), Error> {
    let open = |image| Source::of(image, arguments.arch.as_deref(), arguments.transport, context);
    let (one, other) = (open(&arguments.one)?.contents()?, open(&arguments.other)?.contents()?);
    let difference = Difference::between(&one, &other);
    if context.json {
        return context.print_json(&Comparison {
            a: arguments.one.display().to_string(),
            b: arguments.other.display().to_string(),
            same: difference.is_empty(),
            difference: &difference,
        });
    }
    let most = if context.verbosity > 1 { usize::MAX } else { FILES };
    context.print(&text(&difference, most))
}

fn text(difference: &Difference, most: usize) -> String {
    let mut lines = Vec::new();
    for (name, [one, other]) in [("unpacked", difference.unpacked), ("compressed", difference.compressed)] {
        lines.push(format!("{name:<11} {} → {} ({})", human(one), human(other), change(one, other)));
    }
    if difference.is_empty() {
        lines.push("nothing else differs".to_owned());
    }
    for (key, [one, other]) in &difference.config {
        lines.push(format!("{key}: {one} → {other}"));
    }
    if !difference.packages.is_empty() {
        lines.push(format!("\n{} packages", difference.packages.len()));
    }
    for (name, versions) in &difference.packages {
        lines.push(match versions {
            [None, Some(version)] => format!("  + {name}-{version}"),
            [Some(version), None] => format!("  - {name}-{version}"),
            [one, other] => {
                let [one, other] = [one, other].map(|version| version.as_deref().unwrap_or_default());
                format!("  ~ {name} {one} → {other}")
            }
        });
    }
    if !difference.files.is_empty() {
        lines.push(format!("\n{} paths, those with the most bytes first", difference.files.len()));
    }
    let mut files: Vec<&FileDifference> = difference.files.iter().collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.bytes[0].abs_diff(file.bytes[1])));
    for file in files.iter().take(most) {
        let [one, other] = file.bytes;
        let what = file.what.iter().copied().collect::<Vec<&str>>();
        let (sign, what) = match what.as_slice() {
            ["added"] => ('+', String::new()),
            ["removed"] => ('-', String::new()),
            several => ('~', format!("  {}", several.join(", "))),
        };
        let package = file.package.as_ref().map(|package| format!("  ({package})")).unwrap_or_default();
        lines.push(format!("  {sign} {:>10}  /{}{what}{package}", change(one, other), file.path));
    }
    if files.len() > most {
        lines.push(format!("  and {} more; -v lists them all", files.len() - most));
    }
    lines.join("\n")
}

/// How much more or less: `+1.2 MB`, `-300 B`, `=`.
fn change(one: u64, other: u64) -> String {
    match one.cmp(&other) {
        std::cmp::Ordering::Less => format!("+{}", human(other - one)),
        std::cmp::Ordering::Greater => format!("-{}", human(one - other)),
        std::cmp::Ordering::Equal => "=".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_difference_reads_like_a_diff() {
        let file = |path: &str, what: &[&'static str], bytes| FileDifference {
            path: path.to_owned(),
            package: (path != "app").then(|| "musl".to_owned()),
            what: what.iter().copied().collect::<BTreeSet<_>>(),
            bytes,
        };
        let difference = Difference {
            config: [("config.Cmd".to_owned(), [serde_json::json!(["a"]), serde_json::json!(null)])].into(),
            packages: [
                ("musl".to_owned(), [Some("1".to_owned()), Some("2".to_owned())]),
                ("zlib".to_owned(), [None, Some("1".to_owned())]),
            ]
            .into(),
            files: vec![file("app", &["content", "mode"], [5, 5]), file("lib/z", &["added"], [0, 2000])],
            unpacked: [5, 2005],
            compressed: [10, 9],
        };
        assert_eq!(
            text(&difference, 1),
            "unpacked    5 B → 2.0 kB (+2.0 kB)\ncompressed  10 B → 9 B (-1 B)\nconfig.Cmd: [\"a\"] → null\n\n2 packages\n  \
             ~ musl 1 → 2\n  + zlib-1\n\n2 paths, those with the most bytes first\n  +    +2.0 kB  /lib/z  (musl)\n  and 1 \
             more; -v lists them all"
        );
        assert!(text(&difference, 9).contains("  ~          =  /app  content, mode"));
    }
}
