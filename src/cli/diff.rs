//! `apkbuild diff A B`: what differs between two images, by package, file and bytes.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::bytes::human;
use super::delivery::TransportOptions;
use super::error::Error;
use super::options::architecture;
use super::output::Context;
use super::printable::listing;
use super::source::Source;
use crate::image::{Difference, FileDifference, PackageDifference};
use crate::platform::Architecture;

/// How many files are listed unless `-v` asks for all.
const FILES: usize = 40;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// An image: an archive, an OCI folder, a root filesystem, or a reference that names its registry
    #[arg(value_name = "A")]
    one: PathBuf,
    /// The image that it is compared with
    #[arg(value_name = "B")]
    other: PathBuf,
    /// Of images for several architectures, the one to look at: Alpine's name, or amd64, arm64
    #[arg(long, value_name = "ARCH", value_parser = architecture())]
    arch: Option<Architecture>,
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
    let open = |image| Source::of(image, arguments.arch, arguments.transport, context);
    let ((one, _), (other, _)) = (open(&arguments.one)?.read()?, open(&arguments.other)?.read()?);
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
    let compressed = difference.compressed.map(|sizes| ("compressed", sizes));
    for (name, [one, other]) in [("unpacked", difference.unpacked)].into_iter().chain(compressed) {
        lines.push(format!("{name:<11} {} → {} ({})", human(one), human(other), change(one, other)));
    }
    if difference.is_empty() {
        lines.push("nothing else differs".to_owned());
    }
    for (key, [one, other]) in &difference.config {
        lines.push(format!("{key}: {one} → {other}"));
    }
    if !difference.packages.is_empty() {
        lines.extend([String::new(), counted(difference.packages.len(), "package", "packages")]);
    }
    for (name, PackageDifference { versions, bytes: [before, after] }) in &difference.packages {
        let what = match versions.each_ref().map(|version| version.as_deref().unwrap_or_default()) {
            ["", version] => format!("+ {name}-{version}"),
            [version, ""] => format!("- {name}-{version}"),
            [one, other] if one == other => format!("~ {name}-{one}"),
            [one, other] => format!("~ {name} {one} → {other}"),
        };
        lines.push(format!("  {what} ({})", change(*before, *after)));
    }
    if !difference.files.is_empty() {
        let count = counted(difference.files.len(), "path", "paths");
        lines.extend([String::new(), format!("{count}, those with the most bytes first")]);
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
    listing(&lines)
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
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
                ("busybox", [Some("1"), Some("1")], [9, 4]),
                ("musl", [Some("1"), Some("2")], [5, 5]),
                ("zlib", [None, Some("1")], [0, 2000]),
            ]
            .map(|(name, versions, bytes)| {
                let versions = versions.map(|version| version.map(str::to_owned));
                (name.to_owned(), PackageDifference { versions, bytes })
            })
            .into(),
            files: vec![file("app", &["content", "mode"], [5, 5]), file("lib/z", &["added"], [0, 2000])],
            unpacked: [5, 2005],
            compressed: Some([10, 9]),
        };
        assert_eq!(
            text(&difference, 1),
            "unpacked    5 B → 2.0 kB (+2.0 kB)\ncompressed  10 B → 9 B (-1 B)\nconfig.Cmd: [\"a\"] → null\n\n3 packages\n  \
             ~ busybox-1 (-5 B)\n  ~ musl 1 → 2 (=)\n  + zlib-1 (+2.0 kB)\n\n2 paths, those with the most bytes first\n  +    +2.0 kB  /lib/z  (musl)\n  and 1 \
             more; -v lists them all"
        );
        assert!(text(&difference, 9).contains("  ~          =  /app  content, mode"));
    }
}
