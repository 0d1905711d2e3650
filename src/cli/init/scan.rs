//! A look at a folder: which files are there, and what stands in those that may tell what the application is.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::Error;

/// Folders that hold no code of the application.
const PASSED_OVER: [&str; 14] = [
    "node_modules",
    "__pycache__",
    "venv",
    "env",
    "dist",
    "build",
    "tests",
    "test",
    "docs",
    "migrations",
    "static",
    "coverage",
    "public",
    "assets",
];

/// How large a file may be that is read.
const READ_UP_TO: u64 = 256 * 1024;

/// How many files are read.
const READ_AT_MOST: usize = 200;

/// What was found. Paths are relative, with slashes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The name of the folder.
    pub(super) name: String,
    /// Every file at the top and one folder below, and every top folder with a slash behind it; in order.
    paths: Vec<String>,
    /// The text of those that are read.
    texts: BTreeMap<String, String>,
}

impl Scan {
    /// Looks at `folder`.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        let name = fs_err::canonicalize(folder)?.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let mut scan = Self { name: name.unwrap_or_default(), ..Self::default() };
        for path in files_in(folder, "")? {
            match path.strip_suffix('/') {
                Some(inner) if !inner.starts_with('.') && !PASSED_OVER.contains(&inner) => {
                    let below = files_in(folder, inner)?;
                    scan.paths.push(path);
                    scan.paths.extend(below.into_iter().filter(|path| !path.ends_with('/')));
                }
                _ => scan.paths.push(path),
            }
        }
        let told: Vec<&String> = scan.paths.iter().filter(|path| tells(path)).take(READ_AT_MOST).collect();
        for path in told {
            let place = folder.join(path);
            if fs_err::metadata(&place).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= READ_UP_TO) {
                let text = String::from_utf8_lossy(&fs_err::read(&place)?).into_owned();
                scan.texts.insert(path.clone(), text);
            }
        }
        Ok(scan)
    }

    /// Whether `path` is there.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|there| there == path)
    }

    /// The first of `paths` that is there.
    pub(super) fn first<'a>(&self, paths: &[&'a str]) -> Option<&'a str> {
        paths.iter().copied().find(|path| self.has(path))
    }

    /// The text of `path`, or nothing.
    pub(super) fn text(&self, path: &str) -> &str {
        self.texts.get(path).map(String::as_str).unwrap_or_default()
    }

    /// Files with one of these endings, those at the top first, each with its text.
    pub(super) fn sources(&self, endings: &[&str]) -> Vec<(&str, &str)> {
        let mut sources: Vec<(&str, &str)> = self
            .texts
            .iter()
            .filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        sources.sort_by_key(|(path, _)| path.contains('/'));
        sources
    }

    /// Everything at the top.
    pub(super) fn top(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str).filter(|path| !path.trim_end_matches('/').contains('/'))
    }
}

/// What is in the folder `inner` of `folder`, folders with a slash behind them, in order.
fn files_in(folder: &Path, inner: &str) -> Result<Vec<String>, Error> {
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(folder.join(inner))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
        paths.push(if inner.is_empty() { format!("{name}{slash}") } else { format!("{inner}/{name}{slash}") });
    }
    paths.sort();
    Ok(paths)
}

/// Whether the text of a file tells something.
fn tells(path: &str) -> bool {
    const ENDINGS: [&str; 6] = [".py", ".js", ".mjs", ".cjs", ".ts", ".toml"];
    let name = path.rsplit('/').next().unwrap_or_default();
    let at_top = !path.contains('/');
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        || (at_top && (name == "package.json" || name == "Pipfile" || is_requirements(name)))
}

/// `requirements.txt` and its like.
pub(super) fn is_requirements(name: &str) -> bool {
    name.starts_with("requirements") && name.strip_suffix(".txt").is_some()
}

/// The port that the lines of `text` most likely mean: a number beside a word such as `port` or `listen`.
pub(super) fn port(text: &str) -> Option<u16> {
    text.lines().find_map(port_in_line)
}

fn port_in_line(line: &str) -> Option<u16> {
    let code = line.trim();
    if code.starts_with(['#', '*']) || code.starts_with("//") {
        return None;
    }
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let words = || code.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty());
    let speaks_of_ports = words().any(|word| {
        let lower = word.to_ascii_lowercase();
        matches!(lower.as_str(), "port" | "listen" | "bind" | "address" | "addr" | "runserver")
            || lower.ends_with("_port")
            || word.ends_with("Port")
            || lower.ends_with("server")
    });
    if !speaks_of_ports {
        return None;
    }
    let likely = |port: &u16| *port >= 1024 || matches!(port, 80 | 443);
    words().filter(|word| word.len() <= 5).filter_map(|word| word.parse().ok()).find(likely)
}

/// Whether the text holds the path `/` as a string, as a route to it would.
pub(super) fn routes_root(text: &str) -> bool {
    ["\"/\"", "'/'", "`/`"].iter().any(|route| text.contains(route))
}

/// `text` as the name of an image: lower case, everything else as a hyphen.
pub(super) fn image_name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => name.push(letter),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "app".to_owned() } else { name.chars().take(128).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_from_code() {
        for (text, found) in [
            ("server.listen(3000)", Some(3000)),
            ("const port = process.env.PORT || 8080;", Some(8080)),
            ("app.run(host='0.0.0.0', port=5001, debug=True)", Some(5001)),
            ("PORT = int(os.environ.get('PORT', '9000'))", Some(9000)),
            ("with socketserver.TCPServer(('', 8001), Handler) as httpd:", Some(8001)),
            ("# port 4000\nHTTP_PORT = 80", Some(80)),
            ("import os  # 8000", None),
            ("timeout = 5000", None),
            ("port = 22", None),
            ("listen(123456)", None),
            ("  // listen(3000)\n * port 3001", None),
        ] {
            assert_eq!(port(text), found, "{text}");
        }
    }

    #[test]
    fn any_name_becomes_an_image_name() {
        for (text, name) in [
            ("My App", "my-app"),
            ("@scope/pkg", "scope-pkg"),
            ("hello_world.v2", "hello-world-v2"),
            ("--", "app"),
            ("Äpfel", "pfel"),
        ] {
            assert_eq!(image_name(text), name);
        }
    }
}
