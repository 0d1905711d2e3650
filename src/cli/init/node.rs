//! What a folder with a Node application tells about it.

use serde_json::Value;

use super::application::{Application, Copied, Language, StagePlan, kept_out};
use super::scan::{Scan, image_name, port, routes_root};

/// Where the application listens when nothing says so but that it does.
const PORT: u16 = 3000;

/// Frameworks, by the name of their package.
const FRAMEWORKS: [(&str, &str); 9] = [
    ("next", "Next.js"),
    ("@nestjs/core", "NestJS"),
    ("nuxt", "Nuxt"),
    ("express", "Express"),
    ("fastify", "Fastify"),
    ("koa", "Koa"),
    ("hono", "Hono"),
    ("@hapi/hapi", "hapi"),
    ("ws", "ws"),
];

/// How one package manager is called.
struct Manager {
    packages: &'static [&'static str],
    lock: Option<&'static str>,
    install_all: &'static str,
    install_production: &'static str,
    run: &'static str,
}

/// Finds out what there is to know.
pub(super) fn application(scan: &Scan) -> Application {
    let package: Value = serde_json::from_str(scan.text("package.json")).unwrap_or(Value::Null);
    let mut notes = Vec::new();
    if scan.has("package.json") && package.is_null() {
        notes.push("package.json is not JSON, so nothing was read from it".to_owned());
    }
    let sources = scan.sources(&[".js", ".mjs", ".cjs", ".ts"]);
    let all: String = sources.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
    let depends = |name: &str| package.pointer("/dependencies").is_some_and(|names| names.get(name).is_some());
    let framework = FRAMEWORKS.iter().find(|(name, _)| depends(name)).map(|(_, framework)| *framework);
    let has_dependencies =
        package.get("dependencies").and_then(Value::as_object).is_some_and(|names| !names.is_empty());
    let Start { command, entry, env: set } = start(scan, &package, &mut notes);
    let mut env = vec![("NODE_ENV".to_owned(), "production".to_owned())];
    env.extend(set.into_iter().filter(|(name, _)| name != "NODE_ENV"));
    let listens = framework.is_some() || all.contains("listen(") || all.contains("createServer");
    let port = port(&all).or_else(|| listens.then_some(PORT));
    // A file that is not there, and a script that makes it.
    let builds = package.pointer("/scripts/build").is_some();
    let is_built = entry.as_ref().is_none_or(|entry| !scan.has(entry)) && builds;
    let manager = manager(scan);
    let stage = (is_built || has_dependencies).then(|| stage(scan, &manager, is_built));
    if manager.lock.is_none() && stage.is_some() {
        notes.push("there is no package-lock.json: without one every build may get other versions".to_owned());
    }
    if !is_built && entry.as_ref().is_some_and(|entry| !scan.has(entry)) {
        notes.push("no file that starts the application was found: look at `cmd` and `[[copy]]`".to_owned());
    }
    if let Some(engine) = package.pointer("/engines/node").and_then(Value::as_str) {
        notes.push(format!(
            "package.json asks for node {engine}: `nodejs` is the long-term version, `nodejs-current` the newest"
        ));
    }
    let copies = if is_built {
        built_files(scan, framework, entry.as_deref(), has_dependencies)
    } else {
        own_files(scan, &package, entry.as_deref(), has_dependencies)
    };
    let mut packages = Vec::new();
    if all.contains("https://") || ["axios", "undici", "node-fetch", "got"].iter().any(|name| depends(name)) {
        packages
            .push(("ca-certificates-bundle", "for programs that read the system's trusted servers; Node has its own"));
    }
    Application {
        language: Language::Node,
        framework,
        name: image_name(package.get("name").and_then(Value::as_str).unwrap_or(&scan.name)),
        command,
        command_note: None,
        port,
        answers_root: routes_root(&all) || (framework.is_none() && listens),
        packages,
        env,
        copies,
        stage,
        notes,
    }
}

/// How an application is started.
struct Start {
    command: Vec<String>,
    /// The file that it starts, where that is known.
    entry: Option<String>,
    /// What the script sets before the command.
    env: Vec<(String, String)>,
}

/// The start script where it is one plain command, else `main`, else the file with a usual name.
fn start(scan: &Scan, package: &Value, notes: &mut Vec<String>) -> Start {
    const USUAL: [&str; 10] = [
        "server.js",
        "index.js",
        "app.js",
        "main.js",
        "server.mjs",
        "index.mjs",
        "src/index.js",
        "src/server.js",
        "src/app.js",
        "server.cjs",
    ];
    let plain = |file: &str| Start {
        command: vec!["node".to_owned(), file.to_owned()],
        entry: Some(clean(file)),
        env: Vec::new(),
    };
    let script = package.pointer("/scripts/start").and_then(Value::as_str).unwrap_or_default().trim();
    if script.contains(['&', '|', ';', '$', '"', '\'', '<', '>', '(', '`']) {
        notes.push("the start script needs a shell, which keeps signals from the application: name its last command in `cmd` if you can".to_owned());
        let command = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
        return Start { command, entry: None, env: Vec::new() };
    }
    let mut env = Vec::new();
    let mut words = script.split_whitespace().filter(|word| *word != "cross-env").peekable();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        env.push((name.to_owned(), value.to_owned()));
        words.next();
    }
    let words: Vec<&str> = words.collect();
    match words.split_first() {
        Some((&"node", arguments)) => {
            let entry = arguments.iter().find(|word| !word.starts_with('-')).map(|file| clean(file));
            return Start { command: words.iter().map(|word| (*word).to_owned()).collect(), entry, env };
        }
        Some((program, arguments)) if !matches!(*program, "npm" | "npx" | "yarn" | "pnpm") => {
            // npm would find it there.
            let mut command = vec!["node".to_owned(), format!("node_modules/.bin/{program}")];
            command.extend(arguments.iter().map(|word| (*word).to_owned()));
            return Start { command, entry: None, env };
        }
        _ => {}
    }
    if let Some(main) = package.get("main").and_then(Value::as_str) {
        return plain(main);
    }
    let scripts: Vec<&str> = scan.top().filter(|path| is_script(path)).collect();
    let only = match scripts.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    plain(scan.first(&USUAL).or(only).unwrap_or("server.js"))
}

