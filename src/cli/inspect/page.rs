//! An image as one page of HTML: its figures, the drawing of its files, its packages, layers and largest folders.
//!
//! The page needs nothing from anywhere: no script, no font, no network; it is light or dark as the reader's system is.
//! What an image says of itself is somebody else's text, so all of it is escaped.

use std::fmt::Write as _;

use super::treemap::{draw, escaped};
use crate::cli::bytes::human;
use crate::image::{Amount, Contents};

/// How many folders are listed.
const FOLDERS: usize = 16;

const STYLE: &str = "
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1d2327; --faint: #6b747c; --line: #e4e2dd;
  --folder: rgb(60 70 80 / .05); --l: .84; --c: .085; --own: #bccbe3 }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --card: #1b2024; --ink: #e6e9eb; --faint: #98a2aa;
  --line: #2c3338; --folder: rgb(210 220 230 / .06); --l: .47; --c: .085; --own: #46566f } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1280px; padding: 2rem 1.5rem 3rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif }
h1 { margin: 0; font-size: 1.7rem; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere }
h2 { margin: 0 0 .6rem; font-size: .8rem; font-weight: 600; letter-spacing: .06em; text-transform: uppercase;
  color: var(--faint) }
.about { margin: .2rem 0 0; color: var(--faint); overflow-wrap: anywhere }
code { font: .92em ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.4rem 0 }
.figures div { flex: 1 1 8rem; padding: .7rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px }
.figures b { display: block; font-size: 1.35rem; font-weight: 620; font-variant-numeric: tabular-nums }
.figures span { color: var(--faint); font-size: .85rem }
figure { margin: 0 0 1.6rem; padding: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px }
svg { display: block; width: 100%; height: auto }
svg rect { fill: var(--fill, var(--own)); rx: 2px; stroke: var(--card); stroke-width: .8 }
svg .folder rect { fill: var(--folder) }
svg g:hover > rect { stroke: var(--ink); stroke-width: 1.5 }
svg text { font: 11px system-ui, 'DejaVu Sans', sans-serif; fill: var(--ink); pointer-events: none }
svg .folder text { font-weight: 600; fill: var(--faint) }
svg .size { opacity: .62; font-weight: 400 }
main { display: grid; grid-template-columns: 3fr 2fr; gap: 1.6rem; align-items: start }
@media (max-width: 60rem) { main { grid-template-columns: 1fr } }
section { padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px }
section + section { margin-top: 1.6rem }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
td { padding: .28rem .5rem .28rem 0; border-top: 1px solid var(--line); vertical-align: baseline }
tr:first-child td { border-top: 0 }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.bar { width: 26%; min-width: 4rem; padding-right: 0 }
td.bar i { display: block; height: .55rem; border-radius: 3px; background: var(--fill, var(--own)); min-width: 2px }
td small { color: var(--faint) }
td i.key { display: inline-block; width: .7rem; height: .7rem; margin-right: .55rem; border-radius: 3px;
  background: var(--fill, var(--own)) }
footer { margin-top: 2rem; color: var(--faint); font-size: .82rem }
";

