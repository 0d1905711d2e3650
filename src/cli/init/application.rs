//! What `init` finds out about an application, from which its recipe is written.

use super::scan::{Scan, is_requirements};

/// What an application is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
}

/// An application.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) language: Language,
    /// What it is built upon, as its makers spell it.
    pub(super) framework: Option<&'static str>,
    /// The image's name.
    pub(super) name: String,
    /// What starts it.
    pub(super) command: Vec<String>,
    /// Said of the command, where it is not what one would run in production.
    pub(super) command_note: Option<&'static str>,
    /// Where it listens; `None` where nothing says that it does.
    pub(super) port: Option<u16>,
    /// Whether it seems to answer `/`.
    pub(super) answers_root: bool,
    /// Packages beside the runtime, each with its reason.
    pub(super) packages: Vec<(&'static str, &'static str)>,
    /// Environment, by name.
    pub(super) env: Vec<(String, String)>,
    pub(super) copies: Vec<Copied>,
    pub(super) stage: Option<StagePlan>,
    /// What its author should know.
    pub(super) notes: Vec<String>,
}

/// One `[[copy]]`.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Why.
    pub(super) comment: &'static str,
    pub(super) from: Option<&'static str>,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) exclude: Vec<String>,
}

/// One `[stage.NAME]`, which works in `/src`.
#[derive(Debug)]
pub(super) struct StagePlan {
    pub(super) name: &'static str,
    /// Why.
    pub(super) comment: &'static str,
    pub(super) packages: Vec<&'static str>,
    pub(super) sources: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) env: Vec<(&'static str, &'static str)>,
    pub(super) run: Vec<String>,
}

impl Language {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Python, Self::Node].into_iter().find(|language| language.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    /// As its makers spell it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node",
        }
    }

    /// The language of what is in a folder: files that only one of them has weigh more than stray sources. An error
    /// names what speaks for each where both are there.
    pub(super) fn of(scan: &Scan) -> Result<Option<Self>, String> {
        let is_python_project = |path: &&str| {
            matches!(*path, "pyproject.toml" | "setup.py" | "manage.py" | "Pipfile") || is_requirements(path)
        };
        let scripts = |below: bool| {
            let first = |endings: &[&str]| {
                let mut paths = scan.sources(endings).into_iter().map(|(path, _)| path);
                paths.find(|path| path.contains('/') == below && !path.contains(".config."))
            };
            (first(&[".py"]), first(&[".js", ".mjs", ".cjs"]))
        };
        let projects = (scan.top().find(is_python_project), scan.top().find(|path| *path == "package.json"));
        let found = [projects, scripts(false), scripts(true)];
        for pair in found {
            match pair {
                (Some(python), Some(node)) => return Err(format!("`{python}` speaks for Python, `{node}` for Node")),
                (Some(_), None) => return Ok(Some(Self::Python)),
                (None, Some(_)) => return Ok(Some(Self::Node)),
                (None, None) => {}
            }
        }
        Ok(None)
    }
}

impl Application {
    /// One line about it.
    pub(super) fn summary(&self) -> String {
        let framework = self.framework.map(|name| format!(" with {name}")).unwrap_or_default();
        let language = self.language.title();
        let port = self.port.map(|port| format!(", port {port}")).unwrap_or_default();
        format!("{language}{framework}, started by `{}`{port}", self.command.join(" "))
    }
}

/// What of a whole folder does not belong into an image, beside what a copy leaves out by itself: `others`, whether
/// they are there now or come later, and what is usual.
pub(super) fn kept_out(scan: &Scan, others: &[&str]) -> Vec<String> {
    const USUAL: [&str; 16] = [
        "Dockerfile",
        "Containerfile",
        "docker-compose.yml",
        "compose.yaml",
        "Makefile",
        "README.md",
        "tests",
        "test",
        "docs",
        ".github",
        ".gitignore",
        ".dockerignore",
        ".editorconfig",
        ".vscode",
        ".idea",
        "LICENSE",
    ];
    let always = ["apkbuild.*", "*.tar", ".env*"];
    let mut names: Vec<String> = always.iter().chain(others).map(|name| (*name).to_owned()).collect();
    let there = |name: &&&str| scan.has(name) || scan.has(&format!("{name}/"));
    names.extend(USUAL.iter().filter(there).map(|name| (*name).to_owned()));
    names
}