/// `./src/index.js` as it is named elsewhere.
fn clean(file: &str) -> String {
    file.trim_start_matches("./").to_owned()
}

fn is_script(path: &str) -> bool {
    [".js", ".mjs", ".cjs"].iter().any(|ending| path.ends_with(ending)) && !path.contains(".config.")
}

/// The package manager whose lock is there; npm otherwise.
fn manager(scan: &Scan) -> Manager {
    match scan.first(&["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"]) {
        Some(lock @ "yarn.lock") => Manager {
            packages: &["yarn"],
            lock: Some(lock),
            install_all: "yarn install --frozen-lockfile",
            install_production: "yarn install --frozen-lockfile --production --ignore-scripts --prefer-offline",
            run: "yarn run build",
        },
        Some(lock @ "pnpm-lock.yaml") => Manager {
            packages: &["pnpm"],
            lock: Some(lock),
            install_all: "pnpm install --frozen-lockfile",
            install_production: "pnpm install --frozen-lockfile --prod",
            run: "pnpm run build",
        },
        Some(lock) => Manager {
            packages: &["npm"],
            lock: Some(lock),
            install_all: "npm ci",
            install_production: "npm ci --omit=dev",
            run: "npm run build",
        },
        None => Manager {
            packages: &["npm"],
            lock: None,
            install_all: "npm install",
            install_production: "npm install --omit=dev",
            run: "npm run build",
        },
    }
}

/// The stage that installs dependencies and, where the application must be built, builds it.
fn stage(scan: &Scan, manager: &Manager, is_built: bool) -> StagePlan {
    let mut packages = vec!["busybox", "nodejs", "ca-certificates-bundle"];
    packages.extend(manager.packages);
    let mut sources = vec!["package.json".to_owned()];
    sources.extend(manager.lock.map(str::to_owned));
    let (name, comment, run) = if is_built {
        sources = vec![".".to_owned()];
        let run = vec![manager.install_all.to_owned(), manager.run.to_owned(), manager.install_production.to_owned()];
        ("build", "builds the application, and then installs only what it runs with", run)
    } else {
        let comment =
            "installs what the application depends on; where something must be compiled, add python3, make, g++";
        ("deps", comment, vec![manager.install_production.to_owned()])
    };
    let exclude = if is_built { kept_out(scan, &["node_modules", "dist", "build"]) } else { Vec::new() };
    StagePlan { name, comment, packages, sources, exclude, env: vec![("HOME", "/tmp")], run }
}

/// A copy into the application's folder.
fn into(source: &str) -> Copied {
    Copied { source: source.to_owned(), target: "/app/".to_owned(), ..Copied::default() }
}

fn installed(stage: &'static str) -> Copied {
    Copied { comment: "what the stage below installed", from: Some(stage), ..into("/src/node_modules") }
}

/// The copies of an application that a stage builds.
fn built_files(
    scan: &Scan,
    framework: Option<&'static str>,
    entry: Option<&str>,
    has_dependencies: bool,
) -> Vec<Copied> {
    // Whatever the start script names: dist/main.js is in dist.
    let folder = match framework {
        Some("Next.js") => ".next",
        Some("Nuxt") => ".output",
        _ => entry.and_then(|entry| entry.split_once('/')).map_or("dist", |(folder, _)| folder),
    };
    let built =
        Copied { comment: "what the stage below built", from: Some("build"), ..into(&format!("/src/{folder}")) };
    let mut copies =
        vec![Copied { comment: "what kind of modules they are stands in it", ..into("package.json") }, built];
    if scan.has("public/") {
        copies.push(Copied { comment: "files that are served as they are", ..into("public") });
    }
    if has_dependencies {
        copies.push(installed("build"));
    }
    copies
}

/// The copies of an application that runs as it is: its one file, or the folder without what does not belong.
fn own_files(scan: &Scan, package: &Value, entry: Option<&str>, has_dependencies: bool) -> Vec<Copied> {
    let comment = "the application; it belongs to root, so that it cannot rewrite itself";
    let parts = scan.top().filter(|path| is_script(path) || path.ends_with('/') && !path.starts_with('.')).count();
    let own = match entry.filter(|entry| parts <= 1 && package.is_null() && !entry.contains('/')) {
        Some(entry) => Copied { comment, ..into(entry) },
        None => Copied { comment, exclude: kept_out(scan, &["node_modules", "coverage", ".npmrc"]), ..into(".") },
    };
    let mut copies = vec![own];
    if has_dependencies {
        copies.push(installed("deps"));
    }
    copies
}
