//! What a folder with a Python application tells about it.

use super::application::{Application, Copied, Language, StagePlan, kept_out};
use super::scan::{Scan, image_name, is_requirements, port, routes_root};

/// Where the application listens when nothing says so.
const PORT: u16 = 8000;

/// What is known of the dependencies: their names in lower case, with hyphens.
struct Dependencies(Vec<String>);

impl Dependencies {
    fn of(scan: &Scan) -> Self {
        let mut names = Vec::new();
        for path in scan.top().filter(|path| is_requirements(path) || matches!(*path, "pyproject.toml" | "Pipfile")) {
            for line in scan.text(path).lines() {
                // A requirement begins its line; in TOML it is a key or one of several strings.
                names.push(requirement(line));
                names.extend(line.split(['"', '\'']).skip(1).step_by(2).map(requirement));
            }
        }
        Self(names)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|there| there == name)
    }
}

/// The name that a requirement begins with, in the spelling of the package index.
fn requirement(text: &str) -> String {
    let in_name = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let name: String = text.trim_start().chars().take_while(in_name).collect();
    name.to_lowercase().replace(['_', '.'], "-")
}

/// How an application is started.
struct Start {
    framework: Option<&'static str>,
    command: Vec<String>,
    note: Option<&'static str>,
    port: Option<u16>,
    /// The one file that matters, where it stands alone.
    entry: Option<String>,
}