/// The page of `contents`, under `title`.
pub(super) fn page(contents: &Contents, title: &str) -> String {
    let mut colors = String::new();
    for place in 0..contents.packages.len() {
        // The golden angle keeps neighbours apart, however many there are.
        let hue = (place as f64 * 137.508) % 360.0;
        let _ = writeln!(colors, ".p{place} {{ --fill: oklch(var(--l) var(--c) {hue:.0}) }}");
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}{colors}</style>\n{header}\
         <figure>{drawing}</figure>\n<main>\n<div>{packages}</div>\n<div>{layers}{folders}</div>\n</main>\n<footer>Point at a \
         rectangle to see what it is. Drawn by apkbuild {version}.</footer>\n</html>\n",
        title = escaped(title),
        header = header(contents, title),
        drawing = draw(contents, |place| format!("p{place}")),
        packages = packages(contents),
        layers = layers(contents),
        folders = folders(contents),
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// Name, what it runs, and the figures.
fn header(contents: &Contents, title: &str) -> String {
    let image = &contents.image;
    let settings = image.config.config().clone().unwrap_or_default();
    let command = [settings.entrypoint(), settings.cmd()].into_iter().flatten().flatten();
    let command = command.map(String::as_str).collect::<Vec<&str>>().join(" ");
    let mut about = vec![escaped(&image.platform())];
    if !command.is_empty() {
        about.push(format!("runs <code>{}</code>", escaped(&command)));
    }
    for (word, value) in [("as", settings.user()), ("in", settings.working_dir())] {
        about.extend(value.iter().filter(|value| !value.is_empty()).map(|value| format!("{word} {}", escaped(value))));
    }
    about.extend(image.config.created().iter().map(|created| format!("made {}", escaped(created))));
    let digest = image.manifest.as_ref().map_or(image.config_digest, |(_, digest)| *digest).to_oci();
    let total = contents.total();
    let figures = [
        (human(image.compressed_size()), "compressed"),
        (human(total.bytes), "unpacked"),
        (total.files.to_string(), "files and links"),
        (contents.packages.len().to_string(), "packages"),
        (contents.layers.len().to_string(), "layers"),
    ]
    .map(|(value, what)| format!("<div><b>{value}</b><span>{what}</span></div>"));
    format!(
        "<h1>{}</h1>\n<p class=\"about\">{}</p>\n<p class=\"about\"><code>{digest}</code></p>\n<div \
         class=\"figures\">{}</div>\n",
        escaped(title),
        about.join(" · "),
        figures.concat()
    )
}

/// One row of a table: its colour's class, what it is (as HTML), its bytes, and the most bytes of any row.
fn row(class: &str, what: &str, bytes: u64, most: u64) -> String {
    let share = bytes as f64 * 100.0 / most.max(1) as f64;
    format!(
        "<tr class=\"{class}\"><td>{what}</td><td class=\"n\">{}</td><td class=\"bar\"><i \
         style=\"width:{share:.1}%\"></i></td></tr>\n",
        human(bytes)
    )
}

fn table(title: &str, rows: &[String]) -> String {
    format!("<section><h2>{title}</h2><table>\n{}</table></section>\n", rows.concat())
}

fn packages(contents: &Contents) -> String {
    let (amounts, others) = contents.by_package();
    let mut sorted: Vec<(usize, Amount)> = amounts.into_iter().enumerate().collect();
    sorted.sort_by_key(|(place, amount)| (std::cmp::Reverse(amount.bytes), *place));
    let most = sorted.iter().map(|(_, amount)| amount.bytes).chain([others.bytes]).max().unwrap_or_default();
    let key = "<i class=\"key\"></i>";
    let mut rows: Vec<String> = sorted
        .into_iter()
        .filter_map(|(place, amount)| {
            let package = contents.packages.get(place)?;
            let [name, version, license] =
                [&package.name, &package.version, &package.license].map(|text| escaped(text));
            let what = format!("{key}{name} <small>{version} · {license}</small>");
            Some(row(&format!("p{place}"), &what, amount.bytes, most))
        })
        .collect();
    rows.push(row(
        "own",
        &format!("{key}of no package <small>the application, and what the build made</small>"),
        others.bytes,
        most,
    ));
    table("Packages", &rows)
}

fn layers(contents: &Contents) -> String {
    let most = contents.layers.iter().map(|layer| layer.compressed).max().unwrap_or_default();
    let rows: Vec<String> = contents
        .layers
        .iter()
        .map(|layer| {
            let digest: String = layer.digest.to_string().chars().take(12).collect();
            let made = escaped(layer.created_by.as_deref().unwrap_or("a layer"));
            row("layer", &format!("{made} <small><code>{digest}</code></small>"), layer.compressed, most)
        })
        .collect();
    table("Layers, compressed, the lowest first", &rows)
}

fn folders(contents: &Contents) -> String {
    let folders = contents.largest_folders(FOLDERS);
    let most = folders.first().map(|(_, amount)| amount.bytes).unwrap_or_default();
    let rows: Vec<String> =
        folders.iter().map(|(path, amount)| row("own", &format!("/{}", escaped(path)), amount.bytes, most)).collect();
    table("Largest folders", &rows)
}
