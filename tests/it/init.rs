//! `apkbuild init`: recipes for applications of many kinds, each read back by the program's own parser.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use apkbuild::recipe::Recipe;

use crate::support::Program;

/// What `init` makes of a folder with these files.
fn made(files: &[(&str, &str)]) -> (Recipe, String) {
    let program = Program::new();
    for (name, text) in files {
        program.write(format!("my app/{name}"), text);
    }
    let finished = program.run(["init", "my app"]);
    assert_eq!(finished.success(), "my app/apkbuild.toml\n");
    let path = program.folder().join("my app/apkbuild.toml");
    let recipe = Recipe::load(&path).unwrap_or_else(|error| panic!("{}", error.report(false)));
    (recipe, fs_err::read_to_string(path).unwrap())
}

/// The command in one line, with the port.
fn start(recipe: &Recipe) -> (String, Option<u16>) {
    (recipe.config.cmd.join(" "), recipe.config.expose.first().map(|port| port.number))
}

/// Sources and targets of the copies.
fn copies(recipe: &Recipe) -> Vec<String> {
    let line = |copy: &apkbuild::recipe::CopyStep| {
        let from = copy.from.as_ref().map(|stage| format!("{stage}:")).unwrap_or_default();
        format!("{from}{} {}", copy.source, copy.target.path)
    };
    recipe.copies.iter().map(line).collect()
}

