//! What one JavaScript file asks for, apart from where it lies, so that it is cached by content.

use serde::{Deserialize, Serialize};

/// What a file's name says of how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Dialect {
    /// `.js`: a module or a script, whatever it looks like.
    JavaScript,
    /// `.mjs`
    Module,
    /// `.cjs`
    CommonJs,
    /// `.ts`, `.mts`, `.cts`, whose types Node strips.
    TypeScript,
}

impl Dialect {
    /// The dialect of a file of this name; `None` where it is no code.
    pub(crate) fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1 {
            "js" => Some(Self::JavaScript),
            "mjs" => Some(Self::Module),
            "cjs" => Some(Self::CommonJs),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            _ => None,
        }
    }
}

/// What one file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeFacts {
    /// Constant requests, in order.
    pub requests: Vec<Request>,
    /// Requests whose name is put together at run time.
    pub computed: Vec<Computed>,
    /// Texts that could name a package or a file, sorted.
    pub texts: Vec<(Box<str>, u32)>,
    /// The line on which parsing gave up, where it did.
    pub broken: Option<u32>,
}

/// A constant request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub specifier: Box<str>,
    pub kind: RequestKind,
    pub line: u32,
    /// It stands in a `try`, or its failure is caught.
    pub optional: bool,
}

/// How it is asked for, which decides the conditions of `exports`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RequestKind {
    /// `require`
    Require,
    /// `import`, `export … from`, `import()`
    Import,
    /// A path beside this file: `__dirname`, `import.meta.url`, a worker.
    File,
}

/// A request that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Computed {
    /// What it begins with, `./locale/` for one; empty where nothing is known.
    pub prefix: Box<str>,
    pub line: u32,
}
