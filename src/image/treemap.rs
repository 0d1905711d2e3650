//! A drawing of an image: a page of HTML on which every file is a rectangle of the size of its bytes, inside its folder's.
//!
//! The page needs nothing from anywhere: no script, no font, no network. Rectangles are laid out as squarified treemaps are
//! (Bruls, Huizing, van Wijk 2000), and coloured by package.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::contents::Contents;
use crate::rootfs::{InodeId, InodeKind, Tree};

/// The drawing's size in pixels.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 760.0;
/// Rectangles narrower or lower than this are drawn with their folder, as one.
const SMALLEST: f64 = 3.0;
/// Room for a folder's name.
const TITLE: f64 = 14.0;

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

impl Contents {
    /// The drawing as one HTML page.
    pub fn to_html(&self, title: &str) -> String {
        let colors: BTreeMap<&str, usize> = self
            .packages
            .iter()
            .enumerate()
            .map(|(place, package)| (package.name.as_str(), place * 360 / self.packages.len().max(1)))
            .collect();
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\n\
             body {{ font: 14px sans-serif; margin: 1em }}\nrect {{ stroke: #fff; stroke-width: .6 }}\n\
             text {{ font-size: 11px; pointer-events: none }}\n</style>\n<h1>{title}</h1>\n<p>{} bytes in {} files and links, \
             {} packages. Point at a rectangle to see what it is.</p>\n\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"100%\" xmlns=\"http://www.w3.org/2000/svg\">\n",
            self.total().bytes,
            self.total().files,
            self.packages.len(),
            title = escaped(title),
        );
        let root = node(&self.tree);
        let all = Rectangle { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
        // A deep tree must not be a deep stack.
        let mut ahead = vec![(&root, all)];
        while let Some((node, rectangle)) = ahead.pop() {
            self.draw(&mut page, node, rectangle, &colors);
            let inside = inner(rectangle, node);
            if inside.width >= SMALLEST && inside.height >= SMALLEST {
                let tiles = squarified(&node.children, inside);
                ahead.extend(tiles.into_iter().filter(|(_, tile)| tile.width >= SMALLEST && tile.height >= SMALLEST));
            }
        }
        page.push_str("</svg>\n</html>\n");
        page
    }

    fn draw(&self, page: &mut String, node: &Node, at: Rectangle, colors: &BTreeMap<&str, usize>) {
        let is_folder = !node.children.is_empty();
        let package = self.package_of(&node.path).map(|package| package.name.as_str());
        let fill = match (is_folder, package.and_then(|name| colors.get(name))) {
            (true, _) => "#e8e8e8".to_owned(),
            (false, Some(hue)) => format!("hsl({hue} 55% 72%)"),
            (false, None) => "#bbb".to_owned(),
        };
        let owner = package.map(|name| format!(", {name}")).unwrap_or_default();
        let Rectangle { x, y, width, height } = at;
        let _ = writeln!(
            page,
            "<g><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"><title>/{}: {} \
             bytes{}</title></rect></g>",
            escaped(&node.path),
            node.bytes,
            escaped(&owner)
        );
        #[expect(clippy::cast_sign_loss, reason = "no rectangle has a negative width")]
        let letters = (width / 6.5) as usize;
        if height >= TITLE && letters >= 4 {
            let shown: String = node.name.chars().take(letters).collect();
            let _ = writeln!(page, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 3.0, y + 11.0, escaped(&shown));
        }
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
            above.children.push(done);
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

/// Where a folder's children go: all but a border and the room for its name.
fn inner(outer: Rectangle, node: &Node) -> Rectangle {
    let title = if node.children.is_empty() || outer.height < 3.0 * TITLE { 1.0 } else { TITLE };
    Rectangle {
        x: outer.x + 1.0,
        y: outer.y + title,
        width: (outer.width - 2.0).max(0.0),
        height: (outer.height - title - 1.0).max(0.0),
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<script>\"&"), "&lt;script&gt;&quot;&amp;");
    }
}
