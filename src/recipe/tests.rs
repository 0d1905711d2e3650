//! Whole recipes: what the contract's sample means, what an absent key means, and what wrong ones are told.

use std::time::Duration;

use super::*;
use crate::address::Address;
use crate::apk::Dependency;

/// A recipe in which every key stands.
const FULL: &str = r#"
name = "hello-python"
tag = "1.0"
archs = ["x86_64", "aarch64"]
layers = "packages"
compression = "zstd"

[alpine]
release = "v3.22"
mirror = ["https://one.example/alpine/", "https://two.example/alpine"]
repositories = ["main", "build-only @edge https://one.example/alpine/edge/main"]
keys = ["keys/mine.rsa.pub"]
packages = ["busybox", "python3~3.12", "!sqlite", "nginx@edge"]
scripts = "skip"
script-failures = "warn"

[user]
name = "web"
uid = 2000
group = "www"
gid = 2001
home = "/srv/web/"
shell = "/bin/sh"

[[copy]]
source = "./app.py"
target = "/app/"
exclude = ["**/*.log"]
mode = "0640"
owner = "root:www"

[[copy]]
from = "deps"
source = "/deps"
target = "/app/deps"

[[directory]]
path = "/data"
owner = "2000:2001"
mode = "0750"

[[link]]
path = "/usr/bin/python"
target = "python3"

[config]
cmd = ["python3", "app.py"]
entrypoint = ["/sbin/tini", "--"]
workdir = "/app"
expose = [8000, "53/udp"]
env = { PYTHONUNBUFFERED = "1" }
labels = { "org.example.team" = "web" }
annotations = { note = "a b" }
volumes = ["/data"]
stop-signal = "QUIT"

[prune]
profile = "traced"
keep = ["usr/lib/python3*/sqlite3/**"]
remove = ["/usr/share/examples/**"]
drop = ["ssl"]
bytecode = "compiled"

[size]
unpacked = "25MB"
compressed = "24MiB"

[check]
user = "web"
startup = "500ms"
http = [{ port = 8000, path = "/x", status = 404, body = "no" }]

[stage.deps]
packages = ["busybox", "py3-pip"]
copy = [{ from = "sources", source = "requirements.txt", target = "/src/" }]
workdir = "/src"
env = { PIP_NO_CACHE_DIR = "1", PATH = "/bin" }
run = ["pip install --target /deps -r requirements.txt"]
network = "host"

[stage.sources]
copy = [{ source = "requirements.txt", target = "/" }]
"#;

fn path(path: &str) -> ImagePath {
    ImagePath::parse(path).unwrap()
}

