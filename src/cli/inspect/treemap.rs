//! A drawing of an image: every file is a rectangle of the size of its bytes, inside its folder's.
//!
//! Rectangles are laid out as squarified treemaps are (Bruls, Huizing, van Wijk 2000). A folder that holds nothing but
//! another folder is drawn as one with it. Colours are the page's, by the classes that stand here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cli::bytes::human;
use crate::cli::printable::on_one_line;
use crate::image::Contents;
use crate::rootfs::{InodeId, InodeKind, Tree};

/// The drawing's size in pixels.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 660.0;
/// Rectangles narrower or lower than this are drawn with their folder, as one.
const SMALLEST: f64 = 3.0;
/// Around what a folder holds.
const GAP: f64 = 2.0;
/// Room for a folder's name.
const TITLE: f64 = 15.0;

/// A file or folder with its bytes.
struct Node {
    name: String,
    path: String,
    bytes: u64,
    children: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Rectangle {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The drawing of `contents` as one SVG element; `class_of` gives the CSS class of the package at a place.
pub(super) fn draw(contents: &Contents, class_of: impl Fn(usize) -> String) -> String {
    let classes: BTreeMap<&str, String> =
        contents.packages.iter().enumerate().map(|(place, package)| (package.name.as_str(), class_of(place))).collect();
    let mut drawing =
        format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"every file by its bytes\">\n");
    let root = node(&contents.tree);
    let all = Rectangle { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    // A deep tree must not be a deep stack.
    let mut ahead = vec![(&root, all)];
    while let Some((node, rectangle)) = ahead.pop() {
        draw_node(contents, &mut drawing, node, rectangle, &classes);
        let inside = inner(rectangle, node);
        if inside.width >= SMALLEST && inside.height >= SMALLEST {
            let tiles = squarified(&node.children, inside);
            ahead.extend(tiles.into_iter().filter(|(_, tile)| tile.width >= SMALLEST && tile.height >= SMALLEST));
        }
    }
    drawing.push_str("</svg>\n");
    drawing
}

fn draw_node(contents: &Contents, drawing: &mut String, node: &Node, at: Rectangle, classes: &BTreeMap<&str, String>) {
    let is_folder = !node.children.is_empty();
    let package = contents.package_of(&node.path);
    let class = match (is_folder, package.and_then(|package| classes.get(package.name.as_str()))) {
        (true, _) => "folder",
        (false, Some(class)) => class,
        (false, None) => "own",
    };
    let owner = match package {
        Some(package) => format!("\n{}", escaped(&format!("{} {}", package.name, package.version))),
        None if is_folder => String::new(),
        None => "\nof no package".to_owned(),
    };
    let Rectangle { x, y, width, height } = at;
    let _ = write!(
        drawing,
        "<g class=\"{class}\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>/{}\n{}{}\
         </title></rect>",
        escaped(&node.path),
        human(node.bytes),
        owner
    );
    if let Some(shown) = fitting(&node.name, width).filter(|_| height >= TITLE) {
        let size = human(node.bytes);
        let middle = y + 11.5;
        let _ = write!(drawing, "<text x=\"{:.1}\" y=\"{middle:.1}\">{}</text>", x + 4.0, escaped(&shown));
        if is_folder && shown == node.name && letters(width) >= node.name.chars().count() + size.len() + 3 {
            let end = x + width - 4.0;
            let _ = write!(
                drawing,
                "<text class=\"size\" x=\"{end:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{size}</text>"
            );
        } else if !is_folder && height >= 2.0 * TITLE && letters(width) >= size.len() {
            let below = middle + 13.0;
            let _ = write!(drawing, "<text class=\"size\" x=\"{:.1}\" y=\"{below:.1}\">{size}</text>", x + 4.0);
        }
    }
    drawing.push_str("</g>\n");
}

/// How many letters fit into `width`, on the average.
#[expect(clippy::cast_sign_loss, reason = "no rectangle has a negative width")]
fn letters(width: f64) -> usize {
    ((width - 8.0).max(0.0) / 6.2) as usize
}

/// `name`, or its beginning, as far as it fits; `None` where that would tell nothing.
fn fitting(name: &str, width: f64) -> Option<String> {
    let room = letters(width);
    match name.chars().count() {
        length if length <= room => Some(name.to_owned()),
        _ if room < 4 => None,
        _ => Some(name.chars().take(room - 1).chain(['…']).collect()),
    }
}

/// The tree with the bytes of every folder; names without bytes are left out.
fn node(tree: &Tree) -> Node {
    let mut seen: BTreeSet<InodeId> = BTreeSet::new();
    // Folders that are open, the innermost last.
    let mut open = vec![Node { name: "/".to_owned(), path: String::new(), bytes: 0, children: Vec::new() }];
    let close = |open: &mut Vec<Node>| {
        if let Some(mut done) = open.pop()
            && let Some(above) = open.last_mut()
            && done.bytes > 0
        {
            done.children.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
            above.bytes += done.bytes;
            above.children.push(joined(done));
        }
    };
    for (path, id) in tree.walk() {
        let depth = path.matches('/').count() + 1;
        while open.len() > depth {
            close(&mut open);
        }
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        let bytes = match &tree.inode(id).kind {
            InodeKind::File { content, .. } if seen.insert(id) => content.len() as u64,
            _ => 0,
        };
        open.push(Node { name, path, bytes, children: Vec::new() });
    }
    while open.len() > 1 {
        close(&mut open);
    }
    let mut root =
        open.pop().unwrap_or(Node { name: String::new(), path: String::new(), bytes: 0, children: Vec::new() });
    root.children.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
    root
}

/// A folder whose only child with bytes is a folder becomes that one, under both names.
fn joined(mut folder: Node) -> Node {
    match folder.children.pop() {
        Some(only) if folder.children.is_empty() && !only.children.is_empty() => {
            Node { name: format!("{}/{}", folder.name, only.name), ..only }
        }
        Some(last) => {
            folder.children.push(last);
            folder
        }
        None => folder,
    }
}

/// Where a folder's children go: all but a border and the room for its name.
fn inner(outer: Rectangle, node: &Node) -> Rectangle {
    let title = if node.children.is_empty() || outer.height < 3.0 * TITLE { GAP } else { TITLE + 1.0 };
    Rectangle {
        x: outer.x + GAP,
        y: outer.y + title,
        width: (outer.width - 2.0 * GAP).max(0.0),
        height: (outer.height - title - GAP).max(0.0),
    }
}

/// Lays out `nodes`, the largest first, in rows as near to squares as they get.
fn squarified(nodes: &[Node], mut room: Rectangle) -> Vec<(&Node, Rectangle)> {
    let total: u64 = nodes.iter().map(|node| node.bytes).sum();
    let scale = room.width * room.height / total.max(1) as f64;
    let area = |node: &Node| node.bytes as f64 * scale;
    let mut tiles = Vec::new();
    let mut rest = nodes;
    while !rest.is_empty() {
        let side = room.width.min(room.height).max(f64::MIN_POSITIVE);
        // How far from a square the worst of a row is: the row's sum, largest and smallest decide.
        let worst = |row: &[Node]| {
            let sum: f64 = row.iter().map(area).sum();
            let thickness = sum / side;
            row.iter()
                .map(|node| {
                    let length = area(node) / thickness.max(f64::MIN_POSITIVE);
                    (length / thickness).max(thickness / length.max(f64::MIN_POSITIVE))
                })
                .fold(0.0, f64::max)
        };
        let mut count = 1;
        while count < rest.len()
            && worst(rest.get(..=count).unwrap_or_default()) <= worst(rest.get(..count).unwrap_or_default())
        {
            count += 1;
        }
        let (row, later) = rest.split_at(count);
        let thickness = row.iter().map(area).sum::<f64>() / side;
        let mut along = 0.0;
        for node in row {
            let length = area(node) / thickness.max(f64::MIN_POSITIVE);
            tiles.push((
                node,
                if room.width >= room.height {
                    Rectangle { x: room.x, y: room.y + along, width: thickness, height: length }
                } else {
                    Rectangle { x: room.x + along, y: room.y, width: length, height: thickness }
                },
            ));
            along += length;
        }
        if room.width >= room.height {
            room.x += thickness;
            room.width = (room.width - thickness).max(0.0);
        } else {
            room.y += thickness;
            room.height = (room.height - thickness).max(0.0);
        }
        rest = later;
    }
    tiles
}

/// `text` as it may stand in HTML, between tags or in quotes.
pub(super) fn escaped(text: &str) -> String {
    on_one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_fill_their_room_and_keep_proportion() {
        let nodes: Vec<Node> = [6_u64, 6, 4, 3, 2, 2, 1]
            .into_iter()
            .map(|bytes| Node { name: String::new(), path: String::new(), bytes, children: Vec::new() })
            .collect();
        let tiles = squarified(&nodes, Rectangle { x: 0.0, y: 0.0, width: 6.0, height: 4.0 });
        for (node, tile) in &tiles {
            assert!((tile.width * tile.height - node.bytes as f64).abs() < 1e-9, "one unit a byte here");
            assert!(tile.x >= -1e-9 && tile.x + tile.width <= 6.0 + 1e-9);
            assert!(tile.y >= -1e-9 && tile.y + tile.height <= 4.0 + 1e-9);
        }
        assert_eq!(tiles.len(), 7);
    }

    #[test]
    fn names_end_where_their_room_does() {
        assert_eq!(fitting("libcrypto.so.3", 200.0).as_deref(), Some("libcrypto.so.3"));
        assert_eq!(fitting("libcrypto.so.3", 60.0).as_deref(), Some("libcryp…"));
        assert_eq!(fitting("libcrypto.so.3", 30.0), None);
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<script>\"&"), "&lt;script&gt;&quot;&amp;");
        assert_eq!(escaped("a\nb\u{202e}c\u{7}"), "a\\nb\\u{202e}c\\u{7}");
    }
}
