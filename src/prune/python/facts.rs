//! What one Python file says, apart from where it lies: the code that runs and the code that can be called, each with
//! its imports and the names it mentions.
//!
//! Facts depend on the bytes and the interpreter's version only, so they are cached by content.

use serde::{Deserialize, Serialize};

use super::super::trace::Names;

/// The interpreter whose branches count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PythonVersion {
    pub major: u8,
    pub minor: u8,
}

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PythonFacts {
    /// Pieces of code; the first is the module itself. Behind a piece stands all that it holds, then what follows it.
    pub units: Vec<Unit>,
    /// Statements that catch an import's failure.
    pub guards: Vec<Guard>,
    /// Names that the module's top level binds.
    pub defines: Vec<Box<str>>,
    /// The strings of `__all__`.
    pub exports: Vec<Box<str>>,
    /// What is put on `sys.path`, with `$FILE` for this file's own path.
    pub search: Vec<Box<str>>,
    /// The line on which parsing gave up, where it did.
    pub broken: Option<u32>,
}

/// A piece of code that runs, or does not, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unit {
    /// The unit that holds it; itself for the module.
    pub parent: u32,
    /// When it can run, given that its parent can.
    pub gate: Gate,
    /// Where it begins.
    pub line: u32,
    /// Names read, attributes, and strings that could be either.
    pub mentions: Names,
    /// Beginnings of names that are put together at run time.
    pub prefixes: Vec<Box<str>>,
    /// Ends of such names.
    pub suffixes: Vec<Box<str>>,
    /// What it imports.
    pub imports: Vec<Import>,
    /// Strings that could name a module or a file.
    pub texts: Vec<Text>,
    /// Imports whose name is not in the source.
    pub computed: Vec<Computed>,
}

/// When a unit can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Gate {
    /// With its parent.
    Always,
    /// When the name is mentioned in code that can run.
    Named(Box<str>),
    /// When the module is run as `__main__`.
    Main,
    /// When an import under this guard fails.
    Failed(u32),
    /// When the imports under this guard are there.
    Succeeded(u32),
}

/// A `try` whose handler takes an import's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// Something but an import may fail there, so that its handler runs even where every import succeeds.
    pub fails_otherwise: bool,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    /// `a.b`; empty in `from . import c`.
    pub module: Box<str>,
    /// Leading dots.
    pub level: u32,
    /// The names after `import` in `from … import …`, `*` among them; empty for `import a.b`.
    pub names: Vec<Box<str>>,
    /// Where.
    pub line: u32,
    /// The guard that takes its failure.
    pub guard: Option<u32>,
}

/// A string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    pub text: Box<str>,
    pub line: u32,
}

/// Something that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Computed {
    pub kind: ComputedKind,
    /// What the computed name begins with, `a.b.` for one.
    pub prefix: Box<str>,
    pub line: u32,
}

/// What is done with a computed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ComputedKind {
    /// A module is imported.
    Import,
    /// The modules of a package are listed.
    List,
    /// A file of code is run.
    File,
    /// A shared library is opened.
    Library,
    /// A folder is put on `sys.path`.
    SearchPath,
}
