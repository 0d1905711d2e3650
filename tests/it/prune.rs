//! `[prune]` end to end: what a traced build leaves out and says about it, what it refuses, and bytecode in the place
//! of sources.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::Value;

use super::sandbox::{inside, sandbox_is_possible};
use super::support::{BuiltRepository, Finished, Program, Repository};

const LIBRARY: &str = "usr/lib/python3.10";

/// 3.10's bytecode as CPython lays it out, of a source of that time and size.
fn bytecode(mtime: i64, size: u32) -> Vec<u8> {
    let mut bytes = b"o\r\r\n\0\0\0\0".to_vec();
    bytes.extend(u32::try_from(mtime).unwrap().to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.push(b'c');
    bytes.extend([0; 24]);
    bytes.extend(b"s\x02\0\0\0S\0)\0)\0)\0)\0)\0z\x05wrongz\x01m\x01\0\0\0s\0\0\0\0");
    bytes
}

/// A Python and a Node whose interpreters are no programs, with a library each.
fn repository(with_bytecode: bool) -> BuiltRepository {
    repository_of("no program".into(), with_bytecode)
}

/// The same with `interpreter` as Python.
fn repository_of(interpreter: Vec<u8>, with_bytecode: bool) -> BuiltRepository {
    let file = |name: &str| format!("{LIBRARY}/{name}.py");
    let built = super::support::BUILD_DATE;
    let repository = Repository::new()
        .package("python3", "3.10.1-r0")
        .depends("libtls")
        .program("usr/bin/python3.10", interpreter)
        .symlink("usr/bin/python3", "python3.10")
        .file(&file("client"), "try:\n    import ssl\nexcept ImportError:\n    ssl = None\n")
        .file(&file("os"), "import abc\n")
        .file(&file("ssl"), "x = 1\n".repeat(5000))
        .file(&file("unused"), "pass\n")
        .package("libtls", "1-r0")
        .file("usr/share/libtls/data", "data")
        .package("nodejs", "22-r0")
        .program("usr/bin/node", "no program");
    if !with_bytecode {
        return repository.build();
    }
    let cached = |name: &str| format!("{LIBRARY}/__pycache__/{name}.cpython-310.pyc");
    repository
        .package("python3-pycache-pyc0", "3.10.1-r0")
        .depends("python3=3.10.1-r0")
        .file(&cached("client"), bytecode(built, 55))
        .file(&cached("os"), bytecode(built, 11))
        .package("python3-pyc", "3.10.1-r0")
        .depends("python3-pycache-pyc0=3.10.1-r0")
        .install_if("python3=3.10.1-r0")
        .build()
}

fn recipe(package: &str, command: &str, more: &str) -> String {
    format!(
        "name = \"hello\"\n\n[alpine]\npackages = [\"{package}\"]\n\n[[copy]]\nsource = \"app\"\ntarget = \"/app\"\n\n\
         [config]\ncmd = {command}\nworkdir = \"/app\"\n\n{more}"
    )
}

fn call(program: &Program, repository: &BuiltRepository, verb: &str, more: &[&str]) -> Finished {
    let keys = repository.keys_dir().display().to_string();
    let location = repository.location();
    let words = [verb, "hello.toml", "-X", &location, "--keys-dir", &keys, "--arch", "x86_64"];
    program.run(words.iter().chain(more))
}

/// The files of the image, by path.
fn files(program: &Program) -> BTreeMap<String, Vec<u8>> {
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(fs_err::File::open(program.folder().join("hello.tar")).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        members.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let mut files = BTreeMap::new();
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        let inflated = flate2::read::MultiGzDecoder::new(members[layer.as_str().unwrap()].as_slice());
        for entry in tar::Archive::new(inflated).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), bytes);
        }
    }
    files
}

fn python(prune: &str) -> Program {
    let program = Program::new();
    program.write("hello.toml", recipe("python3", "[\"python3\", \"app.py\"]", &format!("[prune]\n{prune}\n")));
    program.write("app/app.py", "import client, os\nimport importlib\nimportlib.import_module(client.NAME)\n");
    program
}