#[test]
fn a_single_file_of_python_is_all_there_is() {
    let (recipe, text) = made(&[("app.py", "from http.server import HTTPServer\nHTTPServer(('', 9000), H)\n")]);
    assert_eq!(start(&recipe), ("python3 app.py".to_owned(), Some(9000)));
    assert_eq!(recipe.name, "my-app");
    insta::assert_snapshot!(text, @r#"
    # An image for a Python application, from Alpine's own packages.
    # Build it with `apkbuild recipe apkbuild.toml`; `apkbuild plan apkbuild.toml` says what will be in it.
    name = "my-app"

    [alpine]
    # release = "v3.22" # a release keeps the image from moving on to the next one
    packages = [
      "python3",
      "busybox", # a shell to look around with; the application may do without
    ]

    [[copy]] # the application; it belongs to root, so that it cannot rewrite itself
    source = "app.py"
    target = "/app/"

    # [[directory]] # a folder that the application may write to
    # path = "/data"

    [config]
    cmd = ["python3", "app.py"]
    workdir = "/app"
    expose = [9000]
    env = { PYTHONUNBUFFERED = "1", PYTHONDONTWRITEBYTECODE = "1" }
    stop-signal = "SIGTERM" # the application should end at once when it gets this

    # [prune]
    # profile = "traced" # leave out what the command cannot reach, too

    # [size] # over this the build fails, and says what weighs most
    # compressed = "25MB"

    [check] # what `apkbuild check` holds the finished image against
    user = "appuser"
    startup = "10s"
    http = [{ port = 9000, path = "/", status = 200 }]
    "#);
}

#[test]
fn frameworks_of_python_are_known() {
    let fastapi = ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef root(): ...\n");
    let flask = ("web/__init__.py", "from flask import Flask\nsite = Flask(__name__)\n");
    let manage = ("manage.py", "os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"shop.settings\")\n");
    for (files, command, port) in [
        (
            vec![fastapi, ("requirements.txt", "fastapi==0.1 --hash=sha256:00\nuvicorn==0.1\n")],
            "python3 -m uvicorn --host 0.0.0.0 --port 8000 main:app",
            Some(8000),
        ),
        (
            vec![
                flask,
                ("pyproject.toml", "[project]\nname = \"Shop_1\"\ndependencies = [\"flask>=3\", \"gunicorn\"]\n"),
            ],
            "python3 -m gunicorn --bind 0.0.0.0:8000 web:site",
            Some(8000),
        ),
        (vec![flask], "python3 -m flask --app web:site run --host 0.0.0.0 --port 8000", Some(8000)),
        (
            vec![manage, ("requirements.txt", "Django\nGunicorn\n")],
            "python3 -m gunicorn --bind 0.0.0.0:8000 shop.wsgi:application",
            Some(8000),
        ),
        (vec![manage], "python3 manage.py runserver --noreload 0.0.0.0:8000", Some(8000)),
        (
            vec![("wsgi.py", "application = make()\n"), ("requirements.txt", "gunicorn\n")],
            "python3 -m gunicorn --bind 0.0.0.0:8000 wsgi:application",
            Some(8000),
        ),
        (vec![("tool/__main__.py", "print(1)\n"), ("tool/x.py", "")], "python3 -m tool", None),
        (vec![("job.py", "print(1)\n")], "python3 job.py", None),
        (vec![("a.py", ""), ("b.py", "if __name__ == '__main__': a.main()\n")], "python3 b.py", None),
        (vec![("src/main.py", "PORT = 8080\n"), ("setup.py", "")], "python3 src/main.py", Some(8080)),
    ] {
        assert_eq!(start(&made(&files).0), (command.to_owned(), port), "{files:?}");
    }
}

#[test]
fn requirements_are_installed_in_a_stage() {
    let (recipe, _) = made(&[
        ("main.py", "import requests\n"),
        ("requirements.txt", "requests==2.32 --hash=sha256:00\n"),
        ("tests/test_main.py", ""),
        (".env", "SECRET=1"),
    ]);
    assert_eq!(copies(&recipe), [" /app", "deps:deps /app/deps"]);
    assert_eq!(recipe.config.env.get("PYTHONPATH").map(String::as_str), Some("/app/deps"));
    let exclude = &recipe.copies[0].exclude;
    for name in ["tests", ".env*", "requirements*.txt", "apkbuild.*"] {
        assert!(exclude.iter().any(|pattern| pattern == name), "{name} in {exclude:?}");
    }
    let stage = &recipe.stages[0];
    let install =
        "pip install --no-compile --root-user-action ignore --target /deps --require-hashes -r requirements.txt";
    assert_eq!(stage.run, [install]);
    let packages: Vec<String> = recipe.alpine.packages.iter().map(ToString::to_string).collect();
    assert_eq!(packages, ["python3", "busybox", "ca-certificates-bundle"]);
}

#[test]
fn applications_of_node_are_known() {
    let package = |text: &'static str| ("package.json", text);
    let express = ("server.js", "app.get('/', x); app.listen(process.env.PORT || 4000);\n");
    for (files, command, port, copied) in [
        (
            vec![("server.js", "http.createServer(x).listen(3001)")],
            "node server.js",
            Some(3001),
            vec!["server.js /app"],
        ),
        (
            vec![
                package(r#"{"main": "server.js", "dependencies": {"express": "4"}}"#),
                ("package-lock.json", "{}"),
                express,
            ],
            "node server.js",
            Some(4000),
            vec![" /app", "deps:src/node_modules /app"],
        ),
        (
            vec![
                package(
                    r#"{"scripts": {"start": "NODE_ENV=production TZ=UTC node --enable-source-maps ./server.js"}}"#,
                ),
                express,
            ],
            "node --enable-source-maps ./server.js",
            Some(4000),
            vec![" /app"],
        ),
        (
            vec![
                package(
                    r#"{"scripts": {"start": "node dist/main.js", "build": "tsc"}, "dependencies": {"fastify": "5"}}"#,
                ),
                ("yarn.lock", ""),
                ("src/main.ts", "app.listen({ port: 3333 })"),
            ],
            "node dist/main.js",
            Some(3333),
            vec!["package.json /app", "build:src/dist /app", "build:src/node_modules /app"],
        ),
        (
            vec![
                package(
                    r#"{"scripts": {"start": "next start", "build": "next build"}, "dependencies": {"next": "15"}}"#,
                ),
                ("pages/index.js", ""),
            ],
            "node node_modules/.bin/next start",
            Some(3000),
            vec!["package.json /app", "build:src/.next /app", "build:src/node_modules /app"],
        ),
        (
            vec![package(r#"{"scripts": {"start": "migrate && node server.js"}}"#), express],
            "/bin/sh -c migrate && node server.js",
            Some(4000),
            vec![" /app"],
        ),
    ] {
        let (recipe, _) = made(&files);
        assert_eq!(
            (start(&recipe), copies(&recipe)),
            ((command.to_owned(), port), copied.iter().map(|copy| (*copy).to_owned()).collect())
        );
    }
    let (recipe, text) = made(&[
        package(r#"{"name": "@me/shop", "dependencies": {"express": "4"}, "engines": {"node": ">=20"}}"#),
        ("package-lock.json", "{}"),
        express,
    ]);
    assert_eq!(recipe.name, "me-shop");
    insta::assert_snapshot!(text, @r#"
    # An image for a Node application with Express, from Alpine's own packages.
    # Build it with `apkbuild recipe apkbuild.toml`; `apkbuild plan apkbuild.toml` says what will be in it.
    name = "me-shop"

    [alpine]
    # release = "v3.22" # a release keeps the image from moving on to the next one
    packages = [
      "nodejs",
      "busybox", # a shell to look around with; the application may do without
    ]

    [[copy]] # the application; it belongs to root, so that it cannot rewrite itself
    source = "."
    exclude = ["apkbuild.*", "*.tar", ".env*", "node_modules", "coverage", ".npmrc"]
    target = "/app/"

    [[copy]] # what the stage below installed
    from = "deps"
    source = "/src/node_modules"
    target = "/app/"

    # [[directory]] # a folder that the application may write to
    # path = "/data"

    [config]
    cmd = ["node", "server.js"]
    workdir = "/app"
    expose = [4000]
    env = { NODE_ENV = "production" }
    stop-signal = "SIGTERM" # the application should end at once when it gets this

    # [prune]
    # profile = "traced" # leave out what the command cannot reach, too

    # [size] # over this the build fails, and says what weighs most
    # compressed = "25MB"

    [check] # what `apkbuild check` holds the finished image against
    user = "appuser"
    startup = "10s"
    http = [{ port = 4000, path = "/", status = 200 }]

    [stage.deps] # installs what the application depends on; where something must be compiled, add python3, make, g++
    packages = ["busybox", "nodejs", "ca-certificates-bundle", "npm"]
    copy = [{ source = "package.json", target = "/src/" }, { source = "package-lock.json", target = "/src/" }]
    workdir = "/src"
    env = { HOME = "/tmp" }
    run = ["npm ci --omit=dev"]
    network = "host" # the package index is asked
    "#);
}

#[test]
fn a_recipe_that_is_there_stays() {
    let program = Program::new();
    program.write("app.py", "");
    program.write("apkbuild.toml", "mine");
    let finished = program.run(["init"]);
    assert_eq!(finished.failure(2), "error: `apkbuild.toml` is there already\nhelp: --force writes over it\n");
    assert_eq!(fs_err::read_to_string(program.folder().join("apkbuild.toml")).unwrap(), "mine");
    program.run(["init", "--force"]).success();
    Recipe::load(&program.folder().join("apkbuild.toml")).unwrap();
}

#[test]
fn what_cannot_be_told_is_asked() {
    let program = Program::new();
    assert!(
        program.run(["init"]).failure(2).starts_with("error: no Python or Node application was found in `.`\nhelp: ")
    );
    assert!(program.run(["init", "gone"]).failure(2).starts_with("error: there is no folder `gone`\n"));
    assert!(program.run(["init", "ruby", "."]).failure(2).starts_with("error: `ruby` is neither python nor node\n"));
    program.write("package.json", "{}");
    program.write("requirements.txt", "");
    let both = program.run(["init"]);
    assert!(
        both.failure(2)
            .starts_with("error: there is both: `requirements.txt` speaks for Python, `package.json` for Node\n")
    );
    assert!(!program.folder().join("apkbuild.toml").exists());
    let json = program.run(["init", "node", "--json"]);
    let json: serde_json::Value = serde_json::from_str(json.success()).unwrap();
    assert_eq!((json["language"].as_str(), json["command"][0].as_str()), (Some("node"), Some("node")));
    program.run(["init", "python", ".", "--force", "-q"]).success();
}