/// Finds out what there is to know.
pub(super) fn application(scan: &Scan) -> Application {
    let dependencies = Dependencies::of(scan);
    let sources = scan.sources(&[".py"]);
    let all: String = sources.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
    let found_port = port(&all);
    let start = start(scan, &dependencies, found_port);
    let mut notes = Vec::new();
    let mut packages = Vec::new();
    let calls_out = ["requests", "httpx", "aiohttp", "urllib3", "boto3", "openai", "sentry-sdk", "websockets"]
        .map(|name| dependencies.has(name));
    if calls_out.contains(&true) || all.contains("https://") || all.contains("import ssl") {
        packages.push(("ca-certificates-bundle", "to trust servers that are called by https"));
    }
    if all.contains("zoneinfo") || dependencies.has("pytz") || dependencies.has("django") {
        packages.push(("tzdata", "time zones"));
    }
    let stage = stage(scan, &mut notes);
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut env = vec![set("PYTHONUNBUFFERED", "1"), set("PYTHONDONTWRITEBYTECODE", "1")];
    let mut copies = vec![own_files(scan, &start)];
    if stage.is_some() {
        env.push(set("PYTHONPATH", "/app/deps"));
        copies.push(Copied {
            comment: "what the stage below installed",
            from: Some("deps"),
            source: "/deps".to_owned(),
            target: "/app/deps".to_owned(),
            ..Copied::default()
        });
    }
    if start.entry.as_deref().is_some_and(|entry| !scan.has(entry)) {
        notes.push("no file that starts the application was found: look at `cmd` and `[[copy]]`".to_owned());
    }
    let listens_nowhere = all.contains("127.0.0.1") || all.contains("\"localhost\"") || all.contains("'localhost'");
    if start.port.is_some() && listens_nowhere {
        notes.push("the source names localhost: in a container the application must listen on 0.0.0.0".to_owned());
    }
    Application {
        language: Language::Python,
        framework: start.framework,
        name: image_name(&project_name(scan).unwrap_or_else(|| scan.name.clone())),
        command: start.command,
        command_note: start.note,
        port: start.port,
        answers_root: routes_root(&all) || all.contains("http.server"),
        packages,
        env,
        copies,
        stage,
        notes,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// How the application is started: by the server that its dependencies name, or as a program.
fn start(scan: &Scan, dependencies: &Dependencies, found_port: Option<u16>) -> Start {
    let port = found_port.unwrap_or(PORT);
    let bind = format!("0.0.0.0:{port}");
    let number = port.to_string();
    let gunicorn = |target: &str| words(&["python3", "-m", "gunicorn", "--bind", &bind, target]);
    let uvicorn = |target: &str| words(&["python3", "-m", "uvicorn", "--host", "0.0.0.0", "--port", &number, target]);
    let started = |framework, command, note| Start { framework, command, note, port: Some(port), entry: None };
    if scan.has("manage.py") {
        let project = quoted_after(scan.text("manage.py"), "DJANGO_SETTINGS_MODULE")
            .and_then(|module| module.split('.').next().map(str::to_owned))
            .unwrap_or_else(|| scan.name.clone());
        let framework = Some("Django");
        if dependencies.has("gunicorn") {
            return started(framework, gunicorn(&format!("{project}.wsgi:application")), None);
        }
        if dependencies.has("uvicorn") {
            return started(framework, uvicorn(&format!("{project}.asgi:application")), None);
        }
        let command = words(&["python3", "manage.py", "runserver", "--noreload", &bind]);
        return started(framework, command, Some("Django's own server is for development: add gunicorn or uvicorn"));
    }
    let sources = scan.sources(&[".py"]);
    for (path, text) in &sources {
        let made = |class: &str| assigned(text, class).map(|name| format!("{}:{name}", module(path)));
        for (class, framework) in [("FastAPI", "FastAPI"), ("Starlette", "Starlette"), ("Litestar", "Litestar")] {
            if let Some(target) = made(class) {
                return started(Some(framework), uvicorn(&target), None);
            }
        }
        if let Some(target) = made("Flask") {
            let framework = Some("Flask");
            if dependencies.has("gunicorn") {
                return started(framework, gunicorn(&target), None);
            }
            let command =
                words(&["python3", "-m", "flask", "--app", &target, "run", "--host", "0.0.0.0", "--port", &number]);
            return started(framework, command, Some("Flask's own server is for development: add gunicorn"));
        }
    }
    for (file, runs) in [("asgi.py", "uvicorn"), ("wsgi.py", "gunicorn")] {
        let target = sources.iter().find(|(path, _)| path.rsplit('/').next() == Some(file));
        if let Some((path, text)) = target
            && dependencies.has(runs)
        {
            let name =
                ["application", "app"].into_iter().find(|name| text.contains(&format!("{name} ="))).unwrap_or("app");
            let target = format!("{}:{name}", module(path));
            return started(None, if runs == "uvicorn" { uvicorn(&target) } else { gunicorn(&target) }, None);
        }
    }
    program(scan, &sources, found_port)
}

/// An application that is a program of its own: a file, or a package with a `__main__.py`.
fn program(scan: &Scan, sources: &[(&str, &str)], port: Option<u16>) -> Start {
    const USUAL: [&str; 8] =
        ["app.py", "main.py", "server.py", "run.py", "src/main.py", "src/app.py", "app/main.py", "src/server.py"];
    let run = |command: Vec<String>, entry: Option<String>| Start { framework: None, command, note: None, port, entry };
    let package = sources.iter().find_map(|(path, _)| path.strip_suffix("/__main__.py"));
    let guarded = || sources.iter().find(|(path, text)| !path.contains('/') && text.contains("__main__"));
    let only = || match sources {
        [(path, _)] => Some(*path),
        _ => None,
    };
    if let Some(entry) = scan.first(&USUAL) {
        return run(words(&["python3", entry]), Some(entry.to_owned()));
    }
    if let Some(package) = package {
        return run(words(&["python3", "-m", package]), None);
    }
    let entry = guarded().map(|(path, _)| *path).or_else(only).unwrap_or("app.py");
    run(words(&["python3", entry]), Some(entry.to_owned()))
}

/// The copy that brings the application: its one file, or the folder without what does not belong.
fn own_files(scan: &Scan, start: &Start) -> Copied {
    let is_code =
        |path: &str| path.ends_with('/') && !path.starts_with(['.', '_']) || path.strip_suffix(".py").is_some();
    let comment = "the application; it belongs to root, so that it cannot rewrite itself";
    let copied = Copied { comment, target: "/app/".to_owned(), ..Copied::default() };
    match &start.entry {
        Some(entry) if !entry.contains('/') && scan.top().filter(|path| is_code(path)).count() <= 1 => {
            Copied { source: entry.clone(), ..copied }
        }
        _ => {
            let mut exclude = kept_out(scan, &["venv", ".venv", ".*_cache", "node_modules"]);
            if scan.top().any(is_requirements) {
                exclude.push("requirements*.txt".to_owned());
            }
            Copied { source: ".".to_owned(), exclude, ..copied }
        }
    }
}

/// The stage that installs dependencies, if there are any.
fn stage(scan: &Scan, notes: &mut Vec<String>) -> Option<StagePlan> {
    let requirements = scan.first(&["requirements.txt", "requirements-prod.txt", "requirements-production.txt"]);
    let install = "pip install --no-compile --root-user-action ignore --target /deps";
    let project = scan.text("pyproject.toml");
    let (sources, run) = if let Some(file) = requirements {
        let hashes = if scan.text(file).contains("--hash=") {
            " --require-hashes"
        } else {
            notes.push(format!(
                "`{file}` has no hashes: with them nobody can slip you another package (pip-compile --generate-hashes)"
            ));
            ""
        };
        (vec![file.to_owned()], format!("{install}{hashes} -r {file}"))
    } else if project.contains("dependencies") {
        (vec![".".to_owned()], format!("{install} ."))
    } else {
        if scan.has("Pipfile") {
            notes.push("there is a Pipfile: write a requirements.txt from it (pipenv requirements --hash)".to_owned());
        }
        return None;
    };
    Some(StagePlan {
        name: "deps",
        comment: "installs what the application depends on; where something must be compiled, add gcc, musl-dev and python3-dev",
        packages: vec!["busybox", "python3", "py3-pip", "ca-certificates-bundle"],
        exclude: if sources == ["."] { kept_out(scan, &["venv", ".venv"]) } else { Vec::new() },
        sources,
        env: vec![("PIP_NO_CACHE_DIR", "1"), ("PIP_DISABLE_PIP_VERSION_CHECK", "1")],
        run: vec![run],
    })
}

/// The name that pyproject.toml gives the project.
fn project_name(scan: &Scan) -> Option<String> {
    let table: toml::Table = scan.text("pyproject.toml").parse().ok()?;
    let name = |path: &[&str]| {
        let mut value = table.get(*path.first()?)?;
        for key in path.iter().skip(1) {
            value = value.get(key)?;
        }
        value.as_str().map(str::to_owned)
    };
    name(&["project", "name"]).or_else(|| name(&["tool", "poetry", "name"]))
}

/// The module that a path is.
fn module(path: &str) -> String {
    let stem = path.strip_suffix(".py").unwrap_or(path);
    stem.strip_suffix("/__init__").unwrap_or(stem).replace('/', ".")
}

/// The name that a line without indentation gives to a value of `class`: `app = FastAPI(…)`.
fn assigned<'a>(text: &'a str, class: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.split(':').next().unwrap_or_default();
        let call = value.trim_start().rsplit('.').next().unwrap_or_default();
        let made = value.trim_start().starts_with(&format!("{class}(")) || call.starts_with(&format!("{class}("));
        let trimmed = name.trim_end();
        let is_name = !trimmed.is_empty() && trimmed.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        (made && is_name).then_some(trimmed)
    })
}

/// The string that follows `key` and a comma.
fn quoted_after(text: &str, key: &str) -> Option<String> {
    let (_, rest) = text.split_once(key)?;
    let (_, rest) = rest.split_once(',')?;
    rest.split(['"', '\'']).nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_the_application() {
        for (text, name) in [
            ("app = FastAPI()", Some("app")),
            ("import x\napi: FastAPI = fastapi.FastAPI(title='a=b')", Some("api")),
            ("    app = FastAPI()", None),
            ("app = create()", None),
            ("app == FastAPI()", None),
        ] {
            assert_eq!(assigned(text, "FastAPI"), name, "{text}");
        }
    }

    #[test]
    fn a_path_is_a_module() {
        assert_eq!(module("app.py"), "app");
        assert_eq!(module("pkg/__init__.py"), "pkg");
        assert_eq!(module("pkg/main.py"), "pkg.main");
    }
}
