//! CPython's marshal format (CPython, `Python/marshal.c`), read into a graph and written again in one canonical way.
//!
//! What CPython writes depends on more than the code: an object is marked for later reference when something else in
//! the process happens to hold it, a text as interned when something else has interned it, a set is written in the
//! order of its hashes, a file name is what the compiler was called with. Read, freed of that and written again, the
//! same source compiled by the same interpreter gives the same bytes wherever, whenever and by whom it was compiled.
//! Equal constants are written once, and columns of source lines are left out, which nobody sees where there is no
//! source.
//!
//! Anything that is not marshalled code of a known layout is refused with [`Foreign`].

use rustc_hash::FxHashMap;

use super::lines;

/// The bytes are no code that this program knows how to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign;

/// Deeper nesting than this is no program.
const MAX_DEPTH: u32 = 400;
/// The bit that marks an object for later reference.
const FLAG: u8 = 0x80;
/// What a reference takes.
const REFERENCE_SIZE: usize = 5;

/// Reads the code in `bytes`, written by Python 3.`minor`, and writes it canonically, compiled from `file`.
pub(crate) fn canonical(bytes: &[u8], minor: u8, file: &str) -> Result<Vec<u8>, Foreign> {
    if !(8..=14).contains(&minor) {
        return Err(Foreign);
    }
    let mut graph = Graph { minor, ..Graph::default() };
    let name = graph.text(file.as_bytes());
    graph.file = name;
    let mut reader = Reader { bytes, at: 0, references: Vec::new() };
    let root = reader.object(&mut graph, 0)?;
    if reader.at != bytes.len() || graph.node(root).kind != b'c' {
        return Err(Foreign);
    }
    Ok(graph.write(root))
}

/// The place of an object in a [`Graph`].
type Id = u32;

/// One object: its type, its own bytes, and the objects in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    kind: u8,
    bytes: Box<[u8]>,
    children: Box<[Id]>,
}

/// All objects, equal ones once.
#[derive(Default)]
struct Graph {
    minor: u8,
    /// The name that every piece of code gets as its file's.
    file: Id,
    nodes: Vec<Node>,
    known: FxHashMap<Node, Id>,
}

impl Graph {
    fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// The one object that is equal to `node`. Pieces of code are never taken for each other.
    fn add(&mut self, node: Node) -> Id {
        if node.kind != b'c'
            && let Some(id) = self.known.get(&node)
        {
            return *id;
        }
        let id = self.nodes.len() as Id;
        if node.kind != b'c' {
            self.known.insert(node.clone(), id);
        }
        self.nodes.push(node);
        id
    }

    /// A text, interned where it could be a name: CPython interns such constants, and others only by chance.
    fn text(&mut self, text: &[u8]) -> Id {
        let is_name = text.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let kind = match (text.is_ascii(), text.len() < 256, is_name) {
            (false, _, _) => b'u',
            (true, true, false) => b'z',
            (true, true, true) => b'Z',
            (true, false, false) => b'a',
            (true, false, true) => b'A',
        };
        self.add(Node { kind, bytes: text.into(), children: Box::default() })
    }