#[test]
fn a_traced_image_holds_what_its_command_reaches_and_says_why() {
    let (program, repository) = (python("profile = \"traced\""), repository(false));
    let built = call(&program, &repository, "recipe", &["--report", "report.json"]);
    built.success();
    let listed = "app/app.py:3 imports a module by a computed name";
    assert!(built.stderr.contains("cannot be followed") && built.stderr.contains(listed), "{}", built.stderr);
    let image = files(&program);
    for (name, stays) in [("client", true), ("ssl", true), ("unused", false)] {
        assert_eq!(image.contains_key(&format!("{LIBRARY}/{name}.py")), stays, "{name}");
    }

    let chain = [
        format!("{LIBRARY}/ssl.py is imported as `ssl` by {LIBRARY}/client.py, line 2 (it can do without)"),
        format!("{LIBRARY}/client.py is imported as `client` by app/app.py, line 1"),
        "app/app.py is what the command `python3 app.py` starts".to_owned(),
    ];
    let path = format!("/{LIBRARY}/ssl.py");
    let plan = call(&program, &repository, "plan", &["--why", &path]);
    // From the report, and from the image alone.
    let with_report = program.run(["inspect", "hello.tar", "--why", &path, "--report", "report.json"]);
    let alone = program.run(["inspect", "hello.tar", "--why", &path]);
    for answer in [&plan, &with_report, &alone] {
        let text = answer.success();
        for line in &chain {
            assert!(text.contains(line), "`{line}` is not in:\n{text}");
        }
    }
    let gone = format!("{LIBRARY}/unused.py");
    let plan = call(&program, &repository, "plan", &["--why", &gone]);
    assert!(plan.success().contains("from python3-3.10.1-r0 was pruned by the rule `unreached`, 5 bytes"));

    let plan = call(&program, &repository, "plan", &[]);
    let text = plan.success();
    assert!(text.contains("cheapest cuts") && text.contains(listed), "{text}");
    let cut = format!("ssl, imported by {LIBRARY}/client.py:2");
    assert!(text.contains(&cut) && text.contains("30.0 kB"), "{text}");
    let again = call(&program, &repository, "recipe", &["--json"]);
    let document: Value = serde_json::from_str(again.success()).unwrap();
    let unfollowed = document["images"][0]["platforms"][0]["unfollowed"].as_array().unwrap();
    assert!(unfollowed.iter().any(|it| it["path"] == "app/app.py" && it["line"] == 3), "{unfollowed:?}");
}

#[test]
fn the_bill_of_an_image_that_is_too_large_names_the_cheapest_cuts() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = repository_of(fs_err::read(inside()).unwrap(), true);
    let size = |prune: &str| format!("{prune}\n[size]\nunpacked = \"1kB\"");
    let bills = |program: &Program| {
        let write = ["--over-size", "warn", "--report", "report.json"];
        call(program, &repository, "recipe", &write).success();
        call(program, &repository, "recipe", &["--over-size", "warn", "--format", "rootfs"]).success();
        let stored = ["check", "hello.tar", "--recipe", "hello.toml"];
        let folder = ["check", "hello", "--recipe", "hello.toml"];
        [
            call(program, &repository, "recipe", &[]),
            call(program, &repository, "check", &[]),
            program.run(stored.iter().chain(&["--report", "report.json"])),
            program.run(stored),
            program.run(folder),
        ]
        .map(|finished| finished.failure(3).to_owned())
    };
    let drop = format!("30.0 kB  drop = [\"ssl\"], imported by {LIBRARY}/client.py:2\n");
    for bill in bills(&python(&size("profile = \"traced\""))) {
        assert!(bill.contains(&format!("\n  cheapest cuts, under [prune]:\n       {drop}")), "{bill}");
        assert!(!bill.contains("profile ="), "{bill}");
    }
    for bill in bills(&python(&size("profile = \"none\""))) {
        let mut lines = bill.lines().skip_while(|line| *line != "  cheapest cuts, under [prune]:").skip(1);
        let traced = lines.next().unwrap().trim_start().split_once(" B  ").unwrap();
        assert!(traced.0.parse::<u32>().unwrap() > 0, "{bill}");
        assert_eq!(traced.1, "profile = \"traced\", what the command cannot reach");
        assert_eq!(lines.next().unwrap(), format!("       {}", drop.trim_end()), "{bill}");
    }
    let compiled = size("profile = \"traced\"\nbytecode = \"compiled\"\ndrop = [\"ssl\"]");
    let unknown = "cheapest cuts: not known, since the image holds bytecode without source";
    let told = bills(&python(&compiled)).map(|bill| bill.contains(unknown));
    assert_eq!(told, [false, false, false, true, true], "whoever has a report knows them");

    let program = python(&size("profile = \"traced\""));
    call(&program, &repository, "recipe", &["--over-size", "warn"]).success();
    let json = program.run(["check", "hello.tar", "--recipe", "hello.toml", "--json"]);
    let document: Value = serde_json::Deserializer::from_str(&json.stdout).into_iter().next().unwrap().unwrap();
    assert_eq!(document["bill"]["cuts"][0]["module"], "ssl");
    let refused = call(&program, &repository, "check", &["--report", "report.json"]);
    assert!(refused.failure(2).contains("--report tells of an image that is there"), "{}", refused.stderr);
}

