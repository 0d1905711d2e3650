//! The source files of a crate as syntax trees: which file imports which, and their lines without tests.
//!
//! Every file is read to its end: only items under `#[cfg(test)]` are left out, and the files of such modules.
//!
//! A path counts wherever it is written: in `use`, in code, in a type, in a macro's arguments. It leads to the file of
//! the deepest module that it names, so `super::Error` leads to the parent's file, also where that only passes the name
//! on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// A module's path from the crate's root, without `crate`.
type Module = Vec<String>;

/// One import: the file that names another, on which line, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// The file that imports, below `src`.
    pub from: PathBuf,
    /// The file that is imported.
    pub to: PathBuf,
    /// The line in `from`, counted from 1.
    pub line: usize,
    /// The path as it is written.
    pub path: String,
}

impl fmt::Display for Import {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "src/{}:{}: {} is in {}", self.from.display(), self.line, self.path, self.to.display())
    }
}

/// A file without its tests.
pub struct SourceFile {
    /// Where it is, below `src`.
    pub path: PathBuf,
    /// The folder or file of `src` that it belongs to.
    pub room: String,
    /// Its text as it is.
    pub text: String,
    /// Its lines outside tests that are not comments, with their numbers from 1.
    pub lines: Vec<(usize, String)>,
}

/// The source files of one crate by their modules.
pub struct Crate {
    files: BTreeMap<Module, PathBuf>,
    sources: Vec<SourceFile>,
    imports: Vec<Import>,
}

impl Crate {
    /// Reads all files below the folder `src`.
    pub fn read(src: &Path) -> Self {
        let mut texts = BTreeMap::new();
        for entry in walkdir::WalkDir::new(src).sort_by_file_name() {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let path = entry.path().strip_prefix(src).unwrap().to_owned();
                texts.insert(path, fs_err::read_to_string(entry.path()).unwrap());
            }
        }
        Self::parse(&texts)
    }

    /// Reads files that are given as text, by their paths below `src`.
    pub fn parse(texts: &BTreeMap<PathBuf, String>) -> Self {
        let mut parsed = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for (path, text) in texts {
            let module = module_of(path);
            let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{}: {error}", path.display()));
            for item in &syntax.items {
                if let Item::Mod(item) = item
                    && item.content.is_none()
                    && is_test(&item.attrs)
                {
                    tests.insert(child(&module, &item.ident.to_string()));
                }
            }
            parsed.insert(module, (path.clone(), syntax));
        }
        // The binary is a crate of its own.
        parsed.retain(|module, (path, _)| {
            path != Path::new("main.rs") && !tests.iter().any(|test| module.starts_with(test))
        });
        let sources = parsed.values().map(|(path, syntax)| source_file(path, &texts[path], syntax)).collect();
        let files: BTreeMap<Module, PathBuf> =
            parsed.iter().map(|(module, (path, _))| (module.clone(), path.clone())).collect();
        let mut imports = Vec::new();
        for (module, (path, syntax)) in &parsed {
            let mut collector = Collector::default();
            collector.visit_file(syntax);
            for (line, words) in collector.paths {
                if let Some(to) = resolve(&files, module, &words)
                    && to != path
                {
                    let import = Import { from: path.clone(), to: to.clone(), line, path: words.join("::") };
                    imports.push(import);
                }
            }
        }
        Self { files, sources, imports }
    }

    /// Every import, in the order of the files and their lines.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The files, in the order of their modules.
    pub fn sources(&self) -> &[SourceFile] {
        &self.sources
    }

    /// Each set of files that import one another round in a circle, with the imports inside it.
    pub fn circles(&self) -> Vec<Vec<&Import>> {
        let mut next: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for import in &self.imports {
            next.entry(&import.from).or_default().insert(&import.to);
        }
        let reachable = |start: &Path| {
            let mut seen: BTreeSet<&Path> = BTreeSet::new();
            let mut waiting: Vec<&Path> = next.get(start).into_iter().flatten().copied().collect();
            while let Some(path) = waiting.pop() {
                if seen.insert(path) {
                    waiting.extend(next.get(path).into_iter().flatten());
                }
            }
            seen
        };
        let reach: BTreeMap<&Path, BTreeSet<&Path>> =
            self.files.values().map(|path| (path.as_path(), reachable(path))).collect();
        let mut circles: BTreeMap<&Path, Vec<&Import>> = BTreeMap::new();
        for import in &self.imports {
            if reach[import.to.as_path()].contains(import.from.as_path()) {
                // All files of one circle reach the same files; the first of them stands for it.
                let reaches = &reach[import.from.as_path()];
                let first = reaches.iter().find(|path| reach[*path].contains(import.from.as_path())).unwrap();
                circles.entry(first).or_default().push(import);
            }
        }
        circles.into_values().collect()
    }
}