    /// The bytes of `id` on its own.
    fn alone(&self, id: Id) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = Writer { graph: self, uses: &[], places: FxHashMap::default(), out: &mut out };
        writer.object(id);
        out
    }

    fn write(&self, root: Id) -> Vec<u8> {
        let mut uses = vec![0_u32; self.nodes.len()];
        let mut stack = vec![root];
        while let Some(id) = stack.pop() {
            uses[id as usize] = uses[id as usize].saturating_add(1);
            if uses[id as usize] == 1 {
                stack.extend(self.node(id).children.iter());
            }
        }
        let mut out = Vec::new();
        let mut writer = Writer { graph: self, uses: &uses, places: FxHashMap::default(), out: &mut out };
        writer.object(root);
        out
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Objects that were marked for later reference; those that are not whole yet are `None`.
    references: Vec<Option<Id>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Foreign> {
        let end = self.at.checked_add(length).ok_or(Foreign)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Foreign)?;
        self.at = end;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u32, Foreign> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| Foreign)?))
    }

    fn object(&mut self, graph: &mut Graph, depth: u32) -> Result<Id, Foreign> {
        if depth > MAX_DEPTH {
            return Err(Foreign);
        }
        let byte = self.take(1)?.first().copied().ok_or(Foreign)?;
        let kind = byte & !FLAG;
        if kind == b'r' {
            let place = self.number()? as usize;
            return self.references.get(place).copied().flatten().ok_or(Foreign);
        }
        let place = (byte & FLAG != 0).then(|| {
            self.references.push(None);
            self.references.len() - 1
        });
        let id = self.unmarked(graph, kind, depth)?;
        if let Some(slot) = place.and_then(|place| self.references.get_mut(place)) {
            *slot = Some(id);
        }
        Ok(id)
    }

    fn unmarked(&mut self, graph: &mut Graph, kind: u8, depth: u32) -> Result<Id, Foreign> {
        let plain = |kind, bytes: &[u8]| Node { kind, bytes: bytes.into(), children: Box::default() };
        let node = match kind {
            b'N' | b'T' | b'F' | b'S' | b'.' => plain(kind, &[]),
            b'i' => plain(kind, self.take(4)?),
            b'g' => plain(kind, self.take(8)?),
            b'y' => plain(kind, self.take(16)?),
            b'l' => {
                let digits = self.number()?;
                let count = (digits.cast_signed().unsigned_abs() as usize).checked_mul(2).ok_or(Foreign)?;
                let mut bytes = digits.to_le_bytes().to_vec();
                bytes.extend_from_slice(self.take(count)?);
                plain(kind, &bytes)
            }
            b's' => {
                let length = self.number()? as usize;
                plain(kind, self.take(length)?)
            }
            b'u' | b't' | b'a' | b'A' => {
                let length = self.number()? as usize;
                return Ok(graph.text(self.take(length)?));
            }
            b'z' | b'Z' => {
                let length = self.take(1)?.first().copied().unwrap_or_default();
                return Ok(graph.text(self.take(usize::from(length))?));
            }
            b')' | b'(' | b'>' => {
                let count = if kind == b')' {
                    u32::from(self.take(1)?.first().copied().unwrap_or_default())
                } else {
                    self.number()?
                };
                let mut children = Vec::new();
                for _ in 0..count {
                    children.push(self.object(graph, depth + 1)?);
                }
                if kind == b'>' {
                    children.sort_by_cached_key(|id| graph.alone(*id));
                }
                // A long tuple that is short, as older versions wrote them, is a short one.
                let kind = if kind == b'(' && count < 256 { b')' } else { kind };
                Node { kind, bytes: Box::default(), children: children.into() }
            }
            b':' => {
                let children = (0..3).map(|_| self.object(graph, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                Node { kind, bytes: Box::default(), children: children.into() }
            }
            b'c' => self.code(graph, depth)?,
            _ => return Err(Foreign),
        };
        Ok(graph.add(node))
    }

    /// A piece of code: numbers, objects, the first line, and the table of lines at the end.
    fn code(&mut self, graph: &mut Graph, depth: u32) -> Result<Node, Foreign> {
        let layout = Layout::of(graph.minor);
        let mut bytes = self.take(4 * layout.numbers)?.to_vec();
        let mut children = Vec::new();
        for place in 0..layout.objects {
            if place == layout.first_line {
                bytes.extend_from_slice(self.take(4)?);
            }
            let mut child = self.object(graph, depth + 1)?;
            if place == layout.file {
                child = graph.file;
            } else if place == layout.lines && layout.has_columns {
                let table = lines::without_columns(&graph.node(child).bytes).ok_or(Foreign)?;
                child = graph.add(Node { kind: b's', bytes: table.into(), children: Box::default() });
            }
            children.push(child);
        }
        Ok(Node { kind: b'c', bytes: bytes.into(), children: children.into() })
    }
}

/// How a code object is laid out.
struct Layout {
    /// How many numbers come first.
    numbers: usize,
    /// How many objects follow.
    objects: usize,
    /// Which of them is the file's name.
    file: usize,
    /// Before which of them the first line stands.
    first_line: usize,
    /// Which of them is the table of lines.
    lines: usize,
    has_columns: bool,
}

impl Layout {
    fn of(minor: u8) -> Self {
        if minor >= 11 {
            // code, constants, names, names and kinds of locals, file, name, qualified name; lines, exceptions
            Self { numbers: 5, objects: 10, file: 5, first_line: 8, lines: 8, has_columns: true }
        } else {
            // code, constants, names, variables, free and cell variables, file, name; lines
            Self { numbers: 6, objects: 9, file: 6, first_line: 8, lines: 8, has_columns: false }
        }
    }
}

struct Writer<'a> {
    graph: &'a Graph,
    /// How often each object is used; empty where none is to be referred to.
    uses: &'a [u32],
    /// The numbers of those that were written and marked.
    places: FxHashMap<Id, u32>,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn object(&mut self, id: Id) {
        let graph = self.graph;
        let node = graph.node(id);
        if let Some(place) = self.places.get(&id) {
            self.out.push(b'r');
            self.out.extend_from_slice(&place.to_le_bytes());
            return;
        }
        let size = 1 + node.bytes.len() + 4 * node.children.len();
        let is_shared = self.uses.get(id as usize).is_some_and(|uses| *uses > 1);
        let mut kind = node.kind;
        if is_shared && size > REFERENCE_SIZE && kind != b'i' {
            self.places.insert(id, self.places.len() as u32);
            kind |= FLAG;
        }
        self.out.push(kind);
        match node.kind {
            b's' | b'u' | b'a' | b'A' => self.length(node.bytes.len()),
            b'z' | b'Z' => self.out.push(node.bytes.len() as u8),
            b')' => self.out.push(node.children.len() as u8),
            b'(' | b'>' => self.length(node.children.len()),
            b'c' => return self.code(node),
            _ => {}
        }
        self.out.extend_from_slice(&node.bytes);
        for child in &node.children {
            self.object(*child);
        }
    }

    fn code(&mut self, node: &Node) {
        let layout = Layout::of(self.graph.minor);
        let (numbers, first_line) = node.bytes.split_at(4 * layout.numbers);
        self.out.extend_from_slice(numbers);
        for (place, child) in node.children.iter().enumerate() {
            if place == layout.first_line {
                self.out.extend_from_slice(first_line);
            }
            self.object(*child);
        }
    }

    fn length(&mut self, length: usize) {
        self.out.extend_from_slice(&(length as u32).to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