#[test]
fn the_bill_of_a_compressed_size_names_the_other_compression() {
    if !sandbox_is_possible() {
        return;
    }
    let repository = repository_of(fs_err::read(inside()).unwrap(), true);
    let bills = |said: &str, size: &str, options: &[&str]| {
        let program = python(&format!("profile = \"none\"\n[size]\n{size} = \"100B\""));
        let recipe = fs_err::read_to_string(program.folder().join("hello.toml")).unwrap();
        program.write("hello.toml", format!("{said}\n{recipe}"));
        call(&program, &repository, "recipe", &[options, &["--over-size", "warn"]].concat()).success();
        let built = call(&program, &repository, "recipe", options).failure(3).to_owned();
        let stored = program.run(["check", "hello.tar", "--recipe", "hello.toml"]);
        let json = program.run(["check", "hello.tar", "--recipe", "hello.toml", "--json"]);
        let document = serde_json::Deserializer::from_str(&json.stdout).into_iter::<Value>().next();
        (built, stored.failure(3).to_owned(), document.unwrap().unwrap()["bill"]["compression"].clone())
    };
    let much = "takes 2 to 12 % off, with --level 18 12 to 21 %; Docker 20.10 and older do not load it\n";
    for (said, options, how) in [
        ("", &[][..], "compression = \"zstd\", at the top of the recipe: "),
        (
            "compression = \"zstd\"",
            &["--compression", "gzip"],
            "the zstd of the recipe in place of the command line's gzip: ",
        ),
    ] {
        let (built, stored, document) = bills(said, "compressed", options);
        for bill in [built, stored] {
            assert!(bill.contains(&format!("\n  cheapest cut, compressed:\n    {how}{much}")), "{bill}");
        }
        assert_eq!(document, "zstd");
    }
    for (said, size) in [("compression = \"zstd\"", "compressed"), ("", "unpacked")] {
        let (built, stored, document) = bills(said, size, &[]);
        assert!(!built.contains("cheapest cut, compressed") && !stored.contains("cheapest cut, compressed"), "{built}");
        assert!(document.is_null(), "{document}");
    }
}

#[test]
fn what_is_reached_is_neither_dropped_nor_removed() {
    let repository = repository(false);
    let program = python("profile = \"traced\"\ndrop = [\"ssl\"]");
    call(&program, &repository, "recipe", &[]).success();
    assert!(!files(&program).contains_key(&format!("{LIBRARY}/ssl.py")));
    for (prune, words) in [
        ("drop = [\"client\"]", ["`prune.drop` names `client`", "`client` is imported by app/app.py, line 1"]),
        (
            "remove = [\"usr/lib/python3*/client.py\"]",
            ["which is needed", "client.py is imported as `client` by app/app.py, line 1"],
        ),
    ] {
        let program = python(&format!("profile = \"traced\"\n{prune}"));
        let refused = call(&program, &repository, "recipe", &[]);
        let message = refused.failure(1);
        for word in words.iter().chain(&["app/app.py is what the command `python3 app.py` starts", "help: "]) {
            assert!(message.contains(word), "`{word}` is not in:\n{message}");
        }
        assert!(!program.folder().join("hello.tar").exists());
    }
}

#[test]
fn node_modules_of_a_stage_are_traced() {
    let repository = repository(false);
    let program = Program::new();
    let stage = "[[copy]]\nfrom = \"deps\"\nsource = \"/src/node_modules\"\ntarget = \"/app/node_modules\"\n\n\
                 [stage.deps]\ncopy = [{ source = \"node_modules\", target = \"/src/node_modules\" }]\n\n\
                 [prune]\nprofile = \"traced\"\nkeep = [\"app/node_modules/kept/**\"]\n";
    program.write("hello.toml", recipe("nodejs", "[\"node\", \"main.js\"]", stage));
    program.write("app/main.js", "require('used')\n");
    for name in ["used", "idle", "kept"] {
        program.write(format!("node_modules/{name}/package.json"), format!("{{\"name\": \"{name}\"}}"));
        program.write(format!("node_modules/{name}/index.js"), "");
        program.write(format!("node_modules/{name}/test/index.js"), "");
    }
    call(&program, &repository, "recipe", &[]).success();
    let image = files(&program);
    let left: Vec<&str> = image.keys().filter_map(|path| path.strip_prefix("app/")).collect();
    assert_eq!(
        left.into_iter().filter(|path| path.contains('.')).collect::<Vec<_>>(),
        [
            "main.js",
            "node_modules/kept/index.js",
            "node_modules/kept/package.json",
            "node_modules/kept/test/index.js",
            "node_modules/used/index.js",
            "node_modules/used/package.json",
        ]
    );
}