fn child(module: &[String], name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// The module of a file below `src`: `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(path: &Path) -> Module {
    let mut words: Module = path.with_extension("").iter().map(|word| word.to_str().unwrap().to_owned()).collect();
    if words.last().is_some_and(|last| last == "mod") || words == ["lib"] {
        words.pop();
    }
    words
}

/// The file of the deepest module that `words`, written in `module`, name.
fn resolve<'files>(
    files: &'files BTreeMap<Module, PathBuf>,
    module: &Module,
    words: &[String],
) -> Option<&'files PathBuf> {
    let mut words = words.iter().peekable();
    let mut at = match words.peek()?.as_str() {
        "crate" => {
            words.next();
            Module::new()
        }
        "self" => {
            words.next();
            module.clone()
        }
        "super" => module.clone(),
        first => {
            // A child of this module, or something from another crate or imported elsewhere in this file.
            files.contains_key(&child(module, first)).then(|| module.clone())?
        }
    };
    while words.next_if(|word| word.as_str() == "super").is_some() {
        at.pop();
    }
    for word in words {
        let deeper = child(&at, word);
        if !files.contains_key(&deeper) {
            break;
        }
        at = deeper;
    }
    files.get(&at)
}

fn source_file(path: &Path, text: &str, syntax: &syn::File) -> SourceFile {
    let tests: Vec<_> = syntax
        .items
        .iter()
        .filter(|item| is_test(attributes_of(item)))
        .map(|item| item.span().start().line..=item.span().end().line)
        .collect();
    let lines = (1..)
        .zip(text.lines())
        .filter(|(number, line)| {
            !line.trim_start().starts_with("//") && !tests.iter().any(|test| test.contains(number))
        })
        .map(|(number, line)| (number, line.to_owned()))
        .collect();
    let room = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
    SourceFile { path: path.to_owned(), room, text: text.to_owned(), lines }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// Gathers the paths of a file.
#[derive(Default)]
struct Collector {
    paths: Vec<(usize, Vec<String>)>,
    /// How many modules inside the file are open.
    depth: usize,
}

impl Collector {
    fn add_use(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => self.add_use(&path.tree, &child(before, &path.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, before)),
            UseTree::Name(name) if name.ident == "self" => self.add(name.ident.span().start().line, before.to_vec()),
            UseTree::Name(name) => self.add(name.ident.span().start().line, child(before, &name.ident.to_string())),
            UseTree::Rename(rename) => {
                self.add(rename.ident.span().start().line, child(before, &rename.ident.to_string()));
            }
            UseTree::Glob(glob) => self.add(glob.star_token.spans[0].start().line, before.to_vec()),
        }
    }

    /// Takes every `a::b::c` out of a macro's arguments.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut words, mut line, mut colons): (Vec<String>, usize, usize) = (Vec::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add_words(line, std::mem::take(&mut words));
                        line = ident.span().start().line;
                    }
                    words.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.add_words(line, std::mem::take(&mut words));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add_words(line, words);
    }

    fn add_words(&mut self, line: usize, words: Vec<String>) {
        if words.len() > 1 {
            self.add(line, words);
        }
    }

    /// Adds a path. Inside a module of the file, `super` may be the file itself.
    fn add(&mut self, line: usize, mut words: Vec<String>) {
        let inside = words.iter().take(self.depth).take_while(|word| *word == "super").count();
        if inside > 0 {
            words.splice(..inside, ["self".to_owned()]);
        }
        self.paths.push((line, words));
    }
}

impl<'syntax> Visit<'syntax> for Collector {
    fn visit_item(&mut self, item: &'syntax Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'syntax ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_impl_item_fn(&mut self, function: &'syntax syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, item: &'syntax ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_path(&mut self, path: &'syntax syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.add_words(line, words);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'syntax syn::Macro) {
        self.add_tokens(invocation.tokens.clone());
    }

    fn visit_visibility(&mut self, _: &'syntax syn::Visibility) {
        // `pub(in crate::…)` says who may look, and imports nothing.
    }
}