fn owner(owner: &str) -> Owner {
    Owner::parse(owner).unwrap()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn packages(words: &[&str]) -> Vec<Dependency> {
    words.iter().map(|word| Dependency::parse_world(word).unwrap()).collect()
}

/// The messages, a line each, that `text` gets.
fn faults(text: &str) -> String {
    match Recipe::parse(text, "r") {
        Ok(recipe) => panic!("this is a recipe: {recipe:?}"),
        Err(error) => error.to_string(),
    }
}

/// The rest of a recipe that is right but for `text`.
fn with(text: &str) -> String {
    format!("name = \"x\"\n{text}\n[alpine]\npackages = []\n")
}

#[test]
fn every_key_means_what_it_says() {
    let recipe = Recipe::parse(FULL, "full.toml").unwrap_or_else(|error| panic!("{error}"));
    let path_variable = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    let copy = |source: &str, target: &str, from: Option<&str>| CopyStep {
        source: source.to_owned(),
        target: CopyTarget::parse(target).unwrap(),
        exclude: Vec::new(),
        mode: None,
        owner: owner("root"),
        from: from.map(str::to_owned),
    };
    let expected = Recipe {
        folder: PathBuf::new(),
        name: "hello-python".to_owned(),
        tag: "1.0".to_owned(),
        archs: vec![Architecture::X86_64, Architecture::Aarch64],
        layers: Layers::Packages,
        compression: Compression::Zstd,
        alpine: Alpine {
            release: Release::Version { major: 3, minor: 22 },
            mirrors: ["https://one.example/alpine", "https://two.example/alpine"].map(Address::new).into(),
            repositories: vec![
                RepositorySource { place: RepositoryPlace::Named("main".to_owned()), tag: None, build_only: false },
                RepositorySource {
                    place: RepositoryPlace::Url(Address::new("https://one.example/alpine/edge/main")),
                    tag: Some("edge".to_owned()),
                    build_only: true,
                },
            ],
            keys: vec!["keys/mine.rsa.pub".into()],
            packages: packages(&["busybox", "python3~3.12", "!sqlite", "nginx@edge"]),
            scripts: Scripts::Skip,
            script_failures: ScriptFailures::Warn,
        },
        user: Account {
            name: "web".to_owned(),
            uid: 2000,
            group: "www".to_owned(),
            gid: 2001,
            home: "/srv/web".to_owned(),
            shell: "/bin/sh".to_owned(),
        },
        copies: vec![
            CopyStep {
                exclude: strings(&["**/*.log"]),
                mode: Some(0o640),
                owner: owner("root:www"),
                ..copy("app.py", "/app/", None)
            },
            copy("deps", "/app/deps", Some("deps")),
        ],
        directories: vec![Directory { path: path("/data"), owner: owner("2000:2001"), mode: 0o750 }],
        links: vec![Link { path: path("/usr/bin/python"), target: "python3".to_owned() }],
        config: Config {
            cmd: strings(&["python3", "app.py"]),
            entrypoint: strings(&["/sbin/tini", "--"]),
            workdir: path("/app"),
            expose: vec![Port { number: 8000, protocol: Protocol::Tcp }, Port { number: 53, protocol: Protocol::Udp }],
            env: [("PATH".to_owned(), path_variable.clone()), ("PYTHONUNBUFFERED".to_owned(), "1".to_owned())].into(),
            labels: [("org.example.team".to_owned(), "web".to_owned())].into(),
            annotations: [("note".to_owned(), "a b".to_owned())].into(),
            volumes: vec![path("/data")],
            stop_signal: Some("SIGQUIT".to_owned()),
        },
        prune: Prune {
            profile: Profile::Traced,
            keep: strings(&["usr/lib/python3*/sqlite3/**"]),
            remove: strings(&["/usr/share/examples/**"]),
            drop: strings(&["ssl"]),
            bytecode: Bytecode::Compiled,
        },
        size: SizeLimits { unpacked: Some(25_000_000), compressed: Some(24 << 20) },
        check: Some(Check {
            user: Some("web".to_owned()),
            startup: Duration::from_millis(500),
            http: vec![HttpCheck { port: 8000, path: "/x".to_owned(), status: 404, body: Some("no".to_owned()) }],
        }),
        stages: vec![
            Stage {
                name: "sources".to_owned(),
                packages: Vec::new(),
                copies: vec![copy("requirements.txt", "/", None)],
                workdir: path("/"),
                env: [("PATH".to_owned(), path_variable)].into(),
                run: Vec::new(),
                network: Network::None,
            },
            Stage {
                name: "deps".to_owned(),
                packages: packages(&["busybox", "py3-pip"]),
                copies: vec![copy("requirements.txt", "/src/", Some("sources"))],
                workdir: path("/src"),
                env: [("PATH".to_owned(), "/bin".to_owned()), ("PIP_NO_CACHE_DIR".to_owned(), "1".to_owned())].into(),
                run: strings(&["pip install --target /deps -r requirements.txt"]),
                network: Network::Host,
            },
        ],
    };
    assert_eq!(recipe, expected);
}

#[test]
fn an_absent_key_means_its_default() {
    let recipe = Recipe::parse("name = \"x\"\n[alpine]\npackages = [\"busybox\"]\n", "r").unwrap();
    assert_eq!((recipe.tag.as_str(), recipe.layers), ("latest", Layers::Split));
    assert_eq!(recipe.compression, Compression::Gzip);
    assert_eq!(recipe.archs, [Architecture::default_target()]);
    assert_eq!(recipe.alpine.release, Release::LatestStable);
    assert_eq!(recipe.alpine.mirrors, [Address::new("https://dl-cdn.alpinelinux.org/alpine")]);
    let names: Vec<&RepositoryPlace> = recipe.alpine.repositories.iter().map(|source| &source.place).collect();
    assert_eq!(names, [&RepositoryPlace::Named("main".into()), &RepositoryPlace::Named("community".into())]);
    assert_eq!(recipe.alpine.scripts, Scripts::Emulate);
    assert_eq!(recipe.alpine.script_failures, ScriptFailures::Error);
    let user = &recipe.user;
    assert_eq!((user.name.as_str(), user.uid, user.group.as_str(), user.gid), ("appuser", 1001, "appgroup", 1001));
    assert_eq!((user.home.as_str(), user.shell.as_str()), ("/home/appuser", "/sbin/nologin"));
    assert_eq!(recipe.config.workdir.as_str(), "/");
    assert!(recipe.config.env.contains_key("PATH"));
    assert_eq!(recipe.config.stop_signal, None);
    assert_eq!(recipe.prune, Prune::default());
    assert_eq!(recipe.size, SizeLimits::default());
    assert_eq!(recipe.check, None);
    assert!(recipe.stages.is_empty() && recipe.copies.is_empty());
}

#[test]
fn some_defaults_follow_from_other_keys() {
    let recipe = Recipe::parse(
        "name = 'x'\nalpine.packages = []\nuser = { name = 'web' }\ndirectory = [{ path = '/d' }]\n\
         config = { expose = [80] }\ncheck = { http = [{}] }\n",
        "r",
    )
    .unwrap();
    assert_eq!(recipe.user.home.as_str(), "/home/web");
    assert_eq!(recipe.directories, [Directory { path: path("/d"), owner: owner("web"), mode: 0o755 }]);
    let http = vec![HttpCheck { port: 80, path: "/".to_owned(), status: 200, body: None }];
    assert_eq!(recipe.check, Some(Check { user: None, startup: Duration::from_secs(10), http }));
    let root = Recipe::parse("name = 'x'\nalpine.packages = []\nuser.name = 'root'\n", "r").unwrap().user;
    assert_eq!((root.uid, root.group.as_str(), root.gid, root.home.as_str()), (0, "root", 0, "/root"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, message) in [
        (with("pakages = []"), "r:2:1: unknown key `pakages`"),
        (with("arch = [\"x86_64\"]"), "r:2:1: unknown key `arch`, did you mean `archs`?"),
        (with("tag = 3"), "r:2:7: `tag` must be a string, not a number"),
        (with("tag = \"a b\""), "r:2:7: `a b` is not the tag of an image"),
        (
            with("layers = \"splt\""),
            "r:2:10: `splt` is not one of `split`, `single` or `packages`, did you mean `split`?",
        ),
        (with("compression = \"zst\""), "r:2:15: `zst` is not one of `gzip` or `zstd`, did you mean `zstd`?"),
        (with("compression = true"), "r:2:15: `compression` must be a string, not true or false"),
        (
            with("archs = [\"x86_64\", \"arm64\"]"),
            "r:2:20: `arm64` is not one of `x86_64`, `aarch64`, `armv7`, `armhf`, `x86`, `ppc64le`, `s390x`, `riscv64` \
             or `loongarch64`, did you mean `aarch64`?",
        ),
        (with("archs = [\"x86\", \"x86\"]"), "r:2:17: architecture `x86` is there twice"),
        (with("user.uid = 4294967295"), "r:2:12: `user.uid` must be from 0 to 4294967294, not 4294967295"),
        (with("user.uid = -1"), "r:2:12: `user.uid` must be from 0 to 4294967294, not -1"),
        (with("user.uid = 1.5"), "r:2:12: `user.uid` must be a number, not a number with a fraction"),
        (with("user.uid = 0"), "r:2:12: user `appuser` cannot have the number 0"),
        (with("user = { name = \"root\", uid = 7 }"), "r:2:31: user `root` cannot have the number 7"),
        (with("user.home = \"home\""), "r:2:13: `home` is not an absolute path"),
        (with("user.home = \"/a:b\""), "r:2:13: `/a:b` holds a colon, which /etc/passwd cannot"),
        (with("copy = [{ source = \"a\" }]"), "r:2:9: `copy[0].target` is missing"),
        (
            with("copy = [{ source = \"../a\", target = \"/\" }]"),
            "r:2:20: `../a` leads out of its folder: `..` is refused",
        ),
        (with("copy = [{ source = \"/a\", target = \"/\" }]"), "r:2:20: `/a` is an absolute path"),
        (with("copy = [{ source = \"a\", target = \"app/\" }]"), "r:2:34: `app/` is not an absolute path"),
        (
            with("copy = [{ source = \"[\", target = \"/\" }]"),
            "r:2:20: `[` is not a pattern: unclosed character class; missing ']'",
        ),
        (with("copy = [{ source = \"a\", target = \"/\", mode = 640 }]"), "r:2:46: `640` is not a mode"),
        (with("copy = [{ source = \"a\", target = \"/\", from = \"b\" }]"), "r:2:46: there is no stage `b`"),
        (with("copy = { source = \"a\" }"), "r:2:8: `copy` must be a list of tables, not a table"),
        (with("link = [{ path = \"/\", target = \"x\" }]"), "r:2:18: `/` cannot be a link"),
        (with("directory = [{ path = \"/a\\nb\" }]"), "r:2:23: `/a\\nb` holds a control character"),
        (with("config.cmd = \"python3 app.py\""), "r:2:14: `config.cmd` must be a list of strings, not a string"),
        (with("config.cmd = [\"a\", 1]"), "r:2:20: `config.cmd[1]` must be a string, not a number"),
        (with("config.expose = [0]"), "r:2:18: `config.expose[0]` must be from 1 to 65535, not 0"),
        (with("config.expose = [80, \"80/tcp\"]"), "r:2:22: port `80/tcp` is there twice"),
        (with("config.env = { PORT = 8000 }"), "r:2:23: `config.env.PORT` must be a string, not a number"),
        (with("config.env = { \"A=B\" = \"\" }"), "r:2:16: `A=B` is not the name of an environment variable"),
        (with("config.env = { A = \"$HOME/bin\" }"), "r:2:20: `$HOME` is not expanded"),
        (with("config.cmd = [\"\"]"), "r:2:14: the first word of `cmd` is empty, and it is the program"),
        (with("config.stop-signal = \"sigterm\""), "r:2:22: `sigterm` is not a signal"),
        (with("config.stop_signal = \"TERM\""), "r:2:8: unknown key `stop_signal`, did you mean `stop-signal`?"),
        (with("size.unpacked = \"25M\""), "r:2:17: `25M` is not a size"),
        (with("check.startup = 2"), "r:2:17: `check.startup` must be a string, not a number"),
        (with("check.http = [{}]"), "r:2:15: `port` is missing, and the recipe does not expose exactly one port"),
        (with("prune.keep = [\"usr/[\"]"), "r:2:15: `usr/[` is not a pattern: unclosed character class; missing ']'"),
        (with("[stage.a]\nrun = [\"make\"]"), "r:3:7: stage `a` runs commands and has no packages, so no shell"),
        (with("[stage.\"a b\"]"), "r:2:8: `a b` is not the name of a stage"),
        (with("[stage.a]\n[stage.a.user]"), "r:3:10: unknown key `user`"),
        (
            with(
                "[stage.a]\ncopy = [{ from = \"b\", source = \"/x\", target = \"/\" }]\n\
                 [stage.b]\ncopy = [{ from = \"a\", source = \"/x\", target = \"/\" }]",
            ),
            "r:2:8: stages copy from each other in a circle: a from b from a",
        ),
        ("name = \"x\"\n".to_owned(), "r:1:1: `alpine.packages` is missing"),
        ("alpine.packages = []\n".to_owned(), "r:1:1: `name` is missing"),
        (
            "name = \"x\"\nalpine = { pakages = [] }\n".to_owned(),
            "r:2:12: unknown key `pakages`, did you mean `packages`?",
        ),
        (
            "name = \"Hello\"\n[alpine]\npackages = [\"a=\"]\nrelease = \"3.22\"\n".to_owned(),
            "r:1:8: `Hello` is not the name of an image\n\
             r:3:13: `a=` ends where its version should be\n\
             r:4:11: `3.22` is not a release of Alpine",
        ),
    ] {
        assert_eq!(faults(&text), message, "{text}");
    }
}

#[test]
fn what_is_not_toml_is_said_by_the_line() {
    assert_eq!(
        faults("name = \"x\"\nname = \"y\"\n[alpine\n"),
        "r:2:1: this is not TOML: duplicate key\n\
         r:3:8: this is not TOML: unclosed table, expected `]`"
    );
    assert!(faults("name = \u{0}").contains("this is not TOML"));
    let deep = format!("x = {}", "[".repeat(100_000));
    assert!(Recipe::parse(&deep, "r").is_err(), "a deep list ends in a message, not in the stack");
}

#[test]
fn a_report_marks_the_span() {
    let error = Recipe::parse("name = \"x\"\n[alpine]\npakages = [\"busybox\"]\n", "hello.toml").unwrap_err();
    insta::assert_snapshot!(error.report(false), @r#"
    the recipe `hello.toml` cannot be used

      × unknown key `pakages`, did you mean `packages`?
       ╭─[hello.toml:3:1]
     2 │ [alpine]
     3 │ pakages = ["busybox"]
       · ───────
       ╰────
      help: what can stand here: mirror, repositories, release, keys, packages, scripts, script-failures
    "#);
    let colored = error.report(true);
    assert!(colored.contains("\x1b[") && !colored.contains("\x1b]"));
    assert_eq!(error.help(), None);
}

#[test]
fn no_report_shows_a_password() {
    for line in [
        "mirror = \"ftp://ci:topsecret@host\"",
        "mirror = 'http://ci:top\"secret@'",
        "mirror = [\"http://ci:top/secret@host\", \"http://host?token=topsecret\"]",
        "mirrors = [\"http://ci:topsecret@host\"]",
        "repositories = [\"@ http://ci:topsecret@host\", \"two http://ci:topsecret@host\"]",
        "repositories = \"http://ci:topsecret@host\"",
        "keys = [\"http://ci:topsecret@host\"]",
        "scripts = \"http://ci:topsecret@host\"",
        "mirror = \"http://ci:topsecret@host\" \"",
    ] {
        let text = format!("name = \"x\"\n[alpine]\npackages = [\"busybox\"]\n{line}\n");
        let error = Recipe::parse(&text, "r").unwrap_err();
        for shown in [error.report(false), error.report(true), error.to_string()] {
            assert!(!shown.contains("top") && !shown.contains("secret"), "{shown}");
        }
    }
    let text = "name = \"x\"\n[alpine]\npackages = [\"busybox\"]\nmirror = \"ftp://ci:pass@host\"\n";
    insta::assert_snapshot!(Recipe::parse(text, "hello.toml").unwrap_err().report(false), @r#"
    the recipe `hello.toml` cannot be used

      × `ftp://host` is not a mirror
       ╭─[hello.toml:4:10]
     3 │ packages = ["busybox"]
     4 │ mirror = "ftp://*******@host"
       ·          ────────────────────
       ╰────
      help: give a URL (http, https or file) or a folder, such as "https://mirror.example/alpine"
    "#);
}

#[test]
fn the_way_out_is_shown() {
    for (text, help) in [
        ("config.cmd = \"python3 app.py\"", "write [\"python3\", \"app.py\"]"),
        ("config.env = { PORT = 8000 }", "write \"8000\""),
        ("copy = { source = 1 }", "write [[copy]]"),
        ("user.home = \"home\"", "write \"/home\""),
        ("user.uid = 0", "0 is root: take another number, such as 1001, or name = \"root\""),
        ("link = [{ path = \"/a\" }]", "add target = \"/app/bin/app\""),
        (
            "copy = [{ source = \"a\", target = \"/\", mode = 640 }]",
            "write it in octal and in quotes, at most \"7777\", such as \"0640\"",
        ),
    ] {
        let report = Recipe::parse(&with(text), "r").unwrap_err().report(false);
        assert!(report.contains(&format!("  help: {help}")), "{report}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC*") {
        let _ = Recipe::parse(&text, "r").map_err(|error| error.report(false));
    }

    #[test]
    fn no_cut_is_too_odd(cut in 0..FULL.len(), put in "[\\[\\]{}\"=,.#\n\u{e9}\u{0}-9]{0,4}") {
        if let (Some(before), Some(after)) = (FULL.get(..cut), FULL.get(cut + 1..)) {
            let _ = Recipe::parse(&format!("{before}{put}{after}"), "r").map_err(|error| error.report(false));
        }
    }
}