#[test]
fn bytecode_of_packages_takes_the_place_of_their_sources() {
    let repository = repository(true);
    let program = python("profile = \"traced\"\nbytecode = \"compiled\"\ndrop = [\"ssl\"]");
    call(&program, &repository, "recipe", &["--report", "report.json"]).success();
    let image = files(&program);
    let library: Vec<&str> = image.keys().filter_map(|path| path.strip_prefix("usr/lib/python3.10/")).collect();
    assert_eq!(library.into_iter().filter(|path| path.contains('.')).collect::<Vec<_>>(), ["client.pyc", "os.pyc"]);
    assert!(image.contains_key("app/app.py"), "the application's own is left alone");
    let code = &image[&format!("{LIBRARY}/client.pyc")];
    assert_eq!(code[..8], *b"o\r\r\n\x01\0\0\0", "unchecked, by the hash of the source");
    assert!(code.windows(b"/usr/lib/python3.10/client.py".len()).any(|it| it == b"/usr/lib/python3.10/client.py"));

    let database = String::from_utf8_lossy(&image["lib/apk/db/installed"]).into_owned();
    let checksum = apkbuild::apk::Identity::Sha1(apkbuild::digest::Sha1Digest::of(code));
    assert!(database.contains(&format!("R:client.pyc\nZ:{checksum}\n")), "{database}");
    let packages: Vec<&str> = database.lines().filter_map(|line| line.strip_prefix("P:")).collect();
    assert_eq!(packages, ["libtls", "python3"], "packages of bytecode have nothing left");

    let why =
        program.run(["inspect", "hello.tar", "--why", &format!("{LIBRARY}/client.pyc"), "--report", "report.json"]);
    assert!(why.success().contains("client.pyc is imported as `client` by app/app.py, line 1"), "{}", why.stdout);
    let alone = program.run(["inspect", "hello.tar", "--why", &format!("{LIBRARY}/client.pyc")]);
    assert!(alone.success().contains("is imported as `client` by app/app.py"), "{}", alone.stdout);

    // Nobody can compile what comes without bytecode: the interpreter here is no program.
    let program = python("bytecode = \"compiled\"");
    let refused = call(&program, &repository, "recipe", &[]);
    let message = refused.failure(1);
    for word in [
        "2 Python files come without bytecode",
        "ssl.py for one",
        "cannot be asked",
        "help: ",
        "`bytecode = \"source\"`",
    ] {
        assert!(message.contains(word), "`{word}` is not in:\n{message}");
    }
}

#[test]
fn the_real_apk_finds_every_record_true() {
    let Some(shared) = super::support::shared_as_root("the_real_apk_finds_every_record_true") else { return };
    let repository = repository(true);
    let program = python("profile = \"traced\"\nbytecode = \"compiled\"\ndrop = [\"ssl\"]");
    call(&program, &repository, "recipe", &["--format", "rootfs", "-o", "root"]).success();
    let reference = tempfile::tempdir().unwrap();
    let apk = |words: &[&str]| {
        let command = std::process::Command::new(shared.join("tools/apk"))
            .env("APK_REFERENCE", reference.path().join("apk"))
            .arg("run")
            .args(words)
            .output()
            .unwrap();
        assert!(command.status.success(), "{words:?}: {}", String::from_utf8_lossy(&command.stderr));
        String::from_utf8(command.stdout).unwrap()
    };
    apk(&["--version"]);
    let inside = reference.path().join("apk/mnt/root/checked");
    let copied = std::process::Command::new("cp").arg("-a").arg(program.folder().join("root")).arg(&inside).status();
    assert!(copied.unwrap().success());
    let checked = ["--root", "/mnt/root/checked"];
    assert_eq!(apk(&[&checked[..], &["audit", "--system"]].concat()), "", "what apk would find changed or missing");
    let mut packages: Vec<String> = apk(&[&checked[..], &["info", "-v"]].concat()).lines().map(str::to_owned).collect();
    packages.sort();
    assert_eq!(packages, ["libtls-1-r0", "python3-3.10.1-r0"]);
    assert!(apk(&[&checked[..], &["info", "-L", "python3"]].concat()).contains("usr/lib/python3.10/os.pyc\n"));
    fs_err::write(inside.join(LIBRARY).join("os.pyc"), "changed").unwrap();
    assert!(
        apk(&[&checked[..], &["audit", "--system"]].concat()).contains("os.pyc"),
        "the audit finds what is changed"
    );
}
